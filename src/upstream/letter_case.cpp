#include "peerzone/upstream/letter_case.hpp"

namespace peerzone::upstream {

void LetterCase::switch_off(Time now) noexcept {
    off_until_.store((now + kOff).time_since_epoch().count(), kRelaxed);
    changes_.store(0, kRelaxed);
    compares_.store(0, kRelaxed);
    taken_.store(false, kRelaxed);  // it is learned anew then
}

bool LetterCase::note_changed(Time now) noexcept {
    const auto seen = static_cast<std::uint8_t>(changes_.load(kRelaxed) + 1);
    changes_.store(seen, kRelaxed);
    if (seen < kEventsMax) return false;
    switch_off(now);
    return true;
}

bool LetterCase::was_compared(Time now) const noexcept {
    return compares_.load(kRelaxed) != 0 && !is_past(now, compared_until_);
}

bool LetterCase::note_compared(Time now) noexcept {
    const std::uint8_t before = was_compared(now) ? compares_.load(kRelaxed) : std::uint8_t{0};
    const auto seen = static_cast<std::uint8_t>(before + 1);
    compares_.store(seen, kRelaxed);
    compared_until_.store((now + kComparedWithin).time_since_epoch().count(), kRelaxed);
    if (seen < kEventsMax) return false;
    switch_off(now);
    return true;
}

bool LetterCase::claim_doubt(Time now) noexcept {
    if (!is_taken() || was_compared(now)) return true;
    Ticks from = doubt_from_.load(kRelaxed);
    if (now.time_since_epoch().count() < from) return false;
    return doubt_from_.compare_exchange_strong(
        from, (now + kDoubtInterval).time_since_epoch().count(), kRelaxed);
}

}  // namespace peerzone::upstream
