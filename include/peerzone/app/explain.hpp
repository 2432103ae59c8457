// How a configuration would answer a name, without a server: `peerzone explain --config`. Reads the
// files that the configuration names, asks nobody.
#pragma once

#include "peerzone/base/result.hpp"
#include "peerzone/config/config.hpp"
#include "peerzone/resolver/explanation.hpp"

namespace peerzone::app {

/// With an empty cache, and nothing known of any upstream. An error when a file that the
/// configuration names cannot be used.
Result<resolver::Explanation> explain(const config::Config& config,
                                      const resolver::ExplainRequest& request);

}  // namespace peerzone::app
