// Lifetimes. Handlers may run after the server is gone: those of a listener or a connection hold it
// and look at its `open` before they touch anything else; the others look at `alive_`. A connection
// is `open` exactly while it is in connections_. What the ready set tells is looked up by number.
#include "server/tcp_server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "peerzone/base/log.hpp"
#include "peerzone/server/sockets.hpp"
#include "server/tcp_log.hpp"
#include "server/tls_stream.hpp"

namespace peerzone::server {
namespace {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;
using metrics::Count;

constexpr int kAcceptsPerTurn = 16;
constexpr Millis kAcceptBackOff{
    100};  // without descriptors or memory, trying again at once would spin
constexpr Millis kClockMin{50};

// accept(2): errors of the connection, not of the listener; the next one may be fine.
bool passes(int error) noexcept {
    switch (error) {
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENETDOWN:
        case ENETUNREACH:
        case ENONET:
        case EOPNOTSUPP: return true;
        default: return false;
    }
}

}  // namespace

struct TcpServer::Listener {
    Listener(boost::asio::io_context& io, int socket, const SocketAddress& bound, Security kind)
        : fd(socket), address(bound), security(kind), descriptor(io), pause(io) {}
    const int fd;
    const SocketAddress address;
    const Security security;
    stream_descriptor descriptor;
    boost::asio::steady_timer pause;
    bool open = true;
};

struct TcpServer::Connection {
    Connection(TcpShared& shared, Fd client_socket, std::unique_ptr<ByteStream> carrier,
               const SocketAddress& client, std::uint64_t number, Time now)
        : id(number),
          socket(std::move(client_socket)),
          stream(std::move(carrier)),
          session(shared, *stream, client, number, now) {}
    const std::uint64_t id;
    Fd socket;
    const std::unique_ptr<ByteStream> stream;
    TcpSession session;
    ListenerPtr listener;
    ConnectionLimits::Ticket ticket;
    ReadySet::Interest watched;
    bool open = false;
    bool reads_soon = false;
    bool delivered = false;  // stands in delivered_
};

TcpServer::TcpServer(boost::asio::io_context& io, QuestionHandler& handler,
                     ConnectionLimits& shared_by_all_workers, metrics::Counters& counters,
                     const Limits& limits)
    : io_(io),
      limits_(shared_by_all_workers),
      shared_{handler, *this, shared_by_all_workers, counters, limits},
      ready_(io, [this](std::uint64_t id, ReadySet::Interest ready) { on_ready(id, ready); }),
      clock_(io),
      alive_(std::make_shared<bool>(true)) {}

TcpServer::~TcpServer() {
    shut_down();
    *alive_ = false;
}

void TcpServer::set_limits(const Limits& limits) {
    shared_.limits = limits;
    limits_.set_limits(limits);
}

void TcpServer::see(std::shared_ptr<const resolver::Snapshot> snapshot) {
    snapshot_ = std::move(snapshot);
    for (const auto& [id, connection] : connections_)
        connection->session.set_listener(listener_of(*connection));
}

// By the address that was asked; a socket for every address may have views as well.
view::ListenerId TcpServer::listener_of(const Connection& connection) const noexcept {
    if (snapshot_->listeners.empty()) return 0;
    const view::ListenerId own = snapshot_->listener_of(bound_address(connection.socket));
    return own != 0 ? own : snapshot_->listener_of(connection.listener->address);
}

// ---- listening

void TcpServer::add_listener(int listening_fd, Security security) {
    auto listener =
        std::make_shared<Listener>(io_, listening_fd, bound_address(listening_fd), security);
    error_code error;
    listener->descriptor.assign(listening_fd, error);
    if (error) {
        ::close(listening_fd);
        log::error("tcp listener failed", {{"error", error.message()}});
        return;
    }
    // Replies are gathered by us; waiting for more (Nagle) only delays the last of them. What is
    // accepted inherits it.
    const int on = 1;
    ::setsockopt(listening_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    listeners_.push_back(listener);
    await_clients(listener);
}

void TcpServer::await_clients(const ListenerPtr& listener) {
    listener->descriptor.async_wait(stream_descriptor::wait_read,
                                    [this, listener](const error_code& error) {
                                        if (!listener->open) return;
                                        if (error)
                                            back_off(listener);
                                        else
                                            accept_some(listener);
                                    });
}

void TcpServer::back_off(const ListenerPtr& listener) {
    listener->pause.expires_after(kAcceptBackOff);
    listener->pause.async_wait([this, listener](const error_code& /*never cancelled while open*/) {
        if (listener->open) await_clients(listener);
    });
}

void TcpServer::accept_some(const ListenerPtr& listener) {
    const Time now = Clock::now();
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int socket = ::accept4(listener->fd, reinterpret_cast<sockaddr*>(&address), &size,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            admit(listener, Fd(socket), SocketAddress::from_native(address), now);
            continue;
        }
        const int error = errno;
        if (error == EAGAIN || error == EWOULDBLOCK) break;
        if (passes(error)) continue;
        log_accept_failed(error, now);
        back_off(listener);
        return;
    }
    await_clients(listener);
}

void TcpServer::admit(const ListenerPtr& listener, Fd socket, const SocketAddress& client,
                      Time now) {
    const bool over_tls = listener->security == Security::tls;
    if (over_tls && tls_ == nullptr) return;
    ConnectionLimits::Ticket ticket;
    auto admission = limits_.open(client.ip, ticket);
    if (admission == ConnectionLimits::Admission::total_reached) {
        if (const ConnectionPtr least = least_idle()) {
            admission = limits_.open_instead(least->ticket, client.ip, ticket);
            if (admission == ConnectionLimits::Admission::admitted) {
                least->session.give_way();
                drop(least, now);
                log_made_room(client, now);
            }
        }
    }
    if (admission != ConnectionLimits::Admission::admitted) {
        shared_.counters.add(Count::tcp_refused_limit);
        socket.reset();
        log_refused(client, admission, now);
        return;
    }
    shared_.counters.add(Count::tcp_connections);

    const std::uint64_t id = ++last_id_;
    std::unique_ptr<ByteStream> stream;
    if (over_tls)
        stream = std::make_unique<TlsStream>(tls_, socket.get(), client.ip, shared_.counters);
    else
        stream = std::make_unique<PlainStream>(socket.get());
    auto connection = std::make_shared<Connection>(shared_, std::move(socket), std::move(stream),
                                                   client, id, now);
    connection->ticket = std::move(ticket);
    connection->listener = listener;
    connection->session.set_listener(listener_of(*connection));
    connection->open = true;
    connections_.emplace(id, connection);
    start_clock();
    // The query comes right behind the handshake: often it is here by now.
    turn(connection, now, [now](TcpSession& session) { session.on_readable(now); });
}

// A client that holds connections without using them must not keep other clients out. Only this
// worker's are looked at: the kernel spreads clients over the workers.
TcpServer::ConnectionPtr TcpServer::least_idle() const {
    ConnectionPtr least;
    for (const auto& [id, connection] : connections_) {
        const TcpSession& session = connection->session;
        if (!session.is_idle()) continue;
        if (!session.has_asked()) return connection;  // the oldest of these is the longest idle
        if (!least || session.last_active() < least->session.last_active()) least = connection;
    }
    return least;
}

void TcpServer::close_listeners() {
    for (const ListenerPtr& listener : listeners_) {
        listener->open = false;
        listener->pause.cancel();
        error_code ignored;
        listener->descriptor.close(ignored);
    }
    listeners_.clear();
}

// ---- connections

template <class Step>
void TcpServer::turn(const ConnectionPtr& connection, Time now, Step step) {
    const Connection* outer = std::exchange(in_turn_, connection.get());
    step(connection->session);
    in_turn_ = outer;
    if (const std::uint64_t answered = std::exchange(shared_.answered_at_once, 0); answered != 0)
        shared_.counters.at_once.add(Clock::now() - now, answered);
    follow(connection);
}

void TcpServer::follow(const ConnectionPtr& connection) {
    if (connection->session.ending() != TcpSession::Ending::none) {
        drop(connection, Clock::now());
        return;
    }
    if (connection->session.holds_input()) read_soon(connection);
    const ReadySet::Interest wanted{connection->session.wants_read(),
                                    connection->session.wants_write()};
    if (ready_.watch(connection->socket.get(), connection->id, connection->watched, wanted))
        connection->watched = wanted;
    else
        drop(connection, Clock::now());
}

void TcpServer::on_ready(std::uint64_t id, ReadySet::Interest ready) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    const ConnectionPtr connection = found->second;
    const ReadySet::Interest watched = connection->watched;
    const Time now = Clock::now();
    turn(connection, now, [&](TcpSession& session) {
        if (ready.readable && watched.readable) session.on_readable(now);
        if (ready.writable && watched.writable) session.on_writable(now);
    });
}

// TLS has octets that no readiness will announce. They wait for their turn like a socket's.
void TcpServer::read_soon(const ConnectionPtr& connection) {
    if (std::exchange(connection->reads_soon, true)) return;
    boost::asio::post(io_, [this, connection] {
        connection->reads_soon = false;
        if (!connection->open) return;
        const Time now = Clock::now();
        turn(connection, now, [now](TcpSession& session) { session.on_readable(now); });
    });
}

void TcpServer::deliver(const resolver::ReplyTo& to, Bytes reply) noexcept {
    const auto found = connections_.find(to.session);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    shared_.counters.add_reply(reply);
    shared_.counters.waited.add(Clock::now() - to.arrived);
    connection.session.deliver(reply);
    if (in_turn_ != &connection) settle_later(connection);
}

// Upstreams answer in bursts: what a burst brings for one client leaves in one send. That also
// keeps sessions from being changed inside a call of the Resolver.
void TcpServer::settle_later(Connection& connection) {
    if (std::exchange(connection.delivered, true)) return;
    delivered_.push_back(connection.id);
    if (delivered_.size() > 1) return;
    boost::asio::post(io_, [this, alive = alive_] {
        if (*alive) settle_delivered();
    });
}

void TcpServer::settle_delivered() {
    const Time now = Clock::now();
    settling_.swap(delivered_);
    for (const std::uint64_t id : settling_) {
        const auto found = connections_.find(id);
        if (found == connections_.end()) continue;
        const ConnectionPtr connection = found->second;
        connection->delivered = false;
        turn(connection, now, [now](TcpSession& session) { session.settle(now); });
    }
    settling_.clear();
}

void TcpServer::drop(const ConnectionPtr& connection, Time now) {
    const TcpSession::Ending ending = connection->session.ending();
    if (ending == TcpSession::Ending::slow) {
        shared_.counters.add(Count::tcp_closed_slow);
        log_slow(connection->session, now);
        const linger reset{1, 0};
        ::setsockopt(connection->socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    } else if (ending == TcpSession::Ending::idle) {
        shared_.counters.add(Count::tcp_closed_idle);
    }
    if (ending == TcpSession::Ending::done || ending == TcpSession::Ending::idle)
        connection->stream->say_end();
    connection->open = false;
    connection->ticket.give_back();  // before the client can see the end and come back
    connection->socket.reset();
    connections_.erase(connection->id);
}

// ---- time-outs: one timer looks at all connections; it is late by a quarter of a time-out at
// most.

void TcpServer::start_clock() {
    if (std::exchange(clock_runs_, true)) return;
    const auto shortest = std::min({Millis{shared_.limits.tcp_idle},
                                    Millis{shared_.limits.tcp_write_stall}, Millis{kIdleCrowded}});
    clock_.expires_after(std::max(shortest / 4, kClockMin));
    clock_.async_wait([this, alive = alive_](const error_code& error) {
        if (!*alive || error) return;
        clock_runs_ = false;
        check_clock();
    });
}

void TcpServer::check_clock() {
    const Time now = Clock::now();
    for (auto next = connections_.begin(); next != connections_.end();) {
        const ConnectionPtr connection = (next++)->second;
        connection->session.on_clock(now);
        if (connection->session.ending() != TcpSession::Ending::none) drop(connection, now);
    }
    if (!connections_.empty()) start_clock();
}

// ---- the end

void TcpServer::begin_drain() {
    if (std::exchange(shared_.draining, true)) return;
    close_listeners();
    const Time now = Clock::now();
    std::vector<ConnectionPtr> connections;
    connections.reserve(connections_.size());
    for (const auto& [id, connection] : connections_) connections.push_back(connection);
    for (const ConnectionPtr& connection : connections)
        if (connection->open)
            turn(connection, now, [now](TcpSession& session) { session.finish(now); });
}

void TcpServer::shut_down() {
    settle_delivered();  // what is answered by now still goes out, as far as the sockets take it
    close_listeners();
    const Time now = Clock::now();
    while (!connections_.empty()) {
        const ConnectionPtr connection = connections_.begin()->second;
        drop(connection, now);
    }
    ready_.stop();
    clock_.cancel();
    clock_runs_ = false;
}

}  // namespace peerzone::server
