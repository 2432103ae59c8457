// The prober over real sockets, beside a client of the kind that workers have.
#include "peerzone/probe/prober.hpp"

#include "support/upstream_message.hpp"
#include "unit/upstream/client_fixture.hpp"

namespace peerzone::probe {
namespace {

using namespace upstream;

constexpr unsigned kNs = 2;

bool is_probe(const Received& q) {
    return load_u16(&q.message[q.question_end() - 4]) == kNs;
}
/// NOERROR without records, as CoreDNS answers for the NS of a namespace.
Reaction well(const Received& q) {
    return {.messages = {is_probe(q) ? q.empty() : q.answer()}};
}
Octets no_such_name(const Received& q, std::string_view soa_owner) {
    Octets out = q.empty(3);
    store_u16(out.data() + 8, 1);
    const Octets data = test::soa(soa_owner, 5);
    test::append(out, test::wire(soa_owner));
    test::append_u16(out, 6);
    test::append_u16(out, 1);
    test::append_u32(out, 5);
    test::append_u16(out, static_cast<unsigned>(data.size()));
    test::append(out, data);
    return out;
}

struct ProberTest : ClientTest {
    std::unique_ptr<Prober> prober;
    bool silence = false;  // of mutable_server()

    ProberTest() { upstream.options.zones = {dns::Name::from_text("westus.example").value()}; }

    upstream::UpstreamHealth& health() { return *upstream.health; }
    upstream::UpstreamState state() const { return upstream.health->state(); }
    FakeServer& mutable_server() {
        return serve([this](const Received& q) { return silence ? Reaction{} : well(q); });
    }
    void follow() {
        if (prober == nullptr) prober = std::make_unique<Prober>(io, options);
        publish();
        prober->follow({std::make_shared<const upstream::Upstream>(upstream)});
    }
    bool until(upstream::UpstreamState wanted, Duration limit = Seconds(20)) {
        return run_until([&] { return state() == wanted; }, limit);
    }
    bool until(upstream::ProbeResult wanted, std::size_t i = 0) {
        return run_until([&] { return endpoint(i).probe_result() == wanted; });
    }
    void run_for(Duration time) {
        run_until([] { return false; }, time);
    }
    Duration since(Time start) { return Clock::now() - start; }
};

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
    ASSERT_TRUE(until(upstream::ProbeResult::refused, 0) && until(upstream::ProbeResult::healthy, 1));
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
    EXPECT_EQ(endpoint().stats().failures(upstream::FailureReason::timeout), 0u) << "no question has failed";
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
    ASSERT_TRUE(until(upstream::ProbeResult::healthy, 0) && until(upstream::ProbeResult::healthy, 1));
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
    EXPECT_EQ(state(), upstream::UpstreamState::healthy) << "the silence of its probes says nothing any more";
}

TEST_F(ProberTest, AForwarderThatNeverAnswersProbesIsNotCutOffForThat) {
    upstream.options.kind = upstream::Kind::forward;
    serve([](const Received& q) { return is_probe(q) ? Reaction{} : well(q); });
    follow();
    ASSERT_TRUE(until(upstream::ProbeResult::silent));
    run_for(Seconds(2));
    EXPECT_EQ(state(), upstream::UpstreamState::unknown) << "nobody has asked it anything that it answers";
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
    ASSERT_TRUE(until(upstream::UpstreamState::recovering)) << "it says again what it said to probes before";
    EXPECT_TRUE(ask().asked.ok);
}

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
            was_away |= state() == upstream::UpstreamState::partitioned || state() == upstream::UpstreamState::suspect;
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
    ASSERT_TRUE(until(upstream::ProbeResult::healthy, 0) && until(upstream::ProbeResult::healthy, 1));
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
