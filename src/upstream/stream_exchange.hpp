// Questions over TCP: per endpoint a connection that is kept, with many questions on it and replies
// in any order (RFC 7766 6.2). A second one is opened when it is full. Used on one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "peerzone/metrics/counters.hpp"
#include "peerzone/upstream/client.hpp"
#include "upstream/attempt.hpp"
#include "upstream/random.hpp"
#include "upstream/timers.hpp"
#include "upstream/udp_exchange.hpp"

namespace peerzone::upstream {

class StreamExchange {
public:
    StreamExchange(boost::asio::io_context& io, Timers& timers, Random& random,
                   metrics::Counters& counters, const ClientOptions& options);
    ~StreamExchange();
    StreamExchange(const StreamExchange&) = delete;
    StreamExchange& operator=(const StreamExchange&) = delete;

    /// Sends the question to attempt.to, connecting first if need be; attempt.timeout covers both.
    /// It may have ended when this returns (its outcome says so); await it otherwise. A question
    /// that was put on a used connection which the server then closes is sent again on a fresh one,
    /// once.
    void start(Attempt& attempt);
    /// Every attempt ends with shut_down, within this call; later ones at once.
    void shut_down();
    std::size_t connection_count() const noexcept { return connections_; }

private:
    static constexpr Duration kSweepInterval = Seconds(1);
    static constexpr std::size_t kPerEndpointMax = 4;
    static constexpr std::size_t kConnectionsMax = 256;
    static constexpr std::size_t kQueuedBytesMax = 65536;
    static constexpr unsigned kMismatchMax = 64;  // in a row, then the connection is given up

    struct Connection;
    using Ref = std::shared_ptr<Connection>;
    using Connections = std::vector<Ref>;

    Outcome submit(Attempt& attempt, bool fresh, Time now);
    Ref choose(const SocketAddress& to, bool fresh, Time now);
    Ref connect(const SocketAddress& to, Time now);
    bool make_room();
    void on_connected(const Ref& connection, const boost::system::error_code& error);
    void flush(const Ref& connection);
    void read(const Ref& connection);
    void on_read(const Ref& connection, std::size_t n);
    void on_frame(Connection& connection, Bytes message);
    void lose(const Ref& connection, Outcome how);
    void close(Connection& connection);
    void close_if_done(Connection& connection);
    void finish_failed();
    void sweep();
    static void timed_out(Attempt& attempt);

    struct SweepNode : TimerNode {
        explicit SweepNode(StreamExchange& o);
        StreamExchange& owner;
    };

    boost::asio::io_context& io_;
    Timers& timers_;
    Random& random_;
    metrics::Counters& counters_;
    ClientOptions options_;
    std::unordered_map<SocketAddress, Connections, AddressHash> hosts_;
    std::size_t connections_ = 0;
    AttemptList failed_;  // their coroutines are about to go on
    bool shut_down_ = false;
    SweepNode sweep_node_;
};

}  // namespace peerzone::upstream
