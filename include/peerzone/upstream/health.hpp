// What is known about an upstream as a whole: whether its region is there. One object per upstream,
// shared by all snapshots, so that it survives a reload. Control decides, every worker reads
// (relaxed atomics); what single endpoints are like stands in upstream/endpoint.hpp.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "peerzone/base/clock.hpp"

namespace peerzone::upstream {

/// DESIGN section 6, "Partition".
enum class UpstreamState : std::uint8_t {
    healthy,
    suspect,      ///< no endpoint replied lately; nothing has confirmed that all are gone
    partitioned,  ///< confirmed: what is known is answered from memory at once, what is not fails
                  ///< at once
    recovering    ///< a good reply came after a partition: fresh answers again, without a stampede
};

inline std::string_view state_text(UpstreamState state) noexcept {
    switch (state) {
        case UpstreamState::healthy: return "healthy";
        case UpstreamState::suspect: return "suspect";
        case UpstreamState::partitioned: return "partitioned";
        case UpstreamState::recovering: return "recovering";
    }
    return "";
}

class UpstreamHealth {
public:
    using WallTime = std::chrono::system_clock::time_point;

    UpstreamState state() const noexcept { return state_.load(std::memory_order_relaxed); }
    /// When that state began: for decisions, and for people.
    Time since() const noexcept { return Time(Duration(since_.load(std::memory_order_relaxed))); }
    WallTime since_wall() const noexcept {
        return WallTime(WallTime::duration(since_wall_.load(std::memory_order_relaxed)));
    }
    /// An operator holds it (`peerzone hold`): it is treated as partitioned and not asked.
    bool is_held() const noexcept { return held_.load(std::memory_order_relaxed); }
    /// Nobody waits for it.
    bool is_away() const noexcept { return is_held() || state() == UpstreamState::partitioned; }

    // Control thread.
    void enter(UpstreamState state, Time now, WallTime wall) noexcept {
        since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
        since_wall_.store(wall.time_since_epoch().count(), std::memory_order_relaxed);
        state_.store(state, std::memory_order_relaxed);
    }
    void hold(bool held) noexcept { held_.store(held, std::memory_order_relaxed); }

private:
    std::atomic<UpstreamState> state_{UpstreamState::healthy};
    std::atomic<bool> held_{false};
    std::atomic<Duration::rep> since_{0};
    std::atomic<WallTime::duration::rep> since_wall_{0};
};

}  // namespace peerzone::upstream
