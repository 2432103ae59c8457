// Times, durations and amounts as people read them.
#pragma once

#include <cstdint>
#include <string>

#include "peerzone/base/clock.hpp"
#include "peerzone/metrics/report.hpp"

namespace peerzone::admin {

std::string iso_time(metrics::WallTime time);  ///< "2026-01-31T10:00:00Z"
std::string age_text(Duration age);            ///< "3d 4h", "2m 3s", "12s"; below zero: "0s"
std::string rtt_text(Duration rtt);            ///< "61.2 ms", "0.4 ms"; zero: "-"
std::string bytes_text(std::uint64_t bytes);   ///< "3.4 MiB"

}  // namespace peerzone::admin
