#include "peerzone/dns/name.hpp"

#include <algorithm>
#include <random>

#include "dns/escape.hpp"

namespace peerzone::dns {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load_u64(const std::uint8_t* p) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, p, sizeof value);
    return value;
}

std::uint64_t random_u64() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

const std::uint64_t kSeed = random_u64();
// Octets equal to this key would multiply by zero and make the hash forget all that stood before
// them, so it is secret too.
const std::uint64_t kKey = random_u64();

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace

int unescape(std::string_view text, std::size_t& at) {
    if (text[at] != '\\') return static_cast<unsigned char>(text[at++]);
    if (at + 1 >= text.size()) return -1;
    if (!is_digit(text[at + 1])) {
        at += 2;
        return static_cast<unsigned char>(text[at - 1]);
    }
    if (at + 3 >= text.size() || !is_digit(text[at + 2]) || !is_digit(text[at + 3])) return -1;
    const int value = (text[at + 1] - '0') * 100 + (text[at + 2] - '0') * 10 + (text[at + 3] - '0');
    at += 4;
    return value > 255 ? -1 : value;
}

bool equal_folded(Bytes a, Bytes b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && kFold[a[i]] != kFold[b[i]]) return false;
    return true;
}

std::uint64_t hash_folded(Bytes name) noexcept {
    constexpr std::uint64_t k1 = 0xa0761d6478bd642f;
    std::uint64_t hash = kSeed ^ k1 ^ name.size();
    const std::uint8_t* p = name.data();
    std::size_t left = name.size();
    for (; left >= 16; left -= 16, p += 16) hash = mix(load_u64(p) ^ kKey, load_u64(p + 8) ^ hash);
    std::uint8_t tail[16] = {};
    std::memcpy(tail, p, left);
    hash = mix(load_u64(tail) ^ kKey, load_u64(tail + 8) ^ hash);
    return mix(hash ^ k1, name.size() ^ kKey);
}

Result<Name> Name::from_text(std::string_view text) {
    if (text == ".") return Name{};
    if (text.empty()) return fail("'' is not a domain name");
    const auto quoted = [&] { return "'" + std::string(text) + "'"; };
    Name name;
    std::size_t label_at = 0;
    std::size_t out = 1;
    const auto close_label = [&]() -> const char* {
        const std::size_t size = out - label_at - 1;
        if (size == 0) return " is not a domain name: it has an empty label";
        if (size > kLabelMax) return " is not a domain name: a label is longer than 63 octets";
        name.octets_[label_at] = static_cast<std::uint8_t>(size);
        label_at = out++;
        return nullptr;
    };
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] == '.') {
            if (const char* wrong = close_label()) return fail(quoted() + wrong);
            ++at;
            if (at == text.size()) break;
            continue;
        }
        const int octet = unescape(text, at);
        if (octet < 0) return fail(quoted() + " is not a domain name: it has a broken escape");
        if (out >= kNameMax - 1)
            return fail(quoted() + " is not a domain name: it is longer than 255 octets");
        name.octets_[out++] = static_cast<std::uint8_t>(octet);
    }
    if (text.back() != '.' || out != label_at + 1)
        if (const char* wrong = close_label()) return fail(quoted() + wrong);
    name.octets_[label_at] = 0;
    name.length_ = static_cast<std::uint8_t>(label_at + 1);
    return name;
}

std::optional<Name> Name::from_wire(Bytes wire) noexcept {
    if (wire.empty() || wire.size() > kNameMax) return std::nullopt;
    std::size_t at = 0;
    while (at < wire.size() && wire[at] != 0) {
        if (wire[at] > kLabelMax) return std::nullopt;
        at += wire[at] + 1u;
    }
    if (at + 1 != wire.size()) return std::nullopt;
    return from_checked(wire);
}

Name Name::from_checked(Bytes wire) noexcept {
    Name name;
    name.length_ = static_cast<std::uint8_t>(wire.size());
    std::memcpy(name.octets_.data(), wire.data(), wire.size());
    return name;
}

std::size_t Name::label_count() const noexcept {
    std::size_t count = 0;
    for (std::size_t at = 0; octets_[at] != 0; at += octets_[at] + 1u) ++count;
    return count;
}

Name Name::folded() const noexcept {
    Name result;
    result.length_ = length_;
    for (std::size_t i = 0; i < length_; ++i) result.octets_[i] = kFold[octets_[i]];
    return result;
}

Name Name::parent() const noexcept {
    if (is_root()) return *this;
    return from_checked(wire().subspan(octets_[0] + 1u));
}

bool Name::is_under(const Name& zone) const noexcept {
    if (zone.length_ > length_) return false;
    const std::size_t start = length_ - zone.length_;
    std::size_t at = 0;
    while (at < start) at += octets_[at] + 1u;  // only a label's start may be where the zone begins
    return at == start && equal_folded(wire().subspan(start), zone.wire());
}

std::optional<Name> Name::child(Bytes label) const noexcept {
    if (label.empty() || label.size() > kLabelMax || label.size() + 1 + length_ > kNameMax)
        return std::nullopt;
    Name result;
    result.octets_[0] = static_cast<std::uint8_t>(label.size());
    std::memcpy(&result.octets_[1], label.data(), label.size());
    std::memcpy(&result.octets_[1 + label.size()], octets_.data(), length_);
    result.length_ = static_cast<std::uint8_t>(label.size() + 1 + length_);
    return result;
}

std::optional<Name> Name::with_suffix(const Name& from, const Name& to) const noexcept {
    const std::size_t kept = length_ - from.length_;
    if (kept + to.length_ > kNameMax) return std::nullopt;
    Name result;
    std::memcpy(result.octets_.data(), octets_.data(), kept);
    std::memcpy(&result.octets_[kept], to.octets_.data(), to.length_);
    result.length_ = static_cast<std::uint8_t>(kept + to.length_);
    return result;
}

std::string Name::to_text() const {
    return name_text(wire());
}

std::string name_text(Bytes wire) {
    if (wire.size() <= 1) return ".";
    std::string text;
    for (std::size_t at = 0; wire[at] != 0; at += wire[at] + 1u) {
        if (at != 0) text += '.';
        for (const std::uint8_t octet : wire.subspan(at + 1, wire[at])) {
            if (octet == '.' || octet == '\\' || octet == '"' || octet == ';' || octet == '@' ||
                octet == '$' || octet == '(' || octet == ')') {
                text += '\\';
                text += static_cast<char>(octet);
            } else if (octet <= ' ' || octet >= 0x7f) {
                text += '\\';
                text += static_cast<char>('0' + octet / 100);
                text += static_cast<char>('0' + octet / 10 % 10);
                text += static_cast<char>('0' + octet % 10);
            } else {
                text += static_cast<char>(octet);
            }
        }
    }
    return text;
}

bool has_mixed_case(Bytes wire) noexcept {
    std::size_t pairs = 0;
    std::size_t changes = 0;
    for (std::size_t i = 1; i < wire.size(); ++i) {
        if (!is_letter(wire[i - 1]) || !is_letter(wire[i])) continue;
        ++pairs;
        if ((wire[i - 1] ^ wire[i]) & 0x20) ++changes;
    }
    return changes != 0 && changes * 4 >= pairs;
}

std::vector<Name> reverse_zones(const IpPrefix& prefix) {
    const unsigned step = prefix.is_v4() ? 8 : 4;
    const unsigned front = prefix.is_v4() ? 96 : 0;
    const unsigned length = prefix.length - front;
    const unsigned whole = (length + step - 1) / step;  // labels of each zone
    const unsigned count = 1u << (whole * step - length);
    std::vector<Name> zones;
    for (unsigned i = 0; i < count; ++i) {
        std::string text;
        for (unsigned label = 0; label < whole; ++label) {
            const unsigned bit = front + label * step;
            unsigned value = prefix.address.bytes()[bit / 8];
            if (step == 4) value = bit % 8 == 0 ? value >> 4 : value & 15;
            if (label + 1 == whole) value += i;
            static constexpr char kHex[] = "0123456789abcdef";
            const std::string part =
                step == 8 ? std::to_string(value) : std::string(1, kHex[value & 15]);
            text = part + "." + text;
        }
        text += prefix.is_v4() ? "in-addr.arpa" : "ip6.arpa";
        zones.push_back(Name::from_text(text).value());
    }
    return zones;
}

}  // namespace peerzone::dns
