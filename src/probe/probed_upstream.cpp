#include "probe/probed_upstream.hpp"

#include <algorithm>

namespace peerzone::probe {

bool Target::silence_counts() const noexcept {
    const bool peer = probed != nullptr && probed->upstream->options.kind == upstream::Kind::peer;
    return answered || (peer && !ignores_probes());
}

bool Target::is_silent_since(Time since, std::uint32_t round) const noexcept {
    if (ignores_probes()) return endpoint->last_loss().value_or(Time{}) >= since;
    return silent_round == round || (is_unheard() && listened_in_vain);
}

Partition::Facts ProbedUpstream::facts() const noexcept {
    Partition::Facts facts;
    facts.endpoints = targets.size();
    for (const auto& target : targets) {
        const upstream::Endpoint& endpoint = *target->endpoint;
        if (endpoint.identity().is_wrong()) {
            ++facts.wrong;
            continue;
        }
        if (endpoint.is_suspect()) continue;
        ++facts.up;
        if (endpoint.is_usable()) ++facts.usable;
        if (endpoint.is_unusable()) ++facts.unusable;
        const auto heard = endpoint.last_reply();
        if (heard && *heard >= partition.since()) ++facts.heard;
    }
    facts.silence_confirmed = std::all_of(targets.begin(), targets.end(), [&](const auto& target) {
        return target->endpoint->identity().is_wrong() ||
               target->is_silent_since(partition.since(), round);
    });
    for (const auto& target : targets)
        if (target->ignores_probes())
            facts.deaf_since = std::max(facts.deaf_since.value_or(Time{}),
                                        target->endpoint->last_loss().value_or(Time{}));
    return facts;
}

}  // namespace peerzone::probe
