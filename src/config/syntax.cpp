// A scanner that knows just enough of YAML to tell comments and quoted texts from the rest. It
// never decides whether a file is right, only what is said about one that is not.
#include "config/syntax.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "config/reader.hpp"
#include "peerzone/base/text.hpp"

namespace peerzone::config {
namespace {

constexpr std::string_view kBlank = " \t\r";

// The length of the UTF-8 sequence at `at`, or 0 when it is broken or a control character that
// YAML forbids.
std::size_t sequence_length(std::string_view text, std::size_t at) {
    const auto first = static_cast<unsigned char>(text[at]);
    if (first < 0x20) return first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
    return first == 0x7f ? 0 : character_size(text.substr(at));
}

void add_encoding_problem(std::string_view text, std::size_t at, const Mark& mark,
                          Problems& problems) {
    static constexpr char kHex[] = "0123456789abcdef";
    const auto octet = static_cast<unsigned char>(text[at]);
    const bool utf16 = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
    if (octet == 0 || utf16)
        problems.add(mark, "", utf16 ? "this is UTF-16 text" : "a NUL octet: this is not text",
                     "save the file as UTF-8");
    else if (octet < 0x20 || octet == 0x7f)
        problems.add(
            mark, "",
            std::string("a control character (0x") + kHex[octet >> 4] + kHex[octet & 15] + ")",
            "remove it");
    else
        problems.add(mark, "", "this is not UTF-8 text", "save the file as UTF-8");
}

std::string_view line_at(std::string_view text, std::size_t number) {
    std::size_t at = 0;
    for (std::size_t line = 1; line < number && at < text.size(); ++line) {
        const std::size_t end = text.find('\n', at);
        if (end == std::string_view::npos) return {};
        at = end + 1;
    }
    return text.substr(at, text.find('\n', at) - at);
}

// Lines without blanks around them.
std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t size = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, size));
        text.remove_prefix(std::min(size + 1, text.size()));
    }
    return lines;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// An octet outside of comments and quoted texts.
struct Plain {
    std::size_t at;
    Mark mark;
    bool begins;  ///< a value can begin here: a line, or what follows "[", "{", ",", ": " and "- "
};

// Visits each. Gives the place of a quoted value that never ends.
std::optional<Mark> scan(std::string_view text, const std::function<void(const Plain&)>& visit) {
    Mark mark{1, 1}, opened;
    char quote = 0;
    bool value_quote = false;  // the quote began the value, so it may go on over lines
    bool begins = true;
    for (std::size_t at = 0; at < text.size(); ++at, ++mark.column) {
        const char c = text[at];
        const char before = at > 0 ? text[at - 1] : '\n';
        if (c == '\n') {
            mark = {mark.line + 1, 0};
            if (!value_quote) quote = 0;
            if (quote == 0) begins = true;
        } else if (quote != 0) {
            if (c == '\\' && quote == '"') {
                ++at;
                ++mark.column;
            } else if (c == quote) {
                quote = 0;
                value_quote = begins = false;
            }
        } else if (c == '#' && std::string_view(" \t\n").find(before) != std::string_view::npos) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            mark.column += end - at - 1;
            at = end - 1;
        } else if ((c == '"' || c == '\'') && (begins || before == ' ')) {
            quote = c;
            value_quote = begins;
            opened = mark;
        } else {
            visit({at, mark, begins});
            const bool item = c == '-' && begins;
            if (kBlank.find(c) == std::string_view::npos)
                begins = item || std::string_view("[{,:").find(c) != std::string_view::npos;
        }
    }
    return quote != 0 && value_quote ? std::optional(opened) : std::nullopt;
}

// Brackets that do not meet, and quotes that do not end.
std::optional<SyntaxProblem> find_unclosed(std::string_view text) {
    struct Open {
        char c;
        Mark mark;
    };
    std::vector<Open> open;
    std::optional<SyntaxProblem> crossed;
    const auto unclosed_quote = scan(text, [&](const Plain& plain) {
        const char c = text[plain.at];
        if ((c == '[' || c == '{') && plain.begins) {
            open.push_back({c, plain.mark});
        } else if ((c == ']' || c == '}') && !open.empty() && !crossed) {
            const char opener = c == ']' ? '[' : '{';
            if (open.back().c != opener)
                crossed = {plain.mark,
                           std::string("this '") + c + "' meets the '" + open.back().c +
                               "' of line " + std::to_string(open.back().mark.line),
                           std::string("a '") + (open.back().c == '[' ? ']' : '}') +
                               "' is missing before it"};
            open.pop_back();
        }
    });
    if (unclosed_quote)
        return SyntaxProblem{*unclosed_quote, "the quoted text that begins here never ends",
                             "close its quote; is the file complete?"};
    if (crossed || open.empty()) return crossed;
    return SyntaxProblem{open.back().mark,
                         std::string("this '") + open.back().c + "' is never closed",
                         std::string("the file ends before its '") +
                             (open.back().c == '[' ? ']' : '}') + "'; is it complete?"};
}

// A first line that is indented deeper than a later one: YAML ends the document there.
std::optional<SyntaxProblem> find_indented_start(std::string_view text) {
    std::optional<Mark> first;
    std::size_t number = 0;
    for (const std::string_view line : lines_of(text)) {
        ++number;
        const std::string_view content = trimmed(line);
        if (content.empty() || content[0] == '#' || content.starts_with("---")) continue;
        const std::size_t indent = line.find_first_not_of(' ');
        if (!first) {
            if (indent == 0 || content[0] == '{' || content[0] == '[') return std::nullopt;
            first = Mark{number, indent + 1};
        } else if (indent + 1 < first->column) {
            return SyntaxProblem{
                *first, "the first line is indented, deeper than line " + std::to_string(number),
                "keys of the same level start in the same column"};
        }
    }
    return std::nullopt;
}

// [::1]:53 without quotes is a list with something behind it.
bool has_bare_bracketed_address(std::string_view line) {
    const std::size_t close = line.find("]:");
    return close != std::string_view::npos && close + 2 < line.size() && line[close + 2] >= '0' &&
           line[close + 2] <= '9' && line.find_first_of("\"'") == std::string_view::npos;
}

bool is_tab_indented(std::string_view text, std::size_t line_max) {
    std::size_t number = 0;
    for (const std::string_view line : lines_of(text)) {
        if (++number > line_max) break;
        const std::size_t word = std::min(line.find_first_not_of(" \t"), line.size());
        if (line.substr(0, word).find('\t') != std::string_view::npos) return true;
    }
    return false;
}

std::string syntax_hint(std::string_view text, const Mark& mark, std::string_view message) {
    if (is_tab_indented(text, mark.line)) return "indent with spaces; YAML allows no tabs there";
    if (has_bare_bracketed_address(line_at(text, mark.line)))
        return "an IPv6 address with a port needs quotes: \"[::1]:53\"";
    if (message.find("anchor") != std::string_view::npos)
        return "a text that starts with '*' or '&' needs quotes";
    if (message.find("illegal map value") != std::string_view::npos)
        return "put a text that holds ': ' into quotes, and check the indentation";
    if (message.find("flow") != std::string_view::npos) return "a comma is missing, or a bracket";
    return "check the indentation and the quotes of this line and the one before";
}

// `.:53 {` and the like, as against `cluster: {` of YAML.
bool begins_server_block(std::string_view line) {
    const std::string_view head = trimmed(line.substr(0, line.find('{')));
    const bool is_word = head.find_first_not_of(
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789.:/_*()$- ,") == std::string_view::npos;
    return line.find('{') != std::string_view::npos && !head.empty() && is_word &&
           !head.ends_with(':') && head[0] != '-' && !head.ends_with('$');
}

bool names_plugin(std::string_view line) {
    static constexpr auto kPlugins = std::to_array<std::string_view>(
        {"errors", "health", "ready", "kubernetes", "forward", "cache", "loop", "reload",
         "loadbalance", "log", "prometheus", "file", "hosts", "rewrite", "template", "import"});
    const std::size_t brace = line.find('{');
    const auto has_plugin = [](std::string_view part) {
        part = trimmed(part);
        return std::ranges::find(kPlugins, part.substr(0, part.find_first_of(" \t{"))) !=
               kPlugins.end();
    };
    return has_plugin(line) ||
           (brace != std::string_view::npos && has_plugin(line.substr(brace + 1)));
}

struct OddSpace {
    std::string_view octets;
    const char* name;
};

constexpr auto kOddSpaces =
    std::to_array<OddSpace>({{"\xc2\xa0", "a no-break space (U+00A0)"},
                             {"\xe2\x80\xaf", "a no-break space (U+202F)"},
                             {"\xe2\x80\x87", "a figure space (U+2007)"},
                             {"\xe2\x80\x8b", "a zero-width space (U+200B)"},
                             {"\xe3\x80\x80", "a wide space (U+3000)"},
                             {"\xef\xbb\xbf", "a byte order mark (U+FEFF)"}});

}  // namespace

// yaml-cpp would guess other encodings; we take UTF-8 only, so that what was checked is what is
// parsed.
bool check_encoding(std::string_view text, Problems& problems) {
    Mark mark{1, 1};
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = sequence_length(text, at);
        if (length == 0) {
            add_encoding_problem(text, at, mark, problems);
            return false;
        }
        if (text[at] == '\n') {
            ++mark.line;
            mark.column = 1;
        } else {
            mark.column += length;  // octets, as yaml-cpp counts
        }
        at += length;
    }
    return true;
}

void replace_odd_spaces(std::string& text, Problems& problems) {
    constexpr std::size_t kToldMax = 20;
    struct Found {
        std::size_t at;
        const OddSpace* space;
    };
    std::vector<Found> found;
    std::size_t told_line = 0, told = 0;
    scan(text, [&](const Plain& plain) {
        if (static_cast<unsigned char>(text[plain.at]) < 0x80) return;
        for (const OddSpace& space : kOddSpaces) {
            if (!std::string_view(text).substr(plain.at).starts_with(space.octets)) continue;
            found.push_back({plain.at, &space});
            if (plain.mark.line == told_line || ++told > kToldMax) continue;
            told_line = plain.mark.line;
            problems.add(plain.mark, "", std::string(space.name) + ", which is a letter for YAML",
                         "write an ordinary space; those come with copying from a web page");
        }
    });
    for (const auto& [at, space] : found)
        text.replace(at, space->octets.size(), space->octets.size(), ' ');
}

SyntaxProblem explain_syntax(std::string_view text, const Mark& mark, const std::string& message) {
    if (is_corefile(text)) return corefile_problem();
    if (const auto unclosed = find_unclosed(text)) return *unclosed;
    if (const auto indented = find_indented_start(text)) return *indented;
    return {mark, "this is not YAML: " + message, syntax_hint(text, mark, message)};
}

SyntaxProblem explain_second_document(std::string_view text, const Mark& mark) {
    if (const auto indented = find_indented_start(text)) return *indented;
    bool is_manifest = false;
    for (const std::string_view line : lines_of(text))
        is_manifest = is_manifest || line.starts_with("apiVersion:");
    if (is_manifest)
        return {{1, 1},
                "this is a manifest with several Kubernetes objects",
                "give the configuration as a file of its own"};
    return {mark, "a second YAML document starts here", "one file holds one configuration"};
}

bool is_corefile(std::string_view text) {
    bool has_block = false, has_plugin = false;
    for (std::string_view line : lines_of(text)) {
        line = trimmed(line.substr(0, line.find('#')));
        has_block = has_block || begins_server_block(line);
        has_plugin = has_plugin || names_plugin(line);
    }
    return has_block && has_plugin;
}

SyntaxProblem corefile_problem() {
    return {{1, 1},
            "this is a CoreDNS Corefile, not a configuration of peerzone",
            "a stub zone becomes a peer, `forward .` becomes forward: start from "
            "config/peerzone.example.yaml"};
}

}  // namespace peerzone::config
