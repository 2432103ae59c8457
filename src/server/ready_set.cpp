// Level-triggered, so a reader that leaves octets in a socket is told again. A socket that is
// watched for nothing is not in the set: epoll would still tell of its failure, again and again.
#include "server/ready_set.hpp"

#include <sys/epoll.h>

#include <array>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <utility>

namespace peerzone::server {
namespace {

// Sockets per look; then everything else in the event loop gets its turn.
constexpr int kEventsPerTurn = 64;

int new_epoll() {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        throw boost::system::system_error(errno, boost::system::system_category(), "epoll_create");
    return fd;
}

}  // namespace

ReadySet::ReadySet(boost::asio::io_context& io, OnReady on_ready)
    : on_ready_(std::move(on_ready)), set_(io, new_epoll()), alive_(std::make_shared<bool>(true)) {
    await();
}

ReadySet::~ReadySet() {
    *alive_ = false;
}

bool ReadySet::watch(int socket, std::uint64_t id, Interest now, Interest wanted) noexcept {
    if (now == wanted) return true;
    epoll_event event{};
    event.events = (wanted.readable ? EPOLLIN : 0u) | (wanted.writable ? EPOLLOUT : 0u);
    event.data.u64 = id;
    const int change = now.none() ? EPOLL_CTL_ADD : wanted.none() ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    return ::epoll_ctl(set_.native_handle(), change, socket, &event) == 0;
}

void ReadySet::stop() noexcept {
    boost::system::error_code ignored;
    set_.close(ignored);
}

void ReadySet::await() {
    set_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this, alive = alive_](const boost::system::error_code& error) {
                        if (!*alive || error) return;
                        tell();
                        if (*alive && set_.is_open()) await();
                    });
}

void ReadySet::tell() {
    std::array<epoll_event, kEventsPerTurn> events;
    const int count = ::epoll_wait(set_.native_handle(), events.data(), kEventsPerTurn, 0);
    const std::shared_ptr<bool> alive = alive_;
    for (int i = 0; i < count && *alive && set_.is_open(); ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const bool failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
        on_ready_(event.data.u64, Interest{failed || (event.events & EPOLLIN) != 0,
                                           failed || (event.events & EPOLLOUT) != 0});
    }
}

}  // namespace peerzone::server
