// What the program takes from its host when it starts. Control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace peerzone::app {

/// Who this process is in hop marks (upstream::make_node_id).
std::uint64_t new_node_id(const std::string& cluster_name);
/// What this machine, or pod, is called; "unknown" where it has no name.
std::string host_name();
/// Upstream sockets take descriptors: as many as the hard limit allows (src/README.md, "The
/// exchange"). Returns how many there may be.
std::size_t raise_descriptor_limit();

}  // namespace peerzone::app
