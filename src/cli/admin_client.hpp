// One request to a running server's admin HTTP.
#pragma once

#include <string>

#include "peerzone/base/ip.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone::cli {

struct AdminReply {
    unsigned status = 0;
    std::string body;
};

/// `method` is GET or POST. Blocks, 10 s at most. An error says in words why there is no answer, or
/// that it does not come from a peerzone.
Result<AdminReply> ask_admin(const SocketAddress& server, const std::string& method,
                             const std::string& target, const std::string& accept);

}  // namespace peerzone::cli
