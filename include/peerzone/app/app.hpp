// The composition root: configuration in, a running server out.
#pragma once

#include <string>

namespace peerzone::app {

/// Runs the server until SIGTERM or SIGINT; SIGHUP loads the configuration again, SIGUSR1 logs the
/// counters. Returns the process's exit status: 0 after a drained stop, 1 when the configuration or
/// a listening address is no good.
int serve(const std::string& config_file);

}  // namespace peerzone::app
