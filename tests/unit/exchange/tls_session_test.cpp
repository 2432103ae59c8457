// TLS without sockets: which peer is believed, what is said when one is not, and going on from an
// earlier session.
#include "exchange/tls_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/upstream_tls_server.hpp"

namespace peerzone::exchange {
namespace {

using test::Authority;
using test::Issued;
using test::Octets;
using test::TlsEnd;
using test::TlsServerContext;
using testing::HasSubstr;
using testing::MatchesRegex;

constexpr const char* kName = "dns.westus.example";
constexpr const char* kNames = "DNS:dns.westus.example";
using State = TlsSession::State;

struct TlsSessionTest : testing::Test {
    test::TempFolder folder;
    Authority authority;
    SocketAddress place = SocketAddress::parse("127.0.0.1:853", 0).value();
    TlsOptions options;
    TlsIdentities identities;
    std::shared_ptr<TlsIdentity> identity;
    std::unique_ptr<TlsSession> client;
    std::unique_ptr<TlsEnd> server;
    Octets heard;  // in clear, by the client

    TlsSessionTest() {
        options.ca = folder.write("ca.crt", authority.pem());
        options.server_name = kName;
    }

    void use_options() {
        const auto loaded = identities.load({options});
        ASSERT_TRUE(loaded) << loaded.error().message;
        identity = identities.get(options, {.label = "peer=westus",
                                            .path = "peers.westus.tls",
                                            .server_name = options.server_name});
        identities.drop_unused();
    }
    void use_own_certificate(const Authority& by) {
        const Issued own = by.issue({.names = "DNS:me.example"});
        options.certificate = folder.write("me.crt", own.certificate);
        options.key = folder.write("me.key", own.key);
    }

    /// Carries octets both ways until neither side has more to say, `step` octets at a time.
    void pump(std::size_t step = 65536) {
        for (bool moved = true; moved;) {
            Octets out;
            client->take_output(out);
            const Octets clear = server->receive(out);
            if (!clear.empty()) server->send(clear);  // an echo
            const Octets in = server->take();
            moved = !out.empty() || !in.empty();
            for (std::size_t at = 0; at < in.size(); at += step) {
                client->receive(Bytes(in).subspan(at, std::min(step, in.size() - at)));
                hear();
            }
        }
    }
    void hear() {
        std::array<std::uint8_t, 100> chunk{};
        while (const std::size_t n = client->read(chunk))
            heard.insert(heard.end(), chunk.begin(), chunk.begin() + static_cast<long>(n));
    }
    void connect(const TlsServerContext& context, std::size_t step = 65536) {
        if (identity == nullptr) use_options();
        client = std::make_unique<TlsSession>(*identity, place);
        server = std::make_unique<TlsEnd>(context);
        pump(step);
    }
    std::string why() const {
        const TlsReason reason = client->reason();
        return reason == nullptr ? "" : *reason;
    }
    TlsServerContext serving(const test::Wanted& wanted) const {
        return TlsServerContext(authority.issue(wanted));
    }
};

TEST_F(TlsSessionTest, ARightCertificateIsBelievedAndDotIsAgreed) {
    connect(serving({.names = kNames}));
    EXPECT_EQ(client->state(), State::ready) << why();
    EXPECT_EQ(server->asked_name(), kName);
    EXPECT_EQ(server->protocol(), "dot");
    EXPECT_FALSE(client->is_resumed());
    EXPECT_EQ(client->reason(), nullptr);
}

TEST_F(TlsSessionTest, WhatIsWrittenArrivesHoweverItIsCut) {
    for (const std::size_t step : {std::size_t{65536}, std::size_t{7}, std::size_t{1}}) {
        heard.clear();
        connect(serving({.names = kNames}), step);
        ASSERT_EQ(client->state(), State::ready) << why();
        const Octets said(40000, 0x5a);
        EXPECT_TRUE(client->write(said));
        pump(step);
        EXPECT_EQ(heard, said);
    }
}

TEST_F(TlsSessionTest, ACertificateForSomebodyElseIsRefused) {
    connect(serving({.names = "DNS:dns.eastus.example"}));
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_EQ(why(), "certificate is for dns.eastus.example, not dns.westus.example");
    EXPECT_TRUE(client->was_refused());
    EXPECT_FALSE(server->ready());
}

TEST_F(TlsSessionTest, ManyAndStrangeNamesAreShownShort) {
    connect(
        serving({.names = "DNS:a.example,IP:10.2.0.10,IP:fd00::1,DNS:b.example,DNS:c.example"}));
    EXPECT_EQ(why(),
              "certificate is for a.example, 10.2.0.10, fd00::1 and 2 more, not "
              "dns.westus.example");
    connect(serving({.names = "DNS:bad\x1b\x07 name" + std::string(300, 'x')}));
    EXPECT_THAT(why(),
                MatchesRegex("certificate is for bad[?][?][?]namex+, not dns.westus.example"));
    EXPECT_LT(why().size(), 200u);
}

TEST_F(TlsSessionTest, ASubjectWithoutAlternativeNamesIsNobody) {
    connect(serving({.names = ""}));
    EXPECT_EQ(why(),
              "certificate is for nobody (it has no subjectAltName), not dns.westus.example");
}

TEST_F(TlsSessionTest, WildcardsCoverOneLabel) {
    connect(serving({.names = "DNS:*.westus.example"}));
    EXPECT_EQ(client->state(), State::ready) << why();
    connect(serving({.names = "DNS:*.example"}));
    EXPECT_EQ(client->state(), State::failed);
    connect(serving({.names = "DNS:d*.westus.example"}));
    EXPECT_EQ(client->state(), State::failed);
}

TEST_F(TlsSessionTest, WithoutANameTheAddressMustBeInTheCertificate) {
    options.server_name.clear();
    connect(serving({.names = "IP:127.0.0.1"}));
    EXPECT_EQ(client->state(), State::ready) << why();
    EXPECT_EQ(server->asked_name(), "") << "an address is no SNI (RFC 6066 3)";
    connect(serving({.names = "IP:127.0.0.2"}));
    EXPECT_EQ(why(), "certificate is for 127.0.0.2, not 127.0.0.1");
    connect(serving({.names = "DNS:127.0.0.1"}));
    EXPECT_EQ(client->state(), State::failed);
}

TEST_F(TlsSessionTest, AnIpv6AddressToo) {
    options.server_name.clear();
    place = SocketAddress::parse("[2001:db8::1]:853", 0).value();
    connect(serving({.names = "IP:2001:db8::1"}));
    EXPECT_EQ(client->state(), State::ready) << why();
    EXPECT_EQ(server->asked_name(), "");
    connect(serving({.names = "IP:2001:db8::2"}));
    EXPECT_EQ(why(), "certificate is for 2001:db8::2, not 2001:db8::1");
}

TEST_F(TlsSessionTest, AnUnknownAuthorityIsRefused) {
    const Authority other("other CA");
    connect(TlsServerContext(other.issue({.names = kNames})));
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_EQ(why(), "unable to get local issuer certificate (peers.westus.tls.ca)");
}

TEST_F(TlsSessionTest, WithoutAuthoritiesTheSystemsStoreCounts) {
    options.ca.clear();
    connect(serving({.names = kNames}));
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_THAT(why(), HasSubstr("(peers.westus.tls.ca)"));
}

TEST_F(TlsSessionTest, ValidityIsChecked) {
    connect(serving({.names = kNames, .from_days = -30, .until_days = -1}));
    EXPECT_THAT(why(), MatchesRegex("certificate expired 20[0-9][0-9]-[01][0-9]-[0-3][0-9]"));
    connect(serving({.names = kNames, .from_days = 1}));
    EXPECT_THAT(why(),
                MatchesRegex("certificate is not valid before 20[0-9][0-9]-[01][0-9]-[0-3][0-9]"));
}

TEST_F(TlsSessionTest, ACertificateForClientsOnlyIsRefused) {
    connect(serving({.names = kNames, .usage = "clientAuth"}));
    EXPECT_THAT(why(), HasSubstr("purpose"));
}

TEST_F(TlsSessionTest, ACertificateOfOursIsShownToWhoeverAsks) {
    use_own_certificate(authority);
    TlsServerContext context = serving({.names = kNames});
    context.ask_clients(authority);
    connect(context);
    EXPECT_EQ(client->state(), State::ready) << why();
    EXPECT_TRUE(server->knows_client());
}

struct TlsSessionVersions : TlsSessionTest, testing::WithParamInterface<int> {};

TEST_P(TlsSessionVersions, WithoutACertificateWeAreToldThatOneIsWanted) {
    TlsServerContext context = serving({.names = kNames});
    context.only(GetParam());
    context.ask_clients(authority);
    connect(context);
    // Over TLS 1.3 the refusal comes after our side of the handshake is done.
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_EQ(why(), "peer wants a client certificate (peers.westus.tls.certificate)");
    EXPECT_TRUE(client->was_refused());
}

TEST_P(TlsSessionVersions, ACertificateOfOursThatIsRefusedIsNamed) {
    use_own_certificate(Authority("other CA"));
    TlsServerContext context = serving({.names = kNames});
    context.only(GetParam());
    context.ask_clients(authority);
    connect(context);
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_EQ(why(), "peer refuses our certificate: unknown CA (peers.westus.tls.certificate)");
}

TEST_P(TlsSessionVersions, ASecondConnectionGoesOnFromTheFirstOnesSession) {
    TlsServerContext context = serving({.names = kNames});
    context.only(GetParam());
    for (int round = 0; round < 3; ++round) {
        connect(context);
        ASSERT_EQ(client->state(), State::ready) << why();
        EXPECT_EQ(client->is_resumed(), round > 0) << round;
        EXPECT_EQ(server->resumed(), round > 0) << round;
    }
    // Another endpoint, and another identity, know nothing of it.
    const SocketAddress other = SocketAddress::parse("127.0.0.2:853", 0).value();
    EXPECT_NE(identity->session(place), nullptr);
    EXPECT_EQ(identity->session(other), nullptr);
    options.server_name = "other.westus.example";
    use_options();
    EXPECT_EQ(identity->session(place), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Both, TlsSessionVersions, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) {
                             return version.param == TLS1_2_VERSION ? "tls12" : "tls13";
                         });

// For TSan: workers share identities and contexts.
TEST_F(TlsSessionTest, WorkersShareSessions) {
    use_options();
    const TlsServerContext context = serving({.names = kNames});
    std::atomic<int> resumed{0};
    std::vector<std::thread> workers;
    for (int i = 0; i < 4; ++i)
        workers.emplace_back([&] {
            for (int round = 0; round < 20; ++round) {
                TlsSession mine(*identity, place);
                TlsEnd end(context);
                for (bool moved = true; moved;) {
                    Octets out;
                    mine.take_output(out);
                    end.receive(out);
                    const Octets in = end.take();
                    moved = !out.empty() || !in.empty();
                    mine.receive(in);
                    std::array<std::uint8_t, 64> chunk{};
                    while (mine.read(chunk) > 0) {
                    }
                }
                if (mine.state() == State::ready && mine.is_resumed()) ++resumed;
            }
        });
    for (std::thread& worker : workers) worker.join();
    EXPECT_GE(resumed, 4 * 19);
}

TEST_F(TlsSessionTest, AServerThatForgotItsSessionsIsConnectedToAnew) {
    connect(serving({.names = kNames}));
    ASSERT_NE(identity->session(place), nullptr);
    connect(serving({.names = kNames}));
    EXPECT_EQ(client->state(), State::ready) << why();
    EXPECT_FALSE(client->is_resumed());
}

TEST_F(TlsSessionTest, OldVersionsAreRefused) {
    TlsServerContext context = serving({.names = kNames});
    SSL_CTX_set_security_level(context.get(), 0);
    context.only(TLS1_1_VERSION);
    connect(context);
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_THAT(why(), testing::AnyOf(HasSubstr("TLS 1.2"), HasSubstr("protocol version")));
}

TEST_F(TlsSessionTest, ClearTextIsNoTls) {
    use_options();
    client = std::make_unique<TlsSession>(*identity, place);
    const std::string said = "HTTP/1.1 400 Bad Request\r\n\r\n";
    client->receive({reinterpret_cast<const std::uint8_t*>(said.data()), said.size()});
    hear();
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_EQ(why(), "peer does not speak TLS");
}

TEST_F(TlsSessionTest, AnEndInTheHandshakeIsToldAndAnEndAfterwardsIsNone) {
    use_options();
    client = std::make_unique<TlsSession>(*identity, place);
    client->cut_off();
    EXPECT_EQ(why(), "connection closed during the handshake");
    EXPECT_FALSE(client->was_refused()) << "it may be different the next time";
    connect(serving({.names = kNames}));
    client->cut_off();
    EXPECT_EQ(client->state(), State::ended);
    EXPECT_EQ(client->reason(), nullptr);
}

TEST_F(TlsSessionTest, AGoodbyeEndsTheSession) {
    connect(serving({.names = kNames}));
    server->goodbye();
    pump();
    EXPECT_EQ(client->state(), State::ended);
    EXPECT_EQ(client->reason(), nullptr);
}

TEST_F(TlsSessionTest, OctetsThatWereChangedOnTheWayEndIt) {
    connect(serving({.names = kNames}));
    server->send(Octets(100, 1));
    Octets wire = server->take();
    wire.back() ^= 1;
    client->receive(wire);
    hear();
    EXPECT_EQ(client->state(), State::failed);
    EXPECT_TRUE(heard.empty());
}

TEST_F(TlsSessionTest, DamageAnywhereInTheHandshakeFailsOrIsHarmless) {
    const TlsServerContext context = serving({.names = kNames});
    use_options();
    int failures = 0;
    for (std::size_t at = 0; at < 1200; at += 13) {
        TlsSession damaged(*identity, place);
        TlsEnd end(context);
        Octets out;
        damaged.take_output(out);
        end.receive(out);
        Octets in = end.take();
        if (at >= in.size()) break;
        in[at] ^= 0x41;
        damaged.receive(in);
        std::array<std::uint8_t, 64> chunk{};
        while (damaged.read(chunk) > 0) {
        }
        EXPECT_NE(damaged.state(), State::ready) << at;
        if (damaged.state() != State::failed) continue;
        ++failures;
        EXPECT_FALSE(damaged.reason()->empty());
    }
    EXPECT_GT(failures, 20);
}

}  // namespace
}  // namespace peerzone::exchange
