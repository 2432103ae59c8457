// What the server at the other end of streams allows, learned from how its connections end: how
// many questions a connection gets answered, and how many connections are served at once. RFC 7766
// lets a server close whenever it likes (6.2.3) and a client ask again (6.2.4); whoever knows the
// limits does not put thirty questions where one is answered. Pure; one for each server and thread.
#pragma once

#include <cstddef>
#include <optional>

#include "peerzone/base/clock.hpp"

namespace peerzone::exchange {

class StreamLimits {
public:
    static constexpr std::size_t kConnectionsMax = 4;
    /// Where a connection takes few questions, more of them are needed at once.
    static constexpr std::size_t kConnectionsMaxFew = 16;
    /// A server that answers more than this many questions on a connection is not limited: what
    /// it leaves unanswered is asked again, that is all.
    static constexpr unsigned kFewMax = 32;
    /// What was learned is doubted after so long: a connection gets twice as many questions, and
    /// the limit on connections is forgotten.
    static constexpr Duration kDoubtAfter = Seconds(60);

    /// How many questions a new connection takes in all; nothing: no limit is known.
    std::optional<unsigned> questions_max(Time now) const noexcept;
    /// How many connections may be open at once.
    std::size_t connections_max(Time now) const noexcept;
    bool any_known(Time now) const noexcept {
        return questions_max(now).has_value() || is_crowded(now);
    }

    /// The server closed a connection after that many replies, with more questions on it that
    /// had been sent before the last of these.
    void note_closed_after(unsigned replies, Time now) noexcept;
    /// The server did not serve a connection while it served `others`.
    void note_turned_away(std::size_t others, Time now) noexcept;

private:
    bool is_crowded(Time now) const noexcept {
        return served_ != 0 && now - crowded_at_ < kDoubtAfter;
    }

    unsigned questions_ = 0;  // 0: not known
    Time questions_at_{};
    std::size_t served_ = 0;  // connections at once; 0: not known
    Time crowded_at_{};
};

}  // namespace peerzone::exchange
