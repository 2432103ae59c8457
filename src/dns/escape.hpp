#pragma once

#include <string_view>

namespace peerzone::dns {

/// One octet of text: a plain character, \X or \DDD (RFC 1035 5.1). Moves `at` behind it; -1 for a
/// broken escape.
int unescape(std::string_view text, std::size_t& at);

}  // namespace peerzone::dns
