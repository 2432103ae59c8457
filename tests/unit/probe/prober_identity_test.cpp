// Whose an endpoint is: what the prober asks for, and what follows for clients and for the state of
// the peer. Scripted clusters that all call themselves cluster.local.
#include "unit/probe/prober_fixture.hpp"

namespace peerzone::probe {
namespace {

using upstream::Identity;

constexpr unsigned kCname = 5;
constexpr unsigned kNxdomain = 3;
constexpr unsigned kServfail = 2;

bool asks_identity(const Received& q) {
    return load_u16(&q.message[q.question_end() - 4]) == kCname;
}
Octets alias(const Received& q, std::string_view target) {
    Octets out = q.empty();
    store_u16(out.data() + 6, 1);
    test::append(out, {0xc0, 12});
    test::append_u16(out, kCname);
    test::append_u16(out, 1);
    test::append_u32(out, 5);
    const Octets data = test::wire(target);
    test::append_u16(out, static_cast<unsigned>(data.size()));
    test::append(out, data);
    return out;
}
Reaction westus(const Received& q) {
    return {{alias(q, "westus")}};
}
Reaction eastus(const Received& q) {
    return {{alias(q, "eastus")}};
}
FakeServer::Handler failing(unsigned rcode) {
    return [rcode](const Received& q) { return Reaction{{q.empty(rcode)}}; };
}
Reaction denied(const Received& q) {
    return {{no_such_name(q, "cluster.local")}};
}
Expectation alias_of(const char* name, const char* target) {
    return {dns::Name::from_text(name).value(), dns::Name::from_text(target).value()};
}

struct ProberIdentity : ProberTest {
    ProberIdentity() {
        upstream.options.expect = {alias_of("id.svc.cluster.local", "westus")};
        upstream.options.zones = {dns::Name::from_text("westus.svc.cluster.local").value()};
    }
    /// An endpoint that is well, and says this of whose it is; both may change.
    struct Cluster {
        FakeServer::Handler identity;
        bool silent = false;
        FakeServer* server = nullptr;
        int clients = 0;
        long identities() const { return std::ranges::count_if(server->udp, asks_identity); }
    };
    std::shared_ptr<Cluster> cluster(FakeServer::Handler identity,
                                     FakeServer::Tcp tcp = FakeServer::Tcp::refuse) {
        auto made = std::make_shared<Cluster>();
        made->identity = std::move(identity);
        made->server = &serve(
            [made](const Received& q) {
                if (made->silent) return Reaction{};
                if (asks_identity(q)) return made->identity(q);
                if (!is_probe(q)) ++made->clients;
                return well(q);
            },
            tcp);
        return made;
    }
    EndpointIdentity& identity(std::size_t i = 0) { return endpoint(i).identity(); }
    bool until(Identity wanted, std::size_t i = 0, Duration limit = Seconds(20)) {
        return run_until([&] { return identity(i).state() == wanted; }, limit);
    }
    using ProberTest::until;
    std::uint64_t found_wrong() const {
        return prober->counters().value(Count::upstream_wrong_cluster);
    }
};

TEST_F(ProberIdentity, TheRightClusterIsHealthy) {
    const auto west = cluster(westus);
    follow();
    EXPECT_EQ(identity().state(), Identity::awaited);
    ASSERT_TRUE(until(Identity::right));
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    const auto& questions = west->server->udp;
    const auto question = std::ranges::find_if(questions, asks_identity);
    ASSERT_NE(question, questions.end());
    const auto name = dns::Name::from_wire(question->name()).value();
    EXPECT_EQ(name.folded().to_text(), "id.svc.cluster.local");
    EXPECT_TRUE(question->has_opt());
    EXPECT_TRUE(ask().asked.ok);
    EXPECT_EQ(found_wrong(), 0u);
}

TEST_F(ProberIdentity, AnotherClusterIsNotAskedAndSaysWhy) {
    const auto east = cluster(eastus);
    follow();
    ASSERT_TRUE(until(Identity::wrong));
    ASSERT_TRUE(until(upstream::UpstreamState::unusable));
    EXPECT_TRUE(endpoint().is_unusable());
    EXPECT_EQ(identity().wrong()->why,
              "another cluster: id.svc.cluster.local is eastus. not westus.");
    EXPECT_EQ(failure(ask()),
              "20 peer=westus: " + place() +
                  " is another cluster: id.svc.cluster.local is eastus. not westus.");
    EXPECT_EQ(east->clients, 0);
    EXPECT_EQ(found_wrong(), 1u);
}

TEST_F(ProberIdentity, ADenialWithTheZonesSoaIsAnotherCluster) {
    cluster(denied);
    follow();
    ASSERT_TRUE(until(Identity::wrong));
    EXPECT_EQ(identity().wrong()->why,
              "another cluster: id.svc.cluster.local is NXDOMAIN not westus.");
}

// Silence, failures and bare denials: it is used as if nothing were expected.
struct SaysNothing : ProberIdentity, testing::WithParamInterface<unsigned> {};

TEST_P(SaysNothing, IsUsedAllTheSame) {
    const auto kind = GetParam();
    cluster(
        [kind](const Received& q) { return kind == 99 ? Reaction{} : Reaction{{q.empty(kind)}}; });
    follow();
    Answer answer;
    start(answer, question());
    ASSERT_TRUE(until(Identity::unproven));
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    EXPECT_TRUE(run_until([&] { return answer.done; }));
    EXPECT_TRUE(answer.asked.ok);
    EXPECT_LT(answer.took, Seconds(1)) << "about as long as an attempt is waited for";
}

INSTANTIATE_TEST_SUITE_P(Silence, SaysNothing, testing::Values(99u));
INSTANTIATE_TEST_SUITE_P(Servfail, SaysNothing, testing::Values(kServfail));
INSTANTIATE_TEST_SUITE_P(Refused, SaysNothing, testing::Values(5u));
INSTANTIATE_TEST_SUITE_P(DenialWithoutSoa, SaysNothing, testing::Values(kNxdomain));
INSTANTIATE_TEST_SUITE_P(NothingWithoutSoa, SaysNothing, testing::Values(0u));

TEST_F(ProberIdentity, OneOfTwoIsWrongAndClientsGetTheOtherOne) {
    const auto east = cluster(eastus);
    const auto west = cluster(westus);
    follow();
    std::vector<std::unique_ptr<Answer>> answers;
    for (int i = 0; i < 20; ++i) {  // some of them before anything is known
        answers.push_back(std::make_unique<Answer>());
        start(*answers.back(), question("n" + std::to_string(i) + ".westus.svc.cluster.local"));
        run_for(Millis(2));
    }
    ASSERT_TRUE(until(Identity::wrong, 0) && until(Identity::right, 1));
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    EXPECT_TRUE(run_until([&] {
        return std::ranges::all_of(answers, [](const auto& a) { return a->done && a->asked.ok; });
    }));
    EXPECT_EQ(east->clients, 0) << "not one";
    EXPECT_GE(west->clients, 20);
}

TEST_F(ProberIdentity, AnAddressThatComesToBelongToAnotherClusterIsNoticed) {
    const auto west = cluster(westus);
    follow();
    ASSERT_TRUE(until(Identity::right));
    ASSERT_TRUE(ask().asked.ok);
    west->identity = eastus;
    const Time moved = Clock::now();
    ASSERT_TRUE(until(Identity::wrong));
    EXPECT_LT(since(moved), Seconds(16));
    ASSERT_TRUE(until(upstream::UpstreamState::unusable));
    EXPECT_FALSE(ask().asked.ok);
    west->identity = westus;
    health().note_wanted(Clock::now());
    const Time back = Clock::now();
    ASSERT_TRUE(until(Identity::right));
    EXPECT_LT(since(back), Seconds(7)) << "with its next probe";
    EXPECT_TRUE(ask().asked.ok) << "at once";
    EXPECT_TRUE(until(upstream::UpstreamState::healthy));
}

TEST_F(ProberIdentity, WhatComesBackAsAnotherClusterIsNotUsed) {
    const auto west = cluster(westus);
    follow();
    ASSERT_TRUE(until(Identity::right));
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    west->silent = true;
    for (int i = 0; i < 3; ++i) ask();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    EXPECT_EQ(identity().state(), Identity::right) << "silence says nothing";
    west->identity = eastus;
    west->silent = false;
    health().note_wanted(Clock::now());
    const Time back = Clock::now();
    ASSERT_TRUE(until(Identity::wrong));
    EXPECT_LT(since(back), Seconds(2));
    EXPECT_TRUE(until(upstream::UpstreamState::unusable));
}

TEST_F(ProberIdentity, WhatAClientFindsToBeBackIsAskedAtOnceWhoseItIs) {
    const auto west = cluster(westus);
    upstream.options.hedge = false;
    follow();
    ASSERT_TRUE(until(Identity::right));
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    west->silent = true;
    for (int i = 0; i < 3; ++i) ask();
    ASSERT_TRUE(until(upstream::UpstreamState::partitioned));
    run_for(Seconds(11));  // nobody asks any more: probes are far apart
    west->identity = eastus;
    west->silent = false;
    const Time back = Clock::now();
    client().send_canary(upstream, question(), back);
    ASSERT_TRUE(until(Identity::wrong));
    EXPECT_LT(since(back), Seconds(1));
}

TEST_F(ProberIdentity, WhatSaysNothingKeepsTheVerdict) {
    const auto east = cluster(eastus);
    follow();
    ASSERT_TRUE(until(Identity::wrong));
    for (const auto& handler : {failing(kServfail), FakeServer::Handler(silent)}) {
        east->identity = handler;
        const long before = east->identities();
        health().note_wanted(Clock::now());
        ASSERT_TRUE(run_until([&] { return east->identities() > before; }));
        run_for(Millis(300));
        EXPECT_EQ(identity().state(), Identity::wrong);
    }
}

TEST_F(ProberIdentity, OneThatIsWrongDoesNotHideThatTheOthersAreGone) {
    const auto east = cluster(eastus);
    const auto west = cluster(westus);
    follow();
    ASSERT_TRUE(until(Identity::wrong, 0) && until(Identity::right, 1));
    ASSERT_TRUE(until(upstream::UpstreamState::healthy));
    west->silent = true;
    for (int i = 0; i < 3; ++i) ask();
    EXPECT_TRUE(until(upstream::UpstreamState::partitioned));
    EXPECT_EQ(east->clients, 0);
}

TEST_F(ProberIdentity, AllNamesMustBeAsExpected) {
    upstream.options.expect.push_back(alias_of("region.svc.cluster.local", "west"));
    const auto both = [](const char* id, const char* region) {
        return [=](const Received& q) {
            const auto name = dns::Name::from_wire(q.name()).value();
            const bool is_id = name.is_under(dns::Name::from_text("id.svc.cluster.local").value());
            return Reaction{{alias(q, is_id ? id : region)}};
        };
    };
    cluster(both("westus", "west"));
    cluster(both("westus", "east"));
    follow();
    ASSERT_TRUE(until(Identity::right, 0) && until(Identity::wrong, 1));
    EXPECT_EQ(identity(1).wrong()->why,
              "another cluster: region.svc.cluster.local is east. not west.");
}

TEST_F(ProberIdentity, AServerThatComparesLetterCaseIsAskedInPlainCase) {
    cluster([](const Received& q) {
        const Octets lower = test::lower_case(q.message);
        return lower == q.message ? westus(q) : denied(q);
    });
    follow();
    ASSERT_TRUE(until(Identity::right));
    EXPECT_EQ(found_wrong(), 0u);
}

TEST_F(ProberIdentity, ADenialInMixedCaseIsNotBelievedThoughThatIsKnownToBeTaken) {
    const auto west = cluster([](const Received& q) {
        const Octets lower = test::lower_case(q.message);
        return lower == q.message ? westus(q) : denied(q);
    });
    for (int i = 0; i < 4; ++i) {  // claimed by others within the same second
        endpoint().letter_case().note_taken();
        endpoint().letter_case().claim_doubt(Clock::now() + Millis(500 * i));
    }
    follow();
    ASSERT_TRUE(until(Identity::right));
    EXPECT_EQ(found_wrong(), 0u);
}

TEST_F(ProberIdentity, AServerThatDoesNotKeepLetterCaseIsRight) {
    cluster([](const Received& q) { return Reaction{{test::lower_case(alias(q, "westus"))}}; });
    follow();
    EXPECT_TRUE(until(Identity::right));
}

TEST_F(ProberIdentity, AServerWithoutEdnsIsRight) {
    cluster([](const Received& q) { return q.has_opt() ? Reaction{{q.empty(1)}} : westus(q); });
    follow();
    EXPECT_TRUE(until(Identity::right));
}

TEST_F(ProberIdentity, WhatIsCutIsAskedForOverTcp) {
    cluster([](const Received& q) { return q.tcp ? westus(q) : Reaction{{q.cut()}}; },
            FakeServer::Tcp::accept);
    follow();
    EXPECT_TRUE(until(Identity::right));
}

TEST_F(ProberIdentity, GoesOverTheTransportOfThePeer) {
    upstream.options.transport = Protocol::tcp;
    const auto west = cluster(westus, FakeServer::Tcp::accept);
    follow();
    EXPECT_TRUE(until(Identity::right));
    EXPECT_TRUE(west->server->udp.empty());
}

TEST_F(ProberIdentity, AReplyToAnotherQuestionIsNone) {
    cluster([](const Received& q) {
        return Reaction{{test::with_id(alias(q, "eastus"), static_cast<std::uint16_t>(q.id() + 1)),
                         alias(q, "westus")}};
    });
    follow();
    EXPECT_TRUE(until(Identity::right));
    EXPECT_EQ(found_wrong(), 0u);
}

TEST_F(ProberIdentity, OtherExpectationsAreAskedForAnew) {
    const auto west = cluster(westus);
    follow();
    ASSERT_TRUE(until(Identity::right));
    upstream.options.expect = {alias_of("id.svc.cluster.local", "north")};
    follow();
    EXPECT_EQ(identity().state(), Identity::awaited);
    ASSERT_TRUE(until(Identity::wrong, 0, Seconds(2))) << "at once";
    upstream.options.expect = {};
    follow();
    EXPECT_EQ(identity().state(), Identity::unasked);
    EXPECT_TRUE(until(upstream::UpstreamState::healthy));
    EXPECT_TRUE(ask().asked.ok);
    upstream.options.expect = {alias_of("id.svc.cluster.local", "westus")};
    follow();
    EXPECT_TRUE(until(Identity::right, 0, Seconds(2)));
}

TEST_F(ProberIdentity, AReplyToWhatWasExpectedBeforeIsOfNoUse) {
    Received held;
    const auto west = cluster([&](const Received& q) {
        if (held.message.empty()) {
            held = q;
            return Reaction{};
        }
        return westus(q);
    });
    upstream.options.expect = {alias_of("id.svc.cluster.local", "north")};
    follow();
    ASSERT_TRUE(run_until([&] { return !held.message.empty(); }));
    upstream.options.expect = {alias_of("id.svc.cluster.local", "westus")};
    follow();
    ASSERT_TRUE(until(Identity::right));
    west->server->send_to(held, alias(held, "westus"));
    run_for(Millis(100));
    EXPECT_EQ(identity().state(), Identity::right);
    EXPECT_EQ(found_wrong(), 0u);
}

TEST_F(ProberIdentity, IsNotAskedForOftenOnceItIsRight) {
    const auto west = cluster(westus);
    follow();
    ASSERT_TRUE(until(Identity::right));
    const long before = west->identities();
    run_for(Seconds(6));
    EXPECT_EQ(west->identities(), before);
}

}  // namespace
}  // namespace peerzone::probe
