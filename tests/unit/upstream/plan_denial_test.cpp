// Denials that prove nothing, as the plan sees them: which endpoint it asks next, and what it says
// in the end.
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "peerzone/upstream/failure.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {
namespace {

struct PlanDenial : testing::Test {
    Time now{Seconds(9000)};
    Upstream upstream;
    EndpointSet set;
    std::unique_ptr<AttemptPlan> plan;
    Step step;

    void endpoints(unsigned count) {
        upstream.label = "peer=westus";
        for (unsigned i = 0; i < count; ++i)
            set.endpoints.push_back(
                std::make_shared<Endpoint>(SocketAddress{IpAddress::v4(0x0a02000a + i), 53, 0}));
        for (const auto& endpoint : set.endpoints)  // letter case is not what this is about
            for (int n = 0; n < 3; ++n) endpoint->note_case_changed(now);
        plan = std::make_unique<AttemptPlan>(upstream, set, now);
        step = plan->next(now, 0);
    }
    void next() { step = plan->next(now, 0); }
    bool reply(const exchange::CheckedReply& checked) {
        now += Millis(1);
        return plan->on_reply(step, checked, Millis(1), now);
    }
    static exchange::CheckedReply bare(dns::Rcode rcode = dns::Rcode::nxdomain) {
        exchange::CheckedReply checked;
        checked.kind = rcode == dns::Rcode::nxdomain ? exchange::ReplyKind::nxdomain
                                                     : exchange::ReplyKind::nodata;
        checked.rcode = rcode;
        return checked;
    }
    static exchange::CheckedReply proven() {
        exchange::CheckedReply checked = bare();
        checked.has_soa = true;
        return checked;
    }
    static exchange::CheckedReply lame() {
        exchange::CheckedReply checked = bare();
        checked.kind = exchange::ReplyKind::lame;
        checked.foreign_soa = true;
        return checked;
    }
    static exchange::CheckedReply data() {
        exchange::CheckedReply checked;
        checked.kind = exchange::ReplyKind::data;
        return checked;
    }
    std::string failure() const {
        const Failure f = plan->failure(now);
        return std::to_string(f.code) + " " + f.text;
    }
    Endpoint& asked() { return *set.endpoints[step.endpoint]; }
};

TEST_F(PlanDenial, ALameReplyMovesOnAndIsNoSignOfHealth) {
    endpoints(2);
    const Endpoint& first = asked();
    EXPECT_FALSE(reply(lame()));
    EXPECT_FALSE(first.last_reply()) << "not usable";
    EXPECT_EQ(first.smoothed_rtt(), Millis(1)) << "but it replies";
    next();
    ASSERT_FALSE(step.give_up);
    EXPECT_NE(&asked(), &first);
    EXPECT_TRUE(reply(data()));
}

TEST_F(PlanDenial, WhereAllAreLameItSaysSo) {
    endpoints(2);
    EXPECT_FALSE(reply(lame()));
    next();
    EXPECT_FALSE(reply(lame()));
    next();
    EXPECT_TRUE(step.give_up);
    EXPECT_FALSE(plan->doubt());
    EXPECT_EQ(failure(), "20 peer=westus 10.2.0.11:53 lame reply: NXDOMAIN with the SOA of .");
}

TEST_F(PlanDenial, ADenialWithoutSoaIsAskedOnceElsewhere) {
    endpoints(3);
    const std::size_t first = step.endpoint;
    EXPECT_FALSE(reply(bare()));
    EXPECT_TRUE(set.endpoints[first]->last_reply()) << "usable";
    next();
    ASSERT_FALSE(step.give_up);
    EXPECT_NE(step.endpoint, first);
    EXPECT_TRUE(reply(bare())) << "two say so: it is passed on";
}

TEST_F(PlanDenial, WhatTheOtherEndpointSaysWins) {
    for (const exchange::CheckedReply& better : {data(), proven()}) {
        set.endpoints.clear();
        endpoints(2);
        EXPECT_FALSE(reply(bare()));
        next();
        EXPECT_TRUE(reply(better));
    }
}

TEST_F(PlanDenial, WhereTheOtherEndpointIsOfNoHelpTheDenialStands) {
    const auto timeout = [this] {
        now += step.timeout;
        plan->on_failure(step, FailureReason::timeout, now);
    };
    const auto servfail = [this] {
        exchange::CheckedReply checked;
        checked.kind = exchange::ReplyKind::failure;
        checked.rcode = dns::Rcode::servfail;
        EXPECT_FALSE(reply(checked));
    };
    const auto is_lame = [this] { EXPECT_FALSE(reply(lame())); };
    for (const std::function<void()>& ends :
         {std::function<void()>(timeout), std::function<void()>(servfail),
          std::function<void()>(is_lame)}) {
        set.endpoints.clear();
        endpoints(3);
        EXPECT_FALSE(reply(bare(dns::Rcode::noerror)));
        next();
        ASSERT_FALSE(step.give_up);
        ends();
        next();
        EXPECT_TRUE(step.give_up) << "one other endpoint, once";
        EXPECT_EQ(plan->doubt(), dns::Rcode::noerror);
    }
}

TEST_F(PlanDenial, NobodyWaitsForASuspectOneToConfirmIt) {
    endpoints(2);
    const std::size_t other = 1 - step.endpoint;
    for (int i = 0; i < 3; ++i) set.endpoints[other]->note_loss(now);
    EXPECT_TRUE(reply(bare()));
}

TEST_F(PlanDenial, ACutReplyOfTheOtherEndpointIsAskedOverAStream) {
    endpoints(2);
    EXPECT_FALSE(reply(bare()));
    next();
    const std::size_t other = step.endpoint;
    exchange::CheckedReply cut;
    cut.kind = exchange::ReplyKind::truncated;
    EXPECT_FALSE(reply(cut));
    next();
    ASSERT_FALSE(step.give_up);
    EXPECT_EQ(step.endpoint, other);
    EXPECT_EQ(step.protocol, Protocol::tcp);
    EXPECT_TRUE(reply(data()));
}

TEST_F(PlanDenial, AfterALameReplyOneDenialIsEnough) {
    endpoints(3);
    EXPECT_FALSE(reply(lame()));
    next();
    EXPECT_TRUE(reply(bare()));
}

TEST_F(PlanDenial, DataShowThatAnEndpointHasTheZoneUntilItIsAwayOrLame) {
    endpoints(1);
    Endpoint& endpoint = asked();
    EXPECT_FALSE(endpoint.has_zone());
    EXPECT_TRUE(reply(proven()));
    EXPECT_FALSE(endpoint.has_zone()) << "anybody can deny";
    exchange::CheckedReply alias = bare(dns::Rcode::noerror);
    alias.links = 1;
    note_zone(endpoint, alias);
    EXPECT_TRUE(endpoint.has_zone());
    for (int i = 0; i < 3; ++i) endpoint.note_loss(now);
    EXPECT_FALSE(endpoint.has_zone()) << "who comes back may be another";
    note_zone(endpoint, data());
    EXPECT_TRUE(endpoint.has_zone());
    note_zone(endpoint, lame());
    EXPECT_FALSE(endpoint.has_zone());
}

TEST_F(PlanDenial, TheDeadlineOfAChaseBoundsAQuestion) {
    upstream.options.deadline = Millis(1000);
    endpoints(1);
    EXPECT_EQ(plan->deadline(), now + Millis(1000));
    EXPECT_EQ(AttemptPlan(upstream, set, now, false, now + Millis(300)).deadline(),
              now + Millis(300));
    EXPECT_EQ(AttemptPlan(upstream, set, now, false, now + Millis(3000)).deadline(),
              now + Millis(1000));
}

}  // namespace
}  // namespace peerzone::upstream
