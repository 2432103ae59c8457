// A Report in the text format of Prometheus (version 0.0.4). Pure, but it allocates; control
// thread.
#pragma once

#include <string>
#include <string_view>

#include "peerzone/metrics/report.hpp"

namespace peerzone::metrics {

inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

std::string render(const Report& report);

}  // namespace peerzone::metrics
