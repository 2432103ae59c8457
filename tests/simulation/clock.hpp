// The clocks and the random numbers of the whole program, in the hands of the simulation: clock.cpp
// defines std::chrono's clocks, getrandom() and std::random_device for this program.
#pragma once

#include <cstdint>

#include "peerzone/base/clock.hpp"

namespace peerzone::simulation {

/// What the program's clocks show from now on.
void set_clock(Time now);
/// What the program draws from now on.
void seed_randomness(std::uint64_t seed);
/// How often the program has asked for the time, to see that it asks this clock.
std::uint64_t clock_looks();
/// What the program has used of the machine, to measure by.
double cpu_seconds();

}  // namespace peerzone::simulation
