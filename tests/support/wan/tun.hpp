// A TUN device in a network namespace: whole IP packets, one per read and write, without blocking.
// The device goes when its descriptor is closed.
#pragma once

#include <string>

#include "peerzone/base/fd.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone::wan {

/// `ns` as `ip netns` names it; the calling thread is back in its own namespace afterwards. Needs
/// CAP_NET_ADMIN and CAP_SYS_ADMIN.
Result<Fd> open_tun(const std::string& ns, const std::string& device);

}  // namespace peerzone::wan
