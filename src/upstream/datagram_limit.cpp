#include "peerzone/upstream/datagram_limit.hpp"

#include <bit>

#include "peerzone/dns/name.hpp"

namespace peerzone::upstream {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr std::uint64_t kTypeFactor = 0x9e3779b97f4a7c15;  // odd, its bits spread

}  // namespace

std::uint64_t DatagramLimit::key_of(Bytes name, std::uint16_t type) noexcept {
    return dns::hash_folded(name) + type * kTypeFactor;
}

// A word holds several counters: it is changed only while it is as it was looked at, so a counter
// never runs over into its neighbour.
DatagramLimit::Permit DatagramLimit::claim(std::uint64_t key) noexcept {
    constexpr unsigned kShift = 64 - std::countr_zero(kCounters);
    const std::size_t counter = key >> kShift;
    std::atomic<std::uint64_t>& word = words_[counter / kPerWord];
    const auto at = static_cast<unsigned>(counter % kPerWord) * kBits;
    std::uint64_t seen = word.load(kRelaxed);
    do {
        if ((seen >> at & kMax) == kMax) return {};
    } while (!word.compare_exchange_weak(seen, seen + (std::uint64_t{1} << at), kRelaxed));
    return {word, std::uint64_t{1} << at};
}

std::size_t DatagramLimit::held() const noexcept {
    std::size_t sum = 0;
    for (const auto& word : words_)
        for (std::uint64_t rest = word.load(kRelaxed); rest != 0; rest >>= kBits)
            sum += rest & kMax;
    return sum;
}

}  // namespace peerzone::upstream
