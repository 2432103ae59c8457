// Replies that come after the attempt has timed out: the question still waits, so they count.
#include <boost/asio/steady_timer.hpp>
#include <set>

#include "unit/upstream/client_fixture.hpp"

namespace peerzone::upstream {
namespace {

struct ClientLateTest : ClientTest {
    /// Answers `delay` after the question came; `only_first`: equal questions that come meanwhile
    /// get nothing.
    FakeServer& slow(Millis delay, bool only_first = false,
                     FakeServer::Tcp tcp = FakeServer::Tcp::refuse) {
        const auto self = std::make_shared<FakeServer*>();
        const auto busy = std::make_shared<std::set<Octets>>();
        FakeServer& server = serve(
            [this, self, busy, delay, only_first](const Received& q) -> Reaction {
                const Octets name = test::lower_case(q.message);
                const Octets key(name.begin() + 12, name.end());
                if (only_first && !busy->insert(key).second) return {};
                auto timer = std::make_shared<boost::asio::steady_timer>(io, delay);
                timer->async_wait([self, timer, busy, key, q](auto) {
                    busy->erase(key);
                    (*self)->send_to(q, q.answer());
                });
                return {};
            },
            tcp);
        *self = &server;
        return server;
    }
    Answer ask_new() { return ask(question("n" + std::to_string(++asked_) + ".westus.example")); }

private:
    int asked_ = 0;
};

TEST_F(ClientLateTest, AReplyAfterTheTimeOutIsTheAnswer) {
    upstream.options.transport = Protocol::udp;
    slow(Millis(500));
    const Answer answer = ask_new();
    ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_GE(answer.took, Millis(500));
    EXPECT_LT(answer.took, Millis(600));
    EXPECT_GE(endpoint().smoothed_rtt(), Millis(490)) << "the first attempt's own round trip";
}

TEST_F(ClientLateTest, AlsoWhereOfEqualQuestionsOnlyTheFirstIsAnswered) {
    FakeServer& server = slow(Millis(500), true);
    std::size_t before = 0;
    for (int i = 0; i < 5; ++i) {
        const Answer answer = ask_new();
        ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
        EXPECT_LT(answer.took, Millis(600)) << i;
        if (i >= 2) {
            EXPECT_LE(server.udp.size() - before, 2u) << "the time-out has followed";
        }
        before = server.udp.size();
    }
    EXPECT_FALSE(endpoint().is_suspect());
}

TEST_F(ClientLateTest, UpToTheDeadline) {
    upstream.options.deadline = Millis(1000);
    slow(Millis(940), true);
    for (int i = 0; i < 3; ++i) {
        const Answer answer = ask_new();
        ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    }
    EXPECT_FALSE(endpoint().is_suspect());
}

TEST_F(ClientLateTest, AReplyThatCouldNotComeInTimeFailsAtTheDeadlineAndNotBefore) {
    upstream.options.deadline = Millis(500);
    upstream.options.transport = Protocol::udp;
    slow(Millis(700));
    const Answer answer = ask_new();
    EXPECT_FALSE(answer.asked.ok);
    EXPECT_GE(answer.took, Millis(490));
    EXPECT_NE(answer.asked.error_text.find("udp timeout "), std::string::npos)
        << answer.asked.error_text;
}

TEST_F(ClientLateTest, ALateReplyEndsSuspicionAndRings) {
    upstream.options.transport = Protocol::udp;
    slow(Millis(400));
    for (int i = 0; i < 2; ++i) endpoint().note_loss(Clock::now());
    Answer answer;
    start(answer, question());
    ASSERT_TRUE(run_until([&] { return endpoint().is_suspect(); })) << "the third loss";
    ASSERT_TRUE(run_until([&] { return answer.done; }));
    EXPECT_TRUE(answer.asked.ok);
    EXPECT_FALSE(endpoint().is_suspect());
}

TEST_F(ClientLateTest, AFailureThatComesLateIsToldThen) {
    upstream.options.transport = Protocol::udp;
    FakeServer* server = nullptr;
    server = &serve([&](const Received& q) -> Reaction {
        if (q.number == 1) {
            auto timer = std::make_shared<boost::asio::steady_timer>(io, Millis(700));
            timer->async_wait([&, timer, q](auto) { server->send_to(q, q.empty(2)); });
        }
        return {};
    });
    for (int n = 0; n < 3; ++n) endpoint().note_case_changed(Clock::now());
    const Answer answer = ask_new();
    EXPECT_EQ(failure(answer), "0 peer=westus " + place() + " SERVFAIL");
    EXPECT_LT(answer.took, Millis(900));
}

TEST_F(ClientLateTest, ASilentPortIsNotAskedFromAgain) {
    upstream.options.transport = Protocol::udp;
    std::uint16_t dead_port = 0;  // this flow leads to a server that is gone
    FakeServer& server = serve([&](const Received& q) -> Reaction {
        if (dead_port == 0) dead_port = q.port;
        if (q.port == dead_port) return {};
        return answering(q);
    });
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(ask_new().asked.ok);
    std::size_t there = 0;
    for (const Received& q : server.udp) there += q.port == dead_port ? 1 : 0;
    EXPECT_EQ(there, 1u);
    EXPECT_FALSE(endpoint().is_suspect());
}

TEST_F(ClientLateTest, AtMostThreeAttemptsListen) {
    upstream.options.transport = Protocol::udp;
    for (int i = 0; i < 4; ++i) serve(silent);
    Answer answer;
    start(answer, question());
    const auto asked = [&] {
        std::size_t all = 0;
        for (const auto& server : servers) all += server->udp.size();
        return all;
    };
    ASSERT_TRUE(run_until([&] { return asked() == 4; }));
    // The first one has given way: its port is not connected any more to an attempt that listens.
    for (const auto& server : servers)
        for (const Received& q : server->udp) server->send_to(q, q.empty(2));
    ASSERT_TRUE(run_until([&] { return count(Count::upstream_udp_replies) >= 3; }));
    io.run_for(Millis(20));
    EXPECT_EQ(count(Count::upstream_udp_replies), 3u);
    ASSERT_TRUE(run_until([&] { return answer.done; }));
    EXPECT_FALSE(answer.asked.ok);
}

TEST_F(ClientLateTest, ShuttingDownEndsTheWaitForALateReply) {
    upstream.options.transport = Protocol::udp;
    upstream.options.deadline = Millis(4500);
    FakeServer& server = serve(silent);
    Answer answer;
    start(answer, question());
    ASSERT_TRUE(run_until([&] { return count(Count::upstream_timeout) == 3; }));
    EXPECT_EQ(server.udp.size(), 3u);
    client().shut_down();
    EXPECT_TRUE(answer.done);
    EXPECT_EQ(answer.asked.error_text, "peer=westus shutting down");
    EXPECT_EQ(upstream.health->stats().in_flight(), 0u);
}

}  // namespace
}  // namespace peerzone::upstream
