#include "peerzone/base/nearest.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace peerzone {
namespace {

// Adjacent letters exchanged count as one edit (the "optimal string alignment" distance): that is
// how people mistype.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    using Row = std::array<std::size_t, kWordMax + 1>;
    Row before{};
    Row last{};
    Row row{};
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view given,
                         std::span<const std::string_view> candidates) noexcept {
    if (given.size() > kWordMax) return {};  // no slips of the finger
    std::array<char, kWordMax> lower;        // as candidates are
    std::ranges::transform(given, lower.begin(), [](char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    const std::string_view word(lower.data(), given.size());
    std::string_view best;
    std::size_t best_distance = std::clamp<std::size_t>(word.size() / 3, 1, 3) + 1;
    for (const std::string_view candidate : candidates) {
        if (candidate.size() > kWordMax) continue;
        const bool is_abbreviation = word.size() >= 3 && candidate.starts_with(word);
        const std::size_t distance = is_abbreviation ? 1 : edit_distance(word, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word) {
    return word.empty() ? "" : "did you mean '" + std::string(word) + "'?";
}

}  // namespace peerzone
