// Names that must never leak to a forwarder: zones that are there without being configured,
// answered by ourselves. They are ordinary owned zones, so a configured route for the same or a
// longer suffix takes precedence by the rule of the longest suffix.
#pragma once

#include <memory>
#include <vector>

#include "peerzone/dns/name.hpp"
#include "peerzone/zone/zone.hpp"

namespace peerzone::app {

/// localhost, invalid, onion, alt, local (RFC 6761, 6762, 7686, 9476), the reverse zones of RFC
/// 6303, and the cluster's own zone, each as a zone that holds what the RFC gives it and nothing
/// else.
std::vector<std::shared_ptr<const zone::Zone>> special_zones(const dns::Name& cluster_zone);

}  // namespace peerzone::app
