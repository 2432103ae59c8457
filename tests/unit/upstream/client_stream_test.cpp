// Asking over TCP.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "client_fixture.hpp"

namespace peerzone::upstream {
namespace {

constexpr auto kTcp = FakeServer::Tcp::accept;

struct StreamTest : ClientTest {
    bool all_done(const std::vector<Answer>& answers) {
        return run_until([&] {
            return std::all_of(answers.begin(), answers.end(), [](auto& a) { return a.done; });
        });
    }
};

TEST_F(StreamTest, ACutReplyIsFetchedOverTcp) {
    FakeServer& server = serve(
        [](const Received& q) -> Reaction {
            return {.messages = {q.tcp ? q.answer(60) : q.cut()}};
        },
        kTcp);
    const Answer answer = ask();
    ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_EQ(load_u16(answer.message.data() + 6), 60);
    EXPECT_EQ(server.tcp.size(), 1u);
    EXPECT_EQ(count(Count::upstream_truncated), 1u);
    EXPECT_EQ(count(Count::upstream_tcp_sent), 1u);
    EXPECT_EQ(count(Count::upstream_tcp_replies), 1u);
}

TEST_F(StreamTest, ACutReplyWithoutTcpSaysSo) {
    serve([](const Received& q) -> Reaction { return {.messages = {q.cut()}}; });
    EXPECT_EQ(failure(ask()),
              "23 peer=westus " + place() + " reply truncated (TC), tcp connection refused");
}

TEST_F(StreamTest, AConnectionIsReused) {
    upstream.options.transport = Protocol::tcp;
    FakeServer& server = serve(answering, kTcp);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(ask().asked.ok);
    EXPECT_EQ(server.tcp.size(), 5u);
    EXPECT_EQ(server.connections, 1);
    EXPECT_TRUE(server.udp.empty());
    const dns::Name asked = question().name;
    EXPECT_EQ(server.tcp[0].name(), Octets(asked.wire().begin(), asked.wire().end()))
        << "no mixed case on a stream";
}

TEST_F(StreamTest, ChangedCaseIsFetchedOverTcp) {
    FakeServer& server = serve(
        [](const Received& q) -> Reaction { return {.messages = {test::lower_case(q.answer())}}; },
        kTcp);
    ASSERT_TRUE(ask(question("a-long-enough-name.westus.example")).asked.ok);
    EXPECT_EQ(server.udp.size(), 1u);
    EXPECT_EQ(server.tcp.size(), 1u);
}

TEST_F(StreamTest, RepliesMayComeInAnyOrder) {
    upstream.options.transport = Protocol::tcp;
    std::vector<Octets> held;
    FakeServer& server = serve(
        [&](const Received& q) -> Reaction {
            held.insert(held.begin(), q.answer());
            return held.size() < 20 ? Reaction{} : Reaction{.messages = held};
        },
        kTcp);
    std::vector<Answer> answers(20);
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

TEST_F(StreamTest, AReplyMayComeInPiecesAndBeAsLongAsAMessageCan) {
    upstream.options.transport = Protocol::tcp;
    Octets full;
    serve(
        [&](const Received& q) -> Reaction {
            Octets reply = q.empty();
            while (reply.size() < 65000) {
                // TXT records of 255 octets.
                const std::size_t start = reply.size();
                reply.resize(start + 12 + 256);
                store_u16(reply.data() + start, 0xc00c);
                store_u16(reply.data() + start + 2, 16);
                store_u16(reply.data() + start + 4, 1);
                store_u32(reply.data() + start + 6, 60);
                store_u16(reply.data() + start + 10, 256);
                reply[start + 12] = 255;
                store_u16(reply.data() + 6, load_u16(reply.data() + 6) + 1u);
            }
            full = reply;
            return {.messages = {reply}};
        },
        kTcp);
    const Answer answer = ask(question("big.example", 16));
    ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_GT(full.size(), 64000u);
    EXPECT_EQ(answer.message, full);
}

TEST_F(StreamTest, WrongRepliesOnAStreamAreDropped) {
    upstream.options.transport = Protocol::tcp;
    serve(
        [](const Received& q) -> Reaction {
            return {.messages = {test::with_id(q.answer(), static_cast<std::uint16_t>(q.id() ^ 1)),
                                 Octets{}, q.answer()}};
        },
        kTcp);
    EXPECT_TRUE(ask().asked.ok);
    EXPECT_EQ(count(Count::upstream_mismatch), 2u);
}

TEST_F(StreamTest, AConnectionThatEndsMidReplyFailsAtOnceAndTheNextEndpointIsAsked) {
    upstream.options.transport = Protocol::tcp;
    serve(
        [](const Received& q) -> Reaction {
            Octets part = q.answer();
            part.insert(part.begin(), {static_cast<std::uint8_t>(part.size() >> 8),
                                       static_cast<std::uint8_t>(part.size())});
            part.resize(part.size() - 5);
            return {.messages = {part}, .hang_up = true, .raw = true};
        },
        kTcp);
    Answer answer = ask();
    EXPECT_FALSE(answer.asked.ok);
    EXPECT_NE(answer.asked.error_text.find("tcp connection closed"), std::string::npos)
        << answer.asked.error_text;
    EXPECT_LT(answer.took, Millis(390));
    EXPECT_FALSE(endpoint(0).stream_works(Clock::now()));
    serve(answering, kTcp);
    answer = ask();
    EXPECT_TRUE(answer.asked.ok);
}

TEST_F(StreamTest, AUsedConnectionThatTurnsOutClosedIsReplacedOnce) {
    upstream.options.transport = Protocol::tcp;
    FakeServer& server = serve(
        [](const Received& q) -> Reaction {
            // The second question finds the connection closing.
            if (q.number == 2) return {.messages = {}, .hang_up = true};
            return {.messages = {q.answer()}};
        },
        kTcp);
    ASSERT_TRUE(ask().asked.ok);
    const Answer answer = ask();
    ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_EQ(server.connections, 2);
    EXPECT_EQ(server.tcp.size(), 3u);
    EXPECT_TRUE(endpoint().stream_works(Clock::now()));
    EXPECT_EQ(count(Count::upstream_error), 0u);
}

TEST_F(StreamTest, AServerWithOneReplyPerConnectionStillAnswers) {
    upstream.options.transport = Protocol::tcp;
    FakeServer& server = serve(
        [](const Received& q) -> Reaction { return {.messages = {q.answer()}, .hang_up = true}; },
        kTcp);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(ask().asked.ok);
    EXPECT_EQ(server.connections, 4);
}

TEST_F(StreamTest, UdpSilenceIsAnsweredOverTcpAndLearned) {
    FakeServer& server =
        serve([](const Received& q) { return q.tcp ? answering(q) : silent(q); }, kTcp);
    ASSERT_TRUE(ask().asked.ok);
    EXPECT_EQ(server.udp.size(), 2u);
    EXPECT_FALSE(endpoint().datagrams_work(Clock::now()));
    const Answer again = ask();
    ASSERT_TRUE(again.asked.ok);
    EXPECT_EQ(server.udp.size(), 2u);
    EXPECT_LT(again.took, Millis(190));
}

TEST_F(StreamTest, ARefusedConnectionIsTold) {
    upstream.options.transport = Protocol::tcp;
    serve(silent);
    const Answer answer = ask();
    EXPECT_EQ(failure(answer), "22 peer=westus no endpoint answered (0/1), last " + place() +
                                   " tcp connection refused");
    EXPECT_LT(answer.took, Millis(390));
    EXPECT_FALSE(endpoint().stream_works(Clock::now()));
}

TEST_F(StreamTest, ASilentConnectionTimesOutAndIsGivenUp) {
    upstream.options.transport = Protocol::tcp;
    upstream.options.deadline = Millis(500);
    FakeServer& server = serve(silent, kTcp);
    const Answer answer = ask();
    EXPECT_FALSE(answer.asked.ok);
    EXPECT_LT(answer.took, Millis(1500));
    EXPECT_NE(answer.asked.error_text.find("tcp timeout"), std::string::npos)
        << answer.asked.error_text;
    EXPECT_TRUE(run_until([&] { return server.open_connections() == 0; }))
        << "a dead connection takes no more questions";
}

TEST_F(StreamTest, AFullConnectionGetsASecondAndNoMoreThanFour) {
    upstream.options.transport = Protocol::tcp;
    upstream.options.deadline = Millis(1000);
    options.stream_pipelined_max = 10;
    FakeServer& server = serve(silent, kTcp);
    std::vector<Answer> answers(60);
    for (Answer& answer : answers) start(answer, question());
    std::size_t shed = 0;
    for (const Answer& answer : answers) {
        if (!answer.done) continue;
        ++shed;
        EXPECT_FALSE(answer.asked.cacheable) << "our limit";
        EXPECT_NE(answer.asked.error_text.find("no socket free"), std::string::npos);
    }
    EXPECT_EQ(shed, 20u);
    ASSERT_TRUE(run_until([&] { return server.tcp.size() >= 40; }));
    EXPECT_EQ(server.connections, 4);
    ASSERT_TRUE(all_done(answers));
}

TEST_F(StreamTest, AnIdleConnectionIsClosed) {
    upstream.options.transport = Protocol::tcp;
    options.stream_idle = Seconds(1);
    FakeServer& server = serve(answering, kTcp);
    ASSERT_TRUE(ask().asked.ok);
    EXPECT_EQ(server.open_connections(), 1);
    EXPECT_TRUE(run_until([&] { return server.open_connections() == 0; }));
}

TEST_F(StreamTest, ConnectionsAreBoundedOverAllEndpoints) {
    upstream.options.transport = Protocol::tcp;
    options.stream_idle = Seconds(60);
    for (int i = 0; i < 260; ++i) {
        set.endpoints.clear();
        serve(answering, kTcp).close_udp();
        ASSERT_TRUE(ask().asked.ok) << i;
    }
    const auto open = [&] {
        int sum = 0;
        for (const auto& server : servers) sum += server->open_connections();
        return sum;
    };
    EXPECT_TRUE(run_until([&] { return open() == 256; })) << open();
}

TEST_F(StreamTest, AnOldConnectionTakesNoMoreQuestions) {
    upstream.options.transport = Protocol::tcp;
    options.stream_age_max = Seconds(0);
    FakeServer& server = serve(answering, kTcp);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(ask().asked.ok);
    EXPECT_EQ(server.connections, 3);
}

TEST_F(StreamTest, HundredsOfQuestionsShareAFewConnections) {
    upstream.options.transport = Protocol::tcp;
    upstream.options.deadline = Millis(4500);
    FakeServer& server = serve(answering, kTcp);
    std::vector<Answer> answers(300);
    for (std::size_t i = 0; i < answers.size(); ++i)
        start(answers[i], question("n" + std::to_string(i) + ".example"));
    ASSERT_TRUE(all_done(answers));
    for (const Answer& answer : answers) EXPECT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_LE(server.connections, 3);
}

}  // namespace
}  // namespace peerzone::upstream
