// The text form of LOC (RFC 1876 3):
// d1 [m1 [s1]] {N|S} d2 [m2 [s2]] {E|W} alt["m"] [siz["m"] [hp["m"] [vp["m"]]]]
#include "dns/record_data.hpp"

namespace peerzone::dns {
namespace {

// A decimal number with at most `places` digits behind the point, in units of its last place.
Result<std::int64_t> parse_decimal(std::string_view word, unsigned places) {
    const auto wrong = [&] { return fail("'" + std::string(word) + "' is not a number"); };
    std::string_view rest = word;
    const bool is_negative = rest.starts_with('-');
    if (is_negative) rest.remove_prefix(1);
    const std::size_t point = std::min(rest.find('.'), rest.size());
    std::string digits{rest.substr(0, point)};
    const std::string_view behind = rest.substr(std::min(point + 1, rest.size()));
    if (digits.empty() || behind.size() > places) return wrong();
    digits.append(behind).append(places - behind.size(), '0');
    if (digits.size() > 12) return wrong();
    std::int64_t value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') return wrong();
        value = value * 10 + (c - '0');
    }
    return is_negative ? -value : value;
}

class LocationReader {
public:
    explicit LocationReader(std::span<const Token> tokens) : tokens_(tokens) {}

    Result<std::vector<std::uint8_t>> read() {
        std::uint32_t latitude = 0, longitude = 0;
        if (const auto done = read_angle("N", "S", 90, latitude); !done) return done.error();
        if (const auto done = read_angle("E", "W", 180, longitude); !done) return done.error();
        if (tokens_.empty()) return fail("data missing: the altitude");
        // In centimetres above 100 km below the spheroid.
        const auto altitude = read_metres();
        if (!altitude) return altitude.error();
        constexpr std::int64_t kBaseCm = 10'000'000;
        if (*altitude < -kBaseCm || *altitude > 0xffffffffll - kBaseCm)
            return fail("the altitude is out of range");
        std::uint8_t sizes[] = {0x12, 0x16, 0x13};  // 1 m, 10 km, 10 m: the defaults
        for (std::uint8_t& size : sizes) {
            if (tokens_.empty()) break;
            const auto metres = read_metres();
            if (!metres) return metres.error();
            if (*metres < 0 || *metres > 9'000'000'000) return fail("a size is out of range");
            size = coded_size(*metres);
        }
        if (!tokens_.empty()) return fail("text behind the data");
        std::vector<std::uint8_t> out{0, sizes[0], sizes[1], sizes[2]};
        out.resize(16);
        store_u32(&out[4], latitude);
        store_u32(&out[8], longitude);
        store_u32(&out[12], static_cast<std::uint32_t>(*altitude + kBaseCm));
        return out;
    }

private:
    std::string_view take() {
        const std::string_view word = tokens_.front().text;
        tokens_ = tokens_.subspan(1);
        return word;
    }

    // Thousandths of a second of arc, 2^31 being zero.
    Result<void> read_angle(std::string_view plus, std::string_view minus, std::int64_t most,
                            std::uint32_t& out) {
        std::int64_t total = 0;
        constexpr std::int64_t kUnits[] = {3'600'000, 60'000, 1};
        for (std::size_t i = 0; i < 4; ++i) {
            if (tokens_.empty()) break;
            const std::string_view word = take();
            const bool is_minus = equal_word(word, minus);
            if (i > 0 && (is_minus || equal_word(word, plus))) {
                if (total > most * kUnits[0]) break;
                out = static_cast<std::uint32_t>((std::int64_t{1} << 31) +
                                                 (is_minus ? -total : total));
                return {};
            }
            if (i == 3) break;
            const auto value = parse_decimal(word, i == 2 ? 3 : 0);
            if (!value) return value.error();
            if (*value < 0 || *value > (i == 0 ? most : i == 1 ? 59 : 59'999))
                return fail("'" + std::string(word) + "' is out of range");
            total += *value * kUnits[i];
        }
        return fail("not degrees [minutes [seconds]] and " + std::string(plus) + " or " +
                    std::string(minus) + ", at most " + std::to_string(most) + " degrees");
    }

    // In centimetres.
    Result<std::int64_t> read_metres() {
        std::string_view word = take();
        if (word.ends_with('m') || word.ends_with('M')) word.remove_suffix(1);
        return parse_decimal(word, 2);
    }

    // One digit, and the power of ten that it is multiplied with (RFC 1876 2).
    static std::uint8_t coded_size(std::int64_t centimetres) {
        unsigned power = 0;
        while (centimetres > 9) {
            centimetres /= 10;
            ++power;
        }
        return static_cast<std::uint8_t>(centimetres << 4 | power);
    }

    std::span<const Token> tokens_;
};

}  // namespace

Result<std::vector<std::uint8_t>> parse_location(std::span<const Token> tokens) {
    return LocationReader(tokens).read();
}

}  // namespace peerzone::dns
