// The TLS of one connection, without its socket: octets from the peer go in, octets for the peer
// come out. The stream exchange carries both. Used on one thread.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exchange/tls_identity.hpp"
#include "peerzone/base/bytes.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone::exchange {

class TlsSession {
public:
    enum class State : std::uint8_t {
        handshake,
        ready,
        ended,  ///< the peer said goodbye
        failed  ///< reason() says why
    };

    /// The side of the client. Its greeting is ready to be taken.
    TlsSession(TlsIdentity& identity, const SocketAddress& to);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// What every connection of a context has in common: versions, ALPN, callbacks.
    static void configure(SSL_CTX& context);

    State state() const noexcept { return state_; }
    /// Handed over from the peer; read() must then be called until it returns 0. The octets must
    /// stay for so long.
    void receive(Bytes octets) noexcept { in_ = octets; }
    /// Goes on with the handshake, then decrypts. 0: the octets are used up, or the session is
    /// over.
    std::size_t read(MutableBytes out);
    /// Encrypts for take_output(). Only when ready; false when the session has failed.
    bool write(Bytes message);
    /// The connection ended without a goodbye.
    void cut_off();
    /// Adds our goodbye to the output.
    void say_goodbye();
    /// What the peer must get: swapped into `out`, which is empty.
    void take_output(std::vector<std::uint8_t>& out) noexcept { out.swap(out_); }

    /// The handshake went on from an earlier session.
    bool is_resumed() const noexcept;
    /// It wanted to know who we are, and we had nothing to show. Over TLS 1.3 it refuses us only
    /// after the handshake.
    bool lacks_certificate() const noexcept { return lacks_certificate_; }
    /// Whose fault it may be that the connection ended before a reply; null when it is not about
    /// TLS.
    TlsReason reason() const;
    /// A check has failed or the peer has refused us, so that it will be the same the next time.
    bool was_refused() const noexcept { return refused_ || lacks_certificate_; }

private:
    struct Free {
        void operator()(SSL* ssl) const noexcept;
    };
    struct Callbacks;  // what OpenSSL calls

    bool set_name();
    void shake();
    void fail();
    void fail(std::string why);

    TlsIdentity& identity_;
    SocketAddress to_;
    std::unique_ptr<SSL, Free> ssl_;
    State state_ = State::handshake;
    Bytes in_;                       // not used yet
    std::vector<std::uint8_t> out_;  // not taken yet
    std::string certificate_why_;
    std::string why_;
    bool lacks_certificate_ = false;
    bool refused_ = false;
};

}  // namespace peerzone::exchange
