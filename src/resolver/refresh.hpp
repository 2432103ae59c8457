// Hot names are asked again before they expire, so that no client waits for a region's round trip
// (src/README.md, "Refresh"). A hit that finds its answer due claims it (cache::Cache lets one
// of all workers do so, once per answer) and puts the question here; a moment later the worker asks
// it in the background. Bounded and without allocation; used on the worker's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "peerzone/base/timer_node.hpp"
#include "peerzone/cache/cache.hpp"
#include "peerzone/resolver/resolver.hpp"

namespace peerzone::resolver {

/// How often an answer must have been found to be worth asking for again.
inline constexpr std::uint32_t kHotUses = 2;

/// How long before its end an answer of this lifetime is due: a tenth, at least a second, at most a
/// third (a TTL of 1 s is asked again two thirds of a second after it was learned).
Duration refresh_window(Duration lifetime) noexcept;
/// Whether this hit's answer is due. Spread over the window's last quarter by the name's hash, so
/// that what was learned together is not asked together.
bool is_due(const cache::Hit& hit, std::uint64_t name_hash) noexcept;

/// Most hits are of answers in the first half of their life.
inline bool may_be_due(const cache::Hit& hit) noexcept {
    return hit.remaining < hit.age && hit.uses >= kHotUses;
}

/// Questions that will be asked in the background, first in, first out.
class RefreshQueue {
public:
    static constexpr std::size_t kMax = 64;

    bool full() const noexcept { return count_ == kMax; }
    bool empty() const noexcept { return count_ == 0; }
    void push(const Request& request) noexcept;  ///< not when full
    Request pop() noexcept;                      ///< not when empty
    void clear() noexcept { count_ = 0; }

private:
    std::array<Request, kMax> questions_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
};

/// Fires when the queue's next questions are to be asked.
struct RefreshTimer : TimerNode {
    explicit RefreshTimer(Resolver::Impl& resolver) noexcept
        : TimerNode(&RefreshTimer::fire), owner(resolver) {}
    static void fire(TimerNode& node);

    Resolver::Impl& owner;
};

}  // namespace peerzone::resolver
