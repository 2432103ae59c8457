// Endpoints of another cluster, and those that have not shown yet whose they are.
#include "unit/upstream/plan_fixture.hpp"

namespace peerzone::upstream {
namespace {

constexpr const char* kWhy = "another cluster: id.svc.cluster.local is eastus. not westus.";

struct PlanIdentity : PlanTest {
    PlanIdentity() {
        upstream.options.expect = {{dns::Name::from_text("id.svc.cluster.local").value(),
                                    dns::Name::from_text("westus").value()}};
    }
    EndpointIdentity& identity(std::size_t i) { return at(i).identity(); }
    void make_wrong(std::size_t i) { identity(i).note_wrong(kWhy, {}); }
    std::size_t first(std::uint32_t random) {
        begin();
        return next(random).endpoint;
    }
};

TEST_F(PlanIdentity, OneOfAnotherClusterIsNotAsked) {
    endpoints({1, 90});
    make_wrong(0);
    for (std::uint32_t random = 0; random < 8; ++random) EXPECT_EQ(first(random), 1u);
    EXPECT_EQ(step.hedge_after, Duration::max()) << "there is no other one";
    EXPECT_EQ(silence().find('0'), std::string::npos) << "nor when all else is silent";
    identity(0).note(Identity::right);
    EXPECT_EQ(first(0), 0u) << "at once";
}

TEST_F(PlanIdentity, ASuspectOneGetsNoCopy) {
    endpoints({1, 1});
    make_suspect(0);
    make_wrong(0);
    now += Seconds(1);
    EXPECT_EQ(first(0), 1u);
    EXPECT_EQ(step.copy_to, Step::kNone);
    identity(0).note(Identity::unproven);
    first(0);
    EXPECT_EQ(step.copy_to, 0u);
}

TEST_F(PlanIdentity, WhereAllAreOfAnotherClusterItSaysWhich) {
    endpoints({1, 1});
    make_wrong(0);
    make_wrong(1);
    EXPECT_EQ(failure(), "20 peer=westus: 10.2.0.10:53 is " + std::string(kWhy));
    EXPECT_TRUE(plan->failure(now).ours) << "no name is to blame: nothing to be remembered";
    EXPECT_FALSE(step.awaits_identity);
}

TEST_F(PlanIdentity, WhatTheOthersSayIsTold) {
    endpoints({1, 1});
    make_wrong(0);
    next();
    EXPECT_FALSE(reply(exchange::ReplyKind::failure, dns::Rcode::servfail));
    EXPECT_EQ(failure(), "0 peer=westus 10.2.0.11:53 SERVFAIL");
    plan.reset();
    upstream.options.transport = Protocol::udp;
    silence();
    EXPECT_EQ(failure(),
              "22 peer=westus no endpoint answered (0/1), last 10.2.0.11:53 udp timeout 160ms");
}

TEST_F(PlanIdentity, AReplyThatCameTooLateToBeBelievedIsNone) {
    endpoints({1, 1});
    ASSERT_EQ(next(0).endpoint, 0u);
    make_wrong(0);
    EXPECT_FALSE(reply(exchange::ReplyKind::data));
    EXPECT_EQ(next().endpoint, 1u);
    make_wrong(1);
    EXPECT_FALSE(reply(exchange::ReplyKind::data));
    EXPECT_EQ(failure(), "20 peer=westus: 10.2.0.10:53 is " + std::string(kWhy));
}

TEST_F(PlanIdentity, OneThatIsAskedForTheFirstTimeIsWaitedForWhereThereIsNoOther) {
    endpoints({0, 0});
    identity(0).note(Identity::awaited);
    identity(1).note(Identity::right);
    for (std::uint32_t random = 0; random < 4; ++random) EXPECT_EQ(first(random), 1u);
    identity(1).note(Identity::awaited);
    begin();
    EXPECT_TRUE(next().give_up);
    EXPECT_TRUE(step.awaits_identity);
    identity(0).note(Identity::unproven);
    EXPECT_EQ(next().endpoint, 0u);
    now = plan->deadline();
    EXPECT_TRUE(next().give_up);
    EXPECT_FALSE(step.awaits_identity) << "no longer than a question lasts";
}

TEST_F(PlanIdentity, OneThatHasNotShownItComesAfterThoseThatHave) {
    endpoints({1, 90, 90});
    identity(0).note(Identity::unproven);
    identity(1).note(Identity::right);
    identity(2).note(Identity::right);
    for (std::uint32_t random = 0; random < 4; ++random) EXPECT_NE(first(random), 0u);
    make_suspect(1);
    make_suspect(2);
    EXPECT_EQ(first(0), 0u) << "before those that nobody waits for";
    at(1).note_reply(Millis(90));
    at(1).note_probe(ProbeResult::refused);
    EXPECT_EQ(first(0), 0u) << "and before those that have nothing of use";
}

TEST_F(PlanIdentity, NoHedgeGoesToOneThatHasNotShownIt) {
    endpoints({10, 10});
    identity(0).note(Identity::right);
    identity(1).note(Identity::unproven);
    EXPECT_EQ(first(0), 0u);
    EXPECT_EQ(step.hedge_after, Duration::max());
    EXPECT_TRUE(plan->hedge(now, 0).give_up);
    identity(1).note(Identity::right);
    begin();
    EXPECT_NE(next(0).hedge_after, Duration::max());
    EXPECT_FALSE(plan->hedge(now, 0).give_up);
}

struct EndpointIdentityTest : testing::Test {
    Endpoint endpoint{SocketAddress::parse("10.2.0.10", 53).value()};
    EndpointIdentity& identity = endpoint.identity();
    static WallTime at(int seconds) { return WallTime(Seconds(seconds)); }
};

TEST_F(EndpointIdentityTest, IsNotAskedForWhereNothingIsExpected) {
    EXPECT_EQ(identity.state(), Identity::unasked);
    EXPECT_FALSE(identity.is_barred());
    EXPECT_EQ(identity_text(identity.state()), "");
}

TEST_F(EndpointIdentityTest, AProbeMakesNoneUsableBeforeItIsKnown) {
    endpoint.note_probe(ProbeResult::healthy);
    identity.note(Identity::awaited);
    EXPECT_FALSE(endpoint.is_usable());
    EXPECT_FALSE(endpoint.is_unusable()) << "nothing speaks against it";
    for (const Identity state : {Identity::unproven, Identity::right}) {
        identity.note(state);
        EXPECT_TRUE(endpoint.is_usable());
    }
    identity.note_wrong(kWhy, at(1));
    EXPECT_FALSE(endpoint.is_usable());
    EXPECT_TRUE(endpoint.is_unusable());
    endpoint.note_client_answer();
    EXPECT_FALSE(endpoint.is_usable()) << "whatever a client was told";
}

TEST_F(EndpointIdentityTest, SaysWhyAndSinceWhenItIsWrong) {
    EXPECT_FALSE(identity.wrong());
    identity.note_wrong("another cluster: a", at(1));
    identity.note_wrong("another cluster: b", at(2));
    ASSERT_TRUE(identity.wrong());
    EXPECT_EQ(identity.wrong()->why, "another cluster: b") << "what it said last";
    EXPECT_EQ(identity.wrong()->since, at(1));
    std::array<char, 7> cut{};
    EXPECT_EQ(identity.copy_why(cut), 7u);
    EXPECT_EQ(std::string_view(cut.data(), cut.size()), "another");
    identity.note(Identity::right);
    EXPECT_FALSE(identity.wrong());
    EXPECT_EQ(identity.copy_why(cut), 0u);
    identity.note_wrong("another cluster: c", at(9));
    EXPECT_EQ(identity.wrong()->since, at(9));
}

}  // namespace
}  // namespace peerzone::upstream
