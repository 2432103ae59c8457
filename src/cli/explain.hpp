// `peerzone explain NAME [TYPE]`: how a name is answered, by a server that runs or by a
// configuration.
#pragma once

#include <iosfwd>
#include <string>

namespace peerzone::cli {

struct ExplainOptions {
    std::string name;
    std::string type{};         ///< empty: the usual one of such a name
    std::string client{};       ///< whom it is answered to; with a configuration only
    std::string config_file{};  ///< what it says; asks nobody
    std::string server{};       ///< or the server at this address; empty: 127.0.0.1:53
    bool as_json = false;       ///< an array of {"key", "text"}
};

/// The exit status: 0; 1 when the server cannot be reached or refuses; of a configuration with
/// problems as check; kUsageError for words that are no name, type or address.
int explain(const ExplainOptions& options, std::ostream& out, std::ostream& complaints);

inline constexpr int kUsageError = 2;

}  // namespace peerzone::cli
