// Invariants. Queries are taken only while has_room(), so what waits in input_ is less than one
// message plus one read. A session whose ending_ is set changes no more. The session's three states
// for the clock: replies wait for the client (write stall), queries wait for upstreams (no time-out
// of ours: the Resolver's deadline ends the wait), neither (idle time-out).
#include "server/tcp_session.hpp"

#include <algorithm>

#include "server/padding.hpp"

namespace peerzone::server {
namespace {

using metrics::Count;

// A connection that rests this long gives its buffers back.
constexpr Seconds kRest{1};

}  // namespace

Seconds TcpShared::idle() const noexcept {
    return connections.crowded() ? std::min(limits.tcp_idle, kIdleCrowded) : limits.tcp_idle;
}

std::uint16_t TcpShared::keepalive_100ms() const noexcept {
    if (draining) return 0;
    return static_cast<std::uint16_t>(std::clamp<Seconds::rep>(idle().count(), 0, 6553) * 10);
}

TcpSession::TcpSession(TcpShared& shared, ByteStream& stream, const SocketAddress& client,
                       std::uint64_t id, Time now)
    : shared_(shared),
      stream_(stream),
      id_(id),
      client_(client),
      last_active_(now),
      last_progress_(now) {}

bool TcpSession::wants_read() const noexcept {
    return ending_ == Ending::none && !no_more_input_ && has_room();
}

// Half of the write queue is kept for the replies to queries that are already in flight.
bool TcpSession::has_room() const noexcept {
    return in_flight_ < std::max<std::size_t>(shared_.limits.tcp_in_flight_per_connection_max, 1) &&
           (replies_.empty() ||
            replies_.size_bytes() < shared_.limits.tcp_write_queue_bytes_max / 2);
}

void TcpSession::on_readable(Time now) {
    if (!wants_read()) return;
    receive(now);
    settle(now);
}

void TcpSession::on_writable(Time now) {
    blocked_ = false;
    if (stream_.input_waits_for_output() && wants_read()) receive(now);
    settle(now);
}

void TcpSession::finish(Time now) {
    if (wants_read()) receive(now);
    no_more_input_ = true;
    settle(now);
}

void TcpSession::settle(Time now) {
    // Each round takes at least one of the queries that have arrived, so this ends.
    bool more = true;
    while (more && ending_ == Ending::none) {
        more = take_questions(now);
        send_queued();
        more = more && has_room();
    }
    if (ending_ == Ending::none) stream_.flush();
    if (progressed_) {
        last_progress_ = last_active_ = now;
        progressed_ = false;
    }
    // RFC 7766 6.2.3 and 6.2.4: a client that has finished sending still gets all its answers.
    const bool waits = more || in_flight_ > 0 || !replies_.empty();
    if (ending_ == Ending::none && no_more_input_ && !waits) ending_ = Ending::done;
}

// One read per turn; a client that sends more has to wait for the others.
void TcpSession::receive(Time now) {
    std::size_t count = 0;
    switch (stream_.receive(shared_.input, count)) {
        case ByteStream::Moved::some:
            input_.feed(Bytes{shared_.input}.first(count));
            take_questions(now);
            input_.keep_rest();
            break;
        case ByteStream::Moved::none: break;
        case ByteStream::Moved::ended: no_more_input_ = true; break;
        case ByteStream::Moved::broken: ending_ = Ending::broken; break;
    }
}

// True when it stopped for lack of room, so that there may be more.
bool TcpSession::take_questions(Time now) {
    Bytes message;
    while (ending_ == Ending::none) {
        if (!has_room()) return true;
        switch (input_.next(message)) {
            case FrameReader::Next::message: answer(message, now); break;
            case FrameReader::Next::incomplete: return false;
            case FrameReader::Next::bad: refuse_input(); return false;
        }
    }
    return false;
}

// The queries before the bad frame are still answered; what follows it could be anything.
void TcpSession::refuse_input() {
    if (refused_) return;
    refused_ = true;
    no_more_input_ = true;
    shared_.counters.add(Count::tcp_bad_frame);
}

void TcpSession::answer(Bytes message, Time now) {
    shared_.counters.add(Count::tcp_queries);
    resolver::Request request;
    request.client = client_.ip;
    request.listener = listener_;
    request.udp = false;
    request.keepalive_100ms = shared_.keepalive_100ms();
    std::size_t size = 0;
    const resolver::Disposition outcome =
        shared_.handler.answer_now(message, now, request, shared_.reply, size);
    // RFC 7830 4: also the later replies to a client that has padded once may be padded.
    if (request.query.padding && stream_.is_encrypted()) pads_ = true;
    switch (outcome) {
        case resolver::Disposition::replied:
            ++shared_.answered_at_once;
            shared_.counters.add_reply(shared_.reply);
            if (pads_) size = pad_reply(shared_.reply, size);
            enqueue(Bytes{shared_.reply}.first(size));
            has_asked_ = true;
            last_active_ = now;
            break;
        case resolver::Disposition::deferred: {
            ++in_flight_;
            has_asked_ = true;
            last_active_ = now;
            resolver::ReplyTo to;
            to.sink = &shared_.sink;
            to.session = id_;
            to.client = client_;
            to.arrived = now;
            shared_.counters.add(Count::cache_misses);
            shared_.handler.admit(request, to, now);
            break;
        }
        case resolver::Disposition::dropped:
            break;  // not a query, so it does not keep the connection open
    }
}

void TcpSession::deliver(Bytes reply) {
    if (ending_ != Ending::none || in_flight_ == 0) return;
    --in_flight_;
    if (reply.size() > dns::kMessageMax) return;
    if (pads_) {
        std::copy(reply.begin(), reply.end(), shared_.reply.begin());
        reply = Bytes{shared_.reply}.first(pad_reply(shared_.reply, reply.size()));
    }
    const std::size_t room = shared_.limits.tcp_write_queue_bytes_max;
    const auto too_much = [&] {
        return !replies_.empty() && replies_.size_bytes() + reply.size() > room;
    };
    if (too_much()) send_queued();
    if (ending_ != Ending::none) return;
    if (too_much())
        ending_ = Ending::slow;
    else
        enqueue(reply);
}

void TcpSession::enqueue(Bytes reply) {
    if (replies_.empty()) progressed_ = true;
    replies_.append(reply);
}

void TcpSession::send_queued() {
    if (blocked_ || replies_.empty() || ending_ != Ending::none) return;
    const Bytes pending = replies_.pending();
    std::size_t sent = 0;
    if (stream_.send(pending, sent) == ByteStream::Moved::broken) {
        ending_ = Ending::broken;
        return;
    }
    if (sent > 0) progressed_ = true;
    blocked_ = sent < pending.size();
    replies_.consume(sent);
}

void TcpSession::on_clock(Time now) {
    if (ending_ != Ending::none || progressed_) return;
    if (!replies_.empty()) {
        if (now - last_progress_ >= shared_.limits.tcp_write_stall) ending_ = Ending::slow;
        return;
    }
    if (in_flight_ > 0) return;
    const Duration resting = now - last_active_;
    if (resting >= shared_.idle()) {
        ending_ = Ending::idle;
    } else if (resting >= kRest) {
        input_.shrink();
        replies_.shrink();
    }
}

}  // namespace peerzone::server
