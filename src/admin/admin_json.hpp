// A Report as JSON: what /status says. Keys stay; new ones may come.
#pragma once

#include <string>

#include "peerzone/metrics/report.hpp"

namespace peerzone::admin {

std::string status_json(const metrics::Report& report);

}  // namespace peerzone::admin
