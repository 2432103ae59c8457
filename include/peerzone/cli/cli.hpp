// The command line: `peerzone serve`, `peerzone check`, `--version`, `--help`.
#pragma once

namespace peerzone::cli {

/// Runs the command that `argv` names; the process's exit status. Answers go to stdout, complaints
/// to stderr. 0: done; 1: a configuration with problems, or a running server that is not there or
/// refuses; 2: a wrong command line; 3: an address or a file that cannot be had.
int run(int argc, char** argv);

}  // namespace peerzone::cli
