// Data as it is written in a zone file. Each field is read strictly: what does not fit it is an
// error that says why, never something near it.
#include "dns/record_data.hpp"

#include <algorithm>
#include <utility>

#include "dns/record_mnemonics.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/dns/record.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::dns {
namespace {

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

std::string in_quotes(std::string_view word) {
    return "'" + std::string(word) + "'";
}

// Reads the fields of one record, one after the other. The first error ends it.
class RdataReader {
public:
    RdataReader(std::span<const Token> tokens, const Name& origin)
        : tokens_(tokens), origin_(origin) {}

    Result<std::vector<std::uint8_t>> read(std::uint16_t type) {
        if (!tokens_.empty() && tokens_[0].text == "\\#") return read_octets(type);
        const Shape* shape = shape_of(type);
        if (shape == nullptr)
            return fail("data of this type is read as octets only: \\# 4 0a000001 (RFC 3597 5)");
        if (const Result<void> enough = check_count(*shape); !enough) return enough.error();
        for (const Field field : *shape) {
            if (field == Field::none) break;
            if (const Result<void> done = read_field(field); !done) return done.error();
            if (out_.size() > kDataMax)
                return fail("the data is longer than " + std::to_string(kDataMax) + " octets");
        }
        if (!tokens_.empty()) return fail("text behind the data");
        // Some fields are right by themselves only.
        if (const Result<void> sound = check_rdata(type, out_); !sound) return sound.error();
        return std::move(out_);
    }

private:
    // How many tokens the fields take at least.
    Result<void> check_count(const Shape& shape) const {
        std::size_t least = 0;
        for (const Field field : shape)
            least += field != Field::none && field != Field::optional_string &&
                     field != Field::bitmap && field != Field::svcb && field != Field::apl;
        if (tokens_.size() >= least) return {};
        return fail("data missing: " + std::to_string(tokens_.size()) + " of " +
                    std::to_string(least) + " fields");
    }

    Token take() {
        const Token token = tokens_.front();
        tokens_ = tokens_.subspan(1);
        return token;
    }
    std::span<const Token> take_all() { return std::exchange(tokens_, {}); }

    void put(Bytes octets) { out_.insert(out_.end(), octets.begin(), octets.end()); }
    void put_number(std::uint32_t value, std::size_t size) {
        while (size-- > 0) out_.push_back(static_cast<std::uint8_t>(value >> 8 * size));
    }
    Result<void> put_number(const Result<std::uint32_t>& value, std::size_t size) {
        if (!value) return value.error();
        put_number(*value, size);
        return {};
    }
    Result<void> put_octets(const Result<std::vector<std::uint8_t>>& octets) {
        if (!octets) return octets.error();
        put(*octets);
        return {};
    }

    template <std::size_t N>
    Result<void> read_mnemonic(const Mnemonic (&names)[N], std::size_t size, const char* what) {
        const std::string_view word = take().text;
        if (is_digit(word.front()))
            return put_number(parse_number(word, size == 1 ? 0xff : 0xffff), size);
        for (const Mnemonic& name : names)
            if (equal_word(name.word, word)) {
                put_number(name.value, size);
                return {};
            }
        return fail(in_quotes(word) + " is not " + what);
    }

    Result<void> read_name() {
        const Result<Name> name = absolute_name(take(), origin_);
        if (!name) return name.error();
        put(name->wire());
        return {};
    }

    Result<void> read_address(bool v4) {
        const std::string_view word = take().text;
        const Result<IpAddress> address = IpAddress::parse(word);
        if (!address || (word.find(':') == word.npos) != v4)
            return fail(in_quotes(word) + " is not an " + (v4 ? "IPv4" : "IPv6") + " address");
        put(Bytes(address->bytes()).subspan(v4 ? 12 : 0));
        return {};
    }

    Result<void> read_string(bool digits_only = false) {
        const Result<std::vector<std::uint8_t>> text = unescaped(take().text);
        if (!text) return text.error();
        if (text->size() > 255) return fail("a string is longer than 255 octets");
        if (digits_only &&
            !std::ranges::all_of(*text, [](std::uint8_t c) { return is_digit(char(c)); }))
            return fail("the string is not a number");
        put_number(static_cast<std::uint32_t>(text->size()), 1);
        put(*text);
        return {};
    }

    // Pieces of one hexadecimal number or base64 text.
    std::string joined() {
        std::string digits;
        for (const Token& token : take_all()) digits += token.text;
        return digits;
    }

    // Groups of hexadecimal digits: each of `size`, or of fewer where `may_be_short`.
    Result<void> read_groups(std::size_t count, std::size_t size, char between, bool may_be_short,
                             const char* what) {
        std::string_view word = take().text;
        const auto wrong = [&, whole = word] { return fail(in_quotes(whole) + " is not " + what); };
        for (std::size_t i = 0; i < count; ++i) {
            const std::string_view group = word.substr(0, word.find(between));
            word.remove_prefix(group.size());
            const bool ends = i + 1 == count;
            if (ends != word.empty()) return wrong();
            if (!ends) word.remove_prefix(1);
            if (group.empty() || group.size() > size || (group.size() < size && !may_be_short))
                return wrong();
            if (!append_hex(std::string(size - group.size(), '0').append(group), out_))
                return wrong();
        }
        return {};
    }

    Result<void> read_salt() {
        const std::string_view word = take().text;
        std::vector<std::uint8_t> salt;
        if (word != "-")
            if (const Result<void> done = append_hex(word, salt); !done) return done;
        if (salt.size() > 255) return fail("a salt is longer than 255 octets");
        put_number(static_cast<std::uint32_t>(salt.size()), 1);
        put(salt);
        return {};
    }

    // Base32 with the extended alphabet and without padding (RFC 5155 3.3).
    Result<void> read_hash() {
        const std::string_view word = take().text;
        std::vector<std::uint8_t> hash;
        std::uint32_t bits = 0;
        unsigned held = 0;
        for (const char c : word) {
            const char folded = static_cast<char>(kFold[static_cast<unsigned char>(c)]);
            const int value = is_digit(c)                      ? c - '0'
                              : folded >= 'a' && folded <= 'v' ? folded - 'a' + 10
                                                               : -1;
            if (value < 0) return fail(in_quotes(word) + " is not base32hex");
            bits = bits << 5 | static_cast<unsigned>(value);
            held += 5;
            if (held < 8) continue;
            held -= 8;
            hash.push_back(static_cast<std::uint8_t>(bits >> held));
            bits &= (1u << held) - 1;
        }
        if (held >= 5 || bits != 0 || hash.empty() || hash.size() > 255)
            return fail(in_quotes(word) + " is not base32hex of whole octets");
        put_number(static_cast<std::uint32_t>(hash.size()), 1);
        put(hash);
        return {};
    }

    Result<void> read_bitmap() {
        std::array<std::array<std::uint8_t, 32>, 256> windows{};
        std::array<std::uint8_t, 256> sizes{};
        for (const Token& token : take_all()) {
            const Result<std::uint16_t> type = parse_type(token.text);
            if (!type) return type.error();
            const std::size_t window = *type >> 8;
            const std::size_t at = (*type & 255) / 8;
            windows[window][at] |= static_cast<std::uint8_t>(0x80 >> *type % 8);
            sizes[window] = std::max(sizes[window], static_cast<std::uint8_t>(at + 1));
        }
        for (std::uint32_t i = 0; i < 256; ++i) {
            if (sizes[i] == 0) continue;
            put_number(i, 1);
            put_number(sizes[i], 1);
            put(Bytes(windows[i]).first(sizes[i]));
        }
        return {};
    }

    Result<void> read_strings() {
        while (!tokens_.empty()) {
            if (const Result<void> done = read_string(); !done) return done;
            if (out_.size() > kDataMax) return {};
        }
        return {};
    }

    // "0x47.0005.80…": dots are for the eye (RFC 1706 7).
    Result<void> read_nsap() {
        std::string digits = joined();
        if (!equal_word(digits.substr(0, 2), "0x"))
            return fail(in_quotes(digits) + " is not an NSAP address, which begins with 0x");
        digits.erase(0, 2);
        std::erase(digits, '.');
        return append_hex(digits, out_);
    }

    // "1:10.0.0.0/8", "!2:fd00::/8" (RFC 3123 5).
    Result<void> read_apl() {
        for (const Token& token : take_all()) {
            std::string_view word = token.text;
            const auto wrong = [&, whole = word](const std::string& why) {
                return fail(in_quotes(whole) + " is not an address prefix: " + why);
            };
            const bool is_negated = word.starts_with('!');
            if (is_negated) word.remove_prefix(1);
            const bool v4 = word.starts_with("1:");
            if (!v4 && !word.starts_with("2:"))
                return wrong("it begins with 1: (IPv4) or 2: (IPv6)");
            word.remove_prefix(2);
            const std::size_t slash = std::min(word.find('/'), word.size());
            const Result<IpAddress> address = IpAddress::parse(word.substr(0, slash));
            if (!address || (word.substr(0, slash).find(':') == word.npos) != v4)
                return wrong(std::string("no ") + (v4 ? "IPv4" : "IPv6") + " address");
            if (slash == word.size()) return wrong("no length");
            const auto length = parse_number(word.substr(slash + 1), v4 ? 32 : 128);
            if (!length) return wrong(length.error().message);
            Bytes octets = Bytes(address->bytes()).subspan(v4 ? 12 : 0);
            while (!octets.empty() && octets.back() == 0) octets = octets.first(octets.size() - 1);
            put_number(v4 ? 1 : 2, 2);
            put_number(*length, 1);
            put_number((is_negated ? 0x80u : 0u) | static_cast<std::uint32_t>(octets.size()), 1);
            put(octets);
        }
        return {};
    }

    // Gateway type, algorithm, gateway, key (RFC 4025 3.1).
    Result<void> read_ipseckey() {
        if (tokens_.size() < 3) return fail("data missing: gateway type, algorithm and gateway");
        const auto gateway = parse_number(take().text, 3);
        if (!gateway) return fail("the gateway type: " + gateway.error().message);
        put_number(*gateway, 1);
        if (const auto done = put_number(parse_number(take().text, 0xff), 1); !done) return done;
        const Result<void> read = *gateway == 0   ? read_no_gateway()
                                  : *gateway == 3 ? read_name()
                                                  : read_address(*gateway == 1);
        return read && !tokens_.empty() ? append_base64(joined(), out_) : read;
    }
    Result<void> read_no_gateway() {
        if (take().text == ".") return {};
        return fail("a gateway of type 0 is written '.'");
    }

    // Algorithm, tag, key, rendezvous servers (RFC 8005 6).
    Result<void> read_hip() {
        if (tokens_.size() < 3) return fail("data missing: algorithm, tag and key");
        const auto algorithm = parse_number(take().text, 0xff);
        if (!algorithm) return algorithm.error();
        std::vector<std::uint8_t> tag;
        std::vector<std::uint8_t> key;
        if (const Result<void> done = append_hex(take().text, tag); !done) return done;
        if (const Result<void> done = append_base64(take().text, key); !done) return done;
        if (tag.size() > 255) return fail("the tag is longer than 255 octets");
        put_number(static_cast<std::uint32_t>(tag.size()), 1);
        put_number(*algorithm, 1);
        put_number(static_cast<std::uint32_t>(key.size()), 2);
        put(tag);
        put(key);
        while (!tokens_.empty())
            if (const Result<void> done = read_name(); !done) return done;
        return {};
    }

    // Protocol and ports (RFC 1035 3.4.2).
    Result<void> read_wks() {
        const std::string protocol{take().text};
        const bool tcp = equal_word(protocol, "tcp");
        const bool udp = equal_word(protocol, "udp");
        const auto number = tcp ? 6 : udp ? 17 : parse_number(protocol, 0xff);
        if (!number) return fail(in_quotes(protocol) + " is not TCP, UDP or a protocol's number");
        put_number(*number, 1);
        std::vector<std::uint8_t> ports;
        for (const Token& token : take_all()) {
            const auto port = parse_port(token.text);
            if (!port) return port.error();
            ports.resize(std::max<std::size_t>(ports.size(), *port / 8 + 1));
            ports[*port / 8] |= static_cast<std::uint8_t>(0x80 >> *port % 8);
        }
        put(ports);
        return {};
    }
    static Result<std::uint32_t> parse_port(std::string_view word) {
        if (is_digit(word.front())) return parse_number(word, 0xffff);
        for (const Mnemonic& service : kServices)
            if (equal_word(service.word, word)) return std::uint32_t{service.value};
        return fail(in_quotes(word) + " is not a port; services are written by their number");
    }

    Result<void> read_number_of_type() {
        const Result<std::uint16_t> type = parse_type(take().text);
        if (!type) return type.error();
        put_number(*type, 2);
        return {};
    }

    Result<void> read_field(Field field) {
        switch (field) {
            case Field::none: return {};
            case Field::number8: return put_number(parse_number(take().text, 0xff), 1);
            case Field::number16: return put_number(parse_number(take().text, 0xffff), 2);
            case Field::number32: return put_number(parse_number(take().text, 0xffffffff), 4);
            case Field::period: return put_number(parse_ttl(take().text), 4);
            case Field::time: return put_number(parse_time(take().text), 4);
            case Field::name: return read_name();
            case Field::string: return read_string();
            case Field::optional_string: return tokens_.empty() ? Result<void>{} : read_string();
            case Field::tag: return read_string();
            case Field::digits: return read_string(true);
            case Field::ipv4: return read_address(true);
            case Field::ipv6: return read_address(false);
            case Field::locator:
                return read_groups(4, 4, ':', true, "four groups of hexadecimal digits");
            case Field::eui48:
                return read_groups(6, 2, '-', false, "an EUI-48 as in 00-00-5e-00-53-2a");
            case Field::eui64:
                return read_groups(8, 2, '-', false, "an EUI-64 as in 00-00-5e-ef-10-00-00-2a");
            case Field::type: return read_number_of_type();
            case Field::algorithm: return read_mnemonic(kAlgorithms, 1, "an algorithm of DNSSEC");
            case Field::certificate:
                return read_mnemonic(kCertificates, 2, "a type of certificate");
            case Field::usage: return read_mnemonic(kUsages, 1, "a certificate usage");
            case Field::selector: return read_mnemonic(kSelectors, 1, "a selector");
            case Field::matching: return read_mnemonic(kMatchings, 1, "a matching type");
            case Field::salt: return read_salt();
            case Field::hash: return read_hash();
            case Field::text: return put_octets(unescaped(take().text));
            case Field::nsap: return read_nsap();
            case Field::bitmap: return read_bitmap();
            case Field::strings: return read_strings();
            case Field::hex: return append_hex(joined(), out_);
            case Field::base64: return append_base64(joined(), out_);
            case Field::svcb: return put_octets(parse_svc_params(take_all()));
            case Field::apl: return read_apl();
            case Field::loc: return put_octets(parse_location(take_all()));
            case Field::ipseckey: return read_ipseckey();
            case Field::hip: return read_hip();
            case Field::wks: return read_wks();
        }
        return {};
    }

    // "\# 4 0a000005" (RFC 3597 5).
    Result<std::vector<std::uint8_t>> read_octets(std::uint16_t type) {
        take();
        if (tokens_.empty()) return fail("data missing: its length behind \\#");
        const auto size = parse_number(take().text, 0xffff);
        if (!size) return fail("the length behind \\#: " + size.error().message);
        if (!tokens_.empty())
            if (const Result<void> done = append_hex(joined(), out_); !done) return done.error();
        if (out_.size() != *size)
            return fail(std::to_string(out_.size()) + " octets behind \\# " +
                        std::to_string(*size));
        if (out_.size() > kDataMax)
            return fail("the data is longer than " + std::to_string(kDataMax) + " octets");
        if (const Result<void> sound = check_rdata(type, out_); !sound) return sound.error();
        return std::move(out_);
    }

    std::span<const Token> tokens_;
    const Name& origin_;
    std::vector<std::uint8_t> out_;
};

}  // namespace

Result<std::vector<std::uint8_t>> parse_rdata(std::uint16_t type, std::span<const Token> tokens,
                                              const Name& origin) {
    return RdataReader(tokens, origin).read(type);
}

}  // namespace peerzone::dns
