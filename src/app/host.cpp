#include "app/host.hpp"

#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <climits>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/text.hpp"
#include "peerzone/upstream/hop_mark.hpp"

namespace peerzone::app {

std::uint64_t new_node_id(const std::string& cluster_name) {
    std::uint32_t process = 0;
    // The kernel gives a few octets whole, or none before it has any randomness at boot.
    if (getrandom(&process, sizeof process, GRND_NONBLOCK) != sizeof process)
        process = static_cast<std::uint32_t>(Clock::now().time_since_epoch().count());
    return upstream::make_node_id(cluster_name, process);
}

std::string host_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "unknown";
    return printable(name.data());
}

std::size_t raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

}  // namespace peerzone::app
