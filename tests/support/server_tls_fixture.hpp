// A TcpServer for DNS over TLS, with a certificate of an authority of its own.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <memory>

#include "peerzone/server/tls.hpp"
#include "support/server_tcp_fixture.hpp"
#include "support/server_tls_client.hpp"

namespace peerzone::server::test {

using metrics::Count;

struct SessionFree {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SessionPtr = std::unique_ptr<SSL_SESSION, SessionFree>;

class TlsServerTest : public TcpServerTest {
protected:
    TlsServerTest() {
        std::signal(SIGPIPE, SIG_IGN);
        security_ = TcpServer::Security::tls;
        write(ours_);
        ca_.write_certificate(folder_.file("ca.crt"));
        tls_ = load();
    }
    void write(const Identity& identity) {
        identity.write_certificate(options_.certificate);
        identity.write_key(options_.key);
    }
    std::shared_ptr<const TlsContext> load() {
        TlsLoad loaded = load_tls(options_);
        EXPECT_EQ(loaded.problem, "");
        return loaded.context;
    }
    void require_certificates() {
        options_.client_ca = folder_.file("ca.crt");
        tls_ = load();
    }
    TlsClientOptions strict() const {
        TlsClientOptions options;
        options.ca = &ca_;
        return options;
    }
    bool count_becomes(Count what, std::uint64_t number) {
        return eventually([this, what, number] { return count(what) == number; });
    }
    // The session to resume, after the server has sent its tickets.
    SessionPtr used_session(const TlsClientOptions& options) {
        TlsClient client(port_, options);
        EXPECT_TRUE(client.served());
        SessionPtr session(SSL_get1_session(client.session()));
        EXPECT_TRUE(SSL_SESSION_is_resumable(session.get()));
        return session;
    }

    Folder folder_;
    Identity ca_{"authority"};
    Identity ours_{"dns.test", &ca_};
    TlsOptions options_{folder_.file("tls.crt"), folder_.file("tls.key"), ""};
};

}  // namespace peerzone::server::test
