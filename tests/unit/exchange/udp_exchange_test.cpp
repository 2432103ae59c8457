// Sockets, ports and IDs of the UDP exchange.
#include "peerzone/base/task.hpp"
#include "peerzone/exchange/udp_exchange.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <set>

#include "support/upstream_fake_server.hpp"

namespace peerzone::exchange {
namespace {

using metrics::Count;
using test::answering;
using test::FakeServer;
using test::Received;
using test::silent;

Detached follow(Attempt& attempt, int& ended) {
    co_await attempt;
    ++ended;
}

struct UdpExchangeTest : testing::Test {
    boost::asio::io_context io;
    Cork cork;
    metrics::Counters counters;
    Options options;
    Random random;
    Timers timers{io};
    std::deque<Attempt> attempts;
    std::unique_ptr<UdpExchange> exchange_;
    const dns::Name name = dns::Name::from_text("db.westus.example").value();
    int ended = 0;

    UdpExchange& exchange() {
        if (!exchange_)
            exchange_ = std::make_unique<UdpExchange>(io, cork, timers, random, counters, options);
        return *exchange_;
    }
    Attempt& ask(const FakeServer& server, Duration timeout = Seconds(5)) {
        Attempt& attempt = attempts.emplace_back();
        attempt.to = server.address();
        attempt.type = 1;
        attempt.timeout = timeout;
        attempt.set_name(name.wire(), &random);
        exchange().start(attempt, Clock::now());
        follow(attempt, ended);
        return attempt;
    }
    bool run_until(const std::function<bool()>& done) {
        const Time end = Clock::now() + Seconds(20);
        while (!done() && Clock::now() < end) io.run_one_for(Millis(50));
        return done();
    }
    bool all_ended() {
        return run_until([&] { return ended == static_cast<int>(attempts.size()); });
    }
    static std::set<std::uint16_t> ports(const FakeServer& server) {
        std::set<std::uint16_t> seen;
        for (const Received& received : server.udp) seen.insert(received.port);
        return seen;
    }
};

TEST_F(UdpExchangeTest, OneQuestionNeedsOneSocket) {
    FakeServer server(io, answering);
    const Attempt& attempt = ask(server);
    EXPECT_EQ(exchange().socket_count(), 1u);
    ASSERT_TRUE(all_ended());
    EXPECT_EQ(attempt.outcome, Outcome::reply);
    EXPECT_GE(attempt.ended_at, attempt.sent_at);
}

TEST_F(UdpExchangeTest, EvenOneQuestionAtATimeLeavesFromSeveralPorts) {
    FakeServer server(io, answering);
    for (int i = 0; i < 60; ++i) {
        ask(server);
        ASSERT_TRUE(all_ended());
    }
    EXPECT_EQ(ports(server).size(), 4u);
}

TEST_F(UdpExchangeTest, QuestionsInFlightSpreadOverPortsAndIds) {
    FakeServer server(io, silent);
    for (std::size_t i = 0; i < 300; i += 100) {  // more at once would not fit the server's socket
        for (int n = 0; n < 100; ++n) ask(server, Seconds(60));
        ASSERT_TRUE(run_until([&] { return server.udp.size() == i + 100; }));
    }
    EXPECT_EQ(exchange().socket_count(), 64u);
    EXPECT_GT(ports(server).size(), 50u);
    std::set<std::uint16_t> ids;
    std::set<std::pair<std::uint16_t, std::uint16_t>> pairs;
    for (const Received& received : server.udp) {
        ids.insert(received.id());
        pairs.insert({received.port, received.id()});
    }
    EXPECT_GT(ids.size(), 290u);
    EXPECT_EQ(pairs.size(), 300u) << "an ID is unique among those that wait on its socket";
    // No run of neighbours: a counter would make one.
    int neighbours = 0;
    for (std::size_t i = 1; i < server.udp.size(); ++i)
        neighbours += server.udp[i].id() == server.udp[i - 1].id() + 1 ? 1 : 0;
    EXPECT_LT(neighbours, 3);
}

TEST_F(UdpExchangeTest, QuestionsOfOneTurnLeaveInShortRunsByRandomSockets) {
    FakeServer server(io, silent);
    for (int turn = 0; turn < 3; ++turn) {
        {
            const Cork::Scope scope(cork);
            for (int i = 0; i < 100; ++i) ask(server, Seconds(60));
        }
        ASSERT_TRUE(run_until([&] { return server.udp.size() == attempts.size(); }));
    }
    // 13 runs a turn, at most 8 in a run.
    std::size_t runs = 0;
    for (std::size_t i = 0; i < 300; ++i)
        runs += i == 0 || server.udp[i].port != server.udp[i - 1].port ? 1 : 0;
    EXPECT_LE(runs, 39u);
    EXPECT_GT(runs, 30u) << "each run picks anew";
    EXPECT_GT(ports(server).size(), 20u);
    std::set<std::pair<std::uint16_t, std::uint16_t>> pairs;
    for (const Received& received : server.udp) pairs.insert({received.port, received.id()});
    EXPECT_EQ(pairs.size(), 300u);
}

TEST_F(UdpExchangeTest, AQuestionGivenUpBeforeItsTurnEndsIsNotSent) {
    FakeServer server(io, answering);
    {
        const Cork::Scope scope(cork);
        Attempt gone;
        gone.to = server.address();
        gone.type = 1;
        gone.timeout = Seconds(5);
        gone.set_name(name.wire(), nullptr);
        exchange().start(gone, Clock::now());
        ask(server);
    }
    ASSERT_TRUE(all_ended());
    EXPECT_EQ(attempts[0].outcome, Outcome::reply);
    EXPECT_EQ(server.udp.size(), 1u);
    EXPECT_EQ(counters.value(Count::upstream_udp_sent), 1u);
}

TEST_F(UdpExchangeTest, AClosedPortEndsAllQuestionsOfARun) {
    SocketAddress closed;
    {
        const FakeServer server(io, answering);
        closed = server.address();
    }
    {
        const Cork::Scope scope(cork);
        for (int i = 0; i < 20; ++i) {
            Attempt& attempt = attempts.emplace_back();
            attempt.to = closed;
            attempt.type = 1;
            attempt.timeout = Seconds(20);
            attempt.set_name(name.wire(), nullptr);
            exchange().start(attempt, Clock::now());
            follow(attempt, ended);
        }
    }
    ASSERT_TRUE(all_ended());
    for (const Attempt& attempt : attempts) EXPECT_EQ(attempt.outcome, Outcome::refused);
}

TEST_F(UdpExchangeTest, ShuttingDownWithinATurnEndsWhatWasNotSentYet) {
    FakeServer server(io, answering);
    {
        const Cork::Scope scope(cork);
        ask(server);
        exchange().shut_down();
    }
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(attempts[0].outcome, Outcome::shut_down);
}

TEST_F(UdpExchangeTest, SocketsAreBoundedOverAllEndpoints) {
    options.sockets_max = 6;
    std::deque<FakeServer> servers;
    for (int i = 0; i < 3; ++i) servers.emplace_back(io, answering);
    for (int i = 0; i < 30; ++i) ask(servers[static_cast<std::size_t>(i) % 3]);
    EXPECT_LE(exchange().socket_count(), 6u);
    ASSERT_TRUE(all_ended());
    for (const Attempt& attempt : attempts) EXPECT_EQ(attempt.outcome, Outcome::reply);
}

TEST_F(UdpExchangeTest, AtTheLimitANewEndpointTakesAnIdleSocketsPlaceOrIsTold) {
    options.sockets_max = 1;
    FakeServer one(io, answering), other(io, silent);
    ask(one);
    ASSERT_TRUE(all_ended());
    EXPECT_EQ(ask(other).outcome, Outcome::waiting);
    EXPECT_EQ(exchange().socket_count(), 1u);
    EXPECT_EQ(ask(one).outcome, Outcome::busy) << "the one socket has somebody waiting";
}

TEST_F(UdpExchangeTest, ASocketIsRetiredAfterItsShareOfQuestions) {
    options.sockets_per_endpoint_max = 1;
    options.questions_per_socket = 5;
    FakeServer server(io, answering);
    for (int i = 0; i < 20; ++i) {
        ask(server);
        ASSERT_TRUE(all_ended());
        EXPECT_EQ(exchange().socket_count(), 1u);
    }
    EXPECT_EQ(ports(server).size(), 4u);
}

TEST_F(UdpExchangeTest, ARetiredSocketStillTakesItsReplies) {
    options.sockets_per_endpoint_max = 1;
    options.questions_per_socket = 5;
    std::vector<Received> asked;
    FakeServer server(io, [&](const Received& q) -> FakeServer::Reaction {
        asked.push_back(q);
        return {};
    });
    for (int i = 0; i < 12; ++i) ask(server);
    ASSERT_TRUE(run_until([&] { return asked.size() == 12; }));
    EXPECT_EQ(exchange().socket_count(), 3u);
    for (const Received& q : asked) server.send_to(q, q.answer());
    ASSERT_TRUE(all_ended());
    for (const Attempt& attempt : attempts) EXPECT_EQ(attempt.outcome, Outcome::reply);
    EXPECT_EQ(exchange().socket_count(), 1u) << "the retired ones closed with their last reply";
}

TEST_F(UdpExchangeTest, AnOldSocketIsRetired) {
    options.sockets_per_endpoint_max = 1;
    options.socket_age_max = Seconds(0);
    FakeServer server(io, answering);
    for (int i = 0; i < 4; ++i) {
        ask(server);
        ASSERT_TRUE(all_ended());
    }
    EXPECT_EQ(ports(server).size(), 4u);
}

TEST_F(UdpExchangeTest, IdleSocketsAreClosed) {
    FakeServer server(io, answering);
    for (int i = 0; i < 20; ++i) ask(server);
    ASSERT_TRUE(all_ended());
    EXPECT_GT(exchange().socket_count(), 4u);
    EXPECT_TRUE(run_until([&] { return exchange().socket_count() == 0; }));
    ask(server);
    EXPECT_TRUE(all_ended());
}

TEST_F(UdpExchangeTest, ATimeoutIsNeverEarly) {
    FakeServer server(io, silent);
    const Attempt& attempt = ask(server, Millis(30));
    ASSERT_TRUE(all_ended());
    EXPECT_EQ(attempt.outcome, Outcome::timeout);
    EXPECT_GE(attempt.ended_at - attempt.sent_at, Millis(30));
}

TEST_F(UdpExchangeTest, APortUnreachableEndsAllThatWaitOnTheSocket) {
    options.sockets_per_endpoint_max = 1;
    FakeServer server(io, silent);
    for (int i = 0; i < 5; ++i) ask(server);
    ASSERT_TRUE(run_until([&] { return server.udp.size() == 5; }));
    server.close_udp();
    ask(server);
    ask(server);  // whose send finds the error of the one before
    ask(server);
    ASSERT_TRUE(all_ended());
    for (const Attempt& attempt : attempts) EXPECT_EQ(attempt.outcome, Outcome::refused);
    EXPECT_EQ(exchange().socket_count(), 0u) << "their flows lead nowhere";
}

TEST_F(UdpExchangeTest, AnEndpointWithoutARouteFailsAtOnce) {
    Attempt& attempt = attempts.emplace_back();
    attempt.to = {IpAddress::v4(0xffffffff), 53, 0};  // not ours to broadcast to
    attempt.set_name(name.wire(), nullptr);
    attempt.timeout = Seconds(5);
    exchange().start(attempt, Clock::now());
    EXPECT_EQ(attempt.outcome, Outcome::unreachable);
    EXPECT_EQ(exchange().socket_count(), 0u);
}

TEST_F(UdpExchangeTest, SpoofedRepliesByTheThousandDoNotEndTheWait) {
    std::vector<Received> asked;
    FakeServer server(io, [&](const Received& q) -> FakeServer::Reaction {
        asked.push_back(q);
        return {};
    });
    const Attempt& attempt = ask(server);
    ASSERT_TRUE(run_until([&] { return asked.size() == 1; }));
    std::uint64_t sent = 0;
    for (std::uint16_t i = 1; i <= 2000; ++i) {
        server.send_to(asked[0], test::with_id(asked[0].answer(),
                                               static_cast<std::uint16_t>(asked[0].id() + i)));
        ++sent;
        if (i % 50 != 0) continue;
        ASSERT_TRUE(run_until([&] { return counters.value(Count::upstream_mismatch) == sent; }));
    }
    EXPECT_EQ(attempt.outcome, Outcome::waiting);
    server.send_to(asked[0], asked[0].answer());
    ASSERT_TRUE(all_ended());
    EXPECT_EQ(attempt.outcome, Outcome::reply);
}

TEST_F(UdpExchangeTest, ADestroyedAttemptHasLeft) {
    FakeServer server(io, answering);
    {
        Attempt gone;
        gone.to = server.address();
        gone.timeout = Seconds(5);
        gone.set_name(name.wire(), nullptr);
        exchange().start(gone, Clock::now());
        EXPECT_EQ(gone.outcome, Outcome::waiting);
    }
    EXPECT_TRUE(run_until([&] { return counters.value(Count::upstream_mismatch) == 1; }));
}

}  // namespace
}  // namespace peerzone::exchange
