// What single clients may ask of one upstream: how fast, and how much at a time. A client is an
// IPv4 address or an IPv6 /64; it is counted apart for each upstream, for it may be a DNS server
// that asks for many, and what waits for a dead peer must not use up its share of the others. A
// table of fixed size, so that no number of clients costs memory: places of clients that have
// nothing in flight and were quiet longest are given to new ones, and where all neighbours are busy
// a new one goes uncounted (the upstream's own bound holds all the same).
// Pure; one per worker, used on its thread; handed `now`. Allocates nothing after construction.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/resolver/limits.hpp"

namespace peerzone::resolver {

class ClientGuard {
public:
    using Place = std::uint16_t;
    static constexpr Place kNone = 0xffff;
    static constexpr std::size_t kPlaces = 4096;

    enum class Verdict : std::uint8_t { ok, too_fast, too_many };

    /// `seed`: so that nobody outside can choose who shares places.
    explicit ClientGuard(std::uint64_t seed);

    /// One question of this client that needs this upstream (Upstream::id). On ok it is in flight
    /// until release(). The rate counts always; past it the verdict is too_fast only when
    /// `pressed`.
    Verdict admit(const IpAddress& client, std::uint16_t upstream, const Limits& limits,
                  bool pressed, Time now, Place& place) noexcept;
    void release(Place place) noexcept;  ///< kNone is taken, too
    /// What was in flight at `place` is at this upstream now, whatever is there: where it is now.
    Place move(Place place, const IpAddress& client, std::uint16_t upstream) noexcept;

    /// kNone: nothing of it is counted there.
    Place place_of(const IpAddress& client, std::uint16_t upstream) const noexcept;

    std::uint32_t in_flight(Place place) const noexcept {
        return place == kNone ? 0 : entries_[place].in_flight;
    }

private:
    struct Entry {
        std::uint64_t id = 0;       // of client and upstream; 0: free
        Duration::rep paid_at = 0;  // until when the rate is used up (GCRA's arrival time)
        std::uint32_t in_flight = 0;
    };
    static constexpr std::size_t kWays = 4;

    std::uint64_t id_of(const IpAddress& client, std::uint16_t upstream) const noexcept;
    Place find(std::uint64_t id) noexcept;

    std::uint64_t seed_;
    std::vector<Entry> entries_{kPlaces};
};

/// How often the client that has most may be looked for: one look in a millisecond, and a few in a
/// row for those who come together. Who would not have less than that one had a moment ago could
/// not gain by it, and uses none up: else two clients that flood would keep it from everybody.
class HeaviestClientScan {
public:
    struct Last {
        std::size_t most = 0;  ///< what it had
        Time at{};
    };
    enum class Of : std::uint8_t { in_flight, waiters };

    /// What the last look at that upstream found; the caller writes it.
    Last& last(std::uint16_t upstream, Of what) {
        if (upstream >= last_.size()) last_.resize(upstream + 1u);
        return last_[upstream][static_cast<std::size_t>(what)];
    }
    bool take(const Last& last, std::size_t own, Time now) noexcept {
        constexpr int kInARow = 16;
        constexpr Duration kHolds = Millis(10);
        if (now - last.at < kHolds && own + 1 >= last.most) return false;
        if (used_until_ > now + kInARow * Millis(1)) return false;
        used_until_ = std::max(used_until_, now) + Millis(1);
        return true;
    }

private:
    std::vector<std::array<Last, 2>> last_;  // by Upstream::id
    Time used_until_{};
};

}  // namespace peerzone::resolver
