// Resolves the host names of endpoints in a thread of its own, so that neither start nor control
// waits for it. Each name is asked until it resolves once, with back-off; what is known stays
// known.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone::app {

class HostLookups {
public:
    using Found = std::function<void(const std::string& host, std::vector<IpAddress> addresses)>;

    /// `found` is called in the lookup thread.
    explicit HostLookups(Found found);
    /// Ends the thread; waits at most for the lookup under way (kLookupDeadline).
    ~HostLookups();
    HostLookups(const HostLookups&) = delete;
    HostLookups& operator=(const HostLookups&) = delete;

    /// Which names are wanted from now on, and who is asked. Names that were found before are not
    /// asked again.
    void want(const std::set<std::string>& hosts, const std::vector<SocketAddress>& servers);

private:
    void run();

    Found found_;
    std::mutex mutex_;
    std::condition_variable changed_;
    struct Due {
        Time at;
        Duration back_off;  // after the next failure
    };
    std::map<std::string, Due> due_;  // names to ask
    std::set<std::string> known_;
    std::vector<SocketAddress> servers_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace peerzone::app
