#include "simulation/clock.hpp"

#include <sys/random.h>
#include <time.h>

#include <chrono>
#include <cstring>
#include <random>

#include "simulation/dice.hpp"

namespace peerzone::simulation {
namespace {

Time clock_now{};
std::uint64_t looks = 0;
Dice randomness(1);

}  // namespace

void set_clock(Time now) {
    clock_now = now;
}

void seed_randomness(std::uint64_t seed) {
    randomness = Dice(seed);
}

std::uint64_t clock_looks() {
    return looks;
}

double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace peerzone::simulation

// The program's own definitions come before those of the shared libraries.
std::chrono::steady_clock::time_point std::chrono::steady_clock::now() noexcept {
    ++peerzone::simulation::looks;
    return peerzone::simulation::clock_now;
}

std::chrono::system_clock::time_point std::chrono::system_clock::now() noexcept {
    constexpr std::chrono::hours kSince1970{24 * 365 * 56};
    return time_point(kSince1970 + peerzone::simulation::clock_now.time_since_epoch());
}

std::random_device::result_type std::random_device::_M_getval() {
    return static_cast<result_type>(peerzone::simulation::randomness.next());
}

extern "C" ssize_t getrandom(void* out, std::size_t size, unsigned) {
    auto* octets = static_cast<std::uint8_t*>(out);
    for (std::size_t i = 0; i < size; ++i)
        octets[i] = static_cast<std::uint8_t>(peerzone::simulation::randomness.next() >> 32);
    return static_cast<ssize_t>(size);
}
