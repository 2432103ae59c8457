// A blocking DNS-over-TLS client on loopback; every wait ends after kPatience.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>
#include <utility>

#include "support/server_tcp_client.hpp"
#include "support/server_tls_files.hpp"

namespace peerzone::server::test {

struct TlsClientOptions {
    const Identity* ca = nullptr;  // checked strictly, with `name`
    std::string name = "dns.test";
    const Identity* self = nullptr;  // the client's certificate
    int version = TLS1_3_VERSION;
    std::string alpn;  // in wire form
    SSL_SESSION* resume = nullptr;
    int receive_buffer = 0;
};

class TlsClient {
public:
    explicit TlsClient(std::uint16_t port, const TlsClientOptions& options = {})
        : tcp_(port, INADDR_LOOPBACK, options.receive_buffer),
          context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
          session_(nullptr, SSL_free) {
        SSL_CTX* context = context_.get();
        SSL_CTX_set_max_proto_version(context, options.version);
        SSL_CTX_set_min_proto_version(context, std::min(options.version, TLS1_2_VERSION));
        if (options.version < TLS1_2_VERSION) SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
        if (options.ca != nullptr) {
            X509_STORE_add_cert(SSL_CTX_get_cert_store(context), options.ca->certificate());
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
        }
        if (options.self != nullptr) {
            SSL_CTX_use_certificate(context, options.self->certificate());
            SSL_CTX_use_PrivateKey(context, options.self->key());
        }
        session_.reset(SSL_new(context));
        SSL* session = session_.get();
        SSL_set_fd(session, tcp_.fd());
        SSL_set1_host(session, options.name.c_str());
        if (!options.alpn.empty())
            SSL_set_alpn_protos(session,
                                reinterpret_cast<const unsigned char*>(options.alpn.data()),
                                static_cast<unsigned>(options.alpn.size()));
        if (options.resume != nullptr) SSL_set_session(session, options.resume);
        connected_ = SSL_connect(session) == 1;
        ERR_clear_error();
    }
    ~TlsClient() {
        // Says nothing, but OpenSSL resumes only sessions that were shut down.
        SSL_set_quiet_shutdown(session_.get(), 1);
        SSL_shutdown(session_.get());
    }

    bool connected() const { return connected_; }
    bool resumed() const { return SSL_session_reused(session_.get()) == 1; }
    SSL* session() { return session_.get(); }
    TcpClient& tcp() { return tcp_; }
    std::string alpn() const {
        const unsigned char* chosen = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(session_.get(), &chosen, &size);
        return {reinterpret_cast<const char*>(chosen), size};
    }

    /// In one record, unless larger than 16 KiB.
    bool send(const Octets& octets) {
        std::size_t sent = 0;
        ERR_clear_error();
        return SSL_write_ex(session_.get(), octets.data(), octets.size(), &sent) == 1;
    }
    bool ask(std::uint16_t id, char what, std::uint16_t size = 0) {
        return send(framed_question(id, what, size));
    }
    std::optional<Octets> reply() {
        const Octets length = read(2);
        if (length.size() < 2) return std::nullopt;
        Octets out = read(load_u16(length.data()));
        if (out.size() < load_u16(length.data())) return std::nullopt;
        return out;
    }
    int reply_id() {
        const auto out = reply();
        return out && out->size() >= 2 ? load_u16(out->data()) : -1;
    }
    /// What ended the connection: the server's close_notify, or less.
    bool ended_properly() {
        std::uint8_t octet = 0;
        std::size_t got = 0;
        ERR_clear_error();
        const int result = SSL_read_ex(session_.get(), &octet, 1, &got);
        return SSL_get_error(session_.get(), result) == SSL_ERROR_ZERO_RETURN;
    }
    /// False once the server has closed or refused us, which TLS 1.3 tells with the first read.
    bool served() { return connected_ && ask(4711, 'n') && reply_id() == 4711; }
    void finish_sending() { SSL_shutdown(session_.get()); }

private:
    Octets read(std::size_t size) {
        Octets out(size);
        std::size_t got = 0;
        while (got < size) {
            std::size_t n = 0;
            ERR_clear_error();
            if (SSL_read_ex(session_.get(), out.data() + got, size - got, &n) != 1) break;
            got += n;
        }
        out.resize(got);
        return out;
    }

    TcpClient tcp_;
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
    std::unique_ptr<SSL, void (*)(SSL*)> session_;
    bool connected_ = false;
};

}  // namespace peerzone::server::test
