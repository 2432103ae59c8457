// How many sockets and connections one worker keeps towards servers, and for how long.
#pragma once

#include <cstddef>
#include <cstdint>

#include "peerzone/base/clock.hpp"

namespace peerzone::exchange {

struct Options {
    std::uint16_t sockets_per_endpoint_max = 64;  ///< UDP sockets, each on a port of its own
    std::size_t sockets_max = 1024;               ///< over all endpoints of this worker
    std::uint32_t questions_per_socket = 1000;    ///< then it is retired
    Seconds socket_age_max{10};
    Seconds stream_idle{10};      ///< an unused connection is closed
    Seconds stream_age_max{300};  ///< even a busy one takes no more questions after this
    std::uint16_t stream_pipelined_max = 128;  ///< questions in flight on one connection
};

}  // namespace peerzone::exchange
