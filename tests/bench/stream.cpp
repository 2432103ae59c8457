#include "stream.hpp"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "sockets.hpp"

namespace peerzone::bench {
namespace {

constexpr std::uint32_t kClientNet = 0x7f4d0000;  // 127.77.0.0
constexpr unsigned kClientAddresses = 200;

Stream::Step tls_step(SSL* ssl, int result) noexcept {
    const int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Stream::Step::wait
                                                                         : Stream::Step::ended;
}

Stream::Step tcp_step(ssize_t result, std::size_t& moved) noexcept {
    if (result > 0) {
        moved = static_cast<std::size_t>(result);
        return Stream::Step::done;
    }
    const bool again = result < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN);
    return again ? Stream::Step::wait : Stream::Step::ended;
}

}  // namespace

TlsClient::TlsClient() : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_, &TlsClient::keep);
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_app_data(context_, this);
    constexpr unsigned char kAlpn[] = {3, 'd', 'o', 't'};
    SSL_CTX_set_alpn_protos(context_, kAlpn, sizeof kAlpn);
}

TlsClient::~TlsClient() {
    SSL_SESSION_free(session_);
    SSL_CTX_free(context_);
}

int TlsClient::keep(SSL* ssl, SSL_SESSION* session) noexcept {
    auto* self = static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    SSL_SESSION_free(self->session_);
    self->session_ = session;
    return 1;  // it is ours now
}

SSL* TlsClient::make(int fd, bool resume) noexcept {
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    if (resume && session_) {
        // A copy: OpenSSL marks a session as spent when a connection that used it breaks off.
        SSL_SESSION* copy = SSL_SESSION_dup(session_);
        SSL_set_session(ssl, copy);
        SSL_SESSION_free(copy);
    }
    return ssl;
}

Stream::Stream(const sockaddr_in& server, unsigned number, TlsClient* tls, bool resume)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (fd_ < 0) return;
    const unsigned host = number % kClientAddresses + 1;
    sockaddr_in client{};
    client.sin_family = AF_INET;
    client.sin_addr.s_addr = htonl(kClientNet | host);
    set_option(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    set_option(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
    bind(fd_, reinterpret_cast<const sockaddr*>(&client), sizeof client);
    connect(fd_, reinterpret_cast<const sockaddr*>(&server),
            sizeof server);  // a refusal shows at the first write
    if (tls) ssl_ = tls->make(fd_, resume);
}

Stream::~Stream() {
    if (ssl_) {
        SSL_shutdown(
            ssl_);  // close_notify, so that the session stays good; the peer's is not waited for
        SSL_free(ssl_);
        ERR_clear_error();
    }
    if (fd_ >= 0) close(fd_);
}

Stream::Step Stream::write(std::span<const std::uint8_t> from, std::size_t& moved) noexcept {
    if (!ssl_)
        return tcp_step(send(fd_, from.data(), from.size(), MSG_NOSIGNAL | MSG_DONTWAIT), moved);
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_, from.data(), from.size(), &moved);
    return result > 0 ? Step::done : tls_step(ssl_, result);
}

Stream::Step Stream::read(std::span<std::uint8_t> to, std::size_t& moved) noexcept {
    if (!ssl_) return tcp_step(recv(fd_, to.data(), to.size(), MSG_DONTWAIT), moved);
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_, to.data(), to.size(), &moved);
    return result > 0 ? Step::done : tls_step(ssl_, result);
}

}  // namespace peerzone::bench
