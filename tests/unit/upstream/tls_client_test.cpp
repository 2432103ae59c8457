// Asking over TLS: connections, sessions, failures, and that nothing ever leaves in clear.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>

#include "client_fixture.hpp"
#include "exchange/tls_identity.hpp"
#include "peerzone/exchange/tls.hpp"
#include "support/upstream_tls_server.hpp"

namespace peerzone::upstream {
namespace {

using test::Authority;
using test::FakeTlsServer;
using test::TlsServerContext;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kNames = "DNS:dns.westus.example";

struct TlsClientTest : ClientTest {
    test::TempFolder folder;
    Authority authority;
    exchange::TlsIdentities identities;
    std::vector<std::unique_ptr<FakeTlsServer>> tls_servers;

    TlsClientTest() {
        upstream.options.transport = Protocol::tls;
        upstream.options.tls.ca = folder.write("ca.crt", authority.pem());
        upstream.options.tls.server_name = "dns.westus.example";
    }

    TlsServerContext certified(const test::Wanted& wanted = {.names = kNames}) const {
        return TlsServerContext(authority.issue(wanted));
    }
    FakeTlsServer& serve_tls(const TlsServerContext& context, FakeTlsServer::Handler handler) {
        tls_servers.push_back(std::make_unique<FakeTlsServer>(io, context, std::move(handler)));
        add_endpoint(tls_servers.back()->address());
        return *tls_servers.back();
    }
    void add_endpoint(const SocketAddress& address) {
        const auto loaded = identities.load({upstream.options.tls});
        ASSERT_TRUE(loaded) << loaded.error().message;
        set.endpoints.push_back(std::make_shared<Endpoint>(address));
        set.tls.push_back(identities.get(upstream.options.tls,
                                         {.label = upstream.label,
                                          .path = "peers.westus.tls",
                                          .server_name = upstream.options.tls.server_name}));
    }
    bool all_done(const std::vector<Answer>& answers) {
        return run_until([&] {
            return std::all_of(answers.begin(), answers.end(), [](auto& a) { return a.done; });
        });
    }
};

TEST_F(TlsClientTest, AQuestionIsAnsweredAndTheConnectionKept) {
    FakeTlsServer& server = serve_tls(certified(), answering);
    for (int i = 0; i < 5; ++i) {
        const Answer answer = ask();
        ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    }
    EXPECT_EQ(server.connections, 1);
    EXPECT_EQ(count(Count::upstream_tls_handshakes), 1u);
    EXPECT_EQ(count(Count::upstream_tls_resumed), 0u);
    EXPECT_EQ(count(Count::upstream_tls_sent), 5u);
    EXPECT_EQ(count(Count::upstream_tls_replies), 5u);
    EXPECT_EQ(count(Count::upstream_tcp_sent), 0u);
    EXPECT_EQ(count(Count::upstream_udp_sent), 0u);
    EXPECT_LT(endpoint().smoothed_rtt(), Millis(200));
}

TEST_F(TlsClientTest, AServerThatSaysGoodbyeAfterEachReplyStillAnswersThirtyAtOnce) {
    upstream.options.deadline = Millis(4500);
    FakeTlsServer& server = serve_tls(certified(), [](const Received& q) -> Reaction {
        return {.messages = {q.answer()}, .hang_up = true};
    });
    std::vector<Answer> answers(30);
    for (std::size_t i = 0; i < answers.size(); ++i)
        start(answers[i], question("n" + std::to_string(i) + ".westus.example"));
    ASSERT_TRUE(all_done(answers));
    for (const Answer& answer : answers) EXPECT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_GE(server.connections, 30);
    EXPECT_EQ(count(Count::upstream_tls_failed), 0u);
    EXPECT_EQ(endpoint().stats().failures(FailureReason::closed), 0u);
    EXPECT_FALSE(endpoint().last_loss());
}

TEST_F(TlsClientTest, ManyQuestionsShareAConnectionAndRepliesComeInAnyOrder) {
    std::vector<Octets> held;
    FakeTlsServer& server = serve_tls(certified(), [&](const Received& q) -> Reaction {
        held.insert(held.begin(), q.answer());
        return held.size() < 100 ? Reaction{} : Reaction{.messages = held};
    });
    std::vector<Answer> answers(100);
    for (std::size_t i = 0; i < answers.size(); ++i)
        start(answers[i], question("n" + std::to_string(i) + ".example"));
    ASSERT_TRUE(all_done(answers));
    EXPECT_EQ(server.connections, 1);
    for (std::size_t i = 0; i < answers.size(); ++i) {
        ASSERT_TRUE(answers[i].asked.ok) << answers[i].asked.error_text;
        const dns::Name name = question("n" + std::to_string(i) + ".example").name;
        EXPECT_TRUE(
            dns::equal_folded(Bytes(answers[i].message).subspan(12, name.size()), name.wire()));
    }
}

TEST_F(TlsClientTest, ALongReplyComesWhole) {
    Octets full;
    serve_tls(certified(), [&](const Received& q) -> Reaction {
        full = q.answer(4000);
        return {.messages = {full}};
    });
    const Answer answer = ask();
    ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_GT(full.size(), 60000u);
    EXPECT_EQ(answer.message, full);
}

TEST_F(TlsClientTest, AServerThatClosesAfterEachReplyIsResumed) {
    FakeTlsServer& server = serve_tls(certified(), [](const Received& q) -> Reaction {
        return {.messages = {q.answer()}, .hang_up = true};
    });
    for (int i = 0; i < 4; ++i) {
        const Answer answer = ask();
        ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    }
    EXPECT_EQ(server.connections, 4);
    EXPECT_EQ(server.resumed, 3);
    EXPECT_EQ(count(Count::upstream_tls_handshakes), 4u);
    EXPECT_EQ(count(Count::upstream_tls_resumed), 3u);
    EXPECT_EQ(count(Count::upstream_tls_failed), 0u);
}

TEST_F(TlsClientTest, AUsedConnectionThatTurnsOutClosedIsReplacedOnce) {
    FakeTlsServer& server = serve_tls(certified(), [](const Received& q) -> Reaction {
        if (q.number == 2) return {.messages = {}, .hang_up = true};
        return {.messages = {q.answer()}};
    });
    ASSERT_TRUE(ask().asked.ok);
    const Answer answer = ask();
    ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_EQ(server.connections, 2);
    EXPECT_EQ(count(Count::upstream_error), 0u);
}

TEST_F(TlsClientTest, AnIdleConnectionIsClosedAndTheSessionKept) {
    options.stream_idle = Seconds(1);
    FakeTlsServer& server = serve_tls(certified(), answering);
    ASSERT_TRUE(ask().asked.ok);
    EXPECT_TRUE(run_until([&] { return server.open_connections() == 0; }));
    ASSERT_TRUE(ask().asked.ok);
    EXPECT_EQ(server.resumed, 1);
}

TEST_F(TlsClientTest, AWrongNameIsTold) {
    FakeTlsServer& server = serve_tls(certified({.names = "DNS:dns.eastus.example"}), answering);
    const Answer answer = ask();
    EXPECT_EQ(failure(answer), "23 peer=westus " + place() +
                                   " tls: certificate is for dns.eastus.example, not "
                                   "dns.westus.example");
    EXPECT_TRUE(answer.asked.cacheable);
    EXPECT_TRUE(server.asked.empty());
    EXPECT_EQ(count(Count::upstream_tls_failed), 1u);
    EXPECT_EQ(count(Count::upstream_tls_handshakes), 0u);
    EXPECT_EQ(count(Count::upstream_error), 1u);
}

TEST_F(TlsClientTest, WhatWasRefusedIsNotTriedForASecond) {
    FakeTlsServer& server = serve_tls(certified({.names = "DNS:dns.eastus.example"}), answering);
    const Answer first = ask();
    const Answer second = ask();
    EXPECT_FALSE(second.asked.ok);
    EXPECT_EQ(failure(second), failure(first));
    EXPECT_EQ(server.connections, 1);
    EXPECT_EQ(count(Count::upstream_tls_failed), 1u);
    const Time start = Clock::now();
    EXPECT_NE(set.tls[0]->held(endpoint().address(), start), nullptr);
    EXPECT_EQ(set.tls[0]->held(endpoint().address(), start + exchange::TlsIdentity::kHold),
              nullptr);
}

TEST_F(TlsClientTest, AnotherEndpointIsAskedInstead) {
    serve_tls(certified({.names = "DNS:dns.eastus.example"}), answering);
    FakeTlsServer& good = serve_tls(certified(), answering);
    for (int i = 0; i < 10; ++i) {
        const Answer answer = ask(question("n" + std::to_string(i) + ".example"));
        EXPECT_TRUE(answer.asked.ok) << answer.asked.error_text;
    }
    EXPECT_EQ(good.asked.size(), 10u);
    EXPECT_EQ(good.connections, 1);
}

TEST_F(TlsClientTest, EveryQuestionThatWaitsForTheHandshakeIsTold) {
    serve_tls(certified({.names = kNames, .from_days = -9, .until_days = -1}), answering);
    std::vector<Answer> answers(20);
    for (Answer& answer : answers) start(answer, question());
    ASSERT_TRUE(all_done(answers));
    for (const Answer& answer : answers)
        EXPECT_THAT(answer.asked.error_text, HasSubstr("tls: certificate expired 20"));
    EXPECT_EQ(count(Count::upstream_tls_failed), 1u);
}

struct TlsClientVersions : TlsClientTest, testing::WithParamInterface<int> {};

TEST_P(TlsClientVersions, AMissingClientCertificateIsTold) {
    TlsServerContext context = certified();
    context.only(GetParam());
    context.ask_clients(authority);
    serve_tls(context, answering);
    EXPECT_EQ(failure(ask()), "23 peer=westus " + place() +
                                  " tls: peer wants a client certificate "
                                  "(peers.westus.tls.certificate)");
    EXPECT_EQ(count(Count::upstream_tls_failed), 1u);
}

TEST_P(TlsClientVersions, OurCertificateOpensTheDoorAgainAndAgain) {
    const test::Issued own = authority.issue({.names = "DNS:me.example"});
    upstream.options.tls.certificate = folder.write("me.crt", own.certificate);
    upstream.options.tls.key = folder.write("me.key", own.key);
    TlsServerContext context = certified();
    context.only(GetParam());
    context.ask_clients(authority);
    FakeTlsServer& server = serve_tls(context, [](const Received& q) -> Reaction {
        return {.messages = {q.answer()}, .hang_up = true};
    });
    for (int i = 0; i < 3; ++i) {
        const Answer answer = ask();
        ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    }
    EXPECT_EQ(server.known_clients, 3);
    EXPECT_EQ(server.resumed, 2);
}

INSTANTIATE_TEST_SUITE_P(Both, TlsClientVersions, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) {
                             return version.param == TLS1_2_VERSION ? "tls12" : "tls13";
                         });

TEST_F(TlsClientTest, APeerThatHangsUpInTheHandshakeIsToldAndTriedAgain) {
    FakeTlsServer& server = serve_tls(certified(), answering);
    server.hangs_up = true;
    const Answer answer = ask();
    EXPECT_EQ(failure(answer),
              "23 peer=westus " + place() + " tls: connection closed during the handshake");
    server.hangs_up = false;
    EXPECT_TRUE(ask().asked.ok) << "no refusal, so no reason to wait";
}

TEST_F(TlsClientTest, APeerThatIsMuteTimesOut) {
    upstream.options.deadline = Millis(600);
    FakeTlsServer& server = serve_tls(certified(), answering);
    server.mute = true;
    const Answer answer = ask();
    EXPECT_THAT(failure(answer), AllOf(HasSubstr("22 peer=westus no endpoint answered (0/1)"),
                                       HasSubstr(" tls timeout ")));
    EXPECT_GE(answer.took, Millis(500));
    EXPECT_LT(answer.took, Millis(3000));
    EXPECT_TRUE(run_until([&] { return server.open_connections() == 0; }));
}

TEST_F(TlsClientTest, ARefusedConnectionIsNoTlsFailure) {
    boost::asio::ip::tcp::acceptor taken(io);
    taken.open(boost::asio::ip::tcp::v4());
    taken.bind({boost::asio::ip::address_v4::loopback(), 0});
    add_endpoint({IpAddress::v4(0x7f000001), taken.local_endpoint().port(), 0});
    const Answer answer = ask();
    EXPECT_THAT(answer.asked.error_text, HasSubstr("tls connection refused"));
    EXPECT_EQ(count(Count::upstream_tls_failed), 0u);
}

// RFC 8310 5: strict means strict.
TEST_F(TlsClientTest, NothingIsAskedInClearWhateverHappens) {
    upstream.options.deadline = Millis(200);
    FakeServer clear(io, answering, FakeServer::Tcp::accept);
    add_endpoint(clear.address());
    for (int i = 0; i < 5; ++i) {
        const Answer answer = ask(question("n" + std::to_string(i) + ".example"));
        EXPECT_FALSE(answer.asked.ok);
    }
    EXPECT_TRUE(clear.udp.empty());
    EXPECT_GE(clear.connections, 1);
    EXPECT_TRUE(clear.tcp.empty());
    EXPECT_EQ(count(Count::upstream_udp_sent), 0u);
    EXPECT_EQ(count(Count::upstream_tcp_sent), 0u);
}

TEST_F(TlsClientTest, AClearTextPeerIsSaidToBeOne) {
    boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
    std::shared_ptr<boost::asio::ip::tcp::socket> peer;
    const std::string said = "SSH-2.0-OpenSSH_9.2p1\r\n";
    acceptor.async_accept([&](auto, boost::asio::ip::tcp::socket socket) {
        peer = std::make_shared<boost::asio::ip::tcp::socket>(std::move(socket));
        boost::asio::write(*peer, boost::asio::buffer(said));
    });
    add_endpoint({IpAddress::v4(0x7f000001), acceptor.local_endpoint().port(), 0});
    EXPECT_EQ(failure(ask()), "23 peer=westus " + place() + " tls: peer does not speak TLS");
}

TEST_F(TlsClientTest, IdentitiesDoNotShareConnections) {
    FakeTlsServer& server = serve_tls(certified(), answering);
    ASSERT_TRUE(ask().asked.ok);
    // The same address for another upstream, which expects another certificate there.
    Upstream other = upstream;
    other.label = "peer=other";
    other.board = std::make_shared<EndpointBoard>();
    EndpointSet same = set;
    same.tls = {identities.get(
        upstream.options.tls,
        {.label = other.label, .path = "peers.other.tls", .server_name = "dns.other.example"})};
    other.board->publish(same);
    Answer answer;
    run_question(client(), other, question(), answer);
    ASSERT_TRUE(run_until([&] { return answer.done; }));
    EXPECT_THAT(answer.asked.error_text, HasSubstr("not dns.other.example"));
    EXPECT_EQ(server.connections, 2);
    EXPECT_EQ(server.asked.size(), 1u);
}

TEST_F(TlsClientTest, ShuttingDownInTheHandshakeEndsEveryWait) {
    FakeTlsServer& server = serve_tls(certified(), answering);
    server.mute = true;
    Answer answer;
    start(answer, question());
    ASSERT_TRUE(run_until([&] { return server.connections == 1; }));
    client().shut_down();
    EXPECT_TRUE(answer.done);
    EXPECT_EQ(answer.asked.error_text, "peer=westus shutting down");
}

TEST_F(TlsClientTest, AConnectionOutlivesItsUpstream) {
    FakeTlsServer& server = serve_tls(certified(), answering);
    ASSERT_TRUE(ask().asked.ok);
    set = {};
    publish();
    client().forget_endpoints(1);
    identities.drop_unused();
    identities.drop_unused();
    EXPECT_EQ(server.open_connections(), 1);
    client().shut_down();
    EXPECT_TRUE(run_until([&] { return server.open_connections() == 0; }));
}

}  // namespace
}  // namespace peerzone::upstream
