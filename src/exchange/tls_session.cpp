// A BIO of our own stands between OpenSSL and the connection's buffers: it reads from the octets
// that were handed over and writes behind the output, so nothing is copied twice and a failure is
// seen where it happens.
#include "exchange/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "exchange/tls_reason.hpp"

namespace peerzone::exchange {
namespace {

constexpr std::array<unsigned char, 4> kAlpn{3, 'd', 'o', 't'};  // RFC 7858 8.2

int clamp_size(std::size_t size) {
    return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

TlsExpectation expectation(const TlsIdentity& identity, const SocketAddress& to,
                           bool was_asked_for_it) {
    return {.name = identity.expected_name(to),
            .path = identity.names().path,
            .has_certificate = identity.context()->has_certificate,
            .was_asked_for_it = was_asked_for_it};
}

}  // namespace

struct TlsSession::Callbacks {
    static TlsSession& of(const SSL* ssl) {
        return *static_cast<TlsSession*>(SSL_get_app_data(ssl));
    }

    static int bio_read(BIO* bio, char* out, int size) {
        auto& self = *static_cast<TlsSession*>(BIO_get_data(bio));
        BIO_clear_retry_flags(bio);
        if (self.in_.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const std::size_t n = std::min(self.in_.size(), static_cast<std::size_t>(size));
        std::memcpy(out, self.in_.data(), n);
        self.in_ = self.in_.subspan(n);
        return static_cast<int>(n);
    }
    static int bio_write(BIO* bio, const char* data, int size) {
        auto& self = *static_cast<TlsSession*>(BIO_get_data(bio));
        self.out_.insert(self.out_.end(), data, data + size);
        return size;
    }
    static long bio_control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
        return command == BIO_CTRL_FLUSH ? 1 : 0;
    }
    static const BIO_METHOD* bio_method() {
        static const auto release = [](BIO_METHOD* made) { BIO_meth_free(made); };
        static const std::unique_ptr<BIO_METHOD, decltype(release)> kMethod = [] {
            std::unique_ptr<BIO_METHOD, decltype(release)> made(
                BIO_meth_new(BIO_TYPE_SOURCE_SINK, "peerzone"), release);
            BIO_meth_set_read(made.get(), &bio_read);
            BIO_meth_set_write(made.get(), &bio_write);
            BIO_meth_set_ctrl(made.get(), &bio_control);
            return made;
        }();
        return kMethod.get();
    }

    /// Keeps the words for the first thing that is wrong with the chain; OpenSSL then ends the
    /// handshake.
    static int on_certificate(int is_fine, X509_STORE_CTX* store) {
        if (is_fine == 1) return 1;
        const auto* ssl = static_cast<const SSL*>(
            X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
        TlsSession& self = of(ssl);
        self.certificate_why_ = certificate_reason(
            X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_error_depth(store),
            X509_STORE_CTX_get_current_cert(store), expectation(self.identity_, self.to_, false));
        return 0;
    }
    /// Called only when we have none.
    static int on_certificate_wanted(SSL* ssl, X509** /*certificate*/, EVP_PKEY** /*key*/) {
        of(ssl).lacks_certificate_ = true;
        return 0;
    }
    static int on_session(SSL* ssl, SSL_SESSION* session) {
        TlsSession& self = of(ssl);
        if (SSL_SESSION_is_resumable(session) == 1) self.identity_.keep_session(self.to_, *session);
        return 0;  // we keep no reference
    }
};

void TlsSession::configure(SSL_CTX& context) {
    SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
    SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(&context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_protos(&context, kAlpn.data(), kAlpn.size());
    SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, &Callbacks::on_certificate);
    SSL_CTX_set_client_cert_cb(&context, &Callbacks::on_certificate_wanted);
    SSL_CTX_set_session_cache_mode(&context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(&context, &Callbacks::on_session);
}

void TlsSession::Free::operator()(SSL* ssl) const noexcept {
    SSL_free(ssl);
}

TlsSession::TlsSession(TlsIdentity& identity, const SocketAddress& to)
    : identity_(identity), to_(to), ssl_(SSL_new(identity.context()->ssl.get())) {
    ERR_clear_error();
    BIO* bio = ssl_ == nullptr ? nullptr : BIO_new(Callbacks::bio_method());
    if (bio == nullptr) {
        fail("out of memory");
        return;
    }
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_connect_state(ssl_.get());
    if (!set_name()) {
        fail("'" + identity.expected_name(to) + "' cannot be asked for (" + identity.names().path +
             ".server_name)");
        return;
    }
    if (const TlsTicket session = identity.session(to)) SSL_set_session(ssl_.get(), session.get());
    shake();
}

TlsSession::~TlsSession() {
    // However the connection ended: its session may be gone on with (SSL_free would forbid it).
    if (ssl_ != nullptr) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

// A host name is also sent (SNI, RFC 6066 3), an address is not.
bool TlsSession::set_name() {
    const std::string name = identity_.expected_name(to_);
    SSL* ssl = ssl_.get();
    if (IpAddress::parse(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name.c_str()) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(name.c_str())) == 1;  // the macro has a C cast
}

void TlsSession::shake() {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) {
        state_ = State::ready;
    } else if (SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ) {
        fail();
    }
}

std::size_t TlsSession::read(MutableBytes out) {
    if (state_ == State::handshake) shake();
    if (state_ != State::ready || out.empty()) return 0;
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), out.data(), clamp_size(out.size()));
    if (n > 0) return static_cast<std::size_t>(n);
    switch (SSL_get_error(ssl_.get(), n)) {
        case SSL_ERROR_WANT_READ: break;
        case SSL_ERROR_ZERO_RETURN: state_ = State::ended; break;
        default: fail();
    }
    return 0;
}

bool TlsSession::write(Bytes message) {
    ERR_clear_error();
    // The BIO takes everything, so it is all or an error.
    if (SSL_write(ssl_.get(), message.data(), clamp_size(message.size())) > 0) return true;
    fail();
    return false;
}

void TlsSession::cut_off() {
    if (state_ == State::handshake) fail("connection closed during the handshake");
    if (state_ == State::ready) state_ = State::ended;
}

void TlsSession::say_goodbye() {
    if (state_ != State::ready) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

bool TlsSession::is_resumed() const noexcept {
    return SSL_session_reused(ssl_.get()) == 1;
}

void TlsSession::fail() {
    const unsigned long error = ERR_peek_last_error();
    refused_ = true;
    fail(!certificate_why_.empty()
             ? certificate_why_
             : protocol_reason(error, expectation(identity_, to_, lacks_certificate_)));
    ERR_clear_error();
}

void TlsSession::fail(std::string why) {
    state_ = State::failed;
    why_ = std::move(why);
}

TlsReason TlsSession::reason() const {
    if (lacks_certificate_ && certificate_why_.empty())
        return std::make_shared<const std::string>(
            missing_certificate_reason(expectation(identity_, to_, true)));
    return state_ == State::failed ? std::make_shared<const std::string>(why_) : nullptr;
}

}  // namespace peerzone::exchange
