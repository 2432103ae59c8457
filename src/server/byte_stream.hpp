// What carries a session's octets: a TCP socket, or TLS over one. The framing, limits and time-outs
// above it are the same (TcpSession). Nothing here blocks, and the socket stays its owner's.
//
// One object per connection, used on its worker's thread only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "peerzone/base/bytes.hpp"

namespace peerzone::server {

class ByteStream {
public:
    enum class Moved : std::uint8_t {
        some,   ///< `count` octets
        none,   ///< not now: wait until the socket is ready again
        ended,  ///< the client sends nothing more; it may still read
        broken  ///< nothing goes either way any more
    };

    ByteStream() = default;
    virtual ~ByteStream() = default;
    ByteStream(const ByteStream&) = delete;
    ByteStream& operator=(const ByteStream&) = delete;

    /// At most `into`, in a bounded number of steps.
    virtual Moved receive(MutableBytes into, std::size_t& count) noexcept = 0;
    /// As much as the socket takes. After less than all of `octets` the next call begins with the
    /// rest, in whatever memory.
    virtual Moved send(Bytes octets, std::size_t& count) noexcept = 0;

    /// It cannot be read on the way.
    virtual bool is_encrypted() const noexcept { return false; }
    /// receive() has more to give although the socket may never become readable again.
    virtual bool holds_input() const noexcept { return false; }
    /// What receive() had to say of itself, and no send() has taken along, leaves now.
    virtual void flush() noexcept {}
    /// receive() goes on once the socket is writable.
    virtual bool input_waits_for_output() const noexcept { return false; }
    /// Tells the client that this is the end, as far as the socket takes it.
    virtual void say_end() noexcept {}
};

/// Octets as they are.
class PlainStream final : public ByteStream {
public:
    /// `socket` is connected and does not block.
    explicit PlainStream(int socket) noexcept : socket_(socket) {}

    Moved receive(MutableBytes into, std::size_t& count) noexcept override;
    Moved send(Bytes octets, std::size_t& count) noexcept override;

private:
    const int socket_;
};

}  // namespace peerzone::server
