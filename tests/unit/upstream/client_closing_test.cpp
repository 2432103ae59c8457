// Servers that close streams: after each reply, after a few, with questions unanswered, or because
// they take few connections (RFC 7766 6.2.3, 6.2.4).
#include <gtest/gtest.h>

#include <algorithm>

#include "client_fixture.hpp"

namespace peerzone::upstream {
namespace {

constexpr auto kTcp = FakeServer::Tcp::accept;

struct ClosingTest : ClientTest {
    std::vector<Answer> answers;

    ClosingTest() { upstream.options.transport = Protocol::tcp; }

    /// Closes with the reply to the `last`th question of each connection.
    static FakeServer::Handler closing_after(int last, bool reset = false) {
        return [=](const Received& q) -> Reaction {
            return {.messages = {q.answer()},
                    .hang_up = q.on_connection == last,
                    .reset = reset && q.on_connection == last};
        };
    }
    void ask_at_once(std::size_t count) {
        answers = std::vector<Answer>(count);
        for (std::size_t i = 0; i < count; ++i)
            start(answers[i], question("n" + std::to_string(i) + ".westus.example"));
        EXPECT_TRUE(run_until([&] {
            return std::all_of(answers.begin(), answers.end(), [](auto& a) { return a.done; });
        }));
    }
    std::size_t answered() const {
        return static_cast<std::size_t>(
            std::count_if(answers.begin(), answers.end(), [](auto& a) { return a.asked.ok; }));
    }
    std::string first_failure() const {
        for (const Answer& answer : answers)
            if (!answer.asked.ok) return failure(answer);
        return "";
    }
    void expect_no_harm() {
        EXPECT_FALSE(endpoint().last_loss());
        EXPECT_TRUE(endpoint().stream_works(Clock::now()));
        EXPECT_EQ(count(Count::upstream_error), 0u);
        EXPECT_EQ(count(Count::upstream_timeout), 0u);
    }
};

TEST_F(ClosingTest, ThirtyAtOnceWhereEachConnectionTakesAFew) {
    for (const int each : {1, 2, 3, 7}) {
        set.endpoints.clear();
        FakeServer& server = serve(closing_after(each), kTcp);
        ask_at_once(30);
        EXPECT_EQ(answered(), 30u) << each << ": " << first_failure();
        EXPECT_LE(server.connections, 30 / each + 2) << each;
        expect_no_harm();
    }
    EXPECT_GT(count(Count::upstream_stream_moved), 0u);
}

TEST_F(ClosingTest, HowManyAConnectionTakesIsRemembered) {
    FakeServer& server = serve(closing_after(1), kTcp);
    ask_at_once(30);
    ASSERT_EQ(answered(), 30u) << first_failure();
    const std::uint64_t moved = count(Count::upstream_stream_moved);
    const std::size_t asked = server.tcp.size();
    ask_at_once(30);
    EXPECT_EQ(answered(), 30u) << first_failure();
    EXPECT_EQ(count(Count::upstream_stream_moved), moved);
    EXPECT_EQ(server.tcp.size(), asked + 30) << "nothing is asked twice";
}

TEST_F(ClosingTest, NoMoreThanSixteenConnectionsAtOnce) {
    upstream.options.deadline = Millis(4500);
    FakeServer* server = nullptr;
    int most = 0;
    server = &serve(
        [&](const Received& q) -> Reaction {
            most = std::max(most, server->open_connections());
            return {.messages = {q.answer()}, .hang_up = true};
        },
        kTcp);
    ask_at_once(100);
    EXPECT_EQ(answered(), 100u) << first_failure();
    EXPECT_LE(most, 16);
}

TEST_F(ClosingTest, AResetAfterRepliesIsNoFailureEither) {
    serve(
        [](const Received& q) -> Reaction {
            // The reply gets a head start: a reset throws away what the kernel has not sent.
            if (q.on_connection == 1) return {.messages = {q.answer()}};
            return {.messages = {}, .hang_up = true, .reset = true};
        },
        kTcp);
    ask_at_once(10);
    EXPECT_EQ(answered(), 10u) << first_failure();
    expect_no_harm();
}

TEST_F(ClosingTest, CutRepliesAreFetchedFromSuchServers) {
    upstream.options.transport = std::nullopt;
    serve(
        [](const Received& q) -> Reaction {
            if (!q.tcp) return {.messages = {q.cut()}};
            return {.messages = {q.answer(60)}, .hang_up = true};
        },
        kTcp);
    ask_at_once(30);
    EXPECT_EQ(answered(), 30u) << first_failure();
    EXPECT_TRUE(endpoint().stream_works(Clock::now()));
}

TEST_F(ClosingTest, AServerThatNeverRepliesIsGivenUpSoon) {
    FakeServer& server =
        serve([](const Received&) { return Reaction{.messages = {}, .hang_up = true}; }, kTcp);
    ask_at_once(5);
    EXPECT_EQ(answered(), 0u);
    EXPECT_NE(first_failure().find("tcp connection closed"), std::string::npos) << first_failure();
    for (const Answer& answer : answers) EXPECT_LT(answer.took, Millis(1000));
    EXPECT_LE(server.connections, 20);
    EXPECT_TRUE(endpoint().last_loss());
    EXPECT_FALSE(endpoint().stream_works(Clock::now()));
}

TEST_F(ClosingTest, AQuestionThatMakesTheServerCloseFailsAloneAndSoon) {
    const dns::Name bad = question("n5.westus.example").name;
    FakeServer& server = serve(
        [&](const Received& q) -> Reaction {
            if (dns::equal_folded(q.name(), bad.wire())) return {.messages = {}, .hang_up = true};
            return {.messages = {q.answer()}};
        },
        kTcp);
    ask_at_once(20);
    EXPECT_EQ(answered(), 19u) << first_failure();
    EXPECT_FALSE(answers[5].asked.ok);
    EXPECT_LT(answers[5].took, Millis(1000));
    EXPECT_LE(server.connections, 16) << "there is a limit";
    ask_at_once(3);
    EXPECT_EQ(answered(), 3u) << "others are not harmed: " << first_failure();
}

TEST_F(ClosingTest, AQuestionThatWasAloneOnItsConnectionIsNotAskedAgainOverAnother) {
    FakeServer& server =
        serve([](const Received&) { return Reaction{.messages = {}, .hang_up = true}; }, kTcp);
    EXPECT_FALSE(ask().asked.ok);
    EXPECT_EQ(server.tcp.size(), 3u) << "as often as the plan tries";
}

TEST_F(ClosingTest, AServerThatTakesFewConnectionsIsAskedOverThose) {
    options.stream_pipelined_max = 5;
    FakeServer& server = serve(answering, kTcp);
    server.open_max = 2;
    ask_at_once(1);
    ask_at_once(20);
    EXPECT_EQ(answered(), 20u) << first_failure();
    EXPECT_FALSE(endpoint().last_loss());
    EXPECT_TRUE(endpoint().stream_works(Clock::now()));
}

TEST_F(ClosingTest, FewConnectionsWithOneQuestionEach) {
    FakeServer& server = serve(closing_after(1), kTcp);
    server.open_max = 2;
    ask_at_once(30);
    EXPECT_EQ(answered(), 30u) << first_failure();
    EXPECT_FALSE(endpoint().last_loss());
}

// The server closes an idle connection just as it is used again.
TEST_F(ClosingTest, AnIdleCloseThatMeetsAQuestionCostsNothing) {
    serve(
        [](const Received& q) -> Reaction {
            if (q.on_connection == 2) return {.messages = {}, .hang_up = true};
            return {.messages = {q.answer()}};
        },
        kTcp);
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(ask().asked.ok) << i;
    expect_no_harm();
}

TEST_F(ClosingTest, EndsWhileQuestionsWaitForAConnection) {
    FakeServer& server = serve(
        [](const Received& q) -> Reaction {
            if (q.number > 1) return {};
            return {.messages = {q.answer()}, .hang_up = true};
        },
        kTcp);
    answers = std::vector<Answer>(40);
    for (Answer& answer : answers) start(answer, question());
    ASSERT_TRUE(run_until([&] { return server.connections >= 10; }));
    client().shut_down();
    for (const Answer& answer : answers) EXPECT_TRUE(answer.done);
    EXPECT_EQ(answered(), 1u);
}

}  // namespace
}  // namespace peerzone::upstream
