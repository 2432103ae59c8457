// Deadlines of what is in flight: a wheel of 1 ms slots. Pure: handed `now`, no clock, no
// allocation after construction. Nodes are part of what waits and leave the wheel by themselves
// when they are destroyed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/timer_node.hpp"

namespace peerzone {

class TimerWheel {
public:
    static constexpr std::size_t kSlots = 4096;
    static constexpr Millis kTick{1};

    explicit TimerWheel(Time start) noexcept : start_(start) {}
    /// Every node must have left.
    ~TimerWheel() = default;
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    /// Files `node`, out of an older deadline if it has one. It expires at `deadline` or up to 1 ms
    /// after it, never before; a deadline that has passed expires with the next millisecond.
    void add(TimerNode& node, Time now, Time deadline) noexcept;
    /// Takes out one node whose deadline is not after `now`; null when there is none.
    TimerNode* pop_expired(Time now) noexcept;
    /// Takes out any node; null when the wheel is empty.
    TimerNode* pop_any() noexcept;
    /// When to call pop_expired again; no later than the next deadline. Nothing when the wheel is
    /// empty.
    std::optional<Time> next() noexcept;
    std::size_t count() const noexcept { return count_; }

private:
    friend class TimerNode;
    std::uint64_t floor_tick(Time time) const noexcept;
    std::uint64_t ceil_tick(Time time) const noexcept;
    void file(TimerNode& node) noexcept;
    std::uint64_t occupied_after(std::uint64_t tick) noexcept;

    Time start_;
    std::uint64_t current_ = 0;  // every slot up to this tick is done
    std::size_t count_ = 0;
    std::array<TimerNode*, kSlots> slots_{};
    std::array<std::uint64_t, kSlots / 64>
        occupied_{};  // a set bit may be stale, a clear one is not
};

}  // namespace peerzone
