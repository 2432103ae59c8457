// The server's side of TLS in the test's own thread: TlsEnd without a socket, FakeTlsServer with
// one.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/upstream_fake_server.hpp"
#include "support/upstream_tls_files.hpp"

namespace peerzone::test {

/// What a server has: its certificate, and what it asks of clients.
class TlsServerContext {
public:
    explicit TlsServerContext(const Issued& own)
        : context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free) {
        use(own);
        SSL_CTX_set_alpn_select_cb(get(), &choose_protocol, nullptr);
        static constexpr unsigned char kId[] = "peerzone test";
        SSL_CTX_set_session_id_context(get(), kId, sizeof kId);
    }
    SSL_CTX* get() const { return context_.get(); }

    void use(const Issued& own) {
        const std::unique_ptr<BIO, void (*)(BIO*)> certificate(memory(own.certificate),
                                                               &BIO_free_all);
        const std::unique_ptr<BIO, void (*)(BIO*)> key(memory(own.key), &BIO_free_all);
        X509* made = PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr);
        EVP_PKEY* its = PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr);
        if (SSL_CTX_use_certificate(get(), made) != 1 || SSL_CTX_use_PrivateKey(get(), its) != 1)
            std::abort();
        X509_free(made);
        EVP_PKEY_free(its);
    }
    void only(int version) {
        SSL_CTX_set_min_proto_version(get(), version);
        SSL_CTX_set_max_proto_version(get(), version);
    }
    void ask_clients(const Authority& authority) {
        const std::string pem = authority.pem();
        const std::unique_ptr<BIO, void (*)(BIO*)> bio(memory(pem), &BIO_free_all);
        X509* ca = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(get()), ca);
        X509_free(ca);
        SSL_CTX_set_verify(get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }

private:
    static BIO* memory(const std::string& text) {
        return BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
    }
    static int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* size,
                               const unsigned char* offered, unsigned int offered_size,
                               void* /*data*/) {
        if (offered_size != 4 || std::string(offered, offered + 4) !=
                                     "\x03"
                                     "dot")
            return SSL_TLSEXT_ERR_ALERT_FATAL;
        *out = offered + 1;
        *size = 3;
        return SSL_TLSEXT_ERR_OK;
    }
    std::shared_ptr<SSL_CTX> context_;
};

/// One connection of a server, octets in and out.
class TlsEnd {
public:
    explicit TlsEnd(const TlsServerContext& context) : ssl_(SSL_new(context.get()), &SSL_free) {
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(ssl_.get());
    }

    /// What the client said in clear, after taking what it sent.
    Octets receive(const Octets& wire) {
        BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
        Octets clear;
        std::array<std::uint8_t, 4096> chunk{};
        ERR_clear_error();
        for (int n = 0;;) {
            n = SSL_read(ssl_.get(), chunk.data(), static_cast<int>(chunk.size()));
            if (n <= 0) {
                failed |= SSL_get_error(ssl_.get(), n) == SSL_ERROR_SSL;
                ERR_clear_error();
                return clear;
            }
            clear.insert(clear.end(), chunk.begin(), chunk.begin() + n);
        }
    }
    void send(const Octets& clear) {
        SSL_write(ssl_.get(), clear.data(), static_cast<int>(clear.size()));
    }
    void goodbye() { SSL_shutdown(ssl_.get()); }
    /// For the client.
    Octets take() {
        Octets wire(static_cast<std::size_t>(BIO_pending(SSL_get_wbio(ssl_.get()))));
        BIO_read(SSL_get_wbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
        return wire;
    }
    bool ready() const { return SSL_is_init_finished(ssl_.get()) == 1; }
    bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
    std::string asked_name() const {
        const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
        return name == nullptr ? "" : name;
    }
    std::string protocol() const {
        const unsigned char* name = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(ssl_.get(), &name, &size);
        return {name, name + size};
    }
    bool knows_client() const { return SSL_get0_peer_certificate(ssl_.get()) != nullptr; }

    bool failed = false;

private:
    std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

/// FakeServer over TLS only, on one port.
class FakeTlsServer {
public:
    using Reaction = FakeServer::Reaction;
    using Handler = FakeServer::Handler;

    FakeTlsServer(boost::asio::io_context& io, TlsServerContext context, Handler handler)
        : context_(std::move(context)),
          handler_(std::move(handler)),
          acceptor_(io, {boost::asio::ip::address_v4::loopback(), 0}) {
        accept();
    }

    SocketAddress address() const {
        return {IpAddress::v4(0x7f000001), acceptor_.local_endpoint().port(), 0};
    }
    std::vector<Received> asked;
    int connections = 0;
    int resumed = 0;
    int known_clients = 0;
    int goodbyes = 0;
    bool mute = false;      ///< says nothing, not even in the handshake
    bool hangs_up = false;  ///< closes as soon as it is connected
    int open_connections() const { return *open_; }

private:
    struct Session {
        Session(boost::asio::ip::tcp::socket s, const TlsServerContext& context)
            : socket(std::move(s)), tls(context) {}
        ~Session() {
            if (open) --*open;
        }
        boost::asio::ip::tcp::socket socket;
        TlsEnd tls;
        bool counted = false;
        Octets in;
        std::array<std::uint8_t, 4096> chunk{};
        std::shared_ptr<int> open;
    };
    using SessionRef = std::shared_ptr<Session>;

    void accept() {
        acceptor_.async_accept([this](auto error, boost::asio::ip::tcp::socket socket) {
            if (error) return;
            ++connections;
            accept();
            if (hangs_up) return;
            ++*open_;
            auto session = std::make_shared<Session>(std::move(socket), context_);
            session->open = open_;
            read(session);
        });
    }

    void read(const SessionRef& session) {
        session->socket.async_read_some(
            boost::asio::buffer(session->chunk), [this, session](auto error, std::size_t n) {
                if (error) return;
                if (!mute &&
                    !take({session->chunk.begin(), session->chunk.begin() + static_cast<long>(n)},
                          *session))
                    return;
                read(session);
            });
    }

    bool take(const Octets& wire, Session& session) {
        const Octets clear = session.tls.receive(wire);
        session.in.insert(session.in.end(), clear.begin(), clear.end());
        if (session.tls.ready() && !std::exchange(session.counted, true)) {
            resumed += session.tls.resumed() ? 1 : 0;
            known_clients += session.tls.knows_client() ? 1 : 0;
        }
        bool stay = !session.tls.failed;
        while (stay && session.in.size() >= 2 &&
               session.in.size() >= 2u + load_u16(session.in.data()))
            stay = answer(session);
        const Octets out = session.tls.take();
        boost::system::error_code error;
        boost::asio::write(session.socket, boost::asio::buffer(out), error);
        if (!stay) session.socket.close();
        return stay;
    }

    bool answer(Session& session) {
        const auto end = session.in.begin() + 2 + load_u16(session.in.data());
        Received question;
        question.message.assign(session.in.begin() + 2, end);
        session.in.erase(session.in.begin(), end);
        question.tcp = true;
        question.number = static_cast<int>(asked.size()) + 1;
        asked.push_back(question);
        const Reaction reaction = handler_(question);
        for (const Octets& message : reaction.messages) {
            Octets framed{static_cast<std::uint8_t>(message.size() >> 8),
                          static_cast<std::uint8_t>(message.size())};
            framed.insert(framed.end(), message.begin(), message.end());
            session.tls.send(framed);
        }
        if (reaction.hang_up) session.tls.goodbye();
        return !reaction.hang_up;
    }

    TlsServerContext context_;
    Handler handler_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::shared_ptr<int> open_ = std::make_shared<int>(0);
};

}  // namespace peerzone::test
