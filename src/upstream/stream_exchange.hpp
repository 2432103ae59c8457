// Questions over TCP and TLS: per endpoint a connection that is kept, with many questions on it and
// replies in any order (RFC 7766 6.2, RFC 7858 3.4). A second one is opened when it is full. Used
// on one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "peerzone/base/cork.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/upstream/client.hpp"
#include "upstream/attempt.hpp"
#include "upstream/random.hpp"
#include "upstream/stream_connection.hpp"
#include "upstream/timers.hpp"
#include "upstream/udp_exchange.hpp"

namespace peerzone::upstream {

class StreamExchange {
public:
    StreamExchange(boost::asio::io_context& io, Cork& cork, Timers& timers, Random& random,
                   metrics::Counters& counters, const ClientOptions& options);
    ~StreamExchange();
    StreamExchange(const StreamExchange&) = delete;
    StreamExchange& operator=(const StreamExchange&) = delete;

    /// Sends the question to attempt.to, over TLS if attempt.tls says so, connecting first if need
    /// be; attempt.timeout covers both. It may have ended when this returns (its outcome says so);
    /// await it otherwise. A question that was put on a used connection which the server then
    /// closes is sent again on a fresh one, once.
    void start(Attempt& attempt, Time now);
    /// The attempt takes longer than it should. A connection on which nothing came since takes no
    /// more questions: it may be dead without a word.
    void note_late(const Attempt& attempt) noexcept;
    /// Every attempt ends with shut_down, within this call; later ones at once.
    void shut_down();
    std::size_t connection_count() const noexcept { return connections_; }

private:
    static constexpr Duration kSweepInterval = Seconds(1);
    static constexpr std::size_t kPerEndpointMax = 4;
    static constexpr std::size_t kConnectionsMax = 256;
    static constexpr std::size_t kQueuedBytesMax = 65536;
    static constexpr unsigned kMismatchMax = 64;  // in a row, then the connection is given up

    using Connection = StreamConnection;
    using Ref = std::shared_ptr<Connection>;
    using Connections = std::vector<Ref>;

    Outcome submit(Attempt& attempt, bool fresh, Time now);
    Ref choose(Attempt& attempt, bool fresh, Time now);
    Ref connect(Attempt& attempt, Time now);
    bool make_room();
    void on_connected(const Ref& connection, const boost::system::error_code& error);
    void on_ready(Connection& connection);
    void flush(const Ref& connection);
    void read(const Ref& connection);
    void on_read(const Ref& connection, std::size_t n);
    bool take_messages(Connection& connection);
    void on_message(Connection& connection, Bytes message);
    void lose(const Ref& connection, Outcome how);
    TlsReason tls_reason(const Connection& connection);
    void close(Connection& connection);
    void close_if_done(Connection& connection);
    void finish_failed();
    void sweep();
    static void timed_out(Attempt& attempt);

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
    ClientOptions options_;
    std::unordered_map<StreamKey, Connections, KeyHash> hosts_;
    std::size_t connections_ = 0;
    AttemptList failed_;  // their coroutines are about to go on
    bool shut_down_ = false;
    SweepNode sweep_node_;
};

}  // namespace peerzone::upstream
