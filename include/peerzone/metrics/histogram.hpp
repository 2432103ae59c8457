// How long something took, in fixed buckets. One thread adds, any thread may read; an add is three
// plain loads and stores on lines that no other worker writes, and allocates nothing.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "peerzone/base/clock.hpp"

namespace peerzone::metrics {

class Histogram {
public:
    /// The bounds double from 15.625 us to 8.192 s; CoreDNS's (250 us … 8.192 s) are all among
    /// them, so its dashboards fit. What takes longer is in no bucket but in the count.
    static constexpr std::size_t kBuckets = 20;
    static constexpr std::chrono::nanoseconds upper_bound(std::size_t bucket) noexcept {
        return std::chrono::nanoseconds(kFirstNs << bucket);
    }

    /// `n` that took as long as that. A time below zero counts as zero.
    void add(Duration took, std::uint64_t n = 1) noexcept {
        const auto ns = std::chrono::nanoseconds(took).count();
        const std::uint64_t value = ns > 0 ? static_cast<std::uint64_t>(ns) : 0;
        // The smallest bucket whose bound is not below the value ("le").
        const auto fit =
            static_cast<std::size_t>(std::bit_width(value == 0 ? 0 : (value - 1) / kFirstNs));
        bump(counts_[fit < kBuckets ? fit : kBuckets], n);
        bump(sum_ns_, value * n);
    }

    /// Those of one bucket alone, not of the smaller ones; kBuckets: beyond the last bound.
    std::uint64_t in_bucket(std::size_t bucket) const noexcept {
        return counts_[bucket].load(std::memory_order_relaxed);
    }
    std::chrono::nanoseconds sum() const noexcept {
        return std::chrono::nanoseconds(sum_ns_.load(std::memory_order_relaxed));
    }

private:
    static constexpr std::uint64_t kFirstNs = 15'625;
    static void bump(std::atomic<std::uint64_t>& value, std::uint64_t n) noexcept {
        value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }

    std::array<std::atomic<std::uint64_t>, kBuckets + 1> counts_{};
    std::atomic<std::uint64_t> sum_ns_{0};
};

}  // namespace peerzone::metrics
