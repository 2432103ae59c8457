// The plan where servers compare letter case.
#include <gtest/gtest.h>

#include <memory>

#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {
namespace {

struct PlanCaseTest : testing::Test {
    Time now{Seconds(9000)};
    Upstream upstream;
    EndpointSet set;
    std::unique_ptr<AttemptPlan> plan;
    Step step;

    PlanCaseTest() {
        upstream.label = "peer=westus";
        add();
    }
    void add() {
        const auto ip =
            IpAddress::v4(0x0a02000a + static_cast<std::uint32_t>(set.endpoints.size()));
        set.endpoints.push_back(std::make_shared<Endpoint>(SocketAddress{ip, 53, 0}));
        set.endpoints.back()->note_reply(Millis(1));
    }
    Endpoint& endpoint() { return *set.endpoints[0]; }
    const Step& next() {
        step = plan->next(now, 0);
        return step;
    }
    const Step& begin(bool marks_hops = false) {
        plan = std::make_unique<AttemptPlan>(upstream, set, now, marks_hops);
        return next();
    }
    bool reply(exchange::ReplyKind kind, dns::Rcode rcode = dns::Rcode::noerror) {
        exchange::CheckedReply checked;
        checked.kind = kind;
        checked.rcode = rcode;
        now += Millis(1);
        return plan->on_reply(step, checked, Millis(1), now);
    }
    bool denied() { return reply(exchange::ReplyKind::nxdomain, dns::Rcode::nxdomain); }
    bool refused() { return reply(exchange::ReplyKind::failure, dns::Rcode::refused); }
    bool data() { return reply(exchange::ReplyKind::data); }
};

TEST_F(PlanCaseTest, ADenialInMixedCaseIsAskedOnceMoreInPlainCase) {
    EXPECT_TRUE(begin().mix_case);
    EXPECT_FALSE(step.doubts_case);
    EXPECT_FALSE(denied());
    next();
    ASSERT_FALSE(step.give_up);
    EXPECT_FALSE(step.mix_case);
    EXPECT_TRUE(step.doubts_case);
    EXPECT_EQ(step.protocol, Protocol::udp) << "nothing is known of TCP";
    EXPECT_TRUE(denied()) << "so it does not exist";
}

TEST_F(PlanCaseTest, PlainCaseGoesOverTcpWhereThatIsKnownToWork) {
    endpoint().note_reach(Reach::udp_and_tcp);
    begin();
    denied();
    EXPECT_EQ(next().protocol, Protocol::tcp);
    now += Millis(400);
    plan->on_failure(step, FailureReason::timeout, now);
    EXPECT_EQ(next().protocol, Protocol::udp) << "else over UDP";
    EXPECT_FALSE(step.mix_case);
    EXPECT_TRUE(data());
}

TEST_F(PlanCaseTest, WhatWentRoundInACircleIsNotAskedInPlainCase) {
    begin();
    step.came_back = true;
    EXPECT_FALSE(reply(exchange::ReplyKind::failure, dns::Rcode::servfail));
    EXPECT_TRUE(next().give_up) << "in plain case the loop could not be recognised";
}

TEST_F(PlanCaseTest, TransportUdpStaysUdp) {
    upstream.options.transport = Protocol::udp;
    endpoint().note_reach(Reach::udp);
    begin();
    denied();
    EXPECT_EQ(next().protocol, Protocol::udp);
    EXPECT_FALSE(step.mix_case);
}

TEST_F(PlanCaseTest, WhateverItSaysToMixedCase) {
    using Said = std::pair<exchange::ReplyKind, dns::Rcode>;
    for (const auto& [kind, rcode] : {Said{exchange::ReplyKind::nxdomain, dns::Rcode::nxdomain},
                                      Said{exchange::ReplyKind::nodata, {}},
                                      Said{exchange::ReplyKind::failure, dns::Rcode::refused},
                                      Said{exchange::ReplyKind::failure, dns::Rcode::servfail},
                                      Said{exchange::ReplyKind::no_edns, dns::Rcode::formerr},
                                      Said{exchange::ReplyKind::no_edns, dns::Rcode::notimp}}) {
        set.endpoints.clear();
        add();
        for (int i = 0; i < 3; ++i) {
            begin(true);
            ASSERT_TRUE(step.mix_case);
            EXPECT_FALSE(reply(kind, rcode));
            ASSERT_FALSE(next().give_up);
            EXPECT_FALSE(step.mix_case);
            EXPECT_TRUE(step.edns && step.hop_mark) << "only the case is another one";
            EXPECT_TRUE(data());
        }
        EXPECT_FALSE(begin().mix_case) << "after three of them";
        EXPECT_TRUE(data());
        EXPECT_TRUE(endpoint().edns_works(now));
        EXPECT_TRUE(endpoint().hop_mark_works(now));
    }
}

TEST_F(PlanCaseTest, DataInMixedCaseEndsTheDoubt) {
    begin();
    EXPECT_TRUE(data());
    begin();
    EXPECT_FALSE(denied()) << "one is looked at";
    next();
    EXPECT_TRUE(denied());
    int more = 0;
    for (int i = 0; i < 200; ++i) {
        begin();
        if (denied()) continue;
        ++more;
        next();
        EXPECT_TRUE(denied());
    }
    EXPECT_EQ(more, 0) << "within a second";
    now += Seconds(1);
    begin();
    EXPECT_FALSE(denied());
}

TEST_F(PlanCaseTest, ARefusalIsToldWhenPlainCaseIsRefusedToo) {
    begin();
    EXPECT_FALSE(refused());
    next();
    EXPECT_FALSE(refused());
    EXPECT_TRUE(next().give_up);
    EXPECT_EQ(plan->failure(now).text, "peer=westus 10.2.0.10:53 REFUSED");
    EXPECT_TRUE(endpoint().case_works(now));
}

TEST_F(PlanCaseTest, WithoutEdnsIsTriedAfterPlainCase) {
    begin(true);
    const auto formerr = [&] { return reply(exchange::ReplyKind::no_edns, dns::Rcode::formerr); };
    EXPECT_FALSE(formerr());
    EXPECT_TRUE(next().hop_mark);
    EXPECT_FALSE(formerr());
    EXPECT_FALSE(next().hop_mark);
    EXPECT_FALSE(formerr());
    EXPECT_FALSE(next().edns);
    EXPECT_TRUE(data());
    EXPECT_FALSE(endpoint().letter_case().was_compared(now)) << "it was EDNS";
    EXPECT_FALSE(endpoint().edns_works(now));
}

TEST_F(PlanCaseTest, TheOtherEndpointIsAskedWhereOneRefusesBoth) {
    add();
    begin();
    const std::size_t first = step.endpoint;
    refused();
    EXPECT_EQ(next().endpoint, first);
    refused();
    EXPECT_NE(next().endpoint, first);
    EXPECT_TRUE(step.mix_case) << "the other one may take it";
    EXPECT_TRUE(data());
}

TEST_F(PlanCaseTest, AStreamIsNeverInMixedCaseAndNeverDoubted) {
    upstream.options.transport = Protocol::tcp;
    EXPECT_FALSE(begin().mix_case);
    EXPECT_TRUE(denied());
}

}  // namespace
}  // namespace peerzone::upstream
