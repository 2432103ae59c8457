// Runs scenarios and says what they met. See README.md.
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "peerzone/base/log.hpp"
#include "simulation/clock.hpp"
#include "simulation/scenario.hpp"

namespace {

using peerzone::simulation::Outcome;
using peerzone::simulation::Tally;

std::uint64_t seed_now = 0;

// What can be done where the program ends in the middle of a scenario.
void tell_seed() {
    char text[64];
    const int size = std::snprintf(text, sizeof text, "\nsimulation: seed %llu ended the program\n",
                                   static_cast<unsigned long long>(seed_now));
    if (size > 0 && ::write(2, text, static_cast<std::size_t>(size)) < 0) std::_Exit(1);
}

void on_abort(int) {
    tell_seed();
    std::signal(SIGABRT, SIG_DFL);
    std::raise(SIGABRT);
}

struct Options {
    std::uint64_t from = 1;
    std::uint64_t count = 10'000;
    bool is_one = false;
    bool is_traced = false;
    unsigned twice = 20;  ///< of each so many seeds one is run twice
    std::vector<std::uint64_t> listed;
};

[[noreturn]] void usage() {
    std::fprintf(stderr,
                 "usage: simulation [--from N] [--count N] [--list FILE] [--seed N [--trace]]\n");
    std::exit(2);
}

void read_list(const char* path, Options& options) {
    std::ifstream file(path);
    if (!file) usage();
    for (std::string line; std::getline(file, line);)
        if (!line.empty() && line[0] != '#')
            options.listed.push_back(std::strtoull(line.c_str(), nullptr, 10));
}

Options read_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto value = [&]() -> const char* {
            if (++i == argc) usage();
            return argv[i];
        };
        if (word == "--from") {
            options.from = std::strtoull(value(), nullptr, 10);
        } else if (word == "--count") {
            options.count = std::strtoull(value(), nullptr, 10);
        } else if (word == "--seed") {
            options.from = std::strtoull(value(), nullptr, 10);
            options.count = 1;
            options.is_one = true;
        } else if (word == "--list") {
            read_list(value(), options);
        } else if (word == "--trace") {
            options.is_traced = true;
        } else {
            usage();
        }
    }
    return options;
}

void print(const Tally& tally, double seconds) {
    std::printf(
        "%llu scenarios in %.1f s of CPU time (%.0f/s), %llu queries, %llu questions to servers, "
        "%.0f hours of the scenarios' time\n",
        static_cast<unsigned long long>(tally.scenarios), seconds,
        static_cast<double>(tally.scenarios) / seconds,
        static_cast<unsigned long long>(tally.queries),
        static_cast<unsigned long long>(tally.questions), tally.simulated_seconds / 3600);
    std::printf("faults by kind:\n");
    for (std::size_t i = 0; i < peerzone::simulation::kFaults; ++i)
        std::printf("  %-26s %10llu\n", std::string(peerzone::simulation::kFaultNames[i]).c_str(),
                    static_cast<unsigned long long>(tally.faults[i]));
    std::printf("upstreams became:\n");
    for (const auto& [state, count] : tally.states)
        std::printf("  %-26s %10llu\n", state.c_str(), static_cast<unsigned long long>(count));
    std::printf("answers by source and RCODE:\n");
    for (const auto& [kind, count] : tally.answers)
        std::printf("  %-26s %10llu\n", kind.c_str(), static_cast<unsigned long long>(count));
}

/// False when it failed.
bool run_seed(std::uint64_t seed, const Options& options, Tally& tally) {
    seed_now = seed;
    const Outcome outcome = run_scenario(seed, options.is_traced, tally);
    std::string failure = outcome.failure.value_or("");
    if (failure.empty() && seed % options.twice == 0) {
        Tally ignored;
        if (run_scenario(seed, false, ignored).digest != outcome.digest)
            failure = "the same seed does not give the same answers";
    }
    if (failure.empty()) return true;
    std::printf("seed %llu failed: %s\n", static_cast<unsigned long long>(seed), failure.c_str());
    if (options.is_traced || options.is_one) return false;
    std::printf("its trace:\n");
    Tally ignored;
    run_scenario(seed, true, ignored);
    return false;
}

}  // namespace

extern "C" void __asan_on_error() {
    tell_seed();
}

int main(int argc, char** argv) {
    const Options options = read_options(argc, argv);
    std::signal(SIGABRT, on_abort);
    peerzone::log::configure({.level = peerzone::log::Level::error});
    Tally tally;
    const double began = peerzone::simulation::cpu_seconds();
    bool is_well = true;
    for (const std::uint64_t seed : options.listed)
        is_well = is_well && run_seed(seed, options, tally);
    for (std::uint64_t seed = options.from; is_well && seed < options.from + options.count; ++seed)
        is_well = run_seed(seed, options, tally);
    if (peerzone::simulation::clock_looks() == 0) {
        std::printf("the program asks another clock than the simulation's\n");
        return 1;
    }
    print(tally, peerzone::simulation::cpu_seconds() - began);
    return is_well ? 0 : 1;
}
