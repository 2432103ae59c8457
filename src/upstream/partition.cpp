#include "upstream/partition.hpp"

#include <algorithm>

namespace peerzone::upstream {

UpstreamState Partition::next(const Facts& facts, Time now) const noexcept {
    using enum UpstreamState;
    // Without endpoints there is nothing to learn from; whoever finds some tells us again.
    if (facts.endpoints == 0) return state_;
    switch (state_) {
        case healthy: return facts.up > 0 ? healthy : suspect;
        case suspect:
            if (facts.up > 0) return healthy;
            return facts.silence_confirmed ? partitioned : suspect;
        case partitioned: return facts.heard > 0 ? recovering : partitioned;
        case recovering:
            if (facts.up == 0) return partitioned;
            return now - since_ >= hold_ ? healthy : recovering;
    }
    return state_;
}

bool Partition::look(const Facts& facts, Time now) noexcept {
    using enum UpstreamState;
    const UpstreamState to = next(facts, now);
    if (to == state_) return false;
    if (to == partitioned) {
        const bool relapse =
            state_ == recovering || (recovered_ && now - *recovered_ < kForgiveAfter);
        hold_ = relapse ? std::min(2 * hold_, kHoldMax) : kHoldMin;
    }
    if (to == healthy && state_ == recovering) recovered_ = now;
    state_ = to;
    since_ = now;
    return true;
}

std::optional<Time> Partition::due() const noexcept {
    if (state_ != UpstreamState::recovering) return std::nullopt;
    return since_ + hold_;
}

}  // namespace peerzone::upstream
