// Bounds on what waits for upstreams, per worker. Past a bound a question is shed with SERVFAIL, of
// the client that has most in flight there; names in the cache and in our own zones are always
// answered.
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
    // A client is an IPv4 address or an IPv6 /64, counted apart for each upstream.
    std::size_t in_flight_per_client_max =
        4096;  ///< limits.in_flight_per_client_max: its questions that wait for one upstream
    std::size_t client_misses_per_second_max =
        5000;  ///< limits.client_misses_per_second_max: its questions that need one upstream; holds
               ///< while half of in_flight_per_upstream_max is in use
    std::size_t client_misses_burst_max =
        1000;  ///< limits.client_misses_burst_max: those that may come at once
};

}  // namespace peerzone::resolver
