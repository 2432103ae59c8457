// Durations, sizes, counts, names, environment variables. Addresses and endpoints are in
// addresses.cpp.
#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <utility>

#include "config/keys.hpp"

namespace peerzone::config {
namespace {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array<Unit, 5> kDurationUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 4> kSizeUnits = {{{"B", 1},
                                             {"KiB", std::uint64_t{1} << 10},
                                             {"MiB", std::uint64_t{1} << 20},
                                             {"GiB", std::uint64_t{1} << 30}}};

std::string range_text(const std::string& min, const std::string& max) {
    return " is not within " + min + " and " + max;
}

// The number in smallest units; nothing when the text has another form. Too large becomes the
// largest: no range holds it.
template <std::size_t N>
bool scaled_number(std::string_view text, const std::array<Unit, N>& units, std::uint64_t& out) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    const std::string_view name = text.substr(digits.size());
    const auto unit = std::find_if(units.begin(), units.end(),
                                   [&](const Unit& known) { return known.name == name; });
    if (digits.empty() || unit == units.end()) return false;
    constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    out = parsed.ec != std::errc{} || number > kMax / unit->factor ? kMax : number * unit->factor;
    return true;
}

template <std::size_t N>
std::string in_largest_unit(std::uint64_t number, const std::array<Unit, N>& units) {
    const Unit* best = &units.front();
    for (const Unit& unit : units)
        if (number != 0 && number % unit.factor == 0) best = &unit;
    return std::to_string(number / best->factor) + std::string(best->name);
}

struct Spelling {
    std::string_view text;
    std::string_view unit;
};

// "5 sec" is "5s". Nothing when it is no number with a unit of whatever spelling.
template <std::size_t N>
std::string respelled(std::string_view text, const std::array<Spelling, N>& spellings) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const std::string digits(text.begin(), end);
    std::string unit;
    for (auto at = end; at != text.end(); ++at)
        if (*at != ' ') unit += static_cast<char>(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    const auto found = std::ranges::find(spellings, std::string_view(unit), &Spelling::text);
    if (digits.empty() || found == spellings.end()) return "";
    return digits + std::string(found->unit);
}

constexpr std::array<Spelling, 20> kDurationSpellings = {
    {{"ms", "ms"},  {"msec", "ms"}, {"millis", "ms"}, {"milliseconds", "ms"}, {"s", "s"},
     {"sec", "s"},  {"secs", "s"},  {"second", "s"},  {"seconds", "s"},       {"m", "m"},
     {"min", "m"},  {"mins", "m"},  {"minute", "m"},  {"minutes", "m"},       {"h", "h"},
     {"hour", "h"}, {"hours", "h"}, {"d", "d"},       {"day", "d"},           {"days", "d"}}};
constexpr std::array<Spelling, 14> kSizeSpellings = {{{"b", "B"},
                                                      {"bytes", "B"},
                                                      {"k", "KiB"},
                                                      {"kb", "KiB"},
                                                      {"ki", "KiB"},
                                                      {"kib", "KiB"},
                                                      {"m", "MiB"},
                                                      {"mb", "MiB"},
                                                      {"mi", "MiB"},
                                                      {"mib", "MiB"},
                                                      {"g", "GiB"},
                                                      {"gb", "GiB"},
                                                      {"gi", "GiB"},
                                                      {"gib", "GiB"}}};

std::string first_of(std::string hint, const char* otherwise) {
    return hint.empty() ? otherwise : hint;
}

bool is_variable_name(std::string_view name) {
    return !name.empty() && !is_digit(name[0]) && std::all_of(name.begin(), name.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '_';
    });
}

}  // namespace

std::string in_quotes(std::string_view text) {
    constexpr std::size_t kShownMax = 80;
    static constexpr char kHex[] = "0123456789abcdef";
    std::string shown = "'";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        // A cut falls between characters, not inside a UTF-8 sequence.
        if (i >= kShownMax && (c & 0xc0) != 0x80) {
            shown += "…";
            break;
        }
        if (c < ' ' || c == 0x7f) {
            shown += "\\x";
            shown += kHex[c >> 4];
            shown += kHex[c & 15];
        } else {
            shown += text[i];
        }
    }
    return shown + "'";
}

Parsed<std::string> expand_environment(const std::string& text) {
    std::string result;
    std::size_t at = 0;
    for (;;) {
        const std::size_t found = text.find("${", at);
        if (found == std::string::npos) return result + text.substr(at);
        if (found > at && text[found - 1] == '$') {
            result += text.substr(at, found - 1 - at) + "${";
            at = found + 2;
            continue;
        }
        const std::size_t close = text.find('}', found);
        const std::string name =
            text.substr(found + 2, close == std::string::npos ? close : close - found - 2);
        if (close == std::string::npos || !is_variable_name(name))
            return Wrong{in_quotes(text) + " holds a '${' that begins no ${NAME}",
                         "write $${ for a literal ${"};
        const char* value =
            std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): no thread sets variables
        if (value == nullptr)
            return Wrong{"the environment variable " + name + " is not set",
                         "set it for the process, or write $${ for a literal ${"};
        result += text.substr(at, found - at) + value;
        at = close + 1;
    }
}

Parsed<Millis> parse_duration(std::string_view text, Millis min, Millis max) {
    std::uint64_t number = 0;
    if (!scaled_number(text, kDurationUnits, number))
        return Wrong{in_quotes(text) + " is not a duration",
                     first_of(did_you_mean(respelled(text, kDurationSpellings)),
                              "a whole number with its unit: 250ms, 5s, 1m, 1h or 1d")};
    const auto given = static_cast<std::int64_t>(number);
    if (given < min.count() || given > max.count())
        return Wrong{in_quotes(text) + range_text(duration_text(min), duration_text(max)), ""};
    return Millis(given);
}

Parsed<Seconds> parse_seconds(std::string_view text, Seconds min, Seconds max) {
    const auto parsed = parse_duration(text, min, max);
    if (!parsed) return parsed.error();
    if (parsed->count() % 1000 != 0)
        return Wrong{in_quotes(text) + " is not a whole number of seconds", "such as 1s"};
    return std::chrono::duration_cast<Seconds>(*parsed);
}

std::string duration_text(Millis duration) {
    if (duration == Millis::zero()) return "0s";
    return in_largest_unit(static_cast<std::uint64_t>(duration.count()), kDurationUnits);
}

Parsed<std::size_t> parse_size(std::string_view text, std::size_t min, std::size_t max) {
    std::uint64_t number = 0;
    if (!scaled_number(text, kSizeUnits, number))
        return Wrong{in_quotes(text) + " is not a size",
                     first_of(did_you_mean(respelled(text, kSizeSpellings)),
                              "a whole number with its unit: 512B, 64KiB, 64MiB or 1GiB")};
    if (number < min || number > max)
        return Wrong{in_quotes(text) + range_text(size_text(min), size_text(max)), ""};
    return static_cast<std::size_t>(number);
}

std::string size_text(std::size_t octets) {
    return in_largest_unit(octets, kSizeUnits);
}

Parsed<std::size_t> parse_count(std::string_view text, std::size_t min, std::size_t max) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool too_large = error == std::errc::result_out_of_range;
    if (end != text.data() + text.size() || (error != std::errc{} && !too_large))
        return Wrong{in_quotes(text) + " is not a whole number", ""};
    if (too_large || number < min || number > max)
        return Wrong{in_quotes(text) + range_text(std::to_string(min), std::to_string(max)), ""};
    return number;
}

Parsed<dns::Name> parse_zone_name(std::string_view text) {
    const auto wrong = [&](std::string hint) {
        return Wrong{in_quotes(text) + " is not a domain name", std::move(hint)};
    };
    if (text.starts_with("*.") || text == "*")
        return wrong("a zone holds every name below it: write it without the '*.'");
    for (const char c : text) {
        if (is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == '/') continue;
        return wrong(static_cast<unsigned char>(c) >= 0x80
                         ? "write international names in their xn-- form"
                         : "letters, digits, '-' and '_' between dots");
    }
    const auto name = dns::Name::from_text(text);
    if (text.empty() || !name)
        return wrong("labels of 1 to 63 octets between dots, 253 octets in all");
    return *name;
}

Parsed<std::string> parse_identifier(std::string_view text) {
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
    });
    if (!plain || text.empty() || text.size() > dns::kLabelMax)
        return Wrong{in_quotes(text) + " is not a name for a cluster, peer or view",
                     "1 to 63 letters, digits, '-', '_' or '.'"};
    return std::string(text);
}

}  // namespace peerzone::config
