// DNS messages on a stream (RFC 1035 4.2.2, RFC 7766 8): two octets of length, then the message.
// Pure: octets in, whole messages out, and replies in, octets out. One object per connection, used
// on its thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "peerzone/base/bytes.hpp"

namespace peerzone::server {

/// Finds the messages in a stream, however it was cut into reads. Messages that lie whole in one
/// read are not copied.
///
///     reader.feed(octets);
///     while (reader.next(message) == FrameReader::Next::message) …
///     reader.keep_rest();                  // from here on `octets` may be overwritten
///
/// It holds less than one message (64 KiB) plus what was fed and not yet taken by next(); a caller
/// that stops taking stops feeding.
class FrameReader {
public:
    enum class Next : std::uint8_t {
        message,  ///< `message` is set; it stands until the next call of feed, keep_rest or shrink
        incomplete,  ///< more octets are needed
        bad          ///< a length below a DNS header: the stream cannot be trusted any more; sticky
    };

    FrameReader() = default;
    FrameReader(const FrameReader&) = delete;
    FrameReader& operator=(const FrameReader&) = delete;

    /// `octets` must stay where they are until keep_rest().
    void feed(Bytes octets);
    Next next(Bytes& message) noexcept;
    void keep_rest();

    std::size_t pending_bytes() const noexcept { return window_.size(); }
    std::size_t reserved_bytes() const noexcept { return own_.capacity(); }
    /// Gives back memory that `pending_bytes` does not need. Only after keep_rest().
    void shrink();

private:
    std::vector<std::uint8_t> own_;
    Bytes window_;  // what next() has not taken: in the caller's octets, or at the end of own_
    bool window_is_own_ = false;
    bool bad_ = false;
};

/// The replies that a client has not taken yet, framed and in one piece, so that one send carries
/// as many as the socket takes.
class ReplyQueue {
public:
    /// `reply` has at most 65535 octets.
    void append(Bytes reply);
    Bytes pending() const noexcept { return Bytes{octets_}.subspan(head_); }
    /// The socket took the first `count` of pending().
    void consume(std::size_t count) noexcept;

    bool empty() const noexcept { return head_ == octets_.size(); }
    std::size_t size_bytes() const noexcept { return octets_.size() - head_; }
    std::size_t reserved_bytes() const noexcept { return octets_.capacity(); }
    /// Gives the memory back when nothing is pending.
    void shrink() noexcept;

private:
    std::vector<std::uint8_t> octets_;
    std::size_t head_ = 0;
};

}  // namespace peerzone::server
