// Octets in network order, on buffers that the caller owns. Nothing here checks bounds: the caller
// has done so. Stateless; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace peerzone {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

inline std::uint16_t load_u16(const std::uint8_t* p) noexcept {
    return static_cast<std::uint16_t>(p[0] << 8 | p[1]);
}
inline std::uint32_t load_u32(const std::uint8_t* p) noexcept {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}
inline void store_u16(std::uint8_t* p, std::size_t value) noexcept {
    p[0] = static_cast<std::uint8_t>(value >> 8);
    p[1] = static_cast<std::uint8_t>(value);
}
inline void store_u32(std::uint8_t* p, std::uint32_t value) noexcept {
    store_u16(p, value >> 16);
    store_u16(p + 2, value & 0xffff);
}

}  // namespace peerzone
