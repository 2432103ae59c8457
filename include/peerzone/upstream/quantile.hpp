// The value that a share of all samples stays below, learned in one number: each sample above moves
// the estimate up, each one below moves it down, by steps that balance where the share is reached.
// How far above a sample lies does not matter, so a few slow replies do not spoil it, as they do a
// mean. Relaxed atomics: two writers at once lose one step.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "peerzone/base/clock.hpp"

namespace peerzone::upstream {

template <std::uint64_t PerMille>
class Quantile {
public:
    Duration value() const noexcept { return Micros(us_.load(std::memory_order_relaxed)); }

    void note(std::uint32_t sample_us) noexcept {
        const std::uint64_t at = us_.load(std::memory_order_relaxed);
        std::uint64_t next = at;
        if (at == 0) {
            next = 2 * std::uint64_t{sample_us};  // nothing is known about the spread
        } else if (sample_us > at) {
            next = std::min<std::uint64_t>(sample_us, at + step(at, PerMille));
        } else if (sample_us < at) {
            next = std::max<std::uint64_t>(sample_us, at - step(at, 1000 - PerMille));
        }
        us_.store(static_cast<std::uint32_t>(std::max<std::uint64_t>(next, 1)),
                  std::memory_order_relaxed);
    }

private:
    /// At most a quarter of the estimate, less the rarer the step should count.
    static std::uint64_t step(std::uint64_t at, std::uint64_t weight) noexcept {
        return std::max<std::uint64_t>(1, at * weight / 4000);
    }
    std::atomic<std::uint32_t> us_{0};
};

}  // namespace peerzone::upstream
