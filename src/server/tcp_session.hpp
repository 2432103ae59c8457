// One TCP connection of a client, with or without TLS (RFC 7766, 7828, 7858, 9210): reads queries,
// answers what can be answered at once, sends the other replies in whatever order they come, and
// decides when the connection has to end. It does the reads and writes of its stream, which never
// block, and knows neither event loop nor clock: its owner says when the socket is ready and what
// time it is, and closes it.
//
// One object per connection, used on its worker's thread only. After each call the owner looks at
// ending(), wants_read() and wants_write().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/dns/types.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "peerzone/server/options.hpp"
#include "server/byte_stream.hpp"
#include "server/connection_limits.hpp"
#include "server/framing.hpp"
#include "server/question_handler.hpp"

namespace peerzone::server {

/// The idle time-out while connections are scarce (RFC 7766 6.2.3).
inline constexpr Seconds kIdleCrowded{2};
/// Octets per read: some hundred queries, then it is another connection's turn.
inline constexpr std::size_t kReadSize = 16 * 1024;

/// What the sessions of one server share. Outlives them.
struct TcpShared {
    QuestionHandler& handler;
    resolver::ReplySink& sink;  ///< hands replies that come later to TcpSession::deliver
    const ConnectionLimits& connections;
    metrics::Counters& counters;
    Limits limits;
    bool draining = false;
    std::uint64_t answered_at_once = 0;                  ///< in the turn that runs
    std::array<std::uint8_t, kReadSize> input{};         ///< scratch of the call that runs
    std::array<std::uint8_t, dns::kMessageMax> reply{};  ///< the same

    /// How long a connection may be without a query now.
    Seconds idle() const noexcept;
    /// The same for clients that ask (RFC 7828 3.3.2); 0 while draining: "close".
    std::uint16_t keepalive_100ms() const noexcept;
};

class TcpSession {
public:
    enum class Ending : std::uint8_t {
        none,   ///< goes on
        done,   ///< the client has finished and has everything, or sent a bad frame, or the server
                ///< drains
        idle,   ///< no query for too long, or another client needs the connection more
        slow,   ///< does not take its replies: reset, so that the kernel forgets them too
        broken  ///< the socket failed
    };

    /// `stream` outlives this.
    TcpSession(TcpShared& shared, ByteStream& stream, const SocketAddress& client, std::uint64_t id,
               Time now);
    TcpSession(const TcpSession&) = delete;
    TcpSession& operator=(const TcpSession&) = delete;

    /// Where its queries are asked, from now on (resolver::Request::listener).
    void set_listener(view::ListenerId listener) noexcept { listener_ = listener; }
    void on_readable(Time now);
    void on_writable(Time now);
    /// Queues the reply to one query that admit took. May come from inside admit. Unless it does,
    /// settle() must follow soon: several replies of one turn leave in one send.
    void deliver(Bytes reply);
    /// Sends what is queued and goes on with the queries that had to wait for it.
    void settle(Time now);
    /// Looks at the time-outs, and gives memory back when the connection rests.
    void on_clock(Time now);
    /// No client would miss an answer if it ended now.
    bool is_idle() const noexcept {
        return ending_ == Ending::none && in_flight_ == 0 && replies_.empty();
    }
    /// A query came that deserved an answer.
    bool has_asked() const noexcept { return has_asked_; }
    /// When the last query came or the last reply went, or else the connection.
    Time last_active() const noexcept { return last_active_; }
    /// Ends an idle session for the sake of a new one.
    void give_way() noexcept {
        if (is_idle()) ending_ = Ending::idle;
    }
    /// Takes what has already arrived, then no more; ends when everything is answered.
    void finish(Time now);

    Ending ending() const noexcept { return ending_; }
    bool wants_read() const noexcept;
    bool wants_write() const noexcept {
        return ending_ == Ending::none && (!replies_.empty() || stream_.input_waits_for_output());
    }
    /// Wants on_readable soon, though the socket may never say so.
    bool holds_input() const noexcept { return wants_read() && stream_.holds_input(); }

    const SocketAddress& client() const noexcept { return client_; }
    std::size_t in_flight() const noexcept { return in_flight_; }
    std::size_t queued_bytes() const noexcept { return replies_.size_bytes(); }
    std::size_t reserved_bytes() const noexcept {
        return input_.reserved_bytes() + replies_.reserved_bytes();
    }

private:
    bool has_room() const noexcept;
    void receive(Time now);
    bool take_questions(Time now);
    void refuse_input();
    void answer(Bytes message, Time now);
    void enqueue(Bytes reply);
    void send_queued();

    TcpShared& shared_;
    ByteStream& stream_;
    const std::uint64_t id_;
    const SocketAddress client_;

    FrameReader input_;
    ReplyQueue replies_;
    std::size_t in_flight_ = 0;  // queries that admit holds
    view::ListenerId listener_ = 0;
    Time last_active_;         // the last query came or the last reply went
    Time last_progress_;       // replies_ became non-empty, or the client took octets of it
    bool progressed_ = false;  // one of the two happened and last_progress_ is not set yet
    bool has_asked_ = false;
    bool pads_ = false;           // replies are padded, since the client pads
    bool blocked_ = false;        // the socket takes nothing until on_writable
    bool no_more_input_ = false;  // the client has finished, or we do not want to hear more
    bool refused_ = false;        // a bad frame was seen and counted
    Ending ending_ = Ending::none;
};

}  // namespace peerzone::server
