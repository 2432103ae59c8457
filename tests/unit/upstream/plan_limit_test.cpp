// What the plan does with a step over UDP for which there is no permit.
#include "unit/upstream/plan_fixture.hpp"

namespace peerzone::upstream {
namespace {

struct PlanLimitTest : PlanTest {
    const Step& limited() {
        step = plan->over_stream(step, now);
        return step;
    }
};

TEST_F(PlanLimitTest, TheSameEndpointIsAskedOverTcpWhateverTheTransport) {
    for (const auto transport :
         std::initializer_list<std::optional<Protocol>>{std::nullopt, Protocol::udp}) {
        upstream.options.transport = transport;
        set.endpoints.clear();
        endpoints({10, 10});
        begin();
        ASSERT_TRUE(next(1).mix_case);
        const std::size_t first = step.endpoint;
        EXPECT_FALSE(limited().give_up);
        EXPECT_EQ(step.endpoint, first);
        EXPECT_EQ(step.protocol, Protocol::tcp);
        EXPECT_TRUE(step.limited);
        EXPECT_FALSE(step.mix_case);
        EXPECT_GE(step.timeout, Millis(400)) << "hands are shaken first";
        EXPECT_TRUE(reply(exchange::ReplyKind::data));
    }
}

TEST_F(PlanLimitTest, ItIsNoTryOverUdp) {
    upstream.options.transport = Protocol::udp;
    upstream.options.deadline = Seconds(10);
    endpoints({10});
    next();
    limited();
    time_out();
    EXPECT_EQ(silence(), "0u 0u") << "three attempts time out at one endpoint";
    begin();
    next();
    limited();
    fault(FailureReason::refused);
    EXPECT_EQ(silence(), "0u 0u 0u");
}

TEST_F(PlanLimitTest, WithoutTcpAnotherEndpointIsAsked) {
    endpoints({10, 30});
    at(0).note_no_stream(now);
    ASSERT_EQ(next().endpoint, 0u);
    EXPECT_TRUE(limited().give_up);
    EXPECT_EQ(next().endpoint, 1u);
    EXPECT_EQ(step.protocol, Protocol::udp);
    EXPECT_FALSE(step.limited);
}

TEST_F(PlanLimitTest, AlsoWhereAProbeHasFoundThatThereIsNone) {
    endpoints({10, 30});
    at(0).note_reach(Reach::udp_only);
    ASSERT_EQ(next().endpoint, 0u);
    EXPECT_TRUE(limited().give_up);
    EXPECT_EQ(next().endpoint, 1u);
}

TEST_F(PlanLimitTest, WithNothingElseToAskItMayGoOnLater) {
    endpoints({10, 30});
    for (const std::size_t i : {0u, 1u}) at(i).note_no_stream(now);
    for (const std::size_t i : {0u, 1u}) {
        ASSERT_EQ(next().endpoint, i);
        EXPECT_TRUE(limited().give_up);
    }
    EXPECT_TRUE(next().give_up);
    EXPECT_TRUE(step.limited);
    now += Millis(50);
    EXPECT_EQ(next().endpoint, 0u) << "whether there is a permit is asked again";
    EXPECT_EQ(step.protocol, Protocol::udp);
    EXPECT_TRUE(limited().give_up);
    now = plan->deadline();
    EXPECT_EQ(failure(),
              "23 peer=westus has 3 questions for this name in flight over udp, and no tcp");
    EXPECT_FALSE(step.limited);
    EXPECT_TRUE(plan->failure(now).ours) << "and is not kept";
}

TEST_F(PlanLimitTest, ADenialThatIsDoubtedDoesNotWait) {
    endpoints({10, 10});
    for (const std::size_t i : {0u, 1u}) at(i).note_no_stream(now);
    next();
    EXPECT_FALSE(reply(exchange::ReplyKind::nxdomain, dns::Rcode::nxdomain));
    ASSERT_FALSE(next().give_up) << "a denial without SOA: another endpoint is asked";
    EXPECT_TRUE(limited().give_up);
    EXPECT_TRUE(next().give_up);
    EXPECT_FALSE(step.limited);
    EXPECT_EQ(plan->doubt(), dns::Rcode::nxdomain);
}

TEST_F(PlanLimitTest, WhatGoesWrongOverTcpSaysNothingOfTheEndpoint) {
    endpoints({10});
    for (int i = 0; i < 5; ++i) {
        begin();
        next();
        ASSERT_FALSE(limited().give_up);
        if (i % 2 == 0) {
            time_out();
            plan->on_silence(step, now);
        } else {
            fault(FailureReason::closed);
            now += Seconds(11);  // TCP counts as working again
        }
    }
    EXPECT_FALSE(at(0).is_suspect());
    EXPECT_FALSE(at(0).last_loss());
}

TEST_F(PlanLimitTest, NorThatOfItsDatagrams) {
    endpoints({10});
    for (int i = 0; i < 5; ++i) {
        begin();
        next();
        time_out();
        next();
        ASSERT_FALSE(limited().give_up);
        EXPECT_TRUE(reply(exchange::ReplyKind::data));
    }
    EXPECT_TRUE(at(0).datagrams_work(now)) << "it would have been asked over UDP once more";
}

TEST_F(PlanLimitTest, RefusedTcpIsOursAndIsNotKept) {
    endpoints({10});
    next();
    limited();
    fault(FailureReason::refused);
    EXPECT_FALSE(at(0).stream_works(now));
    ASSERT_FALSE(next().give_up);
    EXPECT_TRUE(limited().give_up);
    now = plan->deadline();
    EXPECT_EQ(failure(), "23 peer=westus 10.2.0.10:53 tcp connection refused");
    EXPECT_TRUE(plan->failure(now).ours);
}

TEST_F(PlanLimitTest, AHedgeGoesOverTcpAsWell) {
    endpoints({10, 10});
    const std::size_t first = next().endpoint;
    const Step hedge = plan->hedge(now, 0);
    ASSERT_FALSE(hedge.give_up);
    const Step instead = plan->over_stream(hedge, now);
    EXPECT_EQ(instead.endpoint, 1 - first);
    EXPECT_EQ(instead.protocol, Protocol::tcp);
}

}  // namespace
}  // namespace peerzone::upstream
