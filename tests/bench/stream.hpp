// One client connection, TCP or TLS, non-blocking.
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>

namespace peerzone::bench {

/// Makes TLS clients and keeps the newest session for the next ones. The certificate is not
/// checked: it is the bench's own.
class TlsClient {
public:
    TlsClient();
    ~TlsClient();
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    SSL* make(int fd, bool resume) noexcept;

private:
    static int keep(SSL* ssl, SSL_SESSION* session) noexcept;
    SSL_CTX* context_;
    SSL_SESSION* session_ = nullptr;
};

class Stream {
public:
    enum class Step : std::uint8_t { done, wait, ended };

    /// Connects; `number` chooses the client's address, so that no address runs out of ports and no
    /// server's limit per client is met.
    Stream(const sockaddr_in& server, unsigned number, TlsClient* tls, bool resume);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// done: `moved` octets were written or read, at least one.
    Step write(std::span<const std::uint8_t> from, std::size_t& moved) noexcept;
    Step read(std::span<std::uint8_t> to, std::size_t& moved) noexcept;
    bool resumed() const noexcept { return ssl_ && SSL_session_reused(ssl_); }

private:
    int fd_;
    SSL* ssl_ = nullptr;
};

}  // namespace peerzone::bench
