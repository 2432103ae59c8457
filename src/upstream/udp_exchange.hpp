// Questions over UDP. Per endpoint a pool of connected sockets, each on a port of its own that the
// kernel chose; the pool grows with the questions in flight, a question leaves by any of them, and
// each is retired after a while (RFC 5452 9.2). Used on one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "peerzone/base/fd.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/upstream/client.hpp"
#include "upstream/attempt.hpp"
#include "upstream/random.hpp"
#include "upstream/timers.hpp"

namespace peerzone::upstream {

struct AddressHash {
    std::size_t operator()(const SocketAddress& address) const noexcept;
};

class UdpExchange {
public:
    UdpExchange(boost::asio::io_context& io, Timers& timers, Random& random,
                metrics::Counters& counters, const ClientOptions& options);
    ~UdpExchange();
    UdpExchange(const UdpExchange&) = delete;
    UdpExchange& operator=(const UdpExchange&) = delete;

    /// Sends the question to attempt.to. It may have ended when this returns (its outcome says so);
    /// await it otherwise.
    void start(Attempt& attempt);
    /// Every attempt ends with shut_down, within this call; later ones at once.
    void shut_down();
    std::size_t socket_count() const noexcept { return sockets_; }

private:
    static constexpr Duration kSweepInterval = Seconds(1);
    static constexpr Duration kIdle = Seconds(2);
    static constexpr std::size_t kPendingPerSocketMax = 256;
    static constexpr int kEventsMax = 64;
    static constexpr int kRoundsMax = 16;  // of kEventsMax, before others get their turn

    struct Pool;
    struct Socket {
        Socket(Fd descriptor, Pool& owner, Time now);
        Fd fd;
        Pool* pool;
        AttemptList pending;
        Time opened;
        Time used;
        std::uint32_t asked = 0;
        bool retired = false;
    };
    using Sockets = std::vector<std::unique_ptr<Socket>>;
    struct Pool {
        Sockets active;
        Sockets retired;            // wait for their last replies
        std::size_t in_flight = 0;  // over active and retired
        std::uint64_t asked = 0;
    };

    Socket* pick(const SocketAddress& to, Time now, Outcome& why_not);
    bool open(Pool& pool, const SocketAddress& to, Time now, Outcome& why_not);
    bool make_room();
    std::size_t wanted(const Pool& pool) const noexcept;
    bool is_worn(const Socket& socket, Time now) const noexcept;
    void retire(Pool& pool, std::size_t index);
    void close(Sockets& from, std::size_t index);
    void close_if_done(Socket& socket);
    std::uint16_t free_id(const Socket& socket) noexcept;
    Outcome send(Socket& socket, Attempt& attempt);
    void wait();
    void on_readable();
    void receive(Socket& socket);
    void on_datagram(Socket& socket, Bytes message);
    void collect(Socket& socket, Outcome how) noexcept;
    void fail_all(Socket& socket, Outcome how);
    void fail_soon(Socket& socket);
    void finish_failed();
    void sweep();
    static void timed_out(Attempt& attempt);

    struct SweepNode : TimerNode {
        explicit SweepNode(UdpExchange& o);
        UdpExchange& owner;
    };

    Timers& timers_;
    Random& random_;
    metrics::Counters& counters_;
    ClientOptions options_;
    std::unordered_map<SocketAddress, Pool, AddressHash> pools_;
    std::size_t sockets_ = 0;
    Sockets graveyard_;   // closed during a wake-up; its events may still name them
    AttemptList failed_;  // their coroutines are about to go on
    bool in_wake_up_ = false;
    bool shut_down_ = false;
    SweepNode sweep_node_;
    std::vector<std::uint8_t> buffer_;
    boost::asio::posix::stream_descriptor epoll_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace peerzone::upstream
