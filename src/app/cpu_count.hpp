// How many workers `workers: auto` means.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace peerzone::app {

inline constexpr std::size_t kAutoWorkersMax = 4;

/// The CPU quota of this process's cgroup in CPUs, v2 (cpu.max) or v1 (cpu.cfs_quota_us); nothing
/// when there is none. `proc` and `sys` stand for /proc and /sys.
std::optional<double> cgroup_cpus(const std::filesystem::path& proc,
                                  const std::filesystem::path& sys);

/// CPU affinity ∩ cgroup quota, rounded up, from 1 to kAutoWorkersMax.
std::size_t auto_workers();

}  // namespace peerzone::app
