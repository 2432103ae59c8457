// Domain names in uncompressed wire form (RFC 1035 3.1): labels, each behind its length, ending
// with the root label. A value of fixed size, so that the data plane can hold names without
// allocating. Case is kept and compares folded (RFC 4343). Safe in any thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/base/bytes.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone::dns {

inline constexpr std::size_t kNameMax = 255;
inline constexpr std::size_t kLabelsMax = 127;  ///< of one octet each, without the root
inline constexpr std::size_t kLabelMax = 63;

/// ASCII upper case to lower case; every other octet as it is. Length octets (0–63) are not
/// letters, so whole names fold at once.
inline constexpr std::array<std::uint8_t, 256> kFold = [] {
    std::array<std::uint8_t, 256> table{};
    for (unsigned i = 0; i < 256; ++i)
        table[i] = static_cast<std::uint8_t>(i >= 'A' && i <= 'Z' ? i + 32 : i);
    return table;
}();

bool equal_folded(Bytes a, Bytes b) noexcept;
/// The hash of a name that is folded already. Seeded once per process, so that names that collide
/// cannot be chosen from outside.
std::uint64_t hash_folded(Bytes name) noexcept;

class Name {
public:
    Name() noexcept : length_(1) { octets_[0] = 0; }  ///< the root
    Name(const Name& other) noexcept { *this = other; }
    Name& operator=(const Name& other) noexcept {
        length_ = other.length_;
        std::memmove(octets_.data(), other.octets_.data(), length_);
        return *this;
    }

    /// "a.example.com", with or without the final dot; "." is the root; escapes \. and \DDD (RFC
    /// 1035 5.1).
    static Result<Name> from_text(std::string_view text);
    /// An uncompressed name that fills `wire` exactly.
    static std::optional<Name> from_wire(Bytes wire) noexcept;
    /// For callers that have checked `wire` already, such as a parser that walked it.
    static Name from_checked(Bytes wire) noexcept;

    Bytes wire() const noexcept { return {octets_.data(), length_}; }
    std::string_view view() const noexcept {
        return {reinterpret_cast<const char*>(octets_.data()), length_};
    }
    std::size_t size() const noexcept { return length_; }
    bool is_root() const noexcept { return length_ == 1; }
    std::size_t label_count() const noexcept;  ///< without the root label
    bool is_wildcard() const noexcept {
        return length_ > 2 && octets_[0] == 1 && octets_[1] == '*';
    }

    Name folded() const noexcept;
    Name parent() const noexcept;  ///< without the first label; the root's parent is the root
    /// True for `zone` itself and everything below it.
    bool is_under(const Name& zone) const noexcept;
    /// This name with `label` in front; nothing when it gets too long.
    std::optional<Name> child(Bytes label) const noexcept;
    /// This name, which is under `from`, with that suffix replaced by `to` (DNAME, RFC 6672);
    /// nothing when it gets too long.
    std::optional<Name> with_suffix(const Name& from, const Name& to) const noexcept;

    std::string to_text() const;  ///< without the final dot, but "." for the root; escaped

    friend bool operator==(const Name& a, const Name& b) noexcept {
        return equal_folded(a.wire(), b.wire());
    }

private:
    std::uint8_t length_;
    std::array<std::uint8_t, kNameMax> octets_;
};

/// Of a wire name: length octets are at most 63, so they are none.
inline bool is_letter(std::uint8_t octet) noexcept {
    return (octet | 0x20) >= 'a' && (octet | 0x20) <= 'z';
}

/// Whether a checked wire name has the letter case of a question sent with random case (0x20): of
/// neighbouring letters at least a quarter differ in it. People write words or whole names in
/// capitals.
bool has_mixed_case(Bytes wire) noexcept;

/// Text of a checked wire name (a Query's, for instance).
std::string name_text(Bytes wire);

/// The reverse zones that cover a prefix, widened to whole octets (IPv4) or nibbles (IPv6) *inside*
/// the prefix: 10.1.0.0/16 gives 1.10.in-addr.arpa, 172.16.0.0/12 gives sixteen zones. At most 256.
std::vector<Name> reverse_zones(const IpPrefix& prefix);

}  // namespace peerzone::dns
