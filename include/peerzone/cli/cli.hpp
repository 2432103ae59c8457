// The command line: `peerzone serve`, `peerzone check`, `--version`, `--help`.
#pragma once

namespace peerzone::cli {

/// Runs the command that `argv` names; the process's exit status. Answers go to stdout, complaints
/// to stderr. 0: done; 1: a configuration with problems, or a server that could not start; 2: a
/// wrong command line.
int run(int argc, char** argv);

}  // namespace peerzone::cli
