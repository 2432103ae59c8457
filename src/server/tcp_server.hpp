// DNS over TCP and TLS for one worker: listening sockets, connections, time-outs. The policy of a
// connection is TcpSession's, the event loop is here. Everything runs and is called on the worker's
// thread; only the ConnectionLimits are shared.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "peerzone/base/fd.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "peerzone/server/options.hpp"
#include "server/connection_limits.hpp"
#include "server/question_handler.hpp"
#include "server/ready_set.hpp"
#include "server/tcp_session.hpp"
#include "server/tls_context.hpp"

namespace peerzone::server {

class TcpServer final : public resolver::ReplySink {
public:
    enum class Security : std::uint8_t { plain, tls };

    /// The references outlive the server; deliver is not called after it is gone.
    TcpServer(boost::asio::io_context& io, QuestionHandler& handler,
              ConnectionLimits& shared_by_all_workers, metrics::Counters& counters,
              const Limits& limits);
    ~TcpServer();
    TcpServer(const TcpServer&) = delete;
    TcpServer& operator=(const TcpServer&) = delete;

    /// Takes the socket, which is bound, listens and does not block.
    void add_listener(int listening_fd, Security security = Security::plain);
    /// Which views the clients of each listener have from now on, those that are connected too.
    void see(std::shared_ptr<const resolver::Snapshot> snapshot);
    /// What new connections over TLS use; without one they are closed.
    void set_tls(std::shared_ptr<const TlsContext> context) { tls_ = std::move(context); }
    /// Also sets the shared ConnectionLimits.
    void set_limits(const Limits& limits);

    /// Accepts no more. Connections without a query close now, the others when their answers are
    /// written.
    void begin_drain();
    bool drained() const noexcept { return shared_.draining && connections_.empty(); }
    /// Closes everything at once; replies delivered before are sent as far as the sockets take
    /// them, later ones are dropped.
    void shut_down();

    std::size_t connection_count() const noexcept { return connections_.size(); }

    /// The reply to a query of session `to.session`, whether that is still there or not.
    void deliver(const resolver::ReplyTo& to, Bytes reply) noexcept override;

private:
    struct Listener;
    struct Connection;
    using ListenerPtr = std::shared_ptr<Listener>;
    using ConnectionPtr = std::shared_ptr<Connection>;

    view::ListenerId listener_of(const Connection& connection) const noexcept;
    void await_clients(const ListenerPtr& listener);
    void back_off(const ListenerPtr& listener);
    void accept_some(const ListenerPtr& listener);
    void admit(const ListenerPtr& listener, Fd socket, const SocketAddress& client, Time now);
    /// Which connection goes first when they are scarce (RFC 7766 6.2.3): one that has never asked,
    /// else the one that has not asked for longest; none when all wait for answers.
    ConnectionPtr least_idle() const;
    void close_listeners();

    template <class Step>
    void turn(const ConnectionPtr& connection, Time now, Step step);
    void follow(const ConnectionPtr& connection);
    void on_ready(std::uint64_t id, ReadySet::Interest ready);
    void read_soon(const ConnectionPtr& connection);
    void settle_later(Connection& connection);
    void settle_delivered();
    void drop(const ConnectionPtr& connection, Time now);
    void start_clock();
    void check_clock();

    boost::asio::io_context& io_;
    ConnectionLimits& limits_;
    TcpShared shared_;
    std::shared_ptr<const TlsContext> tls_;
    std::vector<ListenerPtr> listeners_;
    std::shared_ptr<const resolver::Snapshot> snapshot_ =
        std::make_shared<resolver::Snapshot>();           // for the views of listening addresses
    std::map<std::uint64_t, ConnectionPtr> connections_;  // by ID, so by age
    std::uint64_t last_id_ = 0;
    const Connection* in_turn_ = nullptr;   // its step runs and ends with settle()
    std::vector<std::uint64_t> delivered_;  // sessions with replies that are not sent yet
    std::vector<std::uint64_t> settling_;   // the same, while they are worked off
    ReadySet ready_;
    boost::asio::steady_timer clock_;
    bool clock_runs_ = false;
    std::shared_ptr<bool> alive_;  // false once the server is gone: handlers may outlive it
};

}  // namespace peerzone::server
