// Invariants: a node is filed under a tick in (current_, current_ + kSlots - 1], so one slot holds
// one tick only; a node further away is filed at the horizon and filed again when that is reached.
#include "peerzone/base/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace peerzone {

void TimerNode::cancel() noexcept {
    if (wheel_ == nullptr) return;
    *link_ = next_;
    if (next_ != nullptr) next_->link_ = link_;
    --wheel_->count_;
    wheel_ = nullptr;
    next_ = nullptr;
    link_ = nullptr;
}

std::uint64_t TimerWheel::floor_tick(Time time) const noexcept {
    if (time <= start_) return 0;
    return static_cast<std::uint64_t>((time - start_) / kTick);
}

std::uint64_t TimerWheel::ceil_tick(Time time) const noexcept {
    return floor_tick(time + kTick - Duration(1));
}

void TimerWheel::file(TimerNode& node) noexcept {
    const std::uint64_t tick = std::clamp(node.tick_, current_ + 1, current_ + kSlots - 1);
    const std::size_t slot = tick % kSlots;
    node.wheel_ = this;
    node.next_ = slots_[slot];
    node.link_ = &slots_[slot];
    if (node.next_ != nullptr) node.next_->link_ = &node.next_;
    slots_[slot] = &node;
    occupied_[slot / 64] |= std::uint64_t{1} << slot % 64;
    ++count_;
}

void TimerWheel::add(TimerNode& node, Time now, Time deadline) noexcept {
    node.cancel();
    if (count_ == 0) current_ = std::max(current_, floor_tick(now));
    node.tick_ = std::max(ceil_tick(deadline), floor_tick(now) + 1);
    file(node);
}

std::uint64_t TimerWheel::occupied_after(std::uint64_t tick) noexcept {
    const std::uint64_t last = current_ + kSlots - 1;
    for (++tick; tick <= last;) {
        const std::size_t slot = tick % kSlots;
        const std::uint64_t ahead = occupied_[slot / 64] >> slot % 64;
        if (ahead == 0) {
            tick += 64 - slot % 64;
            continue;
        }
        const auto skip = static_cast<unsigned>(std::countr_zero(ahead));
        tick += skip;
        if (tick > last) break;
        if (slots_[tick % kSlots] != nullptr) return tick;
        occupied_[tick % kSlots / 64] &= ~(std::uint64_t{1} << tick % kSlots % 64);
        ++tick;
    }
    return last + 1;
}

TimerNode* TimerWheel::pop_expired(Time now) noexcept {
    const std::uint64_t target = floor_tick(now);
    while (count_ > 0 && current_ < target) {
        const std::uint64_t tick = occupied_after(current_);
        if (tick > target) break;
        current_ = tick - 1;
        TimerNode& node = *slots_[tick % kSlots];
        node.cancel();
        if (node.tick_ <= target) return &node;
        file(node);
    }
    current_ = std::max(current_, target);
    return nullptr;
}

TimerNode* TimerWheel::pop_any() noexcept {
    if (count_ == 0) return nullptr;
    TimerNode* node = slots_[occupied_after(current_) % kSlots];
    node->cancel();
    return node;
}

std::optional<Time> TimerWheel::next() noexcept {
    if (count_ == 0) return std::nullopt;
    return start_ + kTick * occupied_after(current_);
}

}  // namespace peerzone
