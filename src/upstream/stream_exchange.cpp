// Invariants: a connection is in hosts_ until it is closed, and a closed one has no attempts.
// Handlers hold the connection and look at `closed` first; nothing else of it is touched after a
// coroutine was resumed.
#include "upstream/stream_exchange.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "peerzone/upstream/endpoint.hpp"
#include "peerzone/upstream/reply_check.hpp"

namespace peerzone::upstream {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using metrics::Count;

constexpr std::size_t kQuestionBytesMax = 512;

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

}  // namespace

StreamExchange::SweepNode::SweepNode(StreamExchange& o)
    : TimerNode([](TimerNode& node) { static_cast<SweepNode&>(node).owner.sweep(); }), owner(o) {}

StreamExchange::StreamExchange(boost::asio::io_context& io, Cork& cork, Timers& timers,
                               Random& random, metrics::Counters& counters,
                               const ClientOptions& options)
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
    attempt.outcome = shut_down_ ? Outcome::shut_down : submit(attempt, false, now);
}

Outcome StreamExchange::submit(Attempt& attempt, bool fresh, Time now) {
    const Ref connection = choose(attempt, fresh, now);
    if (connection == nullptr) return attempt.why != nullptr ? Outcome::untrusted : Outcome::busy;
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
    attempt.sent_at = now;
    attempt.on_used_stream = connection->connected;
    attempt.place = connection.get();
    attempt.exchange = this;
    attempt.on_timeout = &StreamExchange::timed_out;
    timers_.add(attempt, now, attempt.wakes_at());
    counters_.add(attempt.tls != nullptr ? Count::upstream_tls_sent : Count::upstream_tcp_sent);
    if (connection->connected) flush(connection);
    return Outcome::waiting;
}

/// A connection with room, or a new one; null at the limit, or with attempt.why when TLS has just
/// failed there. `fresh`: none that has been used.
StreamExchange::Ref StreamExchange::choose(Attempt& attempt, bool fresh, Time now) {
    std::size_t usable = 0;
    if (const auto host = hosts_.find({attempt.to, attempt.tls}); host != hosts_.end()) {
        for (const Ref& connection : host->second) {
            if (now - connection->opened >= options_.stream_age_max) connection->retired = true;
            if (connection->retired) continue;
            ++usable;
            if (fresh && connection->connected) continue;
            if (connection->pending.count() < options_.stream_pipelined_max &&
                connection->queued_bytes() < kQueuedBytesMax)
                return connection;
        }
    }
    return usable < kPerEndpointMax ? connect(attempt, now) : nullptr;
}

StreamExchange::Ref StreamExchange::connect(Attempt& attempt, Time now) {
    if (attempt.tls != nullptr) attempt.why = attempt.tls->held(attempt.to, now);
    if (attempt.why != nullptr) return nullptr;
    if (connections_ >= kConnectionsMax && !make_room()) return nullptr;
    const StreamKey key{attempt.to, attempt.tls};
    auto connection = std::make_shared<Connection>(io_, key, now);
    hosts_[key].push_back(connection);
    ++connections_;
    if (!sweep_node_.is_armed()) timers_.add(sweep_node_, now, now + kSweepInterval);
    connection->socket.async_connect(native_endpoint(key.to),
                                     [this, connection](const error_code& error) {
                                         if (!connection->closed) on_connected(connection, error);
                                     });
    return connection;
}

/// Closes one connection that nobody waits on.
bool StreamExchange::make_room() {
    for (const auto& [key, connections] : hosts_) {
        for (const Ref& connection : connections) {
            if (!connection->pending.empty()) continue;
            close(*Ref(connection));
            return true;
        }
    }
    return false;
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
                                 if (error) {
                                     lose(connection, Outcome::closed);
                                 } else {
                                     flush(connection);
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
        if (asked != nullptr && asked->endpoint != nullptr)
            asked->endpoint->stats().note_failure(Trouble::mismatch);
        if (++connection.mismatches >= kMismatchMax) connection.retired = true;
        close_if_done(connection);
        return;
    }
    counters_.add(connection.is_tls() ? Count::upstream_tls_replies : Count::upstream_tcp_replies);
    connection.mismatches = 0;
    ++connection.replies;
    attempt->reply = message;
    attempt->leave();
    close_if_done(connection);
    attempt->finish(Outcome::reply, connection.heard);
}

/// The connection is gone. Whoever was put on it while it was in use goes to a fresh one, once; for
/// the others it is over.
void StreamExchange::lose(const Ref& connection, Outcome how) {
    const Time now = Clock::now();
    connection->cut_off();
    const TlsReason why = tls_reason(*connection);
    if (why != nullptr) how = Outcome::untrusted;
    AttemptList again;
    while (Attempt* attempt = connection->pending.first()) {
        attempt->leave();
        const bool used = attempt->on_used_stream || connection->replies > 0;
        attempt->outcome = how;
        attempt->why = why;
        (how == Outcome::closed && used && !attempt->stream_retried ? again : failed_)
            .add(*attempt);
    }
    close(*connection);
    while (Attempt* attempt = again.first()) {
        attempt->leave();
        attempt->stream_retried = true;
        attempt->outcome = submit(*attempt, true, now);
        if (attempt->outcome != Outcome::waiting) failed_.add(*attempt);
    }
    finish_failed();
}

/// Why TLS is to blame for the loss; null when it is not: the socket failed, or there were replies
/// before.
TlsReason StreamExchange::tls_reason(const Connection& connection) {
    if (!connection.is_tls() || connection.replies > 0) return nullptr;
    const TlsSession& tls = connection.tls();
    if (tls.state() != TlsSession::State::failed && connection.pending.empty()) return nullptr;
    TlsReason why = tls.reason();
    if (why == nullptr) return nullptr;
    counters_.add(Count::upstream_tls_failed);
    connection.key.tls->note_failure(connection.key.to, why, tls.was_refused(), Clock::now());
    return why;
}

void StreamExchange::close(Connection& connection) {
    connection.close();
    --connections_;
    const auto host = hosts_.find(connection.key);
    Connections& all = host->second;
    const auto mine =
        std::find_if(all.begin(), all.end(), [&](const Ref& c) { return c.get() == &connection; });
    const Ref keep = *mine;  // `connection` lives until the end of this function
    *mine = all.back();
    all.pop_back();
    if (all.empty()) hosts_.erase(host);
}

void StreamExchange::close_if_done(Connection& connection) {
    if (connection.retired && connection.pending.empty() && !connection.closed) close(connection);
}

void StreamExchange::finish_failed() {
    const Time now = Clock::now();
    while (Attempt* attempt = failed_.first()) attempt->finish(attempt->outcome, now);
}

void StreamExchange::timed_out(Attempt& attempt) {
    auto& self = *static_cast<StreamExchange*>(attempt.exchange);
    auto& connection = *static_cast<Connection*>(attempt.place);
    self.note_late(attempt);
    attempt.leave();
    self.close_if_done(connection);
    attempt.finish(Outcome::timeout, Clock::now());
}

void StreamExchange::note_late(const Attempt& attempt) noexcept {
    auto& connection = *static_cast<Connection*>(attempt.place);
    if (!connection.connected || connection.heard <= attempt.sent_at) connection.retired = true;
}

void StreamExchange::sweep() {
    const Time now = Clock::now();
    Connections all;
    for (const auto& [key, connections] : hosts_)
        all.insert(all.end(), connections.begin(), connections.end());
    for (const Ref& connection : all) {
        if (!connection->pending.empty()) continue;
        const bool idle = now - connection->used >= options_.stream_idle;
        const bool old = now - connection->opened >= options_.stream_age_max;
        if (connection->retired || idle || old) close(*connection);
    }
    if (connections_ > 0) timers_.add(sweep_node_, now, now + kSweepInterval);
}

void StreamExchange::shut_down() {
    if (shut_down_) return;
    shut_down_ = true;
    sweep_node_.cancel();
    while (!hosts_.empty()) {
        const Ref connection = hosts_.begin()->second.back();
        while (Attempt* attempt = connection->pending.first()) {
            attempt->leave();
            attempt->outcome = Outcome::shut_down;
            failed_.add(*attempt);
        }
        close(*connection);
    }
    finish_failed();
}

}  // namespace peerzone::upstream
