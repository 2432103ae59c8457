// The servers that a lookup asks, in the words of c-ares. Control thread.
#pragma once

#include <ares.h>

#include <string>
#include <vector>

#include "peerzone/base/ip.hpp"

namespace peerzone::discovery {

/// Those that c-ares can ask, as many as it is given at most.
std::vector<SocketAddress> usable(const std::vector<SocketAddress>& servers);
/// Returns a status of c-ares.
int set_servers(ares_channel channel, const std::vector<SocketAddress>& servers);
/// " (asked 10.0.0.1:53, 10.0.0.2:53)"
std::string asked_text(const std::vector<SocketAddress>& servers);

}  // namespace peerzone::discovery
