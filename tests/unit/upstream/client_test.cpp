// Asking over UDP, against servers that behave as they should not.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "client_fixture.hpp"

namespace peerzone::upstream {
namespace {

TEST_F(ClientTest, AnAnswerComesBackChecked) {
    FakeServer& server = serve(answering);
    const Answer answer = ask();
    ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_EQ(answer.asked.checked.kind, exchange::ReplyKind::data);
    EXPECT_EQ(answer.asked.checked.least_ttl, 60u);
    EXPECT_EQ(answer.message, server.udp.at(0).answer());
    EXPECT_GT(endpoint().smoothed_rtt(), Duration::zero());
    EXPECT_EQ(count(Count::upstream_udp_sent), 1u);
    EXPECT_EQ(count(Count::upstream_udp_replies), 1u);
}

TEST_F(ClientTest, AsksWithRecursionDesiredEdnsAndTheFlagsOfTheQuestion) {
    FakeServer& server = serve(answering);
    Question q = question();
    q.dnssec_ok = true;
    q.checking_disabled = true;
    ASSERT_TRUE(ask(q).asked.ok);
    const Octets& sent = server.udp.at(0).message;
    EXPECT_EQ(load_u16(sent.data() + 2), 0x0110);
    ASSERT_EQ(sent.size(), server.udp[0].question_end() + 11);
    const std::uint8_t* opt = sent.data() + server.udp[0].question_end();
    EXPECT_EQ(load_u16(opt + 1), 41);
    EXPECT_EQ(load_u16(opt + 3), 1232);
    EXPECT_EQ(load_u16(opt + 7), 0x8000);
}

TEST_F(ClientTest, LetterCaseIsRandomAndTheNameTheSame) {
    FakeServer& server = serve(answering);
    std::set<Octets> spellings;
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(ask().asked.ok);
    for (const Received& received : server.udp) {
        spellings.insert(received.name());
        EXPECT_TRUE(dns::equal_folded(received.name(), question().name.wire()));
    }
    EXPECT_GT(spellings.size(), 15u);
}

TEST_F(ClientTest, WithoutEndpointsItFailsAtOnce) {
    set.pending = "dns.example.com: not resolved yet";
    const Answer answer = ask();
    EXPECT_FALSE(answer.asked.ok);
    EXPECT_TRUE(answer.asked.cacheable);
    EXPECT_EQ(failure(answer), "22 peer=westus dns.example.com: not resolved yet");
}

TEST_F(ClientTest, ASilentEndpointIsPassedOver) {
    FakeServer& quiet = serve(silent);
    serve(answering);
    for (int i = 0; i < 12; ++i) {
        const Answer answer = ask();
        ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
        EXPECT_LT(answer.took, Millis(700));
    }
    EXPECT_LE(quiet.udp.size(), 12u);
    if (quiet.udp.size() >= 3) {
        EXPECT_GE(count(Count::upstream_timeout), 3u);
        EXPECT_TRUE(endpoint(0).is_suspect());
    }
}

TEST_F(ClientTest, ADeadPeerFailsWithinTheDeadlineAndIsNamed) {
    upstream.options.deadline = Millis(500);
    upstream.options.transport = Protocol::udp;
    serve(silent);
    serve(silent);
    const Answer answer = ask();
    EXPECT_FALSE(answer.asked.ok);
    EXPECT_EQ(failure(answer).substr(0, 48), "22 peer=westus no endpoint answered (0/2), last ");
    EXPECT_NE(answer.asked.error_text.find(" udp timeout "), std::string::npos);
    EXPECT_GE(answer.took, Millis(490));
    EXPECT_LT(answer.took, Millis(1500));
}

// A region that is known to be gone is not asked again by queries that wait for it already.
TEST_F(ClientTest, WhoWaitsWhenThePeerIsFoundToBeGoneIsToldAtTheNextTimeOut) {
    upstream.options.transport = Protocol::udp;
    const FakeServer& one = serve(silent);
    const FakeServer& two = serve(silent);
    Answer answer;
    start(answer, question());
    ASSERT_TRUE(run_until([&] { return one.udp.size() + two.udp.size() == 1; }));
    upstream.health->enter(UpstreamState::partitioned, Clock::now(), {});
    ASSERT_TRUE(run_until([&] { return answer.done; }));
    EXPECT_FALSE(answer.asked.ok);
    EXPECT_EQ(failure(answer).substr(0, 15), "22 peer=westus ");
    EXPECT_LT(answer.took, Millis(1000));
    EXPECT_EQ(one.udp.size() + two.udp.size(), 1u);
}

// An ICMP error speaks of one flow, so others are tried until the deadline; a peer that is found to
// be partitioned meanwhile ends that.
TEST_F(ClientTest, WhereEveryPortIsRefusedTheQuestionFailsAtTheDeadline) {
    upstream.options.deadline = Millis(300);
    serve(silent).close_udp();
    const Answer answer = ask();
    EXPECT_EQ(failure(answer), "22 peer=westus no endpoint answered (0/1), last " + place() +
                                   " tcp connection refused");
    EXPECT_LT(answer.took, Millis(1000));
    EXPECT_GE(count(Count::upstream_flow_lost), 16u);
    EXPECT_TRUE(endpoint().is_suspect()) << "24 ports in a row, or 16 and TCP";
}

TEST_F(ClientTest, WhereEveryPortIsRefusedAnotherEndpointIsAskedAtOnce) {
    upstream.options.transport = Protocol::udp;
    serve(silent).close_udp();
    serve(answering);
    for (int i = 0; i < 12; ++i) {
        const Answer answer = ask();
        ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
        EXPECT_LT(answer.took, Millis(190)) << "no time-out was waited for";
    }
}

TEST_F(ClientTest, WhoWaitsForARefusedPortIsAnsweredWhenItIsBack) {
    upstream.options.transport = Protocol::udp;
    bool back = false;
    FakeServer& server =
        serve([&](const Received& q) -> Reaction { return back ? answering(q) : Reaction{}; });
    std::vector<Answer> answers(20);
    for (std::size_t i = 0; i < answers.size(); ++i)
        start(answers[i], question("n" + std::to_string(i) + ".example"));
    ASSERT_TRUE(run_until([&] { return server.udp.size() == 20; }));
    server.close_udp();
    const std::uint64_t lost = count(Count::upstream_flow_lost);
    ASSERT_TRUE(run_until([&] { return count(Count::upstream_flow_lost) > lost + 30; }));
    back = true;
    server.open_udp();
    ASSERT_TRUE(run_until([&] {
        return std::all_of(answers.begin(), answers.end(), [](auto& a) { return a.done; });
    }));
    for (const Answer& answer : answers) EXPECT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_FALSE(endpoint().is_suspect());
}

TEST_F(ClientTest, WrongRepliesDoNotEndTheWait) {
    serve([](const Received& q) -> Reaction {
        Octets other_name = q.answer();
        other_name[13] ^= 0x01;
        Octets other_type = q.answer();
        other_type[q.question_end() - 3] = 28;
        Octets no_response = q.answer();
        no_response[2] &= 0x7f;
        return {.messages = {test::with_id(q.answer(9), static_cast<std::uint16_t>(q.id() + 1)),
                             other_name, other_type, no_response, Octets{1}, Octets{}, q.message,
                             q.answer(2)}};
    });
    const Answer answer = ask();
    ASSERT_TRUE(answer.asked.ok) << answer.asked.error_text;
    EXPECT_EQ(load_u16(answer.message.data() + 6), 2);
    EXPECT_EQ(count(Count::upstream_mismatch), 7u);
    EXPECT_EQ(count(Count::upstream_timeout), 0u);
}

TEST_F(ClientTest, AReplyAfterAnotherOneOfTheSameQuestionIsAMeasurement) {
    upstream.options.transport = Protocol::udp;
    FakeServer* server = &serve([&](const Received& q) -> Reaction {
        if (q.number == 1) return {};
        return {.messages = {q.answer()}};
    });
    ASSERT_TRUE(ask().asked.ok);
    ASSERT_EQ(server->udp.size(), 2u);
    const Duration before = endpoint().smoothed_rtt();
    server->send_to(server->udp[0], server->udp[0].answer());
    EXPECT_TRUE(run_until([&] { return endpoint().smoothed_rtt() > before; }));
    EXPECT_EQ(count(Count::upstream_mismatch), 0u);
    EXPECT_TRUE(ask().asked.ok);
}

TEST_F(ClientTest, AnInvalidReplyGoesOnToTheNextEndpoint) {
    serve([](const Received& q) -> Reaction {
        Octets broken = q.answer();
        broken.resize(broken.size() - 2);
        return {.messages = {broken}};
    });
    serve(answering);
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(ask().asked.ok);
    EXPECT_EQ(count(Count::upstream_invalid), servers[0]->udp.size());
    set.endpoints.pop_back();
    EXPECT_EQ(failure(ask()), "24 peer=westus " + place() + " udp invalid reply");
}

TEST_F(ClientTest, FormerrIsAskedAgainWithoutOptAndRemembered) {
    FakeServer& server = serve([](const Received& q) -> Reaction {
        return {.messages = {q.has_opt() ? q.empty(1) : q.answer()}};
    });
    test::trust_case(endpoint(), Clock::now());
    ASSERT_TRUE(ask().asked.ok);
    ASSERT_TRUE(ask().asked.ok);
    ASSERT_EQ(server.udp.size(), 3u);
    EXPECT_TRUE(server.udp[0].has_opt());
    EXPECT_FALSE(server.udp[1].has_opt());
    EXPECT_FALSE(server.udp[2].has_opt());
}

TEST_F(ClientTest, ServfailGoesOnToTheNextEndpoint) {
    serve([](const Received& q) -> Reaction { return {.messages = {q.empty(2)}}; });
    serve(answering);
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(ask().asked.ok);
    EXPECT_FALSE(endpoint(0).is_suspect());
    set.endpoints.pop_back();
    const Answer answer = ask();
    EXPECT_EQ(failure(answer), "0 peer=westus " + place() + " SERVFAIL");
    EXPECT_TRUE(answer.asked.cacheable);
}

TEST_F(ClientTest, RefusedIsTold) {
    serve([](const Received& q) -> Reaction { return {.messages = {q.empty(5)}}; });
    EXPECT_EQ(failure(ask()), "20 peer=westus " + place() + " REFUSED");
}

TEST_F(ClientTest, ChangedCaseWithoutTcpIsSettledInPlainCaseAndSwitchedOffAfterThree) {
    FakeServer& server = serve(
        [](const Received& q) -> Reaction { return {.messages = {test::lower_case(q.answer())}}; });
    for (int i = 0; i < 5; ++i)
        ASSERT_TRUE(ask(question("a-long-enough-name.westus.example")).asked.ok);
    EXPECT_EQ(count(Count::upstream_case_mismatch), 3u);
    EXPECT_FALSE(endpoint().case_works(Clock::now()));
    EXPECT_EQ(server.udp.size(), 8u) << "three questions were asked twice";
}

TEST_F(ClientTest, AServerThatAnswersOnlyInUpperCaseIsBelievedOnceMixingIsOff) {
    serve([](const Received& q) -> Reaction {
        Octets reply = q.answer();
        for (std::size_t i = 12; i < q.question_end() - 4; ++i)
            if (reply[i] >= 'a' && reply[i] <= 'z')
                reply[i] = static_cast<std::uint8_t>(reply[i] - 32);
        return {.messages = {reply}};
    });
    for (int i = 0; i < 3; ++i) endpoint().note_case_changed(Clock::now());
    EXPECT_TRUE(ask().asked.ok);
    EXPECT_EQ(count(Count::upstream_case_mismatch), 0u);
}

TEST_F(ClientTest, ASuspectEndpointGetsACopyThatNobodyWaitsForAndIsBackWithItsReply) {
    FakeServer& back = serve(answering);
    FakeServer& good = serve(answering);
    for (int i = 0; i < 3; ++i) endpoint(0).note_loss(Clock::now() - Seconds(1));
    ASSERT_TRUE(endpoint(0).is_suspect());
    ASSERT_TRUE(ask().asked.ok);
    EXPECT_EQ(good.udp.size(), 1u);
    ASSERT_TRUE(run_until([&] { return back.udp.size() == 1 && !endpoint(0).is_suspect(); }));
}

TEST_F(ClientTest, ACopyToASilentEndpointCostsNobodyAnything) {
    FakeServer& quiet = serve(silent);
    serve(answering);
    for (int i = 0; i < 3; ++i) endpoint(0).note_loss(Clock::now() - Seconds(1));
    const Answer answer = ask();
    ASSERT_TRUE(answer.asked.ok);
    EXPECT_LT(answer.took, Millis(190));
    ASSERT_TRUE(run_until([&] { return count(Count::upstream_timeout) == 1; }));
    EXPECT_EQ(quiet.udp.size(), 1u);
    EXPECT_TRUE(endpoint(0).is_suspect());
}

TEST_F(ClientTest, AnswersThreeHundredQuestionsAtOnce) {
    FakeServer& server = serve(answering);
    upstream.options.deadline = Millis(4500);
    std::vector<Answer> answers(300);
    for (std::size_t i = 0; i < answers.size(); ++i)
        start(answers[i], question("n" + std::to_string(i) + ".westus.example"));
    ASSERT_TRUE(run_until([&] {
        return std::all_of(answers.begin(), answers.end(), [](auto& a) { return a.done; });
    }));
    for (std::size_t i = 0; i < answers.size(); ++i) {
        ASSERT_TRUE(answers[i].asked.ok) << answers[i].asked.error_text;
        EXPECT_TRUE(dns::equal_folded(
            Bytes(answers[i].message).subspan(12, 1 + 1 + std::to_string(i).size()),
            question("n" + std::to_string(i)).name.wire().first(2 + std::to_string(i).size())));
    }
    EXPECT_GE(server.udp.size(), 300u);
}

TEST_F(ClientTest, ShuttingDownEndsEveryWait) {
    serve(silent);
    upstream.options.transport = Protocol::udp;
    Upstream over_tcp = upstream;
    FakeServer deaf(io, silent, FakeServer::Tcp::accept);
    over_tcp.options.transport = Protocol::tcp;
    over_tcp.board = std::make_shared<EndpointBoard>();
    EndpointSet elsewhere;
    elsewhere.endpoints = {std::make_shared<Endpoint>(deaf.address())};
    over_tcp.board->publish(elsewhere);
    std::vector<Answer> answers(20);
    for (std::size_t i = 0; i < 10; ++i)
        start(answers[i], question("n" + std::to_string(i) + ".example"));
    for (std::size_t i = 10; i < 20; ++i) run_question(client(), over_tcp, question(), answers[i]);
    ASSERT_TRUE(run_until([&] { return deaf.tcp.size() == 10 && servers[0]->udp.size() == 10; }));
    client().shut_down();
    for (const Answer& answer : answers) {
        ASSERT_TRUE(answer.done) << "within the call";
        EXPECT_EQ(failure(answer), "0 peer=westus shutting down");
        EXPECT_FALSE(answer.asked.cacheable);
    }
    Answer late;
    start(late, question());
    EXPECT_TRUE(late.done);
    EXPECT_FALSE(late.asked.ok);
    EXPECT_FALSE(endpoint().is_suspect()) << "our going is not their fault";
    client().shut_down();
    client_.reset();
    io.run_for(Millis(20));  // handlers of the gone client do nothing
}

TEST_F(ClientTest, DestroyingTheClientEndsEveryWait) {
    FakeServer& server = serve(silent);
    Answer answer;
    start(answer, question());
    ASSERT_TRUE(run_until([&] { return server.udp.size() == 1; }));
    client_.reset();
    EXPECT_TRUE(answer.done);
    io.run_for(Millis(20));
}

TEST_F(ClientTest, ADroppedTaskIsForgotten) {
    FakeServer& server = serve(answering);
    const Question q = question();
    {
        struct Outer {
            struct promise_type : PooledFrame {
                Outer get_return_object() {
                    return {std::coroutine_handle<promise_type>::from_promise(*this)};
                }
                std::suspend_never initial_suspend() noexcept { return {}; }
                std::suspend_always final_suspend() noexcept { return {}; }
                void return_void() {}
                void unhandled_exception() { std::terminate(); }
            };
            std::coroutine_handle<promise_type> frame;
        };
        const auto body = [](Client& c, const Upstream& u, const Question& asked) -> Outer {
            Task<Asked> asking = c.ask(u, asked, Clock::now());
            const Asked result = co_await asking;
            ADD_FAILURE() << "nobody is there any more: " << result.error_text;
        };
        publish();
        const Outer outer = body(client(), upstream, q);
        outer.frame.destroy();
    }
    ASSERT_TRUE(
        run_until([&] { return server.udp.size() == 1 && count(Count::upstream_mismatch) == 1; }));
    EXPECT_TRUE(ask().asked.ok);
}

}  // namespace
}  // namespace peerzone::upstream
