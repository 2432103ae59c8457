#include "peerzone/exchange/stream_limits.hpp"

#include <algorithm>

namespace peerzone::exchange {

std::optional<unsigned> StreamLimits::questions_max(Time now) const noexcept {
    if (questions_ == 0) return std::nullopt;
    unsigned max = questions_;
    for (Time at = questions_at_ + kDoubtAfter; at <= now && max <= kFewMax; at += kDoubtAfter)
        max *= 2;
    if (max > kFewMax) return std::nullopt;
    return max;
}

std::size_t StreamLimits::connections_max(Time now) const noexcept {
    const std::size_t max = questions_max(now) ? kConnectionsMaxFew : kConnectionsMax;
    return is_crowded(now) ? std::min(max, served_) : max;
}

void StreamLimits::note_closed_after(unsigned replies, Time now) noexcept {
    if (replies == 0) return;
    questions_ = replies <= kFewMax ? replies : 0;
    questions_at_ = now;
}

void StreamLimits::note_turned_away(std::size_t others, Time now) noexcept {
    const std::size_t now_max = connections_max(now);
    served_ = std::max<std::size_t>(std::min(others, now_max), 1);
    crowded_at_ = now;
}

}  // namespace peerzone::exchange
