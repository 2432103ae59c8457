// TLS over a client's socket (RFC 7858), the server's end. The handshake is part of receive(), so
// the time-out for connections without a query covers it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "peerzone/base/ip.hpp"
#include "peerzone/metrics/counters.hpp"
#include "server/byte_stream.hpp"
#include "server/tls_context.hpp"
#include "server/tls_wire.hpp"

namespace peerzone::server {

class TlsStream final : public ByteStream {
public:
    /// `socket` is connected and does not block. Costs next to nothing until the client has begun
    /// a handshake.
    TlsStream(std::shared_ptr<const TlsContext> context, int socket, const IpAddress& client,
              metrics::Counters& counters) noexcept;

    Moved receive(MutableBytes into, std::size_t& count) noexcept override;
    Moved send(Bytes octets, std::size_t& count) noexcept override;
    bool is_encrypted() const noexcept override { return true; }
    bool holds_input() const noexcept override { return more_ || after_ != Moved::none; }
    void flush() noexcept override { wire_.flush(); }
    bool input_waits_for_output() const noexcept override {
        return waits_for_output_ || wire_.has_gathered();
    }
    void say_end() noexcept override;

private:
    // Record header (5), then type and length of the handshake message (RFC 8446 5.1 and 4).
    static constexpr std::size_t kHelloHead = 9;

    Moved await_hello(MutableBytes into) noexcept;
    Moved read_records(MutableBytes into, std::size_t& count) noexcept;
    Moved failed(int result) noexcept;
    void note_handshake() noexcept;
    void note_failure() noexcept;
    void refuse(metrics::Count what, const char* event, const char* why) noexcept;

    std::shared_ptr<const TlsContext> context_;  // until the handshake begins
    const int socket_;
    const IpAddress client_;
    metrics::Counters& counters_;
    std::array<std::uint8_t, kHelloHead> head_{};  // until there is a session
    std::uint8_t head_size_ = 0;
    TlsWire wire_;
    SslSession session_;
    Moved after_ = Moved::none;      // what receive() says once its octets are taken
    bool more_ = false;              // receive() stopped because it had given enough
    bool waits_for_output_ = false;  // a handshake message is half written
    bool is_set_up_ = false;         // the handshake is done
    bool is_broken_ = false;
};

}  // namespace peerzone::server
