// Time. Decisions never read a clock: they are handed `now`, so that a test can be the clock.
#pragma once

#include <chrono>

namespace peerzone {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;
using Millis = std::chrono::milliseconds;
using Micros = std::chrono::microseconds;
using Seconds = std::chrono::seconds;

/// Before everything that happens, for "never". Not Time{}: the clock begins at zero when the
/// machine boots, so that may be a moment ago. Near enough that differences do not overflow.
inline constexpr Time kLongAgo{-std::chrono::hours(24 * 366)};

}  // namespace peerzone
