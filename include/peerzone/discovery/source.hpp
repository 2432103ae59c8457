// Where an upstream's endpoints come from: one item of an `endpoints` list as it is followed while
// we run. Plain values, for the snapshot and for people. DNS names and resolv.conf files are
// sources of today; whatever else finds endpoints (a Kubernetes API) keeps a Source as well.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone::discovery {

inline constexpr std::size_t kSourceAddressesMax = 64;  ///< the first ones in order are used

struct Source {
    /// The last good set, in order, each once. An empty or failing answer leaves it as it is.
    std::vector<SocketAddress> addresses;
    std::optional<Time> good_at;  ///< when it was confirmed last; nothing: never yet
    std::string error;            ///< why the last try gave nothing; empty when it went well
    std::uint64_t tries = 0;      ///< lookups or readings that ended
    std::uint64_t failures = 0;   ///< those of them that gave nothing
};

/// source_text() → source.
using SourceTable = std::map<std::string, Source>;

}  // namespace peerzone::discovery
