// Amounts as people read them.
#pragma once

#include <cstdint>
#include <string>

#include "peerzone/base/text.hpp"
#include "peerzone/metrics/report.hpp"

namespace peerzone::admin {

std::string bytes_text(std::uint64_t bytes);  ///< "3.4 MiB"

}  // namespace peerzone::admin
