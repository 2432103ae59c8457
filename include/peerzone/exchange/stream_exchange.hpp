// Questions over TCP and TLS: per endpoint a connection that is kept, with many questions on it and
// replies in any order (RFC 7766 6.2, RFC 7858 3.4). A second one is opened when it is full. A
// server may close when it likes: what it left unanswered is asked again on another connection (RFC
// 7766 6.2.4), and how many questions a connection takes is learned (exchange/stream_limits.hpp).
// Used on one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "peerzone/base/cork.hpp"
#include "peerzone/base/random.hpp"
#include "peerzone/base/timers.hpp"
#include "peerzone/exchange/attempt.hpp"
#include "peerzone/exchange/options.hpp"
#include "peerzone/exchange/stream_key.hpp"
#include "peerzone/exchange/stream_limits.hpp"
#include "peerzone/exchange/transport.hpp"
#include "peerzone/exchange/udp_exchange.hpp"
#include "peerzone/metrics/counters.hpp"

namespace peerzone::exchange {

class StreamConnection;

class StreamExchange final : public Transport {
public:
    StreamExchange(boost::asio::io_context& io, Cork& cork, Timers& timers, Random& random,
                   metrics::Counters& counters, const Options& options);
    ~StreamExchange();
    StreamExchange(const StreamExchange&) = delete;
    StreamExchange& operator=(const StreamExchange&) = delete;

    /// Sends the question to attempt.to, over TLS if attempt.tls says so, connecting first if need
    /// be; attempt.timeout covers both. It may have ended when this returns (its outcome says so);
    /// await it otherwise. A question whose connection the server closes after other replies, or
    /// does not serve while it serves others, moves to another one, at most kMovesMax times; that
    /// is no failure of the endpoint.
    void start(Attempt& attempt, Time now) override;
    /// The attempt takes longer than it should. A connection on which nothing came since takes no
    /// more questions: it may be dead without a word. True when the attempt stands in the server's
    /// queue, which replies on other connections: that is not silence.
    bool note_late(const Attempt& attempt) noexcept override;
    /// Every attempt ends with shut_down, within this call; later ones at once.
    void shut_down() override;
    std::size_t connection_count() const noexcept { return connections_; }

private:
    static constexpr Duration kSweepInterval = Seconds(1);
    static constexpr std::size_t kConnectionsMax = 256;
    static constexpr std::size_t kQueuedBytesMax = 65536;
    static constexpr unsigned kMismatchMax = 64;  // in a row, then the connection is given up
    static constexpr std::uint8_t kMovesMax = 8;
    // A question that was left unanswered so often gets a connection of its own: if it is the one
    // that makes the server close, the others are rid of it.
    static constexpr std::uint8_t kAloneAfter = 2;
    static constexpr std::size_t kWaitingMax = 512;  // questions that wait for a connection

    using Connection = StreamConnection;
    using Ref = std::shared_ptr<Connection>;
    using Connections = std::vector<Ref>;

    /// All that is kept for one server.
    struct Host {
        Connections connections;
        AttemptList waiting;  // for a connection with room
        StreamLimits limits;
        Time answered{};  // when the last reply came, on any connection
    };

    Outcome submit(Attempt& attempt, Time now);
    Ref choose(Host& host, Attempt& attempt, Time now);
    Ref connect(Host& host, Attempt& attempt, Time now);
    Outcome put(const Ref& connection, Attempt& attempt, Time now);
    void wait(Host& host, Attempt& attempt);
    void serve_waiting(Host& host, Time now);
    bool make_room();
    static Connection* idle_one(const Host& host);
    void on_connected(const Ref& connection, const boost::system::error_code& error);
    void on_ready(Connection& connection);
    void flush(const Ref& connection);
    void read(const Ref& connection);
    void on_read(const Ref& connection, std::size_t n);
    bool take_messages(Connection& connection);
    void on_message(Connection& connection, Bytes message);
    void lose(const Ref& connection, Outcome how);
    bool moves_on(Attempt& attempt, const Connection& from, bool turned_away, Outcome how);
    bool serves_others(const Host& host, const Connection& connection, Outcome how);
    std::shared_ptr<const std::string> tls_reason(const Connection& connection);
    void close(Connection& connection);
    void close_if_done(Connection& connection);
    void finish_failed();
    void sweep();
    void on_timeout(Attempt& attempt) override;
    void on_resend(Attempt& /*attempt*/) override {}  // only datagrams are

    struct KeyHash {
        std::size_t operator()(const StreamKey& key) const noexcept {
            return AddressHash()(key.to) ^ std::hash<const void*>()(key.tls);
        }
    };
    struct SweepNode : TimerNode {
        explicit SweepNode(StreamExchange& o);
        StreamExchange& owner;
    };

    boost::asio::io_context& io_;
    Cork& cork_;
    Timers& timers_;
    Random& random_;
    metrics::Counters& counters_;
    Options options_;
    std::unordered_map<StreamKey, Host, KeyHash> hosts_;
    std::size_t connections_ = 0;
    AttemptList failed_;  // their coroutines are about to go on
    bool shut_down_ = false;
    SweepNode sweep_node_;
};

}  // namespace peerzone::exchange
