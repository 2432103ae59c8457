// The composition root: configuration in, a running server out.
#pragma once

#include <string>
#include <vector>

#include "peerzone/config/config.hpp"

namespace peerzone::app {

// The process's exit status. A supervisor need not try again after 1: only an editor helps.
inline constexpr int kExitConfiguration = 1;  ///< the configuration is wrong
inline constexpr int kExitUnavailable =
    3;  ///< an address or a file cannot be had, perhaps only now

/// The status for these problems, of which there are some.
int exit_status(const std::vector<config::Problem>& problems) noexcept;

/// Runs the server until SIGTERM or SIGINT. The configuration is loaded again when a file of it
/// changes, and on SIGHUP; SIGUSR1 logs the counters. Returns the process's exit status, 0 after a
/// drained stop.
int serve(const std::string& config_file);

}  // namespace peerzone::app
