// What people are told of an upstream's endpoints as they are now: in /status, `peerzone status`
// and explanations. Changes nothing; any thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "peerzone/upstream/upstream.hpp"

namespace peerzone::upstream {

/// "healthy", "zone absent", "suspect", "unusable" or "unknown".
std::string_view state_text(const Endpoint& endpoint) noexcept;

/// What a question would take now: "udp", "tcp" or "tls"; "udp only" or "tcp only" where probes
/// found that the other one is blocked.
std::string_view transport_text(const Options& options, const Endpoint& endpoint,
                                Time now) noexcept;

/// Where a question that begins now goes first: the places in `set` of those endpoints of which one
/// is picked at random.
std::vector<std::size_t> first_choices(const Upstream& upstream, const EndpointSet& set, Time now);

}  // namespace peerzone::upstream
