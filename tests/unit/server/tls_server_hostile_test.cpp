// DNS over TLS on real loopback sockets: bad clients harm no others.
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

// A ClientHello as a real client sends it.
Octets client_hello() {
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                         SSL_CTX_free);
    std::unique_ptr<SSL, void (*)(SSL*)> session(SSL_new(context.get()), SSL_free);
    SSL_set_bio(session.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_connect(session.get());
    ERR_clear_error();
    char* data = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(session.get()), &data);
    return Octets(data, data + size);
}

TEST_F(TlsServerTest, GarbageInsteadOfAHandshakeIsRefusedAndHarmsNobody) {
    Limits limits;
    limits.tcp_connections_per_client_max = 1000;
    start(limits);
    TlsClient honest(port_, strict());
    std::mt19937 random(7);
    const Octets hello = client_hello();
    for (int i = 0; i < 120; ++i) {
        Octets garbage;
        switch (i % 4) {
            case 0: garbage = framed_question(1, 'n'); break;  // plain DNS, a common mistake
            case 1: {
                const std::string text = "GET / HTTP/1.1\r\n\r\n";
                garbage.assign(text.begin(), text.end());
                break;
            }
            case 2: {
                garbage.resize(random() % 3000 + 9);
                for (auto& octet : garbage) octet = static_cast<std::uint8_t>(random());
                garbage[0] |= 0x80;
                break;
            }
            default: {  // begins well
                garbage = hello;
                garbage.resize(hello.size() / 2);
                for (std::size_t at = 12; at < garbage.size(); ++at)
                    garbage[at] = static_cast<std::uint8_t>(random());
                garbage[3] = garbage[4] = garbage[6] = garbage[7] = 0;
                garbage[4] = static_cast<std::uint8_t>(100);
                garbage[8] = 96;
            }
        }
        TcpClient client(port_);
        ASSERT_TRUE(client.send(garbage));
        EXPECT_NE(client.read_to_the_end(), End::silent) << i;
        ASSERT_TRUE(honest.ask(static_cast<std::uint16_t>(i), 'n'));
        ASSERT_EQ(honest.reply_id(), i);
    }
    EXPECT_TRUE(count_becomes(Count::tls_handshake_failed, 120));
    EXPECT_TRUE(connections_are(1));
}

TEST_F(TlsServerTest, AHelloThatClaimsToBeHugeIsRefusedBeforeAnythingIsReserved) {
    start();
    TcpClient client(port_);
    ASSERT_TRUE(client.send({22, 3, 1, 0x40, 0, 1, 1, 0xff, 0xff}));
    EXPECT_TRUE(client.gone());
    EXPECT_EQ(count(Count::tls_handshake_failed), 1u);
}

TEST_F(TlsServerTest, AConnectionThatBringsNothingIsNoFailure) {
    start();
    { TcpClient probe(port_); }
    TlsClient client(port_, strict());
    EXPECT_TRUE(client.served());
    EXPECT_TRUE(connections_are(1));
    EXPECT_EQ(count(Count::tls_handshake_failed), 0u);
}

TEST_F(TlsServerTest, AHandshakeThatIsBrokenOffIsCounted) {
    start();
    const Octets hello = client_hello();
    for (const std::size_t size : {std::size_t{4}, std::size_t{40}, hello.size()}) {
        TcpClient client(port_);
        client.send(Octets(hello.begin(), hello.begin() + static_cast<std::ptrdiff_t>(size)));
        client.finish_sending();
        EXPECT_NE(client.read_to_the_end(), End::silent);
    }
    EXPECT_TRUE(count_becomes(Count::tls_handshake_failed, 3));
    EXPECT_TRUE(connections_are(0));
}

TEST_F(TlsServerTest, SilentAndDribblingConnectionsEndWithTheIdleTimeWhileOthersAreServed) {
    Limits limits;
    limits.tcp_idle = 1s;
    limits.tcp_connections_per_client_max = 1000;
    start(limits);
    std::vector<TcpClient> bad;
    for (int i = 0; i < 90; ++i) bad.emplace_back(port_);
    const Octets hello = client_hello();
    for (std::size_t i = 30; i < 60; ++i)  // half a ClientHello
        bad[i].send(Octets(hello.begin(), hello.begin() + 100));
    TlsClient half_length(port_, strict()), half_message(port_, strict()), busy(port_, strict());
    half_length.send({0});
    half_message.send({0, 15, 1, 2, 3});
    std::size_t dribbled = 0;
    const Time end = Clock::now() + test::kPatience;
    while (count(Count::tcp_closed_idle) < 92 && Clock::now() < end) {
        for (std::size_t i = 60; i < 90 && dribbled < hello.size(); ++i)
            bad[i].send({hello[dribbled]});
        ++dribbled;
        ASSERT_TRUE(busy.ask(5, 'n'));
        ASSERT_EQ(busy.reply_id(), 5);
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(count(Count::tcp_closed_idle), 92u);
    EXPECT_TRUE(connections_are(1));
}

TEST_F(TlsServerTest, AClientThatNeverReadsIsCutOffWhileAnotherIsServed) {
    Limits limits;
    limits.tcp_write_stall = 1s;
    start(limits);
    TlsClientOptions options = strict();
    options.receive_buffer = 4096;
    TlsClient deaf(port_, options);
    for (std::uint16_t i = 0; i < 400; ++i) ASSERT_TRUE(deaf.ask(i, 'b', 60000));
    TlsClient other(port_, strict());
    const Time end = Clock::now() + test::kPatience;
    int served = 0;
    while (count(Count::tcp_closed_slow) == 0 && Clock::now() < end) {
        ASSERT_TRUE(other.ask(9, 'n'));
        ASSERT_EQ(other.reply_id(), 9);
        ++served;
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_GT(served, 10);
    EXPECT_EQ(count(Count::tcp_closed_slow), 1u);
    EXPECT_EQ(deaf.tcp().read_to_the_end(), End::reset);
    EXPECT_TRUE(connections_are(1));
}

TEST_F(TlsServerTest, ABadFrameEndsTheConnection) {
    start();
    TlsClient client(port_, strict());
    client.ask(1, 'n');
    client.send({0, 3, 1, 2, 3});
    EXPECT_EQ(client.reply_id(), 1);
    EXPECT_TRUE(client.ended_properly());
    EXPECT_EQ(count(Count::tcp_bad_frame), 1u);
}

TEST_F(TlsServerTest, ADamagedRecordEndsTheConnection) {
    start();
    TlsClient client(port_, strict()), other(port_, strict());
    ASSERT_TRUE(client.served());
    client.tcp().send(
        {23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0});
    EXPECT_NE(client.tcp().read_to_the_end(), End::silent);
    EXPECT_TRUE(connections_are(1));
    EXPECT_TRUE(other.served());
}

TEST_F(TlsServerTest, ConnectionsOverTlsCountAgainstTheSameLimits) {
    Limits limits;
    limits.tcp_connections_per_client_max = 2;
    start(limits);
    TlsClient a(port_, strict());
    ASSERT_TRUE(a.served());
    TcpClient silent(port_);
    ASSERT_TRUE(connections_are(2));
    EXPECT_FALSE(TlsClient(port_, strict()).connected());
    EXPECT_EQ(count(Count::tcp_refused_limit), 1u);
    EXPECT_TRUE(a.served());
}

TEST_F(TlsServerTest, AThousandIdleConnectionsAreHeldWithoutHarm) {
    Limits limits;
    limits.tcp_connections_max = 1100;
    limits.tcp_connections_per_client_max = 1100;
    limits.tcp_idle = 600s;
    start(limits);
    std::vector<TcpClient> idle;
    for (int i = 0; i < 1000; ++i) {
        idle.emplace_back(port_);
        ASSERT_TRUE(idle.back().connected()) << i;
    }
    ASSERT_TRUE(connections_are(1000));
    TlsClient client(port_, strict());
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.served());
    EXPECT_EQ(count(Count::tls_handshakes), 1u);
}

}  // namespace
}  // namespace peerzone::server
