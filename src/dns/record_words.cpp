// The single words of a record's data: numbers, times, names, escaped strings, hexadecimal, base64.
#include <algorithm>
#include <charconv>
#include <optional>

#include "dns/escape.hpp"
#include "dns/record_data.hpp"

namespace peerzone::dns {
namespace {

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

std::string in_quotes(std::string_view word) {
    return "'" + std::string(word) + "'";
}

int hex_value(char c) noexcept {
    const auto folded = static_cast<char>(kFold[static_cast<unsigned char>(c)]);
    return is_digit(c) ? c - '0' : folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

std::optional<std::uint32_t> days_since_1970(unsigned year, unsigned month, unsigned day) {
    constexpr unsigned kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const auto is_leap = [](unsigned y) { return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0); };
    if (year < 1970 || month < 1 || month > 12) return std::nullopt;
    if (day < 1 || day > kDays[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u))
        return std::nullopt;
    std::uint32_t days = day - 1;
    for (unsigned y = 1970; y < year; ++y) days += is_leap(y) ? 366 : 365;
    for (unsigned m = 1; m < month; ++m) days += kDays[m - 1] + (m == 2 && is_leap(year) ? 1u : 0u);
    return days;
}

}  // namespace

// RFC 4034 3.2. Dates after 2106 wrap, as the serial numbers do that they are.
Result<std::uint32_t> parse_time(std::string_view word) {
    if (word.size() != 14) return parse_number(word, 0xffffffff);
    if (!std::all_of(word.begin(), word.end(), is_digit))
        return fail(in_quotes(word) + " is not a time");
    const auto part = [&](std::size_t at, std::size_t size) {
        unsigned value = 0;
        for (const char c : word.substr(at, size)) value = value * 10 + unsigned(c - '0');
        return value;
    };
    const auto days = days_since_1970(part(0, 4), part(4, 2), part(6, 2));
    const unsigned hour = part(8, 2), minute = part(10, 2), second = part(12, 2);
    if (!days || hour > 23 || minute > 59 || second > 60)
        return fail(in_quotes(word) + " is not a time (YYYYMMDDHHmmSS)");
    return *days * 86400 + hour * 3600 + minute * 60 + second;
}

bool equal_word(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return kFold[static_cast<unsigned char>(x)] == kFold[static_cast<unsigned char>(y)];
    });
}

Result<Name> absolute_name(const Token& token, const Name& origin) {
    if (token.text == "@") return origin;
    if (token.is_quoted()) return fail(std::string(token.text) + " is in quotes, a name is not");
    Result<Name> name = Name::from_text(token.text);
    if (!name) return name;
    std::size_t slashes = 0;
    while (slashes + 1 < token.text.size() && token.text[token.text.size() - 2 - slashes] == '\\')
        ++slashes;
    if (token.text.back() == '.' && slashes % 2 == 0) return name;
    const std::optional<Name> whole = name->with_suffix(Name{}, origin);
    if (!whole)
        return fail("'" + std::string(token.text) + "' is longer than 255 octets with its origin");
    return *whole;
}

Result<std::uint32_t> parse_number(std::string_view word, std::uint32_t most) {
    if (!std::all_of(word.begin(), word.end(), is_digit) || word.empty())
        return fail(in_quotes(word) + " is not a number");
    std::uint32_t value = 0;
    const auto status = std::from_chars(word.data(), word.data() + word.size(), value).ec;
    if (status != std::errc{} || value > most)
        return fail(in_quotes(word) + " is above " + std::to_string(most));
    return value;
}

Result<void> append_hex(std::string_view digits, std::vector<std::uint8_t>& out) {
    for (const char c : digits)
        if (hex_value(c) < 0)
            return fail(in_quotes(std::string_view(&c, 1)) + " is not a hexadecimal digit");
    if (digits.empty()) return fail("no hexadecimal digits");
    if (digits.size() % 2 != 0)
        return fail("an odd number of hexadecimal digits (" + std::to_string(digits.size()) +
                    ") makes no octets");
    for (std::size_t i = 0; i < digits.size(); i += 2)
        out.push_back(
            static_cast<std::uint8_t>(hex_value(digits[i]) << 4 | hex_value(digits[i + 1])));
    return {};
}

Result<void> append_base64(std::string_view digits, std::vector<std::uint8_t>& out) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (digits.empty() || digits.size() % 4 != 0)
        return fail("base64 comes in groups of four characters, not " +
                    std::to_string(digits.size()));
    const std::size_t padding = digits.ends_with("==") ? 2 : digits.ends_with('=') ? 1 : 0;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : digits.substr(0, digits.size() - padding)) {
        const std::size_t value = kDigits.find(c);
        if (value == kDigits.npos)
            return fail(in_quotes(std::string_view(&c, 1)) + " is not base64");
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out.push_back(static_cast<std::uint8_t>(bits >> held));
        bits &= (1u << held) - 1;
    }
    return {};
}

Result<std::vector<std::uint8_t>> unescaped(std::string_view text) {
    if (text.starts_with('"')) text = text.substr(1, text.size() - 2);
    std::vector<std::uint8_t> octets;
    octets.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const int octet = unescape(text, at);
        if (octet < 0) return fail(in_quotes(text.substr(0, 40)) + " has a broken escape");
        octets.push_back(static_cast<std::uint8_t>(octet));
    }
    return octets;
}

}  // namespace peerzone::dns
