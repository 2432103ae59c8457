// What our responder says about a name: a function of the name alone, so that the load can judge a
// reply without a table. Names start with a label that says which kind they are; a name in which
// `cluster.local` does not stand at the end (what a search list makes of a complete name) does not
// exist.
#pragma once

#include <cstdint>
#include <span>

namespace peerzone::bench {

using Octets = std::span<const std::uint8_t>;

inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeSoa = 6;
inline constexpr std::uint16_t kTypeSrv = 33;
inline constexpr std::uint16_t kTypeOpt = 41;
inline constexpr std::uint32_t kTtl = 3600;
inline constexpr std::uint32_t kNegativeTtl = 30;
inline constexpr unsigned kBigAddresses = 60;
inline constexpr unsigned kSrvTargets = 3;
inline constexpr std::uint16_t kSrvPort = 26257;
inline constexpr std::size_t kHeader = 12;

enum class SyntheticAnswer : std::uint8_t {
    address,
    addresses,
    services,
    no_such_name,
    no_such_type,
    count
};

/// `name` is in wire form, root included, in any letter case.
SyntheticAnswer synthetic_answer(Octets name, std::uint16_t type) noexcept;

/// The first IPv4 address of a name; further ones follow it. FNV-1a of the name in lower case,
/// within 10.0.0.0/8.
std::uint32_t address_of(Octets name) noexcept;

/// The name of a question behind a header, root included; empty when it does not fit or is
/// compressed.
Octets question_name(Octets message) noexcept;

inline std::uint16_t read16(const std::uint8_t* at) noexcept {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}
inline std::uint32_t read32(const std::uint8_t* at) noexcept {
    return static_cast<std::uint32_t>(read16(at)) << 16 | read16(at + 2);
}
inline void write16(std::uint8_t* at, std::uint16_t value) noexcept {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}
inline void write32(std::uint8_t* at, std::uint32_t value) noexcept {
    write16(at, static_cast<std::uint16_t>(value >> 16));
    write16(at + 2, static_cast<std::uint16_t>(value));
}

}  // namespace peerzone::bench
