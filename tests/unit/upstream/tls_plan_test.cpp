// The plan of a question that goes over TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {
namespace {

struct TlsPlanTest : testing::Test {
    Time now{Seconds(9000)};
    Upstream upstream;
    EndpointSet set;
    std::unique_ptr<AttemptPlan> plan;
    Step step;

    TlsPlanTest() {
        upstream.label = "peer=westus";
        upstream.options.transport = Protocol::tls;
    }
    void endpoints(int count) {
        for (int i = 0; i < count; ++i)
            set.endpoints.push_back(std::make_shared<Endpoint>(
                SocketAddress{IpAddress::v4(0x0a02000a + static_cast<std::uint32_t>(i)), 853, 0}));
        plan = std::make_unique<AttemptPlan>(upstream, set, now);
    }
    const Step& next() { return step = plan->next(now, 0); }
    std::string failure() {
        EXPECT_TRUE(next().give_up);
        const Failure f = plan->failure(now);
        return std::to_string(f.code) + " " + f.text;
    }
};

TEST_F(TlsPlanTest, EveryAttemptGoesOverTlsWhateverTheEndpointDoes) {
    endpoints(2);
    for (const auto& endpoint : set.endpoints) {
        endpoint->note_no_stream(now);
        for (int i = 0; i < 3; ++i) endpoint->note_loss(now);
    }
    int attempts = 0;
    while (!next().give_up) {
        ++attempts;
        EXPECT_EQ(step.protocol, Protocol::tls);
        if (step.copy_to != Step::kNone) {
            EXPECT_EQ(step.copy_wire, Protocol::tls);
        }
        EXPECT_FALSE(step.mix_case);
        now += step.timeout;
        plan->on_failure(step, FailureReason::timeout, now);
    }
    EXPECT_GE(attempts, 2);
    EXPECT_LE(attempts, 6);
}

TEST_F(TlsPlanTest, AnAttemptLeavesTimeForTheHandshake) {
    endpoints(2);
    set.endpoints[0]->note_reply(Millis(1), Protocol::tls);
    set.endpoints[1]->note_reply(Millis(1), Protocol::tls);
    EXPECT_GE(next().timeout, Millis(400));
    EXPECT_LE(step.timeout, upstream.options.deadline);
    upstream.options.deadline = Millis(250);
    plan = std::make_unique<AttemptPlan>(upstream, set, now);
    EXPECT_LE(next().timeout, Millis(250));
}

TEST_F(TlsPlanTest, AFailureOfTlsSaysWhyAndIsNotRepeated) {
    endpoints(1);
    next();
    const std::string why = "certificate is for dns.eastus.example, not dns.westus.example";
    plan->on_failure(step, FailureReason::untrusted, now, &why);
    EXPECT_EQ(failure(), "23 peer=westus 10.2.0.10:853 tls: " + why);
    EXPECT_FALSE(plan->failure(now).ours);
}

TEST_F(TlsPlanTest, ItCountsAsALossAndTheOtherEndpointComesFirst) {
    endpoints(2);
    const std::string why = "certificate expired 2026-01-01";
    next();
    const std::size_t bad = step.endpoint;
    plan->on_failure(step, FailureReason::untrusted, now, &why);
    EXPECT_NE(next().endpoint, bad);
    for (int i = 0; i < 2; ++i) {
        plan = std::make_unique<AttemptPlan>(upstream, set, now);
        EXPECT_NE(next().endpoint, bad) << "remembered from the last question";
        set.endpoints[bad]->note_loss(now);
    }
    EXPECT_TRUE(set.endpoints[bad]->is_suspect());
}

TEST_F(TlsPlanTest, ItTellsMoreThanATimeoutOfAnotherEndpoint) {
    endpoints(2);
    const std::string why = "certificate expired 2026-01-01";
    next();
    const std::string place = set.endpoints[step.endpoint]->address().to_text();
    plan->on_failure(step, FailureReason::untrusted, now, &why);
    while (!next().give_up) {
        now += step.timeout;
        plan->on_failure(step, FailureReason::timeout, now);
    }
    EXPECT_EQ(failure(), "23 peer=westus " + place + " tls: " + why);
}

TEST_F(TlsPlanTest, ACutReplyOverTlsMeansNothing) {
    endpoints(1);
    next();
    exchange::CheckedReply cut;
    cut.kind = exchange::ReplyKind::truncated;
    EXPECT_FALSE(plan->on_reply(step, cut, Millis(1), now));
    EXPECT_EQ(failure(), "24 peer=westus 10.2.0.10:853 tls invalid reply");
}

TEST_F(TlsPlanTest, SilenceNamesTheTransport) {
    endpoints(1);
    while (!next().give_up) {
        now += step.timeout;
        plan->on_failure(step, FailureReason::timeout, now);
    }
    EXPECT_THAT(failure(), testing::MatchesRegex("22 peer=westus no endpoint answered .0/1., last "
                                                 "10.2.0.10:853 tls timeout [0-9]+ms"));
}

}  // namespace
}  // namespace peerzone::upstream
