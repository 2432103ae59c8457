// Names that must never leak to a forwarder: zones that are there without being configured,
// answered by ourselves. They are ordinary owned zones, so a configured route for the same or a
// longer suffix takes precedence by the rule of the longest suffix.
#pragma once

#include <memory>
#include <vector>

#include "peerzone/dns/name.hpp"
#include "peerzone/zone/zone.hpp"

namespace peerzone::app {

/// Builds each of them once; all views of all snapshots share them. Control thread only.
class SpecialZones {
public:
    /// localhost, invalid, onion, alt, local (RFC 6761, 6762, 7686, 9476), the reverse zones of RFC
    /// 6303, and last the cluster's own zone, each as a zone that holds what the RFC gives it and
    /// nothing else. Valid until the next call.
    const std::vector<std::shared_ptr<const zone::Zone>>& with(const dns::Name& cluster_zone);

private:
    std::vector<std::shared_ptr<const zone::Zone>> zones_;  // empty until the first call
};

}  // namespace peerzone::app
