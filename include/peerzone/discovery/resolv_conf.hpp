// The nameservers of a resolv.conf(5) file. Control plane; reads the file.
#pragma once

#include <string>
#include <vector>

#include "peerzone/base/ip.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone::discovery {

/// At most 16, each once, in the file's order. Fails when the file cannot be read or names none.
Result<std::vector<SocketAddress>> read_resolv_conf(const std::string& path);

}  // namespace peerzone::discovery
