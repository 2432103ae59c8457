// The letter case that questions left with (0x20), of all workers together: what comes to us
// spelled like one of them is our own question, wherever it comes from, for nobody outside can
// guess it. A table of fixed size that forgets: a slot is given to whoever writes it last, and
// counts for two seconds. Any thread; relaxed atomics.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>

#include "peerzone/base/bytes.hpp"
#include "peerzone/base/clock.hpp"

namespace peerzone::upstream {

class SentNames {
public:
    static constexpr Duration kKept = Seconds(2);

    /// `name` in wire form, as it leaves.
    void note(Bytes name, Time now) noexcept { store(hash_of(name), now); }
    /// Was a question spelled exactly like that sent a moment ago?
    bool contain(Bytes name, Time now) const noexcept { return has(hash_of(name), now); }
    /// That question has come back to us. A "no" to it is because of the loop, not because of its
    /// letter case; asked again in plain case the loop could not be recognised.
    void note_returned(Bytes name, Time now) noexcept { store(~hash_of(name), now); }
    bool came_back(Bytes name, Time now) const noexcept { return has(~hash_of(name), now); }

private:
    void store(std::uint64_t hash, Time now) noexcept {
        slot_of(hash).store((hash & kHashMask) | tick_of(now), std::memory_order_relaxed);
    }
    bool has(std::uint64_t hash, Time now) const noexcept {
        const std::uint64_t found = slot_of(hash).load(std::memory_order_relaxed);
        const std::uint64_t age = (tick_of(now) - found) & ~kHashMask;
        return (found & kHashMask) == (hash & kHashMask) && age <= kTicksKept;
    }

    // A slot is the front of the hash, and when it was written, in ticks modulo 2^16.
    static constexpr std::uint64_t kHashMask = ~std::uint64_t{0xffff};
    static constexpr Duration kTick = Millis(100);
    static constexpr std::uint64_t kTicksKept = kKept / kTick;
    static constexpr std::size_t kSlots = 4096;

    static std::uint64_t hash_of(Bytes name) noexcept {
        return std::hash<std::string_view>()(
            {reinterpret_cast<const char*>(name.data()), name.size()});
    }
    static std::uint64_t tick_of(Time now) noexcept {
        return static_cast<std::uint64_t>(now.time_since_epoch() / kTick) & ~kHashMask;
    }
    std::atomic<std::uint64_t>& slot_of(std::uint64_t hash) noexcept {
        return slots_[hash % kSlots];
    }
    const std::atomic<std::uint64_t>& slot_of(std::uint64_t hash) const noexcept {
        return slots_[hash % kSlots];
    }

    std::array<std::atomic<std::uint64_t>, kSlots> slots_{};
};

}  // namespace peerzone::upstream
