// Being an ordinary DNS client, through c-ares: the addresses of endpoints that are given by name.
// Control plane only; blocks.
#pragma once

#include <string>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone::upstream {

/// All A and AAAA addresses of `host`, asked of `servers` (not of the system's resolver, which may
/// be ourselves). Blocks up to `deadline`; call it in a thread that may wait. Fails when there is
/// none.
Result<std::vector<IpAddress>> lookup_host(const std::string& host,
                                           const std::vector<SocketAddress>& servers,
                                           Duration deadline);

/// The nameservers of a resolv.conf(5) file. Fails when it cannot be read or names none.
Result<std::vector<SocketAddress>> read_resolv_conf(const std::string& path);

}  // namespace peerzone::upstream
