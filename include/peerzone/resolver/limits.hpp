// Bounds on what waits for upstreams, per worker. Past a bound the newest question is shed with
// SERVFAIL; names in the cache and in our own zones are always answered.
#pragma once

#include <cstddef>

namespace peerzone::resolver {

struct Limits {
    std::size_t in_flight_per_upstream_max =
        1024;  ///< limits.in_flight_per_upstream_max: different questions to one peer or forwarder
    std::size_t waiters_per_question_max =
        256;  ///< limits.waiters_per_question_max: clients that wait for one identical question
    std::size_t waiters_per_upstream_max =
        8192;  ///< limits.waiters_per_upstream_max: clients that wait for one peer or forwarder
};

}  // namespace peerzone::resolver
