// DNS over TLS on real loopback sockets: what is its own. What TLS shares with TCP is tested over
// TCP (tcp_server_test.cpp), clients that do harm in tls_server_hostile_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "support/server_tls_fixture.hpp"

namespace peerzone::server {
namespace {

using namespace std::chrono_literals;
using metrics::Count;
using test::framed;
using test::framed_question;
using test::Identity;
using test::Octets;
using test::question;
using test::SessionPtr;
using test::TcpClient;
using test::TlsClient;
using test::TlsClientOptions;
using test::TlsServerTest;
using End = TcpClient::End;

TEST_F(TlsServerTest, AStrictClientIsAnswered) {
    start();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClientOptions options = strict();
        options.version = version;
        TlsClient client(port_, options);
        ASSERT_TRUE(client.connected()) << version;
        EXPECT_EQ(SSL_get_verify_result(client.session()), X509_V_OK);
        EXPECT_EQ(SSL_version(client.session()), version);
        EXPECT_TRUE(client.served());
    }
    EXPECT_EQ(count(Count::tls_handshakes), 2u);
    EXPECT_EQ(count(Count::tls_resumed), 0u);
    EXPECT_EQ(count(Count::tcp_connections), 2u);
    EXPECT_EQ(count(Count::tcp_queries), 2u);
    EXPECT_EQ(count(Count::tls_handshake_failed), 0u);
}

TEST_F(TlsServerTest, OlderVersionsAreRefused) {
    start();
    TlsClientOptions options = strict();
    options.version = TLS1_1_VERSION;
    EXPECT_FALSE(TlsClient(port_, options).connected());
    EXPECT_TRUE(count_becomes(Count::tls_handshake_failed, 1));
    EXPECT_TRUE(connections_are(0));
}

TEST_F(TlsServerTest, ProtocolsThatAreOfferedMustHoldDot) {
    start();
    TlsClientOptions options = strict();
    options.alpn = "\3dot";
    EXPECT_EQ(TlsClient(port_, options).alpn(), "dot");
    options.alpn = "\2h2\3dot\3doq";
    EXPECT_EQ(TlsClient(port_, options).alpn(), "dot");
    options.alpn = "";
    EXPECT_EQ(TlsClient(port_, options).alpn(), "");
    EXPECT_TRUE(count_becomes(Count::tls_handshakes, 3));
    for (const char* others : {"\2h2", "\3do7\4dot9"}) {
        options.alpn = others;
        EXPECT_FALSE(TlsClient(port_, options).connected());
    }
    EXPECT_TRUE(count_becomes(Count::tls_handshake_failed, 2));
}

TEST_F(TlsServerTest, SessionsAreResumedInBothVersions) {
    start();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClientOptions options = strict();
        options.version = version;
        const SessionPtr session = used_session(options);
        options.resume = session.get();
        TlsClient again(port_, options);
        EXPECT_TRUE(again.resumed()) << version;
        EXPECT_TRUE(again.served());
    }
    EXPECT_EQ(count(Count::tls_resumed), 2u);
    EXPECT_EQ(count(Count::tls_handshakes), 4u);
}

TEST_F(TlsServerTest, AnotherWorkerResumesTheSession) {
    start();
    TcpServer second(io_, questions_, connections_, counters_, Limits{});
    const auto socket = test::listen_on_loopback();
    on_worker([&] {
        second.add_listener(socket.fd, TcpServer::Security::tls);
        second.set_tls(tls_);
    });
    TlsClientOptions options = strict();
    const SessionPtr session = used_session(options);
    options.resume = session.get();
    {
        TlsClient again(socket.port, options);
        EXPECT_TRUE(again.resumed());
    }
    on_worker([&] { second.shut_down(); });
    stop();
}

TEST_F(TlsServerTest, ANewCertificateServesNewConnectionsAndOldOnesGoOn) {
    start();
    TlsClient before(port_, strict());
    ASSERT_TRUE(before.served());
    const SessionPtr session = used_session(strict());
    write(Identity("new.test", &ca_));
    on_worker([this, fresh = load()] { server_->set_tls(fresh); });

    EXPECT_TRUE(before.served()) << "a connection keeps what it began with";
    EXPECT_FALSE(TlsClient(port_, strict()).connected()) << "it is not dns.test any more";
    TlsClientOptions options = strict();
    options.name = "new.test";
    EXPECT_TRUE(TlsClient(port_, options).served());
    options.resume = session.get();
    TlsClient resuming(port_, options);
    EXPECT_FALSE(resuming.resumed()) << "new ticket keys";
    EXPECT_TRUE(resuming.served()) << "a full handshake instead";
}

TEST_F(TlsServerTest, WithoutAContextConnectionsAreClosed) {
    tls_ = nullptr;
    start();
    TcpClient client(port_);
    EXPECT_TRUE(client.gone());
    EXPECT_EQ(connections_.open_count(), 0u);
}

// ---- clients' certificates

TEST_F(TlsServerTest, AClientOfTheAuthorityIsServedAndResumes) {
    require_certificates();
    start();
    const Identity client("pod", &ca_);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClientOptions options = strict();
        options.self = &client;
        options.version = version;
        const SessionPtr session = used_session(options);
        options.resume = session.get();
        options.self = nullptr;
        TlsClient again(port_, options);
        EXPECT_TRUE(again.resumed());
        EXPECT_TRUE(again.served());
    }
    EXPECT_EQ(count(Count::tls_client_refused), 0u);
}

TEST_F(TlsServerTest, ClientsWithoutAGoodCertificateAreRefusedAndCounted) {
    require_certificates();
    start();
    const Identity stranger_ca("strangers");
    const Identity stranger("pod", &stranger_ca);
    const Identity expired("pod", &ca_, {-7200, -3600});
    std::uint64_t refused = 0;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const Identity* self : {static_cast<const Identity*>(nullptr), &stranger, &expired}) {
            TlsClientOptions options = strict();
            options.version = version;
            options.self = self;
            EXPECT_FALSE(TlsClient(port_, options).served());
            EXPECT_TRUE(count_becomes(Count::tls_client_refused, ++refused));
        }
    }
    EXPECT_EQ(count(Count::tls_handshake_failed), 0u);
    EXPECT_EQ(count(Count::tcp_queries), 0u);
    EXPECT_TRUE(connections_are(0));
}

TEST_F(TlsServerTest, ASessionFromBeforeClientsNeededCertificatesIsWorthNothing) {
    start();
    TlsClientOptions options = strict();
    const SessionPtr session = used_session(options);
    require_certificates();
    on_worker([this] { server_->set_tls(tls_); });
    options.resume = session.get();
    EXPECT_FALSE(TlsClient(port_, options).served());
    EXPECT_TRUE(count_becomes(Count::tls_client_refused, 1));
}

// ---- messages in records

TEST_F(TlsServerTest, AnswersPipelinedQuestionsHoweverTheyAreCutIntoRecords) {
    start();
    std::mt19937 random(5);
    for (const std::size_t record_max : {1u, 7u, 60u, 1000u, 16384u}) {
        TlsClient client(port_, strict());
        constexpr int kCount = 700;  // more records than a turn takes
        Octets asked;
        for (std::uint16_t i = 0; i < kCount; ++i) {
            const Octets one = framed_question(i, i % 3 ? 'n' : 's');
            asked.insert(asked.end(), one.begin(), one.end());
        }
        for (std::size_t at = 0; at < asked.size();) {
            const std::size_t size =
                std::min<std::size_t>(asked.size() - at, random() % record_max + 1);
            const auto from = asked.begin() + static_cast<std::ptrdiff_t>(at);
            ASSERT_TRUE(client.send(Octets(from, from + static_cast<std::ptrdiff_t>(size))));
            at += size;
        }
        for (int i = 0; i < kCount; ++i) ASSERT_EQ(client.reply_id(), i) << record_max;
    }
}

TEST_F(TlsServerTest, TakesAndGivesTheLongestMessages) {
    start();
    TlsClient client(port_, strict());
    Octets longest = question(7, 'n');
    longest.resize(65535, 9);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(client.send(framed(longest)));
        EXPECT_EQ(client.reply(), longest);
    }
}

// The queries lie decrypted in the server when it stops reading: no readiness of the socket will
// bring them up again.
TEST_F(TlsServerTest, QuestionsThatWaitedForRoomAreTakenWithoutNewOctets) {
    Limits limits;
    limits.tcp_in_flight_per_connection_max = 2;
    start(limits);
    TlsClient client(port_, strict());
    constexpr std::uint16_t kCount = 2000;
    for (std::uint16_t i = 0; i < kCount; ++i) ASSERT_TRUE(client.ask(i, i % 10 ? 'n' : 'l'));
    for (std::uint16_t i = 0; i < kCount; i = static_cast<std::uint16_t>(i + 10))
        ASSERT_TRUE(eventually([this, i] { return questions_.deliver(i); })) << i;
    std::vector<bool> seen(kCount);
    for (int i = 0; i < kCount; ++i) {
        const int id = client.reply_id();
        ASSERT_GE(id, 0);
        seen[static_cast<std::size_t>(id)] = true;
    }
    EXPECT_EQ(std::ranges::count(seen, true), kCount);
}

TEST_F(TlsServerTest, ManyLargeRepliesReachAClientThatReadsLate) {
    start();
    TlsClientOptions options = strict();
    options.receive_buffer = 4096;
    TlsClient client(port_, options);
    for (std::uint16_t i = 0; i < 200; ++i) ASSERT_TRUE(client.ask(i, 'b', 60000));
    ASSERT_TRUE(eventually([this] { return questions_.seen.size() > 5; }));
    for (int i = 0; i < 200; ++i) {
        const auto reply = client.reply();
        ASSERT_TRUE(reply.has_value());
        ASSERT_EQ(load_u16(reply->data()), i);
        ASSERT_EQ(reply->size(), 60000u);
        ASSERT_EQ(std::count(reply->begin() + 2, reply->end(), 'b'), 59998) << i;
    }
    EXPECT_EQ(count(Count::tcp_closed_slow), 0u);
}

TEST_F(TlsServerTest, KeyUpdatesOfTheClientChangeNothing) {
    start();
    TlsClient client(port_, strict());
    for (std::uint16_t i = 0; i < 20; ++i) {
        ASSERT_EQ(SSL_key_update(client.session(), SSL_KEY_UPDATE_REQUESTED), 1);
        ASSERT_TRUE(client.ask(i, 'n'));
        ASSERT_EQ(client.reply_id(), i);
    }
}

// ---- the end of a connection

TEST_F(TlsServerTest, AClientThatHasFinishedSendingGetsItsAnswersAndAProperEnd) {
    start();
    TlsClient client(port_, strict());
    client.ask(1, 'l');
    client.ask(2, 'n');
    client.finish_sending();
    EXPECT_EQ(client.reply_id(), 2);
    ASSERT_TRUE(waiting_is(1));
    EXPECT_TRUE(deliver(1));
    EXPECT_EQ(client.reply_id(), 1);
    EXPECT_TRUE(client.ended_properly());
    EXPECT_TRUE(connections_are(0));
}

TEST_F(TlsServerTest, AClientThatClosesWithoutAWordIsForgotten) {
    start();
    {
        TlsClient client(port_, strict());
        ASSERT_TRUE(client.served());
        client.ask(1, 'l');
        ASSERT_TRUE(waiting_is(1));
        client.tcp().finish_sending();
        EXPECT_TRUE(deliver(1));
        EXPECT_EQ(client.reply_id(), 1);
    }
    EXPECT_TRUE(connections_are(0));
    EXPECT_EQ(count(Count::tls_handshake_failed), 0u);
}

TEST_F(TlsServerTest, DrainAnswersWhatWaitsAndEndsTheRestProperly) {
    start();
    TlsClient idle(port_, strict()), waiting(port_, strict());
    TcpClient silent(port_);
    ASSERT_TRUE(idle.served());
    waiting.ask(2, 'l');
    ASSERT_TRUE(waiting_is(1));
    ASSERT_TRUE(connections_are(3));
    on_worker([this] { server_->begin_drain(); });
    EXPECT_TRUE(idle.ended_properly());
    EXPECT_TRUE(silent.gone());
    EXPECT_TRUE(deliver(2));
    EXPECT_EQ(waiting.reply_id(), 2);
    EXPECT_TRUE(waiting.ended_properly());
    EXPECT_TRUE(eventually([this] { return server_->drained(); }));
}

TEST_F(TlsServerTest, IdleConnectionsEndProperly) {
    Limits limits;
    limits.tcp_idle = 1s;
    start(limits);
    TlsClient client(port_, strict());
    ASSERT_TRUE(client.served());
    EXPECT_TRUE(client.ended_properly());
    EXPECT_EQ(count(Count::tcp_closed_idle), 1u);
}

// ---- bad clients

}  // namespace
}  // namespace peerzone::server
