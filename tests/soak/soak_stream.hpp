// A blocking connection of the soak's load, with or without TLS. Certificates are not verified:
// what is refused and why is a matter of other tests, this one is about volume. A wait that takes
// too long fails as if the connection had broken.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

#include "peerzone/base/bytes.hpp"
#include "peerzone/base/clock.hpp"
#include "peerzone/base/fd.hpp"

namespace peerzone::soak {

using SslSession = std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)>;

class Stream {
public:
    /// `socket` is connected.
    Stream(Fd socket, Seconds patience) : socket_(std::move(socket)), ssl_(nullptr, SSL_free) {
        const timeval wait{.tv_sec = patience.count(), .tv_usec = 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    }
    ~Stream() {
        if (!ssl_) return;
        // Says nothing, but OpenSSL resumes only sessions that were shut down.
        SSL_set_quiet_shutdown(ssl_.get(), 1);
        SSL_shutdown(ssl_.get());
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// The handshake, going on from `earlier` where there is one.
    bool start_tls(SSL_CTX* context, SSL_SESSION* earlier) {
        ssl_.reset(SSL_new(context));
        SSL_set_fd(ssl_.get(), socket_.get());
        if (earlier != nullptr) SSL_set_session(ssl_.get(), earlier);
        ERR_clear_error();
        return SSL_connect(ssl_.get()) == 1;
    }
    bool resumed() const { return ssl_ && SSL_session_reused(ssl_.get()) == 1; }
    /// What the next connection may go on from; TLS 1.3 has it after the first answer.
    SslSession session() const {
        return {ssl_ ? SSL_get1_session(ssl_.get()) : nullptr, SSL_SESSION_free};
    }

    bool send(Bytes octets) {
        if (!ssl_)
            return ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
                   static_cast<ssize_t>(octets.size());
        std::size_t sent = 0;
        ERR_clear_error();
        return SSL_write_ex(ssl_.get(), octets.data(), octets.size(), &sent) == 1;
    }

    /// All of `into`.
    bool read(MutableBytes into) {
        if (!ssl_)
            return ::recv(socket_.get(), into.data(), into.size(), MSG_WAITALL) ==
                   static_cast<ssize_t>(into.size());
        while (!into.empty()) {
            std::size_t got = 0;
            ERR_clear_error();
            if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &got) != 1) return false;
            into = into.subspan(got);
        }
        return true;
    }

private:
    Fd socket_;
    std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

}  // namespace peerzone::soak
