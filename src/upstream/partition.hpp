// The state of an upstream as a whole (src/README.md, "Partition"). Pure: it is told what is
// known about the endpoints and says whether the state has changed; no clock, no sockets.
//
//   healthy ──all suspect──► suspect ──probes confirm it──► partitioned
//      ▲  ▲                     │                              │    ▲
//      │  └──────a reply────────┘                  usable reply│    │all suspect
//      └────────────────held out for a while── recovering ◄────┘────┘
//
// How long it must hold out grows with each relapse: a link that comes and goes stays recovering,
// where answers are fresh, and does not flap.
#pragma once

#include <cstddef>
#include <optional>

#include "peerzone/base/clock.hpp"
#include "peerzone/upstream/health.hpp"

namespace peerzone::upstream {

class Partition {
public:
    static constexpr Duration kHoldMin = Seconds(1);
    static constexpr Duration kHoldMax = Seconds(16);
    /// Healthy for so long, and earlier relapses are forgotten.
    static constexpr Duration kForgiveAfter = Seconds(60);

    struct Facts {
        std::size_t endpoints = 0;
        std::size_t up = 0;     ///< those that are not suspect
        std::size_t heard = 0;  ///< of these, with a usable reply since the state began
        /// Each endpoint was probed since the state began, and none has replied in time.
        bool silence_confirmed = false;
    };

    /// True when the state has changed. `now` must not go back.
    bool look(const Facts& facts, Time now) noexcept;

    UpstreamState state() const noexcept { return state_; }
    Time since() const noexcept { return since_; }
    /// When to look again even if nothing happens.
    std::optional<Time> due() const noexcept;

private:
    UpstreamState next(const Facts& facts, Time now) const noexcept;

    UpstreamState state_ = UpstreamState::healthy;
    Time since_{};
    std::optional<Time> recovered_;  // when it last became healthy again
    Duration hold_ = kHoldMin;
};

}  // namespace peerzone::upstream
