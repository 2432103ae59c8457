// `peerzone check FILE`: every problem of a configuration, or a summary of it.
#pragma once

#include <iosfwd>
#include <string>

#include "peerzone/config/config.hpp"

namespace peerzone::cli {

/// Problems go to `complaints`, one a line, as compilers write them; otherwise "FILE: ok" and the
/// summary go to `out`. The exit status: 0, or 1 when there are problems.
int check(const std::string& file, std::ostream& out, std::ostream& complaints);

/// What the configuration says, on one screen: long lists are cut and counted.
void write_summary(const config::Config& config, std::ostream& out);

}  // namespace peerzone::cli
