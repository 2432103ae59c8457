// One question of class CH and type TXT, over TCP.
#pragma once

#include <string>
#include <vector>

#include "peerzone/base/ip.hpp"
#include "peerzone/base/result.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::cli {

/// The strings of the reply's TXT records, in their order. Blocks, 10 s at most. An error says in
/// words why there are none.
Result<std::vector<std::string>> ask_text(const SocketAddress& server, const dns::Name& name);

}  // namespace peerzone::cli
