// Invariants: a connection is in its host until it is closed, and a closed one has no attempts. A
// host stays while it has connections, attempts that wait, or limits that were learned; only
// sweep() removes one. An attempt waits in a host only while no connection there has room for it.
// Handlers hold the connection and look at `closed` first; nothing else of it is touched after a
// coroutine was resumed.
#include "peerzone/exchange/stream_exchange.hpp"
#include "exchange/stream_connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <limits>

#include "peerzone/exchange/reply_check.hpp"

namespace peerzone::exchange {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using metrics::Count;

constexpr std::size_t kQuestionBytesMax = 512;
constexpr unsigned kNoLimit = std::numeric_limits<unsigned>::max();

tcp::endpoint native_endpoint(const SocketAddress& address) {
    sockaddr_storage native{};
    const socklen_t length = address.to_native(native);
    tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), &native, length);
    endpoint.resize(length);
    return endpoint;
}

Outcome outcome_of(const error_code& error) {
    namespace asio_error = boost::asio::error;
    if (error == asio_error::connection_refused || error == asio_error::connection_reset)
        return Outcome::refused;
    if (error == asio_error::no_descriptors || error == asio_error::no_memory ||
        error == asio_error::no_buffer_space)
        return Outcome::busy;
    return Outcome::unreachable;
}

bool is_closed(const error_code& error) {
    return error == boost::asio::error::broken_pipe ||
           error == boost::asio::error::connection_reset;
}

}  // namespace

StreamExchange::SweepNode::SweepNode(StreamExchange& o)
    : TimerNode([](TimerNode& node) { static_cast<SweepNode&>(node).owner.sweep(); }), owner(o) {}

StreamExchange::StreamExchange(boost::asio::io_context& io, Cork& cork, Timers& timers,
                               Random& random, metrics::Counters& counters, const Options& options)
    : io_(io),
      cork_(cork),
      timers_(timers),
      random_(random),
      counters_(counters),
      options_(options),
      sweep_node_(*this) {}

StreamExchange::~StreamExchange() {
    shut_down();
}

void StreamExchange::start(Attempt& attempt, Time now) {
    attempt.begin(now);
    attempt.outcome = shut_down_ ? Outcome::shut_down : submit(attempt, now);
}

Outcome StreamExchange::submit(Attempt& attempt, Time now) {
    Host& host = hosts_[{attempt.to, attempt.tls}];
    if (!sweep_node_.is_armed()) timers_.add(sweep_node_, now, now + kSweepInterval);
    if (const Ref connection = choose(host, attempt, now)) return put(connection, attempt, now);
    if (attempt.why != nullptr) return Outcome::untrusted;
    // Our own limit is reached. Where it is the server that takes little at a time, a place is
    // free soon.
    if (!host.limits.any_known(now) || host.waiting.count() >= kWaitingMax) return Outcome::busy;
    wait(host, attempt);
    timers_.add(attempt, now, attempt.wakes_at());
    return Outcome::waiting;
}

/// The attempt waits for a connection with room, until its time-out.
void StreamExchange::wait(Host& host, Attempt& attempt) {
    attempt.place = nullptr;
    attempt.exchange = this;
    host.waiting.add(attempt);
}

Outcome StreamExchange::put(const Ref& connection, Attempt& attempt, Time now) {
    do attempt.id = random_.u16();
    while (connection->pending.find(attempt.id) != nullptr);
    std::array<std::uint8_t, kStreamLengthBytes + kQuestionBytesMax>
        message;  // NOLINT: filled up to size
    const std::size_t size = attempt.write(MutableBytes(message).subspan(kStreamLengthBytes));
    if (size == 0) return Outcome::busy;
    store_u16(message.data(), size);
    connection->queue(Bytes(message).first(kStreamLengthBytes + size));
    connection->used = now;
    connection->pending.add(attempt);
    if (attempt.moves >= kAloneAfter) connection->takes = 1;
    if (++connection->asked >= connection->takes) connection->retired = true;
    attempt.sent_at = now;
    attempt.on_used_stream = connection->connected;
    attempt.place = connection.get();
    attempt.exchange = this;
    timers_.add(attempt, now, attempt.wakes_at());
    counters_.add(attempt.tls != nullptr ? Count::upstream_tls_sent : Count::upstream_tcp_sent);
    if (connection->connected) flush(connection);
    return Outcome::waiting;
}

/// A connection with room, or a new one; null at the limit, or with attempt.why when TLS has just
/// failed there.
StreamExchange::Ref StreamExchange::choose(Host& host, Attempt& attempt, Time now) {
    const bool alone = attempt.moves >= kAloneAfter;
    const unsigned most = host.limits.questions_max(now).value_or(kNoLimit);
    std::size_t usable = 0;
    for (const Ref& connection : host.connections) {
        if (now - connection->opened >= options_.stream_age_max) connection->retired = true;
        if (connection->retired) continue;
        ++usable;
        if (connection->asked >= (alone ? 1 : most)) continue;
        if (connection->pending.count() < options_.stream_pipelined_max &&
            connection->queued_bytes() < kQueuedBytesMax)
            return connection;
    }
    // Where the server has shown limits, connections count until they are closed.
    const std::size_t open = host.limits.any_known(now) ? host.connections.size() : usable;
    if (open < host.limits.connections_max(now)) return connect(host, attempt, now);
    Connection* const idle = idle_one(host);
    if (idle == nullptr) return nullptr;
    close(*idle);
    return connect(host, attempt, now);
}

StreamExchange::Ref StreamExchange::connect(Host& host, Attempt& attempt, Time now) {
    if (attempt.tls != nullptr) attempt.why = attempt.tls->held(attempt.to, now);
    if (attempt.why != nullptr) return nullptr;
    if (connections_ >= kConnectionsMax && !make_room()) return nullptr;
    const StreamKey key{attempt.to, attempt.tls};
    const unsigned takes = host.limits.questions_max(now).value_or(kNoLimit);
    auto connection = std::make_shared<Connection>(io_, key, takes, now);
    host.connections.push_back(connection);
    ++connections_;
    connection->socket.async_connect(native_endpoint(key.to),
                                     [this, connection](const error_code& error) {
                                         if (!connection->closed) on_connected(connection, error);
                                     });
    return connection;
}

StreamExchange::Connection* StreamExchange::idle_one(const Host& host) {
    const auto idle =
        std::find_if(host.connections.begin(), host.connections.end(),
                     [](const Ref& connection) { return connection->pending.empty(); });
    return idle != host.connections.end() ? idle->get() : nullptr;
}

/// Closes one connection that nobody waits on.
bool StreamExchange::make_room() {
    for (const auto& [key, host] : hosts_) {
        Connection* const idle = idle_one(host);
        if (idle == nullptr) continue;
        close(*idle);
        return true;
    }
    return false;
}

/// Questions that wait go to where there is room now, the oldest attempt first: one that is tried
/// again may be what the server closes for. What cannot go anywhere is in failed_.
void StreamExchange::serve_waiting(Host& host, Time now) {
    AttemptList alone;  // need a connection of their own, and wait on
    while (!host.waiting.empty()) {
        Attempt* first = host.waiting.first();
        for (Attempt* a = first; a != nullptr; a = a->next())
            if (a->began_at < first->began_at) first = a;
        const Ref connection = choose(host, *first, now);
        if (connection == nullptr && first->why == nullptr) {
            if (first->moves < kAloneAfter) break;  // there is no room for the others, either
            alone.add(*first);
            continue;
        }
        first->leave();
        first->outcome = connection != nullptr ? put(connection, *first, now) : Outcome::untrusted;
        if (first->outcome != Outcome::waiting) failed_.add(*first);
    }
    // One connection takes no more questions, so that it ends and makes room for them.
    const bool ends = std::any_of(host.connections.begin(), host.connections.end(),
                                  [](const Ref& connection) { return connection->retired; });
    if (!alone.empty() && !ends && !host.connections.empty())
        host.connections.front()->retired = true;
    while (Attempt* attempt = alone.first()) host.waiting.add(*attempt);
}

void StreamExchange::on_connected(const Ref& connection, const error_code& error) {
    if (error) {
        lose(connection, outcome_of(error));
        return;
    }
    error_code ignored;
    connection->socket.set_option(tcp::no_delay(true), ignored);
    connection->heard = Clock::now();
    if (connection->begin()) on_ready(*connection);
    if (connection->is_over()) {
        lose(connection, Outcome::closed);
        return;
    }
    flush(connection);
    read(connection);
}

/// Questions can leave now. The handshake is not part of the endpoint's round trip.
void StreamExchange::on_ready(Connection& connection) {
    connection.connected = true;
    for (Attempt* a = connection.pending.first(); a != nullptr; a = a->next())
        a->sent_at = connection.heard;
    if (!connection.is_tls()) return;
    counters_.add(Count::upstream_tls_handshakes);
    if (connection.tls().is_resumed()) counters_.add(Count::upstream_tls_resumed);
}

void StreamExchange::flush(const Ref& connection) {
    if (connection->is_writing || !connection->fill_writing()) return;
    connection->is_writing = true;
    boost::asio::async_write(connection->socket, boost::asio::buffer(connection->writing),
                             [this, connection](const error_code& error, std::size_t) {
                                 if (connection->closed) return;
                                 connection->is_writing = false;
                                 if (!error) {
                                     flush(connection);
                                 } else if (is_closed(error)) {
                                     // Replies may still be there to be read: reading meets
                                     // the end behind them.
                                     connection->retired = true;
                                 } else {
                                     lose(connection, Outcome::closed);
                                 }
                             });
}

void StreamExchange::read(const Ref& connection) {
    const MutableBytes space = connection->space();
    connection->socket.async_read_some(boost::asio::buffer(space.data(), space.size()),
                                       [this, connection](const error_code& error, std::size_t n) {
                                           if (connection->closed) return;
                                           if (error) {
                                               lose(connection, Outcome::closed);
                                           } else {
                                               on_read(connection, n);
                                           }
                                       });
}

void StreamExchange::on_read(const Ref& connection, std::size_t n) {
    const Cork::Scope scope(cork_);
    connection->heard = Clock::now();
    connection->received(n);
    if (!take_messages(*connection)) return;
    if (connection->is_over()) {
        lose(connection, Outcome::closed);
        return;
    }
    flush(connection);
    read(connection);
}

/// False when the connection was closed on the way.
bool StreamExchange::take_messages(Connection& connection) {
    for (bool more = true; more;) {
        more = connection.fill();
        if (!connection.connected && connection.tls().state() == TlsSession::State::ready)
            on_ready(connection);
        while (const auto message = connection.next()) {
            on_message(connection, *message);
            if (connection.closed) return false;
        }
    }
    return true;
}

void StreamExchange::on_message(Connection& connection, Bytes message) {
    Attempt* attempt =
        message.size() < 2 ? nullptr : connection.pending.find(load_u16(message.data()));
    // Letter case is not varied on a stream, so it need not come back.
    if (attempt == nullptr ||
        match_reply(message, attempt->id, attempt->name(), attempt->type) == Match::other) {
        counters_.add(Count::upstream_mismatch);
        const Attempt* asked = attempt != nullptr ? attempt : connection.pending.first();
        if (asked != nullptr && asked->server != nullptr) asked->server->note_mismatch();
        if (++connection.mismatches >= kMismatchMax) connection.retired = true;
        close_if_done(connection);
        return;
    }
    counters_.add(connection.is_tls() ? Count::upstream_tls_replies : Count::upstream_tcp_replies);
    connection.mismatches = 0;
    ++connection.replies;
    connection.answered = connection.heard;
    const Time now = connection.heard;
    Host& host = hosts_.at(connection.key);
    host.answered = now;
    attempt->reply = message;
    attempt->leave();
    if (options_.stream_idle <= Duration::zero() && connection.pending.empty())
        connection.retired = true;
    close_if_done(connection);
    serve_waiting(host, now);
    attempt->finish(Outcome::reply, now);
    finish_failed();
}

void StreamExchange::on_timeout(Attempt& attempt) {
    if (attempt.place == nullptr) return attempt.finish(Outcome::busy, Clock::now());
    auto& connection = *static_cast<Connection*>(attempt.place);
    const Time now = Clock::now();
    Host& host = hosts_.at(connection.key);
    const bool unserved = note_late(attempt);
    attempt.leave();
    close_if_done(connection);
    serve_waiting(host, now);
    attempt.finish(unserved ? Outcome::busy : Outcome::timeout, now);
    finish_failed();
}

bool StreamExchange::note_late(const Attempt& attempt) noexcept {
    if (attempt.place == nullptr) return true;  // it is on no connection
    auto& connection = *static_cast<Connection*>(attempt.place);
    if (!connection.connected || connection.heard <= attempt.sent_at) connection.retired = true;
    Host& host = hosts_.at(connection.key);
    const bool unserved = connection.replies == 0 && host.answered > attempt.sent_at;
    if (unserved) host.limits.note_turned_away(host.connections.size() - 1, Clock::now());
    return unserved;
}

void StreamExchange::sweep() {
    const Time now = Clock::now();
    for (auto& [key, host] : hosts_) {
        const Connections all = host.connections;
        for (const Ref& connection : all) {
            if (!connection->pending.empty()) continue;
            const bool idle = now - connection->used >= options_.stream_idle;
            const bool old = now - connection->opened >= options_.stream_age_max;
            if (connection->retired || idle || old) close(*connection);
        }
        serve_waiting(host, now);
    }
    std::erase_if(hosts_, [now](const auto& entry) {
        const Host& host = entry.second;
        return host.connections.empty() && host.waiting.empty() && !host.limits.any_known(now);
    });
    if (!hosts_.empty()) timers_.add(sweep_node_, now, now + kSweepInterval);
    finish_failed();
}

void StreamExchange::shut_down() {
    if (shut_down_) return;
    shut_down_ = true;
    sweep_node_.cancel();
    const auto end = [this](AttemptList& attempts) {
        while (Attempt* attempt = attempts.first()) {
            attempt->leave();
            attempt->outcome = Outcome::shut_down;
            failed_.add(*attempt);
        }
    };
    for (auto& [key, host] : hosts_) {
        end(host.waiting);
        while (!host.connections.empty()) {
            const Ref connection = host.connections.back();
            end(connection->pending);
            close(*connection);
        }
    }
    finish_failed();
}

}  // namespace peerzone::exchange
