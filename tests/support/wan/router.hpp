// The network with devices and a clock: reads what regions send, delivers what is due, and obeys
// the lines of its standard input. One thread, one epoll set.
#pragma once

#include <string>
#include <vector>

#include "network.hpp"
#include "peerzone/base/fd.hpp"

namespace peerzone::wan {

class Router {
public:
    /// One device per region of the network, in their order. Throws std::system_error.
    Router(Network network, std::vector<Fd> devices);

    /// Until the input ends. Throws std::system_error when the system fails us.
    void run();

private:
    void watch(int fd, std::uint64_t tag) const;
    void read_device(std::size_t region);
    bool read_commands();  ///< false at the end of the input
    void obey(std::string_view line);
    void deliver_due();
    void arm_timer() const;

    Network network_;
    std::vector<Fd> devices_;
    Fd epoll_;
    Fd timer_;
    std::string unread_;     ///< input behind the last line feed
    bool too_long_ = false;  ///< the line in unread_ is being thrown away
};

}  // namespace peerzone::wan
