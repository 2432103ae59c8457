// An upstream and its endpoints as people see them.
#pragma once

#include <string>

#include "peerzone/base/clock.hpp"
#include "peerzone/discovery/source.hpp"
#include "peerzone/metrics/report.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::app {

/// "westus"; "local"; "." and "example.com" for forwarders. What commands and metrics call it.
std::string name_of(const upstream::Upstream& upstream);

metrics::UpstreamReport report_on(const upstream::Upstream& upstream,
                                  const discovery::SourceTable& sources, Time now);

}  // namespace peerzone::app
