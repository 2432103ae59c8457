#include "peerzone/upstream/describe.hpp"

#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {

std::string_view state_text(const Endpoint& endpoint) noexcept {
    if (endpoint.identity().is_wrong()) return identity_text(Identity::wrong);
    if (endpoint.is_suspect()) return "suspect";
    if (endpoint.is_unusable()) return "unusable";
    if (endpoint.probe_result() == ProbeResult::zone_absent) return "zone absent";
    return endpoint.is_usable() ? "healthy" : "unknown";
}

std::string_view transport_text(const Options& options, const Endpoint& endpoint,
                                Time now) noexcept {
    if (options.transport) return protocol_text(*options.transport);
    const Reach reach = endpoint.is_suspect() ? Reach::unknown : endpoint.reach();
    if (reach == Reach::udp_only || reach == Reach::tcp_only) return reach_text(reach);
    return protocol_text(usual_protocol(options.transport, endpoint, now));
}

std::vector<std::size_t> first_choices(const Upstream& upstream, const EndpointSet& set, Time now) {
    const AttemptPlan::Candidates best = AttemptPlan(upstream, set, now).candidates(now);
    std::vector<std::size_t> found;
    for (std::size_t i = 0; found.size() < best.count; ++i)
        if (best.is_one[i]) found.push_back(i);
    return found;
}

}  // namespace peerzone::upstream
