#include "app/cpu_count.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace peerzone::app {
namespace {

namespace fs = std::filesystem;

struct Groups {
    std::string v2;      // path within the unified hierarchy
    std::string v1_cpu;  // path within the cpu controller's
};

// /proc/self/cgroup: "0::/path" for v2, "3:cpu,cpuacct:/path" for v1 (cgroups(7)).
Groups read_groups(const fs::path& proc) {
    Groups groups;
    std::ifstream in(proc / "self/cgroup");
    for (std::string line; std::getline(in, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        if (controllers == ",,") groups.v2 = line.substr(second + 1);
        if (controllers.find(",cpu,") != std::string::npos) groups.v1_cpu = line.substr(second + 1);
    }
    return groups;
}

// "max 100000" or "150000 100000"
std::optional<double> read_v2(const fs::path& file) {
    std::ifstream in(file);
    std::string quota;
    double period = 0;
    if (!(in >> quota >> period) || quota == "max" || period <= 0) return std::nullopt;
    std::istringstream number(quota);
    double value = 0;
    return number >> value && value > 0 ? std::optional(value / period) : std::nullopt;
}

std::optional<double> read_v1(const fs::path& folder) {
    double quota = 0;
    double period = 0;
    std::ifstream quota_in(folder / "cpu.cfs_quota_us");
    std::ifstream period_in(folder / "cpu.cfs_period_us");
    if (!(quota_in >> quota) || !(period_in >> period) || quota <= 0 || period <= 0)
        return std::nullopt;
    return quota / period;
}

}  // namespace

std::optional<double> cgroup_cpus(const fs::path& proc, const fs::path& sys) {
    const Groups groups = read_groups(proc);
    std::optional<double> least;
    const auto consider = [&](std::optional<double> cpus) {
        if (cpus) least = std::min(least.value_or(*cpus), *cpus);
    };
    // Inside a container the path may not be visible from here: then the root of the mount is ours.
    // Every ancestor binds as well.
    for (fs::path at = fs::path(groups.v2).relative_path();; at = at.parent_path()) {
        consider(read_v2(sys / "fs/cgroup" / at / "cpu.max"));
        if (at.empty()) break;
    }
    for (fs::path at = fs::path(groups.v1_cpu).relative_path();; at = at.parent_path()) {
        consider(read_v1(sys / "fs/cgroup/cpu" / at));
        if (at.empty()) break;
    }
    return least;
}

std::size_t auto_workers() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::size_t cpus = std::max(1u, std::thread::hardware_concurrency());
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cpus = static_cast<std::size_t>(CPU_COUNT(&set));
    if (const auto quota = cgroup_cpus("/proc", "/sys"))
        cpus = std::min(cpus, static_cast<std::size_t>(std::ceil(*quota)));
    return std::clamp<std::size_t>(cpus, 1, kAutoWorkersMax);
}

}  // namespace peerzone::app
