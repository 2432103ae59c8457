// Texts for people. Pure; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "peerzone/base/clock.hpp"

namespace peerzone {

/// At most `size` octets of `text`, which is UTF-8, not ending within a character (RFC 8914 2:
/// EXTRA-TEXT is UTF-8).
inline std::string_view cut_utf8(std::string_view text, std::size_t size) noexcept {
    if (text.size() <= size) return text;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    return text.substr(0, size);
}

/// How many octets the well-formed UTF-8 character (RFC 3629) that starts `text` takes; 0 when
/// there is none.
std::size_t character_size(std::string_view text) noexcept;

/// `text` with a '?' for each control character (C0, DEL and C1) and each octet that is no UTF-8:
/// safe for a terminal, for a log and for JSON.
std::string printable(std::string_view text);

/// "2026-01-31T10:00:00Z" (RFC 3339, UTC).
std::string iso_time(std::chrono::system_clock::time_point time);
/// The two largest units: "42s", "2m 3s", "3h", "1d 4h". Of a negative one: "0s".
std::string age_text(Duration age);
/// "61.2 ms", "0.4 ms"; zero: "-".
std::string rtt_text(Duration rtt);

}  // namespace peerzone
