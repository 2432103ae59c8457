// `peerzone status`, `flush`, `hold` and `release`: commands for a server that runs.
#pragma once

#include <iosfwd>
#include <string>

namespace peerzone::cli {

/// Which server is meant: an address, or the configuration that says it; the default address when
/// both are empty.
struct ServerChoice {
    std::string address;
    std::string config_file;
};

/// Each prints the server's words to `out`, or why there are none to `complaints`. The exit status:
/// 0, or 1 when the server cannot be reached or refuses; of a configuration with problems as check.
int status(const ServerChoice& server, bool as_json, std::ostream& out, std::ostream& complaints);
/// `key` is name, zone or peer.
int flush(const ServerChoice& server, const std::string& key, const std::string& value,
          std::ostream& out, std::ostream& complaints);
int hold(const ServerChoice& server, const std::string& peer, std::ostream& out,
         std::ostream& complaints);
int release(const ServerChoice& server, const std::string& peer, std::ostream& out,
            std::ostream& complaints);

}  // namespace peerzone::cli
