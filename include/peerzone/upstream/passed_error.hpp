// The text of an extended error that an upstream sent (RFC 8914), as our own clients get it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace peerzone::upstream {

/// `via` says from where: "peer=westus 10.2.0.10:53 SERVFAIL". A stranger's text comes behind it:
/// "peer=westus 10.2.0.10:53 SERVFAIL: zone expired". What another peerzone says tells by itself
/// where the cause lies, so it stays in front, however many servers pass it on: "loop via
/// peer=north: …; peer=westus 10.2.0.10:53 SERVFAIL". Where room is short, the way is cut, not the
/// cause.
std::string pass_error(std::string_view via, std::string_view text);

}  // namespace peerzone::upstream
