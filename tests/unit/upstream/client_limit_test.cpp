// The limit on datagrams with one name and type, over real sockets and two workers.
#include <algorithm>

#include "client_fixture.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::upstream {
namespace {

constexpr auto kTcp = FakeServer::Tcp::accept;

struct ClientLimitTest : ClientTest {
    std::vector<Answer> answers = std::vector<Answer>(4);
    metrics::Counters other_counters;
    std::unique_ptr<Client> other_ =
        std::make_unique<Client>(io, cork, other_counters, ClientOptions());

    ClientLimitTest() { upstream.options.transport = Protocol::udp; }
    ~ClientLimitTest() override { client_.reset(); }  // what waits writes its answer

    /// The same name and type in four variants, of two workers in turn.
    static std::vector<Question> variants() {
        std::vector<Question> all(4, question());
        all[1].dnssec_ok = true;
        all[2].checking_disabled = true;
        all[3].hops = 1;
        return all;
    }
    void start_all() {
        publish();
        for (std::size_t i = 0; i < 4; ++i)
            run_question(i % 2 == 0 ? client() : *other_, upstream, variants()[i], answers[i]);
    }
    bool all_done() {
        return run_until([&] {
            return std::all_of(answers.begin(), answers.end(), [](auto& a) { return a.done; });
        });
    }
    void expect_answers() {
        for (const Answer& answer : answers)
            EXPECT_TRUE(answer.asked.ok) << answer.asked.error_text;
    }
    std::size_t held(std::size_t i = 0) { return endpoint(i).datagrams().held(); }
    std::uint64_t limited() {
        return count(Count::upstream_udp_limited) +
               other_counters.value(Count::upstream_udp_limited);
    }
    void release(FakeServer& server) {
        for (const Received& q : server.udp) server.send_to(q, q.answer());
    }
};

TEST_F(ClientLimitTest, TheFourthGoesOverTcpAtOnce) {
    FakeServer& server = serve(
        [](const Received& q) -> Reaction { return q.tcp ? answering(q) : Reaction{}; }, kTcp);
    start_all();
    ASSERT_TRUE(run_until([&] { return answers[3].done && server.udp.size() == 3; }));
    EXPECT_TRUE(answers[3].asked.ok) << answers[3].asked.error_text;
    EXPECT_LT(answers[3].took, Millis(150)) << "before anything has timed out";
    EXPECT_EQ(server.tcp.size(), 1u);
    EXPECT_EQ(held(), 3u);
    EXPECT_EQ(limited(), 1u);
    release(server);
    ASSERT_TRUE(all_done());
    expect_answers();
    EXPECT_EQ(server.udp.size(), 3u);
    EXPECT_EQ(held(), 0u);
}

TEST_F(ClientLimitTest, OtherNamesAndTypesAreNotCountedWithIt) {
    FakeServer& server = serve(silent, kTcp);
    answers.resize(20);
    for (std::size_t i = 0; i < 20; ++i)
        start(answers[i], question("n" + std::to_string(i / 2) + ".example",
                                   i % 2 == 0 ? dns::type::a : dns::type::aaaa));
    ASSERT_TRUE(run_until([&] { return server.udp.size() == 20; }));
    EXPECT_EQ(held(), 20u);
    EXPECT_TRUE(server.tcp.empty());
    client().shut_down();
    EXPECT_EQ(limited(), 0u);
    EXPECT_EQ(held(), 0u);
}

TEST_F(ClientLimitTest, EachEndpointHasItsOwnThree) {
    upstream.options.order = Order::listed;
    set.places = {0, 1};
    FakeServer& first = serve(silent, kTcp);
    FakeServer& second = serve(silent, kTcp);
    std::vector<DatagramLimit::Permit> permits;
    const Question q = question();
    for (int i = 0; i < 3; ++i)
        permits.push_back(
            endpoint(0).datagrams().claim(DatagramLimit::key_of(q.name.wire(), q.type)));
    start(answers[0], q);
    ASSERT_TRUE(run_until([&] { return second.udp.size() == 1; }, Seconds(5)));
    EXPECT_EQ(first.tcp.size(), 1u);
    EXPECT_TRUE(first.udp.empty());
    EXPECT_TRUE(second.tcp.empty());
}

TEST_F(ClientLimitTest, RetriesCountUntilTheDeadline) {
    upstream.options.deadline = Millis(900);
    serve(silent, kTcp);
    start(answers[0], question());
    EXPECT_EQ(held(), 1u);
    ASSERT_TRUE(run_until([&] { return held() == 3; }));
    EXPECT_EQ(count(Count::upstream_timeout), 2u) << "they listen on";
    start(answers[1], question());
    ASSERT_TRUE(run_until([&] { return servers[0]->tcp.size() == 1; }));
    ASSERT_TRUE(run_until([&] { return answers[0].done && answers[1].done; }));
    EXPECT_LE(servers[0]->udp.size(), 5u);
    EXPECT_EQ(limited(), 1u);
    EXPECT_EQ(held(), 0u);
}

TEST_F(ClientLimitTest, ALateAttemptOfAnAnsweredQuestionCountsNoMore) {
    FakeServer& server = serve(
        [](const Received& q) -> Reaction { return q.number == 1 ? Reaction{} : answering(q); });
    ASSERT_TRUE(ask().asked.ok);
    EXPECT_EQ(server.udp.size(), 2u);
    EXPECT_EQ(held(), 0u) << "its reply can be no answer any more";
}

TEST_F(ClientLimitTest, WhatIsRefusedCountsUntilItEnds) {
    upstream.options.deadline = Millis(600);
    FakeServer& server = serve(silent);
    server.close_udp();
    start_all();
    ASSERT_TRUE(run_until([&] { return count(Count::upstream_flow_lost) > 3; }));
    EXPECT_EQ(held(), 3u) << "it goes out again from other ports";
    ASSERT_TRUE(all_done());
    EXPECT_EQ(held(), 0u);
    EXPECT_EQ(limited(), 1u);
    for (const Answer& answer : answers) EXPECT_FALSE(answer.asked.ok);
}

TEST_F(ClientLimitTest, ShuttingDownGivesThemBack) {
    serve(silent);
    start_all();
    ASSERT_TRUE(run_until([&] { return servers[0]->udp.size() == 3; }));
    ASSERT_TRUE(run_until([&] { return count(Count::upstream_timeout) > 0; }));
    client().shut_down();
    other_->shut_down();
    for (const Answer& answer : answers) EXPECT_TRUE(answer.done);
    EXPECT_EQ(held(), 0u);
}

TEST_F(ClientLimitTest, WithoutTcpTheFourthWaitsForOneToEnd) {
    FakeServer& server = serve(
        [](const Received& q) -> Reaction { return q.number > 3 ? answering(q) : Reaction{}; });
    for (int i = 0; i < 40; ++i) endpoint().note_reply(Millis(250));  // no retry meanwhile
    start_all();
    ASSERT_TRUE(run_until(
        [&] { return server.udp.size() == 3 && !endpoint().stream_works(Clock::now()); }));
    EXPECT_EQ(held(), 3u);
    server.send_to(server.udp[0], server.udp[0].answer());
    ASSERT_TRUE(run_until([&] { return answers[3].done; }));
    EXPECT_TRUE(answers[3].asked.ok) << answers[3].asked.error_text;
    release(server);
    ASSERT_TRUE(all_done());
    expect_answers();
    EXPECT_EQ(server.udp.size(), 4u);
    EXPECT_FALSE(endpoint().last_loss()) << "that TCP is refused is no loss";
    EXPECT_EQ(held(), 0u);
}

TEST_F(ClientLimitTest, AndNotForLongerThanItsDeadline) {
    upstream.options.deadline = Millis(500);
    serve(silent);
    std::vector<DatagramLimit::Permit> permits;
    const Question q = question();
    for (int i = 0; i < 3; ++i)
        permits.push_back(
            endpoint().datagrams().claim(DatagramLimit::key_of(q.name.wire(), q.type)));
    endpoint().note_no_stream(Clock::now());
    const Answer answer = ask(q);
    EXPECT_EQ(failure(answer),
              "23 peer=westus has 3 questions for this name in flight over udp, and no tcp");
    EXPECT_FALSE(answer.asked.cacheable);
    EXPECT_GE(answer.took, Millis(490));
    EXPECT_LT(answer.took, Millis(700));
    EXPECT_EQ(limited(), 1u) << "once, however often it has looked";
    EXPECT_TRUE(servers[0]->udp.empty());
}

TEST_F(ClientLimitTest, ItIsGivenBackBeforeItsQuestionGoesOn) {
    FakeServer& server = serve(silent);
    const Question q = question();
    const std::uint64_t key = DatagramLimit::key_of(q.name.wire(), q.type);
    const DatagramLimit::Permit first = endpoint().datagrams().claim(key);
    const DatagramLimit::Permit second = endpoint().datagrams().claim(key);
    endpoint().note_no_stream(Clock::now());
    start(answers[0], q);
    ASSERT_TRUE(run_until([&] { return limited() == 1; })) << "after its time-out";
    server.send_to(server.udp[0], server.udp[0].empty(1));  // it is asked once more, in plain case
    ASSERT_TRUE(run_until([&] { return count(Count::upstream_udp_replies) == 1; }));
    EXPECT_EQ(held(), 3u) << "by the permit of the attempt that has just ended";
    ASSERT_TRUE(run_until([&] { return server.udp.size() == 2; }));
}

TEST_F(ClientLimitTest, AHedgeCountsAtItsEndpoint) {
    upstream.options.transport = std::nullopt;
    for (std::size_t i = 0; i < 2; ++i) {
        serve(silent, kTcp);
        for (int n = 0; n < 200; ++n) endpoint(i).note_reply(Millis(10));
    }
    for (int i = 0; i < 1000; ++i) upstream.health->hedges().earn();
    start(answers[0], question());
    ASSERT_TRUE(run_until([&] { return count(Count::upstream_hedges) == 1; }));
    EXPECT_EQ(held(0), 1u);
    EXPECT_EQ(held(1), 1u);
    ASSERT_TRUE(run_until([&] { return servers[0]->udp.size() + servers[1]->udp.size() == 2; }));
    release(*servers[1]);
    ASSERT_TRUE(run_until([&] { return answers[0].done; }));
    EXPECT_EQ(held(0) + held(1), 0u);
}

TEST_F(ClientLimitTest, CopiesAreNeitherCountedNorLimited) {
    FakeServer& server = serve(silent, kTcp);
    publish();
    const Question q = question();
    Time now = Clock::now();
    for (int i = 0; i < 5; ++i) {
        now += Seconds(1);
        client().send_canary(upstream, q, now);
    }
    ASSERT_TRUE(run_until([&] { return server.udp.size() == 5; }));
    EXPECT_EQ(held(), 0u);
    EXPECT_TRUE(server.tcp.empty());
}

}  // namespace
}  // namespace peerzone::upstream
