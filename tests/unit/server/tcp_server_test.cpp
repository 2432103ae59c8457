// The server on real loopback sockets: it runs on a thread of its own, the test is the clients.
#include "server/tcp_server.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <thread>

#include "support/server_tcp_fixture.hpp"

namespace peerzone::server {
namespace {

using namespace std::chrono_literals;
using metrics::Count;
using test::framed;
using test::framed_question;
using test::Octets;
using test::question;
using test::TcpClient;
using End = TcpClient::End;

using test::TcpServerTest;

TEST_F(TcpServerTest, AnswersPipelinedQuestions) {
    start();
    TcpClient client(port_);
    Octets asked;
    for (std::uint16_t i = 0; i < 1000; ++i) {
        const Octets one = framed_question(i, i % 3 ? 'n' : 's');
        asked.insert(asked.end(), one.begin(), one.end());
    }
    ASSERT_TRUE(client.send(asked));
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(client.reply_id(), i);
    EXPECT_EQ(count(Count::tcp_queries), 1000u);
    EXPECT_EQ(count(Count::tcp_connections), 1u);
    on_worker([this] { EXPECT_EQ(questions_.clients[0], IpAddress::v4(INADDR_LOOPBACK)); });
}

TEST_F(TcpServerTest, RepliesLeaveInTheOrderTheyAreReady) {
    start();
    TcpClient client(port_);
    client.ask(1, 'l');
    client.ask(2, 'l');
    client.ask(3, 'n');
    EXPECT_EQ(client.reply_id(), 3);
    ASSERT_TRUE(waiting_is(2));
    EXPECT_TRUE(client.quiet());
    EXPECT_TRUE(deliver(2));
    EXPECT_EQ(client.reply_id(), 2);
    EXPECT_TRUE(client.quiet());
    EXPECT_TRUE(deliver(1));
    EXPECT_EQ(client.reply_id(), 1);
}

TEST_F(TcpServerTest, ABurstOfRepliesReachesEachClient) {
    start();
    std::vector<TcpClient> clients;
    for (int c = 0; c < 5; ++c) clients.emplace_back(port_);
    for (std::uint16_t i = 0; i < 60; ++i) clients[i % 5].ask(i, 'l');
    ASSERT_TRUE(waiting_is(60));
    on_worker([this] {
        for (std::uint16_t i = 60; i-- > 0;) questions_.deliver(i);
    });
    for (int i = 59; i >= 0; --i) EXPECT_EQ(clients[static_cast<std::size_t>(i % 5)].reply_id(), i);
}

TEST_F(TcpServerTest, ManyClientsAtOnceGetTheirOwnAnswers) {
    Limits limits;
    limits.tcp_connections_per_client_max = 1000;
    start(limits);
    std::vector<TcpClient> clients;
    for (int c = 0; c < 150; ++c) clients.emplace_back(port_);
    for (std::uint16_t round = 0; round < 5; ++round) {
        for (std::uint16_t c = 0; c < 150; ++c)
            clients[c].ask(static_cast<std::uint16_t>(c * 10 + round), 'n');
        for (std::uint16_t c = 0; c < 150; ++c) ASSERT_EQ(clients[c].reply_id(), c * 10 + round);
    }
    EXPECT_TRUE(connections_are(150));
    clients.clear();
    EXPECT_TRUE(connections_are(0));
    EXPECT_EQ(connections_.open_count(), 0u);
}

TEST_F(TcpServerTest, TakesAQuestionOneOctetAtATime) {
    start();
    TcpClient client(port_);
    for (std::uint16_t id = 1; id <= 3; ++id) {
        for (const std::uint8_t octet : framed_question(id, 'n')) ASSERT_TRUE(client.send({octet}));
        EXPECT_EQ(client.reply_id(), id);
    }
}

TEST_F(TcpServerTest, TakesAndGivesTheLongestMessages) {
    start();
    TcpClient client(port_);
    Octets longest = question(7, 'n');
    longest.resize(65535, 9);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(client.send(framed(longest)));
        const auto reply = client.reply();
        ASSERT_TRUE(reply.has_value());
        EXPECT_EQ(*reply, longest);
    }
}

TEST_F(TcpServerTest, ManyLargeRepliesReachAClientThatReadsLate) {
    start();
    TcpClient client(port_, INADDR_LOOPBACK, 4096);
    for (std::uint16_t i = 0; i < 200; ++i) ASSERT_TRUE(client.ask(i, 'b', 60000));
    ASSERT_TRUE(eventually([this] { return questions_.seen.size() > 10; }));
    for (int i = 0; i < 200; ++i) ASSERT_EQ(client.reply_id(), i);
    EXPECT_EQ(count(Count::tcp_closed_slow), 0u);
}

TEST_F(TcpServerTest, ConnectionsWithoutAQuestionAreClosedAndOthersAreNot) {
    Limits limits;
    limits.tcp_idle = 1s;
    start(limits);
    TcpClient silent(port_), half_length(port_), half_message(port_), asked_once(port_),
        busy(port_);
    half_length.send({0});
    half_message.send({0, 15, 1, 2, 3, 4});
    asked_once.ask(1, 'n');
    EXPECT_EQ(asked_once.reply_id(), 1);
    TcpClient waiting(port_);
    waiting.ask(2, 'l');
    ASSERT_TRUE(waiting_is(1));

    const Time began = Clock::now();
    while (count(Count::tcp_closed_idle) < 4 && Clock::now() < began + test::kPatience) {
        busy.ask(5, 'n');
        ASSERT_EQ(busy.reply_id(), 5);
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_GE(Clock::now() - began, 500ms);
    for (TcpClient* client : {&silent, &half_length, &half_message, &asked_once})
        EXPECT_TRUE(client->gone());
    EXPECT_EQ(count(Count::tcp_closed_idle), 4u);
    EXPECT_TRUE(connections_are(2));
    EXPECT_TRUE(deliver(2));
    EXPECT_EQ(waiting.reply_id(), 2) << "a question that waits is not idleness";
}

TEST_F(TcpServerTest, ADribbledQuestionDoesNotKeepTheConnection) {
    Limits limits;
    limits.tcp_idle = 1s;
    start(limits);
    TcpClient client(port_);
    ASSERT_TRUE(client.send({0xff, 0xff}));
    int sent = 0;
    while (client.quiet() && sent < 1000) {
        client.send({0});
        ++sent;
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_GT(sent, 10);
    EXPECT_LT(sent, 1000);
    EXPECT_TRUE(client.gone());
    EXPECT_EQ(count(Count::tcp_closed_idle), 1u);
}

TEST_F(TcpServerTest, AFrameThatCannotBeAMessageEndsTheConnection) {
    start();
    for (std::uint8_t length = 0; length < 12; ++length) {
        TcpClient client(port_);
        client.ask(1, 'n');
        Octets bad(2u + length, 0);
        bad[1] = length;
        client.send(bad);
        EXPECT_EQ(client.reply_id(), 1);
        EXPECT_TRUE(client.gone()) << int{length};
    }
    EXPECT_EQ(count(Count::tcp_bad_frame), 12u);
    EXPECT_TRUE(connections_are(0));
}

TEST_F(TcpServerTest, GarbageHarmsNobodyElse) {
    Limits limits;
    limits.tcp_connections_per_client_max = 1000;
    start(limits);
    TcpClient honest(port_);
    std::mt19937 random(3);
    std::vector<TcpClient> others;
    for (int i = 0; i < 100; ++i) {
        Octets garbage(random() % 3000);
        for (auto& octet : garbage) octet = static_cast<std::uint8_t>(random() % (i % 2 ? 256 : 2));
        // Not a query that waits for ever or asks for a reply of any size.
        for (auto& octet : garbage) octet = octet == 'b' ? 'n' : octet;
        TcpClient client(port_);
        client.send(garbage);
        if (i % 3 == 0) client.reset();
        if (i % 3 == 1) others.push_back(std::move(client));
        honest.ask(static_cast<std::uint16_t>(i), 'n');
        ASSERT_EQ(honest.reply_id(), i);
    }
    EXPECT_TRUE(eventually([this] { return count(Count::tcp_bad_frame) > 5; }));
}

TEST_F(TcpServerTest, AClientThatNeverReadsIsCutOffWhileAnotherIsServed) {
    Limits limits;
    limits.tcp_write_stall = 1s;
    start(limits);
    TcpClient deaf(port_, INADDR_LOOPBACK, 4096);
    for (std::uint16_t i = 0; i < 400; ++i) ASSERT_TRUE(deaf.ask(i, 'b', 60000));
    TcpClient other(port_);
    const Time end = Clock::now() + test::kPatience;
    int served = 0;
    while (count(Count::tcp_closed_slow) == 0 && Clock::now() < end) {
        other.ask(9, 'n');
        ASSERT_EQ(other.reply_id(), 9);
        ++served;
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_GT(served, 10);
    EXPECT_EQ(count(Count::tcp_closed_slow), 1u);
    EXPECT_EQ(deaf.read_to_the_end(), End::reset);
    EXPECT_TRUE(connections_are(1));
    on_worker([this] {
        EXPECT_LT(std::ranges::count(questions_.seen, 'b', [](const Octets& q) { return q[12]; }),
                  300)
            << "nor are its questions read while it does not read the answers";
    });
}

TEST_F(TcpServerTest, OneClientGetsNoMoreThanItsConnections) {
    Limits limits;
    limits.tcp_connections_per_client_max = 2;
    start(limits);
    TcpClient a(port_), b(port_);
    a.ask(1, 'n');
    b.ask(1, 'n');
    EXPECT_EQ(a.reply_id(), 1);
    EXPECT_EQ(b.reply_id(), 1);
    TcpClient c(port_);
    EXPECT_TRUE(c.gone());
    EXPECT_EQ(count(Count::tcp_refused_limit), 1u);
    TcpClient neighbour(port_, INADDR_LOOPBACK + 1);
    neighbour.ask(2, 'n');
    EXPECT_EQ(neighbour.reply_id(), 2);
    a.close();
    ASSERT_TRUE(connections_are(2));
    TcpClient again(port_);
    again.ask(3, 'n');
    EXPECT_EQ(again.reply_id(), 3);
}

TEST_F(TcpServerTest, AllClientsTogetherGetNoMoreThanTheTotalUntilItIsRaised) {
    Limits limits;
    limits.tcp_connections_max = 3;
    start(limits);
    std::vector<TcpClient> clients;
    for (std::uint32_t i = 0; i < 3; ++i) {
        clients.emplace_back(port_, INADDR_LOOPBACK + i);
        clients.back().ask(static_cast<std::uint16_t>(i), 'l');
    }
    ASSERT_TRUE(waiting_is(3)) << "none is idle";
    TcpClient refused(port_, INADDR_LOOPBACK + 9);
    EXPECT_TRUE(refused.gone());
    EXPECT_EQ(count(Count::tcp_refused_limit), 1u);
    limits.tcp_connections_max = 4;
    on_worker([this, limits] { server_->set_limits(limits); });
    TcpClient fourth(port_, INADDR_LOOPBACK + 9);
    fourth.ask(4, 'n');
    EXPECT_EQ(fourth.reply_id(), 4);
    EXPECT_EQ(count(Count::tcp_connections), 4u);
}

TEST_F(TcpServerTest, AnIdleConnectionGivesWayWhenAllAreInUse) {
    Limits limits;
    limits.tcp_connections_max = 4;
    limits.tcp_connections_per_client_max = 2;
    start(limits);
    TcpClient waiting(port_), asked(port_, INADDR_LOOPBACK + 1);
    waiting.ask(1, 'l');
    ASSERT_TRUE(waiting_is(1));
    asked.ask(2, 'n');
    EXPECT_EQ(asked.reply_id(), 2);
    TcpClient silent(port_, INADDR_LOOPBACK + 2);
    ASSERT_TRUE(connections_are(3));
    TcpClient silent_later(port_, INADDR_LOOPBACK + 2);
    ASSERT_TRUE(connections_are(4));

    TcpClient greedy(port_, INADDR_LOOPBACK + 2);
    EXPECT_TRUE(greedy.gone()) << "who has its share gets nobody else's";
    EXPECT_EQ(count(Count::tcp_refused_limit), 1u);

    std::vector<TcpClient> fresh;
    for (std::uint16_t i = 0; i < 3; ++i) {
        fresh.emplace_back(port_, INADDR_LOOPBACK + 3 + i);
        fresh.back().ask(i, 'l');
        ASSERT_TRUE(waiting_is(2u + i));
        EXPECT_TRUE((i == 0 ? silent : i == 1 ? silent_later : asked).gone());
        EXPECT_EQ(count(Count::tcp_closed_idle), i + 1u);
    }
    TcpClient refused(port_, INADDR_LOOPBACK + 6);
    EXPECT_TRUE(refused.gone()) << "everybody waits for an answer";
    EXPECT_EQ(count(Count::tcp_refused_limit), 2u);
    EXPECT_TRUE(deliver(1));
    EXPECT_EQ(waiting.reply_id(), 1);
}

TEST_F(TcpServerTest, IdleTimeShrinksAndIsToldWhenConnectionsAreScarce) {
    Limits limits;
    limits.tcp_connections_max = 4;
    limits.tcp_idle = 600s;
    start(limits);
    std::vector<TcpClient> clients;
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back(port_);
        clients.back().ask(1, 'n');
        EXPECT_EQ(clients.back().reply_id(), 1);
    }
    on_worker([this] {
        EXPECT_EQ(questions_.keepalives, (std::vector<std::uint16_t>{6000, 6000, 6000, 20}));
    });
    EXPECT_TRUE(connections_are(3)) << "no more than is needed";
    EXPECT_EQ(count(Count::tcp_closed_idle), 1u);
}

}  // namespace
}  // namespace peerzone::server
