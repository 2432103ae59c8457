// One connection of the stream exchange: its buffers, its messages in and out, and TLS between them
// and the socket if the upstream wants it. The exchange does the waiting.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "exchange/tls_session.hpp"
#include "peerzone/base/bytes.hpp"
#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/exchange/attempt.hpp"
#include "peerzone/exchange/stream_key.hpp"

namespace peerzone::exchange {

inline constexpr std::size_t kStreamLengthBytes = 2;  // before each message (RFC 1035 4.2.2)

class StreamConnection : public AttemptPlace {
public:
    /// `most`: the questions that it takes in all.
    StreamConnection(boost::asio::io_context& io, const StreamKey& whom, unsigned most, Time now);

    /// The socket is connected: TLS may begin. True when questions can leave.
    bool begin();
    /// Puts a message, with its length before it, behind what waits to be sent.
    void queue(Bytes framed) { queued_.insert(queued_.end(), framed.begin(), framed.end()); }
    std::size_t queued_bytes() const noexcept { return queued_.size(); }
    /// Moves what can be sent now into `writing`; false when that is nothing.
    bool fill_writing();

    /// Where the next octets of the socket go …
    MutableBytes space() noexcept;
    /// … and that `n` of them came. Then: while (fill()) while (auto message = next()) …
    void received(std::size_t n) noexcept;
    /// Brings in octets of messages; false when there are no more.
    bool fill();
    /// A whole message, which stays until fill() is called again.
    std::optional<Bytes> next();
    /// The octets on the socket ended, or no more can be sent. Looks at what the peer said last.
    void cut_off();
    /// Tells the peer that we are going, if that can be done at once, and closes the socket.
    void close();

    bool is_tls() const noexcept { return tls_.has_value(); }
    /// Only with TLS.
    const TlsSession& tls() const noexcept { return *tls_; }
    /// TLS is over, whether by the peer's goodbye or by an error.
    bool is_over() const noexcept {
        return tls_ && tls_->state() != TlsSession::State::ready &&
               tls_->state() != TlsSession::State::handshake;
    }

    const StreamKey key;
    boost::asio::ip::tcp::socket socket;
    AttemptList pending;
    Time opened;
    Time used;
    Time heard;
    Time answered{};         // when the last reply came
    bool connected = false;  // and the TLS handshake is done: questions can leave
    bool retired = false;    // takes no more questions
    bool closed = false;
    bool is_writing = false;
    unsigned asked = 0;  // questions put on it …
    unsigned takes;      // … of this many at most
    unsigned replies = 0;
    unsigned mismatches = 0;
    std::vector<std::uint8_t> writing;

private:
    void make_room();

    std::shared_ptr<TlsIdentity> identity_;
    std::optional<TlsSession> tls_;
    std::vector<std::uint8_t> encrypted_;      // as it came from the socket; TLS only
    std::vector<std::uint8_t> queued_;         // messages
    std::vector<std::uint8_t> in_;             // messages
    std::size_t have_ = 0;                     // octets in `in_` …
    std::size_t taken_ = 0;                    // … of which these were handed out
    std::size_t needed_ = kStreamLengthBytes;  // for the next message
    bool fresh_ = false;                       // clear octets came that fill() has not told of
};

}  // namespace peerzone::exchange
