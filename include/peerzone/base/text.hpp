// Texts for people, on buffers that the caller owns.
#pragma once

#include <cstddef>
#include <string_view>

namespace peerzone {

/// At most `size` octets of `text`, which is UTF-8, not ending within a character (RFC 8914 2:
/// EXTRA-TEXT is UTF-8).
inline std::string_view cut_utf8(std::string_view text, std::size_t size) noexcept {
    if (text.size() <= size) return text;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    return text.substr(0, size);
}

}  // namespace peerzone
