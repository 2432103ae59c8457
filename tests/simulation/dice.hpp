// Where every choice of a scenario comes from: the same seed gives the same throws (splitmix64).
#pragma once

#include <cstdint>
#include <string_view>

#include "peerzone/base/clock.hpp"

namespace peerzone::simulation {

constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

constexpr std::uint64_t hash_of(std::string_view text, std::uint64_t seed) noexcept {
    std::uint64_t hash = seed ^ 0xcbf29ce484222325u;
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
    return mix(hash);
}

class Dice {
public:
    explicit Dice(std::uint64_t seed) noexcept : state_(mix(seed + 0x9e3779b97f4a7c15u)) {}

    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15u;
        return mix(state_);
    }
    /// In [0, bound).
    unsigned below(unsigned bound) noexcept {
        return static_cast<unsigned>((next() >> 32) * bound >> 32);
    }
    unsigned between(unsigned least, unsigned most) noexcept {
        return least + below(most - least + 1);
    }
    bool chance(unsigned percent) noexcept { return below(100) < percent; }
    bool per_mille(unsigned share) noexcept { return below(1000) < share; }
    Duration between(Duration least, Duration most) noexcept {
        const auto span = static_cast<std::uint64_t>((most - least).count()) + 1;
        return least + Duration(static_cast<Duration::rep>(next() % span));
    }
    template <class T, std::size_t N>
    const T& pick(const T (&from)[N]) noexcept {
        return from[below(N)];
    }
    template <class Range>
    decltype(auto) pick(const Range& from) noexcept {
        return from[below(static_cast<unsigned>(from.size()))];
    }

private:
    std::uint64_t state_;
};

}  // namespace peerzone::simulation
