#include "peerzone/upstream/health.hpp"

namespace peerzone::upstream {
namespace {

constexpr Duration kNudgeInterval = Millis(50);
constexpr Duration kLongNudgeInterval = Millis(500);
constexpr Duration kLong = Seconds(60);

}  // namespace

bool UpstreamHealth::claim_nudge(Time now) noexcept {
    const Duration::rep ticks = now.time_since_epoch().count();
    Duration::rep from = nudge_from_.load(std::memory_order_relaxed);
    if (ticks < from) return false;
    const Duration interval = now - since() < kLong ? kNudgeInterval : kLongNudgeInterval;
    return nudge_from_.compare_exchange_strong(from, ticks + interval.count(),
                                               std::memory_order_relaxed);
}

}  // namespace peerzone::upstream
