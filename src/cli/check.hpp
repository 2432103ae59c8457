// `peerzone check FILE…`: every problem of configurations, or a summary of them.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "peerzone/config/config.hpp"

namespace peerzone::cli {

struct CheckOptions {
    std::vector<std::string> files;  ///< "-" is `in`
    bool as_json = false;
};

struct Streams {
    std::istream& in;
    std::ostream& out;
    std::ostream& complaints;
};

/// Problems and warnings go to `complaints`, one a line, as compilers write them; of a file without
/// problems "FILE: ok" and the summary go to `out`. As JSON everything goes to `out`. The exit
/// status: 0; app::kExitConfiguration when a configuration is wrong, or else
/// app::kExitUnavailable when a file cannot be read.
int check(const CheckOptions& options, const Streams& streams);

/// What the configuration says, on one screen: long lists are cut and counted.
void write_summary(const config::Config& config, std::ostream& out);

}  // namespace peerzone::cli
