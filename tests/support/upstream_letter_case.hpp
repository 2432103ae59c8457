// Endpoints that are known to take names in mixed letter case, for tests about other things: a
// denial there is not asked again in plain case.
#pragma once

#include "peerzone/upstream/endpoint.hpp"

namespace peerzone::test {

/// For a second from `now` on.
inline void trust_case(upstream::Endpoint& endpoint, Time now) {
    endpoint.letter_case().note_taken();
    endpoint.letter_case().claim_doubt(now);
}

}  // namespace peerzone::test
