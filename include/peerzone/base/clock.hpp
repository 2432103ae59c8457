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

}  // namespace peerzone
