// Lines of an explanation as columns of text. A text that does not fit goes on in the next line,
// broken at a blank; a word that is too long ends with a '\\' where it is broken.
#include <algorithm>
#include <string_view>
#include <utility>

#include "peerzone/base/text.hpp"
#include "peerzone/resolver/explanation.hpp"

namespace peerzone::resolver {
namespace {

constexpr std::size_t kKeyColumns = 10;  // keys are shorter
constexpr std::size_t kTextColumns = kColumnsMax - kKeyColumns;

// What of `text` goes into one line; the rest stays. `is_broken`: a word goes on in the next one.
std::string_view take_line(std::string_view& text, bool& is_broken) {
    is_broken = false;
    if (text.size() <= kTextColumns) return std::exchange(text, {});
    const std::size_t blank = text.rfind(' ', kTextColumns);
    if (blank != text.npos && blank != 0) {
        const std::string_view line = text.substr(0, blank);
        text.remove_prefix(blank + 1);
        return line;
    }
    is_broken = true;
    const std::string_view line = cut_utf8(text, kTextColumns - 1);
    text.remove_prefix(line.size());
    return line;
}

std::string_view without_blanks(std::string_view text) {
    const std::size_t end = text.find_last_not_of(' ');
    return text.substr(0, end == text.npos ? 0 : end + 1);
}

}  // namespace

std::vector<std::string> to_columns(const Explanation& explanation) {
    std::vector<std::string> lines;
    for (const auto& [key, text] : explanation) {
        std::string_view rest = text;
        std::string front = key;
        do {
            bool is_broken = false;
            front.resize(kKeyColumns, ' ');
            const std::string_view part = take_line(rest, is_broken);
            lines.push_back(front.append(part).append(is_broken ? "\\" : ""));
            front.clear();
        } while (!rest.empty());
    }
    return lines;
}

Explanation from_columns(const std::vector<std::string>& lines) {
    Explanation explanation;
    for (const std::string& line : lines) {
        const std::string_view key = without_blanks(std::string_view(line).substr(0, kKeyColumns));
        const std::string_view text =
            std::string_view(line).substr(std::min(line.size(), kKeyColumns));
        if (!key.empty() || explanation.empty()) {
            explanation.push_back({std::string(key), std::string(text)});
            continue;
        }
        std::string& before = explanation.back().text;
        if (before.ends_with('\\')) {
            before.pop_back();
        } else {
            before += ' ';
        }
        before += text;
    }
    return explanation;
}

}  // namespace peerzone::resolver
