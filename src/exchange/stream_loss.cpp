// What becomes of the questions on a connection that has ended (RFC 7766 6.2.4), and what its end
// tells of the server's limits.
#include <algorithm>

#include "exchange/stream_connection.hpp"
#include "peerzone/exchange/stream_exchange.hpp"

namespace peerzone::exchange {

using metrics::Count;

/// The connection is gone. What the server closed after other replies, or did not serve while it
/// serves others, is asked again; for everything else it is over.
void StreamExchange::lose(const Ref& connection, Outcome how) {
    const Time now = Clock::now();
    Host& host = hosts_.at(connection->key);
    connection->cut_off();
    const bool turned_away = serves_others(host, *connection, how);
    const TlsReason why = turned_away ? nullptr : tls_reason(*connection);
    if (why != nullptr) how = Outcome::untrusted;
    if (turned_away) host.limits.note_turned_away(host.connections.size() - 1, now);
    bool was_left = false;  // questions that the server had before its last reply
    AttemptList again;
    while (Attempt* attempt = connection->pending.first()) {
        was_left |= connection->replies > 0 && attempt->sent_at <= connection->answered;
        if (moves_on(*attempt, *connection, turned_away, how)) {
            again.add(*attempt);
        } else {
            attempt->leave();
            attempt->why = why;
            failed_.add(*attempt);
        }
    }
    if (was_left && how == Outcome::closed) host.limits.note_closed_after(connection->replies, now);
    close(*connection);
    while (Attempt* attempt = again.first()) {
        counters_.add(Count::upstream_stream_moved);
        wait(host, *attempt);
    }
    serve_waiting(host, now);
    finish_failed();
}

/// Whether a question of a connection that has ended may be asked again; else its outcome is set.
bool StreamExchange::moves_on(Attempt& attempt, const Connection& from, bool turned_away,
                              Outcome how) {
    const bool in_order = how == Outcome::closed && from.replies > 0;
    const bool raced = how == Outcome::closed && attempt.on_used_stream && attempt.moves == 0;
    attempt.outcome = how;
    // Behind one address there may be several servers, one of which is gone.
    const bool other_flow = how == Outcome::refused && !turned_away && !from.connected &&
                            attempt.flows_lost + 1 < attempt.flows_max;
    if (other_flow) {
        ++attempt.flows_lost;
        attempt.outcome = Outcome::waiting;
        return true;
    }
    // One of several may have made the server close: each gets a connection of its own, once.
    const bool shared = how == Outcome::closed && from.asked > 1 && attempt.moves < kAloneAfter;
    if (shared && !in_order && !turned_away) {
        attempt.moves = kAloneAfter;
        attempt.outcome = Outcome::waiting;
        return true;
    }
    if (!in_order && !turned_away && !raced) return false;
    if (attempt.moves < kMovesMax) {
        ++attempt.moves;
        attempt.outcome = Outcome::waiting;
        return true;
    }
    attempt.outcome = Outcome::dropped;
    return false;
}

/// The server has ended this connection without a reply, or never took it, and replies on others.
bool StreamExchange::serves_others(const Host& host, const Connection& connection, Outcome how) {
    const bool closed = how == Outcome::closed || how == Outcome::refused;
    if (!closed || connection.replies > 0 || connection.pending.empty()) return false;
    if (connection.is_tls() && connection.tls().was_refused()) return false;
    if (host.answered >= connection.opened) return true;
    return std::any_of(host.connections.begin(), host.connections.end(), [](const Ref& other) {
        return other->replies > 0 && !other->pending.empty();
    });
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
    Connections& all = hosts_.at(connection.key).connections;
    const auto mine =
        std::find_if(all.begin(), all.end(), [&](const Ref& c) { return c.get() == &connection; });
    const Ref keep = *mine;  // `connection` lives until the end of this function
    *mine = all.back();
    all.pop_back();
}

void StreamExchange::close_if_done(Connection& connection) {
    if (connection.retired && connection.pending.empty() && !connection.closed) close(connection);
}

void StreamExchange::finish_failed() {
    if (failed_.empty()) return;
    const Time now = Clock::now();
    while (Attempt* attempt = failed_.first()) attempt->finish(attempt->outcome, now);
}

}  // namespace peerzone::exchange
