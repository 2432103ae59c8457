// A Report for people: as a table for terminals, and the same as a page for browsers.
#pragma once

#include <string>

#include "peerzone/metrics/report.hpp"

namespace peerzone::admin {

std::string status_table(const metrics::Report& report);
std::string status_page(const metrics::Report& report);

}  // namespace peerzone::admin
