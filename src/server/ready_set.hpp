// Which of many sockets are ready: an epoll set of ours, which Asio watches as one descriptor.
//
// One object per TcpServer, used on its worker's thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>

namespace peerzone::server {

class ReadySet {
public:
    struct Interest {
        bool readable = false;
        bool writable = false;
        bool operator==(const Interest&) const = default;
        bool none() const noexcept { return !readable && !writable; }
    };
    /// A socket that failed is ready for what it was watched for. `id` may be one that has gone
    /// since: events of one look are told one after the other.
    using OnReady = std::function<void(std::uint64_t id, Interest ready)>;

    /// Throws boost::system::system_error without descriptors.
    ReadySet(boost::asio::io_context& io, OnReady on_ready);
    ~ReadySet();
    ReadySet(const ReadySet&) = delete;
    ReadySet& operator=(const ReadySet&) = delete;

    /// `now` is what the last call for this socket asked for, at first nothing. Said again while
    /// the socket stays ready. A socket that is closed has left the set. False without memory.
    bool watch(int socket, std::uint64_t id, Interest now, Interest wanted) noexcept;

    /// Tells nothing any more, takes nothing any more, and does not keep the event loop running.
    void stop() noexcept;

private:
    void await();
    void tell();

    const OnReady on_ready_;
    boost::asio::posix::stream_descriptor set_;
    std::shared_ptr<bool> alive_;  // false once this is gone: handlers may outlive it
};

}  // namespace peerzone::server
