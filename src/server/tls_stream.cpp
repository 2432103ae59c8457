// OpenSSL's error queue is cleared before each call that may fail, for SSL_get_error reads it.
#include "server/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "peerzone/base/log.hpp"

namespace peerzone::server {
namespace {

using metrics::Count;

constexpr std::size_t kFirstRead = 4096;
// Real ones have 200 to 2,000 octets. OpenSSL reserves what the length says, up to 128 KiB.
constexpr std::size_t kHelloMax = 16 * 1024;
// Records of one octet must not hold the worker for longer than full ones.
constexpr int kRecordsPerTurn = 256;

// What a client can provoke is logged once a minute, whichever worker sees it.
log::LogLimit handshake_log;
log::LogLimit refused_log;

bool is_hello(const std::array<std::uint8_t, 9>& head) noexcept {
    constexpr std::uint8_t kHandshake = 22;
    constexpr std::uint8_t kClientHello = 1;
    const std::size_t size =
        std::size_t{head[6]} << 16 | std::size_t{head[7]} << 8 | std::size_t{head[8]};
    return head[0] == kHandshake && head[1] == 3 && head[5] == kClientHello && size <= kHelloMax;
}

}  // namespace

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int socket, const IpAddress& client,
                     metrics::Counters& counters) noexcept
    : context_(std::move(context)),
      socket_(socket),
      client_(client),
      counters_(counters),
      wire_(socket) {}

// Looks at the first octets before OpenSSL sees any: garbage and silent connections cost no
// session, and no client makes us reserve much by a length.
ByteStream::Moved TlsStream::await_hello(MutableBytes into) noexcept {
    std::copy_n(head_.begin(), head_size_, into.begin());
    const ssize_t got = ::recv(socket_, into.data() + head_size_, into.size() - head_size_, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Moved::none
                                                                         : Moved::broken;
    if (got == 0 && head_size_ == 0) return Moved::ended;  // a health check, perhaps
    const std::size_t size = head_size_ + static_cast<std::size_t>(got);
    head_size_ = static_cast<std::uint8_t>(std::min(size, head_.size()));
    std::copy_n(into.begin(), head_size_, head_.begin());
    if (got > 0 && size < head_.size()) return Moved::none;
    if (!is_hello(head_)) {  // also when it ended early: the rest of `head_` is zero
        refuse(Count::tls_handshake_failed, "tls handshake failed",
               "what came is not the start of TLS");
        return Moved::broken;
    }
    session_ = context_->new_session(wire_.new_bio());
    context_.reset();
    if (session_ == nullptr) return Moved::broken;
    wire_.put_first(into.first(size), size < into.size());
    return Moved::some;
}

ByteStream::Moved TlsStream::receive(MutableBytes into, std::size_t& count) noexcept {
    count = 0;
    more_ = waits_for_output_ = false;
    if (after_ != Moved::none) return after_;
    wire_.begin_input();
    std::array<std::uint8_t, kFirstRead> first;  // a whole ClientHello, as a rule
    if (session_ == nullptr)
        if (const Moved hello = await_hello(first); hello != Moved::some) return hello;
    const Moved outcome = read_records(into, count);
    wire_.end_input();
    // OpenSSL has an alert to say, and the owner only closes what is broken.
    if (outcome == Moved::broken) wire_.flush();
    return outcome;
}

ByteStream::Moved TlsStream::read_records(MutableBytes into, std::size_t& count) noexcept {
    for (int record = 0; record < kRecordsPerTurn && count < into.size(); ++record) {
        ERR_clear_error();
        std::size_t got = 0;
        const int result =
            SSL_read_ex(session_.get(), into.data() + count, into.size() - count, &got);
        if (!is_set_up_) note_handshake();
        if (result != 1) {
            const Moved outcome = failed(result);
            if (count == 0) return outcome;
            after_ = outcome;
            return Moved::some;
        }
        count += got;
    }
    more_ = SSL_has_pending(session_.get()) != 0;
    return Moved::some;
}

ByteStream::Moved TlsStream::send(Bytes octets, std::size_t& count) noexcept {
    count = 0;
    while (count < octets.size()) {
        ERR_clear_error();
        std::size_t sent = 0;
        const int result =
            SSL_write_ex(session_.get(), octets.data() + count, octets.size() - count, &sent);
        if (result != 1) {
            const int why = SSL_get_error(session_.get(), result);
            if (why == SSL_ERROR_WANT_WRITE) break;
            is_broken_ = true;  // without renegotiation a write never waits for input
            ERR_clear_error();
            return Moved::broken;
        }
        count += sent;
    }
    return count > 0 ? Moved::some : Moved::none;
}

void TlsStream::say_end() noexcept {
    if (!is_set_up_ || is_broken_) return;
    ERR_clear_error();
    SSL_shutdown(session_.get());
    ERR_clear_error();
}

ByteStream::Moved TlsStream::failed(int result) noexcept {
    switch (SSL_get_error(session_.get(), result)) {
        case SSL_ERROR_WANT_READ: return Moved::none;
        case SSL_ERROR_WANT_WRITE: waits_for_output_ = true; return Moved::none;
        case SSL_ERROR_ZERO_RETURN:
            if (is_set_up_) return Moved::ended;
            refuse(Count::tls_handshake_failed, "tls handshake failed",
                   "the client went away in the midst of it");
            return Moved::broken;
        default: break;
    }
    is_broken_ = true;
    if (!is_set_up_) note_failure();
    ERR_clear_error();
    return Moved::broken;
}

void TlsStream::note_handshake() noexcept {
    is_set_up_ = SSL_is_init_finished(session_.get()) == 1;
    if (!is_set_up_) return;
    counters_.add(Count::tls_handshakes);
    if (SSL_session_reused(session_.get()) == 1) counters_.add(Count::tls_resumed);
}

void TlsStream::note_failure() noexcept {
    const unsigned long code = ERR_peek_last_error();
    const int reason = ERR_GET_REASON(code);
    const bool is_ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
    const long verified = SSL_get_verify_result(session_.get());
    if (is_ssl && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        refuse(Count::tls_client_refused, "tls client refused",
               "it has no certificate, and tls.client_ca asks for one");
    } else if (verified != X509_V_OK) {
        refuse(Count::tls_client_refused, "tls client refused",
               X509_verify_cert_error_string(verified));
    } else if (is_ssl && reason == SSL_R_NO_APPLICATION_PROTOCOL) {
        refuse(Count::tls_handshake_failed, "tls handshake failed",
               "the client offers protocols (ALPN), but not dot");
    } else {
        const char* text = code != 0 ? ERR_reason_error_string(code) : nullptr;
        refuse(Count::tls_handshake_failed, "tls handshake failed",
               text != nullptr ? text : "the connection broke");
    }
}

void TlsStream::refuse(Count what, const char* event, const char* why) noexcept {
    counters_.add(what);
    std::uint64_t suppressed = 0;
    log::LogLimit& limit = what == Count::tls_client_refused ? refused_log : handshake_log;
    if (!limit.allow(Clock::now(), suppressed)) return;
    log::warning(
        event,
        {{"client", client_.to_text()}, {"why", why}, {"suppressed", std::to_string(suppressed)}});
}

}  // namespace peerzone::server
