// The hop mark in the plan: left out where it is not understood, and for how long.
#include <gtest/gtest.h>

#include "support/upstream_letter_case.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {
namespace {

struct HopMarkTest : testing::Test {
    Time now{Seconds(9000)};
    Upstream upstream;
    EndpointSet set;
    std::unique_ptr<AttemptPlan> plan;
    Step step;

    HopMarkTest() {
        upstream.label = "peer=westus";
        set.endpoints.push_back(
            std::make_shared<Endpoint>(SocketAddress::parse("10.2.0.10", 53).value()));
        test::trust_case(endpoint(), now);
    }
    Endpoint& endpoint() { return *set.endpoints[0]; }
    void begin(bool marks_hops = true) {
        plan = std::make_unique<AttemptPlan>(upstream, set, now, marks_hops);
        next();
    }
    const Step& next() { return step = plan->next(now, 0); }
    void time_out() {
        now += step.timeout;
        plan->on_failure(step, FailureReason::timeout, now);
        next();
    }
    void reply(exchange::ReplyKind kind, dns::Rcode rcode = dns::Rcode::noerror) {
        exchange::CheckedReply checked;
        checked.kind = kind;
        checked.rcode = rcode;
        now += Millis(1);
        if (!plan->on_reply(step, checked, Millis(1), now)) next();
    }
    bool works() { return endpoint().hop_mark_works(now); }
};

TEST_F(HopMarkTest, IsSentWhereItIsWanted) {
    begin();
    EXPECT_TRUE(step.hop_mark);
    begin(false);
    EXPECT_FALSE(step.hop_mark);
}

TEST_F(HopMarkTest, NeedsEdns) {
    endpoint().note_no_edns(now);
    begin();
    EXPECT_FALSE(step.hop_mark);
}

TEST_F(HopMarkTest, IsLeftOutFirstAndEdnsNext) {
    begin();
    reply(exchange::ReplyKind::no_edns, dns::Rcode::formerr);
    EXPECT_FALSE(step.hop_mark);
    EXPECT_TRUE(step.edns);
    reply(exchange::ReplyKind::no_edns, dns::Rcode::formerr);
    EXPECT_FALSE(step.edns);
    reply(exchange::ReplyKind::data);
    EXPECT_FALSE(endpoint().edns_works(now));
    EXPECT_TRUE(works()) << "it was EDNS that did not work";
}

TEST_F(HopMarkTest, WhoRefusesItGetsNoneForTenMinutes) {
    begin();
    reply(exchange::ReplyKind::no_edns, dns::Rcode::badvers);
    EXPECT_TRUE(works()) << "not before the other way has helped";
    reply(exchange::ReplyKind::data);
    EXPECT_FALSE(works());
    begin();
    EXPECT_FALSE(step.hop_mark);
    now += std::chrono::minutes(10);
    begin();
    EXPECT_TRUE(step.hop_mark);
}

TEST_F(HopMarkTest, WhoSaysNothingToItGetsNoneEither) {
    begin();
    time_out();
    EXPECT_FALSE(step.hop_mark);
    reply(exchange::ReplyKind::nodata);
    EXPECT_FALSE(works());
}

TEST_F(HopMarkTest, WhoHasAnsweredItBeforeJustLostOne) {
    begin();
    reply(exchange::ReplyKind::data);
    begin();
    time_out();
    reply(exchange::ReplyKind::data);
    EXPECT_TRUE(works());
}

TEST_F(HopMarkTest, ADeadEndpointSaysNothingAboutIt) {
    begin();
    while (!step.give_up) time_out();
    EXPECT_TRUE(works());
}

TEST_F(HopMarkTest, OverAStreamToo) {
    upstream.options.transport = Protocol::tls;
    begin();
    EXPECT_EQ(step.protocol, Protocol::tls);
    EXPECT_TRUE(step.hop_mark);
}

}  // namespace
}  // namespace peerzone::upstream
