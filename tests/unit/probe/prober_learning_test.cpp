// The prober over real sockets: odd servers, what it learns of them, and endpoints that change.
#include "unit/probe/prober_fixture.hpp"

namespace peerzone::probe {
namespace {

TEST_F(ProberTest, AServerThatStillFailsAfterAPartitionIsThereAndNotHealthy) {
    bool starting = false;
    serve([&](const Received& q) {
        if (silence) return Reaction{};
        return starting ? Reaction{{q.empty(2)}} : well(q);
    });
    follow();
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    ASSERT_TRUE(ask().asked.ok);
    silence = true;
    for (int i = 0; i < 3; ++i) ask();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    starting = true;
    silence = false;
    health().note_wanted(Clock::now());
    ASSERT_TRUE(until(upstream::UpstreamState::unusable));
    EXPECT_FALSE(ask().asked.ok);
    starting = false;
    health().note_wanted(Clock::now());
    EXPECT_TRUE(until(upstream::UpstreamState::recovering));
}

// It answers clients and drops every question for NS.
TEST_F(ProberTest, AfterAQuietTimeAClientMayTryAnEndpointThatIsDeafToProbes) {
    serve([&](const Received& q) { return silence || is_probe(q) ? Reaction{} : well(q); });
    follow();
    ASSERT_TRUE(ask().asked.ok);
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    silence = true;
    for (int i = 0; i < 4 && state() != upstream::UpstreamState::partitioned; ++i) ask();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    silence = false;
    ASSERT_TRUE(until(upstream::UpstreamState::suspect)) << "nobody has asked for 5 s";
    EXPECT_TRUE(ask().asked.ok);
}

TEST_F(ProberTest, WithoutEndpointsItIsUnresolved) {
    follow();
    ASSERT_TRUE(until(upstream::UpstreamState::unresolved));
    serve(well);
    follow();
    EXPECT_TRUE(until(upstream::UpstreamState::healthy));
}

TEST_F(ProberTest, SlowIsNotPartitioned) {
    for (const Duration slow : {Millis(500), Millis(1100), Millis(1600)}) {
        prober.reset();
        set.endpoints.clear();
        upstream.health = std::make_shared<upstream::UpstreamHealth>();
        std::vector<std::pair<Time, Received>> held;
        FakeServer& server = serve([&](const Received& q) {
            held.emplace_back(Clock::now() + slow, q);
            return Reaction{};
        });
        follow();
        bool was_away = false;
        const auto reply = [&] {
            while (!held.empty() && held.front().first <= Clock::now()) {
                server.send_to(held.front().second, held.front().second.empty());
                held.erase(held.begin());
            }
            was_away |= state() == upstream::UpstreamState::partitioned ||
                        state() == upstream::UpstreamState::suspect;
            return false;
        };
        run_until(reply, 2 * slow + Seconds(6));
        EXPECT_FALSE(was_away);
        EXPECT_EQ(state(), upstream::UpstreamState::healthy);
        EXPECT_EQ(endpoint().probe_result(), upstream::ProbeResult::healthy);
        EXPECT_LE(server.udp.size(), 20u) << "several at first contact, one each 5 s later";
        prober->shut_down();
    }
}

TEST_F(ProberTest, AServerThatComparesLetterCaseIsHealthy) {
    const auto compare = [](const Received& q) {
        const bool plain = test::lower_case(q.message) == q.message;
        if (!plain) return Reaction{{no_such_name(q, "westus.example")}};
        return well(q);
    };
    const FakeServer& server = serve(compare);
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::healthy));
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(ask(question("n" + std::to_string(i) + ".westus.example")).asked.ok);
    EXPECT_FALSE(endpoint().case_works(Clock::now()));
    const std::size_t before = server.udp.size();
    EXPECT_TRUE(ask().asked.ok);
    EXPECT_EQ(server.udp.size(), before + 1) << "once, from now on";
}

TEST_F(ProberTest, AMixedProbeThatIsAnsweredShowsThatCaseIsTaken) {
    serve(well);
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::healthy));
    EXPECT_TRUE(endpoint().letter_case().is_taken());
    EXPECT_LE(endpoint().stats().probes(), 2u);
}

TEST_F(ProberTest, ALongWayIsNoOutage) {
    std::vector<std::pair<Time, Received>> held;
    FakeServer* server = nullptr;
    server = &serve([&](const Received& q) {
        held.emplace_back(Clock::now() + Millis(700), q);
        return Reaction{};
    });
    follow();
    const auto late = [&] {
        while (!held.empty() && held.front().first <= Clock::now()) {
            server->send_to(held.front().second, held.front().second.empty());
            held.erase(held.begin());
        }
        return endpoint().probe_result() == upstream::ProbeResult::healthy;
    };
    EXPECT_TRUE(run_until(late, Seconds(5)));
    EXPECT_GE(endpoint().smoothed_rtt(), Millis(600));
}

// Everything stands still for a moment, and comes back late: the time-outs are near the round trip,
// so many are lost at once.
TEST_F(ProberTest, AHiccupIsNoPartition) {
    std::vector<std::pair<FakeServer*, Received>> held;
    std::vector<FakeServer*> mine(2);
    for (FakeServer*& slot : mine)
        slot = &serve([&](const Received& q) {
            if (!silence) return well(q);
            held.emplace_back(slot, q);
            return Reaction{};
        });
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::healthy, 0) &&
                until(upstream::ProbeResult::healthy, 1));
    for (int i = 0; i < 50; ++i) ask();
    silence = true;
    const Time from = Clock::now();
    std::vector<std::unique_ptr<Answer>> answers;
    bool was_partitioned = false;
    while (since(from) < Millis(150)) {
        answers.push_back(std::make_unique<Answer>());
        start(*answers.back(), question("n" + std::to_string(answers.size()) + ".westus.example"));
        run_for(Millis(5));
        was_partitioned |= state() == upstream::UpstreamState::partitioned;
    }
    silence = false;
    for (const auto& [server, q] : held) server->send_to(q, is_probe(q) ? q.empty() : q.answer());
    EXPECT_TRUE(run_until([&] {
        was_partitioned |= state() == upstream::UpstreamState::partitioned;
        return std::all_of(answers.begin(), answers.end(), [](auto& a) { return a->done; });
    }));
    EXPECT_FALSE(was_partitioned);
    for (const auto& answer : answers) EXPECT_TRUE(answer->asked.ok) << answer->asked.error_text;
}

TEST_F(ProberTest, LearnsThatOnlyTcpIsLetThrough) {
    serve([](const Received& q) { return q.tcp ? well(q) : Reaction{}; }, FakeServer::Tcp::accept);
    follow();
    ASSERT_TRUE(run_until([&] { return endpoint().reach() == upstream::Reach::tcp_only; }));
    EXPECT_FALSE(endpoint().datagrams_work(Clock::now()));
    EXPECT_EQ(state(), upstream::UpstreamState::healthy);
    const Answer answer = ask();
    EXPECT_TRUE(answer.asked.ok);
    EXPECT_EQ(count(Count::upstream_udp_sent), 0u) << "UDP is not tried first";
}

TEST_F(ProberTest, LearnsThatOnlyUdpIsLetThrough) {
    serve(well);
    follow();
    ASSERT_TRUE(run_until([&] { return endpoint().reach() == upstream::Reach::udp_only; }));
    EXPECT_EQ(state(), upstream::UpstreamState::healthy);
}

TEST_F(ProberTest, LearnsThatBothWork) {
    serve(well, FakeServer::Tcp::accept);
    follow();
    EXPECT_TRUE(run_until([&] { return endpoint().reach() == upstream::Reach::udp_and_tcp; }));
}

TEST_F(ProberTest, WithTransportTcpThereAreNoDatagrams) {
    upstream.options.transport = upstream::Protocol::tcp;
    const FakeServer& server = serve(well, FakeServer::Tcp::accept);
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::healthy));
    EXPECT_EQ(endpoint().reach(), upstream::Reach::tcp);
    EXPECT_TRUE(server.udp.empty());
}

TEST_F(ProberTest, AHeldPeerIsStillLookedAt) {
    silence = true;
    mutable_server();
    health().hold(true);
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::silent));
    EXPECT_TRUE(health().is_away());
    client().send_canary(upstream, question(), Clock::now());
    EXPECT_EQ(endpoint().stats().questions(), 0u) << "an operator said no";
}

TEST_F(ProberTest, GarbageIsNoReply) {
    serve([](const Received& q) {
        const auto other = static_cast<std::uint16_t>(q.id() ^ 1u);
        return Reaction{{Octets{1, 2, 3}, test::with_id(q.empty(), other)}};
    });
    follow();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    EXPECT_GT(endpoint().stats().failures(upstream::FailureReason::mismatch), 0u);
}

TEST_F(ProberTest, EndpointsComeAndGoWithProbesOnTheirWay) {
    silence = true;
    mutable_server();
    follow();
    run_for(Millis(20));
    const std::weak_ptr<upstream::Endpoint> first = set.endpoints[0];
    set.endpoints.clear();
    serve(well);
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::healthy));
    EXPECT_TRUE(run_until([&] { return first.expired(); })) << "after its last probe";
    prober->follow({});
    run_for(Millis(50));
    const std::uint64_t probes = endpoint().stats().probes();
    run_for(Seconds(1));
    EXPECT_EQ(endpoint().stats().probes(), probes);
}

TEST_F(ProberTest, ANewEndpointEndsAPartitionWithItsFirstReply) {
    silence = true;
    mutable_server();
    follow();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    serve(well);
    const Time start = Clock::now();
    follow();
    ASSERT_TRUE(until(upstream::UpstreamState::recovering));
    EXPECT_LT(since(start), Seconds(1));
}

TEST_F(ProberTest, EndsWithProbesOnTheirWay) {
    silence = true;
    mutable_server();
    follow();
    run_for(Millis(20));
    prober->shut_down();
    prober.reset();
    run_for(Millis(20));
}

}  // namespace
}  // namespace peerzone::probe
