// The prober over real sockets: from healthy to partitioned and back.
#include "unit/probe/prober_fixture.hpp"

namespace peerzone::probe {
namespace {

TEST_F(ProberTest, AsksForTheZoneFromTheStartAndSaysThatAllIsWell) {
    const FakeServer& server = serve(well);
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::healthy));
    ASSERT_FALSE(server.udp.empty());
    const auto name = dns::Name::from_wire(server.udp[0].name()).value();
    EXPECT_EQ(name.folded().to_text(), "westus.example");
    EXPECT_TRUE(is_probe(server.udp[0]));
    EXPECT_TRUE(server.udp[0].has_opt());
    EXPECT_TRUE(endpoint().last_reply());
    EXPECT_GT(endpoint().smoothed_rtt(), Duration::zero());
    EXPECT_EQ(endpoint().stats().questions(), 0u) << "nobody has asked";
    EXPECT_GE(endpoint().stats().probes(), 1u);
    EXPECT_TRUE(until(upstream::UpstreamState::healthy));
}

TEST_F(ProberTest, AZoneThatDoesNotExistYetIsAbsentAndUsable) {
    serve([](const Received& q) { return Reaction{{no_such_name(q, "example")}}; });
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::zone_absent));
    EXPECT_FALSE(endpoint().is_unusable());
    EXPECT_TRUE(until(upstream::UpstreamState::healthy));
}

TEST_F(ProberTest, AResolverOfTheInternetIsNoPeer) {
    serve([](const Received& q) { return Reaction{{no_such_name(q, ".")}}; });
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::wrong_zone));
    EXPECT_TRUE(endpoint().is_unusable());
    EXPECT_EQ(endpoint().stats().last_error()->text, "lame reply: NXDOMAIN with the SOA of .");
    EXPECT_TRUE(until(upstream::UpstreamState::unusable)) << "it is there, and not healthy";
}

TEST_F(ProberTest, AnEndpointThatRefusesIsAskedOnlyWhenThereIsNoBetterOne) {
    serve([](const Received& q) { return Reaction{{q.empty(5)}}; });
    serve(well);
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::refused, 0) &&
                until(upstream::ProbeResult::healthy, 1));
    for (int i = 0; i < 20; ++i) {
        ask();
        endpoint(1).note_reply(Millis(50));  // far away
    }
    EXPECT_EQ(endpoint(0).stats().questions(), 0u);
    set.endpoints.pop_back();
    const Answer answer = ask();
    EXPECT_EQ(failure(answer), "20 peer=westus " + place() + " REFUSED");
    EXPECT_EQ(state(), upstream::UpstreamState::healthy) << "it is there";
}

TEST_F(ProberTest, AServerWithoutEdnsIsHealthy) {
    serve([](const Received& q) { return Reaction{{q.has_opt() ? q.empty(1) : q.empty()}}; });
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::healthy));
    EXPECT_FALSE(endpoint().edns_works(Clock::now()));
}

TEST_F(ProberTest, AServerThatDoesNotKeepLetterCaseIsHealthy) {
    serve([](const Received& q) { return Reaction{{test::lower_case(q.empty())}}; });
    follow();
    EXPECT_TRUE(until(upstream::ProbeResult::healthy));
}

TEST_F(ProberTest, FindsADeadPeerWithoutAnyClient) {
    silence = true;
    mutable_server();
    mutable_server();
    follow();
    const Time start = Clock::now();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    EXPECT_LT(since(start), Seconds(3));
    EXPECT_EQ(endpoint().probe_result(), upstream::ProbeResult::silent);
    EXPECT_GE(endpoint().stats().probe_failures(upstream::FailureReason::timeout), 3u);
    EXPECT_EQ(endpoint().stats().failures(upstream::FailureReason::timeout), 0u)
        << "no question has failed";
}

TEST_F(ProberTest, AClosedPortIsKnownSooner) {
    serve(well).close_udp();
    follow();
    const Time start = Clock::now();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    EXPECT_LT(since(start), Seconds(2));
    EXPECT_EQ(endpoint().stats().last_error()->text, "udp connection refused");
}

// 200 questions a second.
TEST_F(ProberTest, APeerThatDiesUnderLoadIsPartitionedSoon) {
    mutable_server();
    mutable_server();
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::healthy, 0) &&
                until(upstream::ProbeResult::healthy, 1));
    ask();
    silence = true;
    const Time died = Clock::now();
    std::vector<std::unique_ptr<Answer>> answers;
    while (state() != upstream::UpstreamState::partitioned && since(died) < Seconds(5)) {
        answers.push_back(std::make_unique<Answer>());
        start(*answers.back(), question("n" + std::to_string(answers.size()) + ".westus.example"));
        run_for(Millis(5));
    }
    EXPECT_LT(since(died), Seconds(2)) << "a second, and one for a busy machine";
    EXPECT_TRUE(run_until([&] {
        return std::all_of(answers.begin(), answers.end(), [](auto& a) { return a->done; });
    }));
    EXPECT_EQ(health().stats().in_flight(), 0u);
}

TEST_F(ProberTest, AReturnIsNoticedSoonWhileClientsAsk) {
    silence = true;
    mutable_server();
    mutable_server();
    follow();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    for (int round = 0; round < 3; ++round) {
        const Time away_until = Clock::now() + Millis(1500 + 130 * round);
        while (Clock::now() < away_until) {
            client().send_canary(upstream, question(), Clock::now());
            run_for(Millis(20));
        }
        ASSERT_EQ(state(), upstream::UpstreamState::partitioned);
        silence = false;
        const Time back = Clock::now();
        ASSERT_TRUE(until(upstream::UpstreamState::recovering));
        EXPECT_LT(since(back), Millis(900));
        silence = true;
        ASSERT_TRUE(until(upstream::UpstreamState::partitioned)) << "a relapse";
    }
}

TEST_F(ProberTest, RecoveringBecomesHealthyAfterASecond) {
    silence = true;
    mutable_server();
    follow();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    silence = false;
    health().note_wanted(Clock::now());
    ASSERT_TRUE(until(upstream::UpstreamState::recovering));
    const Time recovering = health().since();
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    EXPECT_GE(health().since() - recovering, Seconds(1));
    EXPECT_LT(health().since() - recovering, Seconds(3));
}

TEST_F(ProberTest, NobodyIsAskedOftenWhenNobodyWantsIt) {
    silence = true;
    const FakeServer& server = mutable_server();
    follow();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    run_for(Seconds(2));
    const std::size_t before = server.udp.size();
    run_for(Seconds(3));
    EXPECT_LE(server.udp.size(), before + 2);
    health().note_wanted(Clock::now());
    ASSERT_TRUE(run_until([&] { return server.udp.size() > before + 4; }, Seconds(4)));
}

// The first reply may be to a copy of a client's question: some forwarders never answer for NS.
TEST_F(ProberTest, ACopyOfAQuestionEndsAPartitionToo) {
    serve([](const Received& q) { return is_probe(q) ? Reaction{} : well(q); });
    follow();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    client().send_canary(upstream, question(), Clock::now());
    ASSERT_TRUE(until(upstream::UpstreamState::recovering, Seconds(1)));
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    run_for(Seconds(2));
    EXPECT_EQ(state(), upstream::UpstreamState::healthy)
        << "the silence of its probes says nothing any more";
}

TEST_F(ProberTest, AForwarderThatNeverAnswersProbesIsNotCutOffForThat) {
    upstream.options.kind = upstream::Kind::forward;
    serve([](const Received& q) { return is_probe(q) ? Reaction{} : well(q); });
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::silent));
    run_for(Seconds(2));
    EXPECT_EQ(state(), upstream::UpstreamState::unknown)
        << "nobody has asked it anything that it answers";
    EXPECT_TRUE(ask().asked.ok);
    EXPECT_TRUE(until(upstream::UpstreamState::healthy));
}

TEST_F(ProberTest, ADeadForwarderIsFoundByItsClients) {
    upstream.options.kind = upstream::Kind::forward;
    silence = true;
    mutable_server();
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::silent));
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(ask().asked.ok);
    EXPECT_TRUE(until(upstream::UpstreamState::partitioned, Seconds(2)));
}

// Some servers refuse NS and answer clients' names.
struct RefusingNs : ProberTest {
    FakeServer* server = nullptr;

    RefusingNs() {
        server = &serve([this](const Received& q) {
            if (silence) return Reaction{};
            return Reaction{.messages = {is_probe(q) ? q.empty(5) : q.answer()}};
        });
        follow();
    }
};

TEST_F(RefusingNs, IsUnusableUntilAClientIsAnswered) {
    ASSERT_TRUE(until(upstream::UpstreamState::unusable));
    EXPECT_FALSE(health().is_away()) << "clients may ask";
    EXPECT_TRUE(ask().asked.ok);
    EXPECT_TRUE(until(upstream::UpstreamState::healthy));
    EXPECT_FALSE(endpoint().is_unusable());
    run_for(Seconds(2));
    EXPECT_EQ(state(), upstream::UpstreamState::healthy) << "probes say no news";
}

TEST_F(RefusingNs, IsBackWithoutAnyClient) {
    ASSERT_TRUE(until(upstream::UpstreamState::unusable));
    ASSERT_TRUE(ask().asked.ok);
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    silence = true;
    for (int i = 0; i < 3; ++i) ask();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    silence = false;
    ASSERT_TRUE(until(upstream::UpstreamState::recovering))
        << "it says again what it said to probes before";
    EXPECT_TRUE(ask().asked.ok);
}

}  // namespace
}  // namespace peerzone::probe
