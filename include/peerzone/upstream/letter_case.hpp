// Whether questions to an endpoint may leave in mixed letter case (0x20, which makes replies harder
// to forge). Two kinds of servers do not survive that: those that send the name back in other case,
// and those that compare case, so that they deny, refuse or fail what they would answer in lower
// case. Learned for each endpoint by all workers: relaxed atomics, and a lost update costs a
// question more.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "peerzone/base/clock.hpp"

namespace peerzone::upstream {

class LetterCase {
public:
    /// Mixing is off for an hour after the third event of either kind.
    static constexpr std::uint8_t kEventsMax = 3;
    static constexpr Duration kOff = std::chrono::hours(1);
    /// Names that were answered in plain case only count while others were so long ago at most: a
    /// name that came into being between two questions is no proof.
    static constexpr Duration kComparedWithin = std::chrono::minutes(1);
    /// Where mixed case is known to be taken, one denial of so long is looked at all the same: only
    /// some zones of a server may compare, or another server may have taken its place.
    static constexpr Duration kDoubtInterval = Seconds(1);

    bool may_mix(Time now) const noexcept { return is_past(now, off_until_); }
    /// Data came to a question in mixed case.
    bool is_taken() const noexcept { return taken_.load(kRelaxed); }
    /// Names were answered in plain case only, within the last minute.
    bool was_compared(Time now) const noexcept;

    /// A reply was equal but for letter case. True when mixing was switched off by it.
    bool note_changed(Time now) noexcept;
    /// A question in plain case got what the same one in mixed case had not. True when mixing was
    /// switched off by it.
    bool note_compared(Time now) noexcept;
    void note_taken() noexcept {
        if (!is_taken()) taken_.store(true, kRelaxed);
    }
    /// Another server may be there now: nothing is known of it.
    void forget_taken() noexcept { taken_.store(false, kRelaxed); }
    /// A question in mixed case was denied, refused or failed: whether it is worth another one in
    /// plain case. Always until mixed case was seen to be taken, or while it was just seen not to
    /// be; then once in kDoubtInterval.
    bool claim_doubt(Time now) noexcept;

private:
    static constexpr auto kRelaxed = std::memory_order_relaxed;
    using Ticks = Duration::rep;
    static bool is_past(Time now, const std::atomic<Ticks>& until) noexcept {
        return now.time_since_epoch().count() >= until.load(kRelaxed);
    }
    void switch_off(Time now) noexcept;

    std::atomic<std::uint8_t> changes_{0};
    std::atomic<std::uint8_t> compares_{0};
    std::atomic<bool> taken_{false};
    std::atomic<Ticks> compared_until_{Duration::min().count()};
    std::atomic<Ticks> doubt_from_{Duration::min().count()};
    std::atomic<Ticks> off_until_{Duration::min().count()};
};

}  // namespace peerzone::upstream
