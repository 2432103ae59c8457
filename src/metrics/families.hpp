// Which metric family and labels each of our counters becomes. A counter without a row here is not
// seen.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "peerzone/metrics/counters.hpp"

namespace peerzone::metrics {

struct CounterFamily {
    std::string name;  ///< "peerzone_dns_requests_total"
    std::string help;
    std::string label;                                  ///< empty: one value without labels
    std::vector<std::pair<Count, std::string>> values;  ///< and the label's value
};

/// Every Count is in exactly one of them.
std::vector<CounterFamily> counter_families();

}  // namespace peerzone::metrics
