// What a Resolver keeps to itself and the oracle must see: its table of pending queries and the
// clients' places.
#pragma once

#include "resolver/impl.hpp"

namespace peerzone::simulation {

const resolver::Admission& admission_of(const resolver::Resolver& resolver);
const resolver::ClientGuard& guard_of(const resolver::Resolver& resolver);

}  // namespace peerzone::simulation
