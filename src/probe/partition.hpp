// The state of an upstream as a whole (src/README.md, "Partition"). Pure: it is told what is
// known about the endpoints and says whether the state has changed; no clock, no sockets.
//
//   unknown ──► healthy ◄──► unusable       as replies say
//      │           │            │
//      └───────all suspect──────┘ ──► suspect ──confirmed──► partitioned ──► unusable
//                                        │                       │    ▲         (useless replies)
//                                     a reply        usable reply│    │all suspect
//                                        ▼                       ▼    │
//                                     as before             recovering ──held out──► healthy
//
// Without endpoints it is unresolved, whatever it was, and unusable while all are of another
// cluster. How long a recovery must hold out grows with each relapse: a link that comes and goes
// stays recovering, where answers are fresh, and does not flap.
#pragma once

#include <cstddef>
#include <optional>

#include "peerzone/base/clock.hpp"
#include "peerzone/upstream/health.hpp"

namespace peerzone::probe {

class Partition {
public:
    static constexpr Duration kHoldMin = Seconds(1);
    static constexpr Duration kHoldMax = Seconds(16);
    /// Healthy for so long, and earlier relapses are forgotten.
    static constexpr Duration kForgiveAfter = Seconds(60);
    /// Where probes cannot tell, a partition is believed for so long after the last loss.
    static constexpr Duration kDeafFor = Seconds(5);

    struct Facts {
        std::size_t endpoints = 0;
        std::size_t wrong = 0;     ///< those of another cluster: as if they were not there
        std::size_t up = 0;        ///< of the others, those that are not suspect
        std::size_t usable = 0;    ///< of these, those that probes or clients found usable
        std::size_t unusable = 0;  ///< of these, those that reply with nothing of use
        std::size_t heard = 0;     ///< of these, with a usable reply since the state began
        /// Each endpoint was probed since the state began, and none has replied in time; of an
        /// endpoint that never answers probes, a client's question was lost instead.
        bool silence_confirmed = false;
        /// There are endpoints that never answer probes, so that only a client's question can tell
        /// whether they are back: when the last one was lost.
        std::optional<Time> deaf_since;
    };

    /// True when the state has changed. `now` must not go back.
    bool look(const Facts& facts, Time now) noexcept;

    upstream::UpstreamState state() const noexcept { return state_; }
    Time since() const noexcept { return since_; }
    /// When to look again even if nothing happens.
    std::optional<Time> due() const noexcept { return due_; }

private:
    upstream::UpstreamState next(const Facts& facts, Time now) const noexcept;
    upstream::UpstreamState settled(const Facts& facts) const noexcept;

    upstream::UpstreamState state_ = upstream::UpstreamState::unknown;
    Time since_{};
    bool returning_ = false;         // it was partitioned, and not healthy since
    std::optional<Time> recovered_;  // when it last became healthy again
    Duration hold_ = kHoldMin;
    std::optional<Time> due_;
};

}  // namespace peerzone::probe
