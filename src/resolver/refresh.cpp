#include "resolver/refresh.hpp"

#include <algorithm>
#include <cassert>

#include "resolver/impl.hpp"

namespace peerzone::resolver {
namespace {

using metrics::Count;
using upstream::UpstreamState;

// Background questions in one millisecond, and what of an upstream's share they may take.
constexpr unsigned kPerTurn = 8;
constexpr std::size_t kShare = 8;
constexpr std::size_t kRecoveringMax = 16;

}  // namespace

Duration refresh_window(Duration lifetime) noexcept {
    return std::max(lifetime / 10, std::min<Duration>(Seconds(1), lifetime / 3));
}

bool is_due(const cache::Hit& hit, std::uint64_t name_hash) noexcept {
    if (!may_be_due(hit)) return false;
    const Duration window = refresh_window(hit.age + hit.remaining);
    const auto spread = static_cast<Duration::rep>(name_hash >> 56);  // 0 … 255
    return hit.remaining <= window - window / 4 * spread / 256;
}

void RefreshQueue::push(const Request& request) noexcept {
    assert(!full());
    questions_[(first_ + count_) % kMax] = request;
    ++count_;
}

Request RefreshQueue::pop() noexcept {
    assert(!empty());
    Request request = questions_[first_];
    first_ = (first_ + 1) % kMax;
    --count_;
    return request;
}

void RefreshTimer::fire(TimerNode& node) {
    static_cast<RefreshTimer&>(node).owner.start_refreshes(Clock::now());
}

std::size_t Resolver::Impl::refreshes_max(const upstream::Upstream& upstream) const noexcept {
    const std::size_t share =
        std::max<std::size_t>(snapshot->limits.in_flight_per_upstream_max / kShare, 1);
    switch (upstream.health->state()) {
        case UpstreamState::unknown:
        case UpstreamState::healthy: return share;
        case UpstreamState::recovering: return std::min(share, kRecoveringMax);
        default: return 0;  // no endpoint replies, or that is not certain
    }
}

// A hit was served, and its answer is due.
void Resolver::Impl::plan_refresh(const Request& request, const Subject& subject, cache::Kind kind,
                                  Memory::Words words, Time now) noexcept {
    const upstream::Upstream& owner = subject.owner();
    if (is_dry || !request.query.recursion_desired() || refreshes.full() ||
        owner.health->is_away() || admission.table().refreshes(owner.id) >= refreshes_max(owner))
        return;
    if (!memory.claim_refresh(subject, kind, words, now)) return;
    refreshes.push(request);
    if (!refresh_timer.is_armed()) client.call_at(refresh_timer, now, now);
}

void Resolver::Impl::start_refreshes(Time now) {
    for (unsigned i = 0; i < kPerTurn && !refreshes.empty(); ++i) {
        Waiter background{.to = {}, .request = refreshes.pop(), .since = now};
        background.request.query.hops = 0;  // it is our question now
        const upstream::Upstream& upstream = *snapshot->upstreams[background.request.route->index];
        if (admission.table().refreshes(upstream.id) >= refreshes_max(upstream)) continue;
        PendingQuery* pending = nullptr;
        if (admission.table().join(background, upstream.id, snapshot, pending) != Join::started)
            continue;
        counters.add(Count::refreshes);
        run(*pending, now);
    }
    if (!refreshes.empty()) client.call_at(refresh_timer, now, now + Millis(1));
}

}  // namespace peerzone::resolver
