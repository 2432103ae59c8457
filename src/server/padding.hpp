// Padding of replies over TLS (RFC 7830), to blocks of 468 octets (RFC 8467 4.1): the size of a
// record then says little about what was asked. Pure.
#pragma once

#include <cstddef>

#include "peerzone/base/bytes.hpp"

namespace peerzone::server {

inline constexpr std::size_t kPaddingBlock = 468;

/// `message` holds a reply of `size` octets and room behind it. Lengthens the OPT record that ends
/// it to the next whole block; without an OPT record at the end, or without room, nothing changes.
/// Returns the new size.
std::size_t pad_reply(MutableBytes message, std::size_t size) noexcept;

}  // namespace peerzone::server
