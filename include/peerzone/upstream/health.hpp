// What is known about an upstream as a whole: whether its region is there. One object per upstream,
// shared by all snapshots, so that it survives a reload. Control decides, every worker reads
// (relaxed atomics); what single endpoints are like stands in upstream/endpoint.hpp.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/wakeup.hpp"
#include "peerzone/exchange/attempt.hpp"
#include "peerzone/upstream/hedge_budget.hpp"

namespace peerzone::upstream {

/// src/README.md, "Partition".
enum class UpstreamState : std::uint8_t {
    unknown,     ///< nothing has been heard yet
    healthy,     ///< at least one endpoint is usable
    unusable,    ///< endpoints reply, and none of them with anything of use: they are asked all the
                 ///< same
    unresolved,  ///< there are no endpoints
    suspect,     ///< no endpoint replied lately; nothing has confirmed that all are gone
    partitioned,  ///< confirmed: what is known is answered from memory at once, what is not fails
                  ///< at once
    recovering    ///< a good reply came after a partition: fresh answers again, without a stampede
};

inline std::string_view state_text(UpstreamState state) noexcept {
    switch (state) {
        case UpstreamState::unknown: return "unknown";
        case UpstreamState::healthy: return "healthy";
        case UpstreamState::unusable: return "unusable";
        case UpstreamState::unresolved: return "unresolved";
        case UpstreamState::suspect: return "suspect";
        case UpstreamState::partitioned: return "partitioned";
        case UpstreamState::recovering: return "recovering";
    }
    return "";
}

/// How often this upstream's clients felt what its state is. Any thread.
class UpstreamStats {
public:
    std::uint64_t stale_answers() const noexcept { return stale_answers_.load(kRelaxed); }
    std::uint64_t failed_at_once() const noexcept { return failed_at_once_.load(kRelaxed); }
    std::uint64_t shed() const noexcept { return shed_.load(kRelaxed); }
    std::uint64_t hedges() const noexcept { return hedges_.load(kRelaxed); }
    /// Questions that wait for it now, over all workers.
    std::uint64_t in_flight() const noexcept { return in_flight_.load(kRelaxed); }

    void note_stale_answer() noexcept { stale_answers_.fetch_add(1, kRelaxed); }
    void note_failed_at_once() noexcept { failed_at_once_.fetch_add(1, kRelaxed); }
    void note_shed() noexcept { shed_.fetch_add(1, kRelaxed); }
    /// A question that was sent to it has come back. What it fails with then need not say so: a
    /// server on the way may have dropped the reason.
    void note_loop(Time now) noexcept { last_loop_.store(now.time_since_epoch().count(), kRelaxed); }
    bool has_looped_since(Time time) const noexcept {
        return last_loop_.load(kRelaxed) > time.time_since_epoch().count();
    }
    void note_hedge() noexcept { hedges_.fetch_add(1, kRelaxed); }
    void note_asked() noexcept { in_flight_.fetch_add(1, kRelaxed); }
    void note_done() noexcept { in_flight_.fetch_sub(1, kRelaxed); }

private:
    static constexpr auto kRelaxed = std::memory_order_relaxed;
    std::atomic<std::uint64_t> stale_answers_{0};
    std::atomic<std::uint64_t> failed_at_once_{0};
    std::atomic<std::uint64_t> shed_{0};
    std::atomic<Duration::rep> last_loop_{Duration::min().count()};
    std::atomic<std::uint64_t> hedges_{0};
    std::atomic<std::uint64_t> in_flight_{0};
};

class UpstreamHealth final : public exchange::Waker {
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

    /// A reply would change the state, so the worker that gets one wakes control. Of use or not …
    bool waits_for_reply() const noexcept {
        const UpstreamState now = state();
        return now == UpstreamState::suspect || now == UpstreamState::partitioned;
    }
    /// … or of use.
    bool waits_for_answer() const noexcept {
        const UpstreamState now = state();
        return now != UpstreamState::healthy && now != UpstreamState::recovering;
    }
    /// Wakes control: an endpoint became suspect, or one has replied unexpectedly.
    void wake() const noexcept override {
        if (wakeup_ != nullptr) wakeup_->wake();
    }
    /// Somebody asked for a name of this upstream. For 10 s from then on it is probed often when it
    /// is not healthy.
    void note_wanted(Time now) noexcept {
        const Time before = wanted_at();
        if (now - before < kWantedStep) return;
        wanted_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
        if (now - before >= kWantedFor - kWantedStep && state() != UpstreamState::healthy) wake();
    }
    bool is_wanted(Time now) const noexcept { return now - wanted_at() < kWantedFor; }
    /// True for one caller per 50 ms, and per 500 ms once it has been away for a minute: it may
    /// send a copy of its question there. So clients that ask find out at once that it is back.
    bool claim_nudge(Time now) noexcept;

    HedgeBudget& hedges() noexcept { return hedges_; }
    UpstreamStats& stats() noexcept { return stats_; }
    const UpstreamStats& stats() const noexcept { return stats_; }

    // Control thread.
    void enter(UpstreamState state, Time now, WallTime wall) noexcept {
        since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
        since_wall_.store(wall.time_since_epoch().count(), std::memory_order_relaxed);
        state_.store(state, std::memory_order_relaxed);
    }
    /// Once, before any worker knows the object.
    void connect(std::shared_ptr<Wakeup> wakeup) noexcept { wakeup_ = std::move(wakeup); }
    bool is_connected() const noexcept { return wakeup_ != nullptr; }
    void hold(bool held) noexcept { held_.store(held, std::memory_order_relaxed); }

private:
    static constexpr Duration kWantedFor = Seconds(10);
    static constexpr Duration kWantedStep = Seconds(1);
    Time wanted_at() const noexcept {
        return Time(Duration(wanted_at_.load(std::memory_order_relaxed)));
    }

    std::shared_ptr<Wakeup> wakeup_;
    std::atomic<Duration::rep> wanted_at_{kLongAgo.time_since_epoch().count()};
    std::atomic<Duration::rep> nudge_from_{Duration::min().count()};
    std::atomic<UpstreamState> state_{UpstreamState::unknown};
    std::atomic<bool> held_{false};
    std::atomic<Duration::rep> since_{0};
    std::atomic<WallTime::duration::rep> since_wall_{0};
    alignas(64) HedgeBudget hedges_;
    UpstreamStats stats_;
};

}  // namespace peerzone::upstream
