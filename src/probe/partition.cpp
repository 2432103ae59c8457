#include "probe/partition.hpp"

#include <algorithm>
#include <utility>

namespace peerzone::probe {

/// Where endpoints are up.
upstream::UpstreamState Partition::settled(const Facts& facts) const noexcept {
    using enum upstream::UpstreamState;
    if (facts.usable > 0) return returning_ ? recovering : healthy;
    if (facts.unusable == facts.up) return unusable;
    // An endpoint without a reply yet is new, or has just missed one: that is no news.
    const bool stays = state_ == healthy || state_ == recovering || state_ == unusable;
    return stays ? state_ : unknown;
}

upstream::UpstreamState Partition::next(const Facts& facts, Time now) const noexcept {
    using enum upstream::UpstreamState;
    if (facts.endpoints == 0) return unresolved;
    if (facts.wrong == facts.endpoints) return unusable;
    switch (state_) {
        case unknown:
        case healthy:
        case unusable:
        case unresolved: return facts.up > 0 ? settled(facts) : suspect;
        case suspect:
            if (facts.up > 0) return settled(facts);
            return facts.silence_confirmed ? partitioned : suspect;
        case partitioned:
            if (facts.heard > 0) return recovering;
            // New endpoints are up, but have not replied.
            if (facts.up > 0 && (facts.usable > 0 || facts.unusable == facts.up))
                return settled(facts);
            return facts.deaf_since && now - *facts.deaf_since >= kDeafFor ? suspect : partitioned;
        case recovering:
            if (facts.up == 0) return partitioned;
            if (facts.usable == 0) return settled(facts);
            return now - since_ >= hold_ ? healthy : recovering;
    }
    return state_;
}

bool Partition::look(const Facts& facts, Time now) noexcept {
    using enum upstream::UpstreamState;
    const upstream::UpstreamState to = next(facts, now);
    const upstream::UpstreamState from = std::exchange(state_, to);
    if (to == partitioned && to != from) {
        const bool relapse =
            from == recovering || (recovered_ && now - *recovered_ < kForgiveAfter);
        hold_ = relapse ? std::min(2 * hold_, kHoldMax) : kHoldMin;
        returning_ = true;
    }
    if (to == healthy) {
        if (returning_) recovered_ = now;
        returning_ = false;
    }
    if (to != from) since_ = now;
    due_.reset();
    // Past that, the next reply or silence decides.
    if (to == recovering && now < since_ + hold_) due_ = since_ + hold_;
    if (to == partitioned && facts.deaf_since) due_ = *facts.deaf_since + kDeafFor;
    return to != from;
}

}  // namespace peerzone::probe
