#include "upstream/watch.hpp"

#include <algorithm>

namespace peerzone::upstream {

bool Target::silence_counts() const noexcept {
    const bool peer = watch != nullptr && watch->upstream->options.kind == Kind::peer;
    return answered || (peer && !is_deaf());
}

Partition::Facts Watch::facts() const noexcept {
    Partition::Facts facts;
    facts.endpoints = targets.size();
    for (const auto& target : targets) {
        const Endpoint& endpoint = *target->endpoint;
        if (endpoint.is_suspect()) continue;
        ++facts.up;
        const auto heard = endpoint.last_reply();
        if (heard && *heard >= partition.since()) ++facts.heard;
    }
    facts.silence_confirmed = std::all_of(targets.begin(), targets.end(), [&](const auto& target) {
        return target->silent_round == round;
    });
    return facts;
}

}  // namespace peerzone::upstream
