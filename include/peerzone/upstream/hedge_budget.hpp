// How many second questions an upstream may be asked though nothing is wrong yet (src/README.md,
// "Endpoints and health"): one for 20 questions, and at most 20 in a burst. One object per
// upstream, shared by the workers: relaxed atomics, and no write at all while the bucket is full.
#pragma once

#include <atomic>
#include <cstdint>

namespace peerzone::upstream {

class HedgeBudget {
public:
    static constexpr std::uint32_t kQuestionsPerHedge = 20;
    static constexpr std::uint32_t kBurst = 20;

    /// A question was asked.
    void earn() noexcept {
        if (saved_.load(kRelaxed) < kQuestionsPerHedge * kBurst) saved_.fetch_add(1, kRelaxed);
    }
    /// True when a hedge may be sent now.
    bool take() noexcept {
        std::uint32_t saved = saved_.load(kRelaxed);
        while (saved >= kQuestionsPerHedge)
            if (saved_.compare_exchange_weak(saved, saved - kQuestionsPerHedge, kRelaxed))
                return true;
        return false;
    }

private:
    static constexpr auto kRelaxed = std::memory_order_relaxed;
    std::atomic<std::uint32_t> saved_{0};  // in questions
};

}  // namespace peerzone::upstream
