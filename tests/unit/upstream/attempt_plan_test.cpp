// The plan as scripts: whom it asks, when it moves on, and when an endpoint is lost.
#include <map>
#include <set>

#include "unit/upstream/plan_fixture.hpp"

namespace peerzone::upstream {
namespace {

TEST_F(PlanTest, AsksOverUdpWithEdnsAndMixedCaseFirst) {
    endpoints({0});
    next();
    EXPECT_FALSE(step.give_up);
    EXPECT_EQ(step.endpoint, 0u);
    EXPECT_EQ(step.protocol, Protocol::udp);
    EXPECT_TRUE(step.edns);
    EXPECT_TRUE(step.mix_case);
    EXPECT_EQ(step.timeout, Millis(200));
    EXPECT_EQ(step.copy_to, Step::kNone);
}

TEST_F(PlanTest, DataNodataAndNxdomainAreAnswers) {
    for (const exchange::ReplyKind kind :
         {exchange::ReplyKind::data, exchange::ReplyKind::nodata, exchange::ReplyKind::nxdomain}) {
        set.endpoints.clear();
        endpoints({0});
        begin();
        next();
        EXPECT_TRUE(reply(kind));
        EXPECT_EQ(at(0).smoothed_rtt(), Millis(1));
    }
}

TEST_F(PlanTest, WithoutEndpointsItSaysWhy) {
    EXPECT_EQ(failure(), "22 peer=westus has no endpoints");
    set.pending = "dns.example.com: not resolved yet";
    begin();
    EXPECT_EQ(failure(), "22 peer=westus dns.example.com: not resolved yet");
}

TEST_F(PlanTest, PicksAnyOfTheBestBandAndNoneOutsideIt) {
    endpoints({10, 12, 30});
    std::set<std::size_t> seen;
    for (std::uint32_t random = 0; random < 20; ++random) {
        begin();
        seen.insert(next(random).endpoint);
    }
    EXPECT_EQ(seen, (std::set<std::size_t>{0, 1}));
}

TEST_F(PlanTest, AnEndpointThatWasNeverMeasuredGetsTried) {
    endpoints({10, 300, 0});
    std::set<std::size_t> seen;
    for (std::uint32_t random = 0; random < 20; ++random) {
        begin();
        seen.insert(next(random).endpoint);
    }
    EXPECT_EQ(seen, (std::set<std::size_t>{0, 2}));
}

TEST_F(PlanTest, EveryRandomNumberIsFine) {
    endpoints({0, 0, 0});
    std::map<std::size_t, int> seen;
    for (std::uint32_t i = 0; i < 300; ++i) {
        begin();
        ++seen[next(0xffffffff - i).endpoint];
    }
    EXPECT_EQ(seen.size(), 3u);
    for (const auto& [endpoint, times] : seen) EXPECT_EQ(times, 100) << endpoint;
}

TEST_F(PlanTest, ATimeoutMovesOnToTheNextEndpoint) {
    endpoints({10, 100});
    EXPECT_EQ(next().endpoint, 0u);
    EXPECT_EQ(step.timeout, at(0).attempt_timeout());
    time_out();
    EXPECT_EQ(next().endpoint, 1u);
    EXPECT_TRUE(reply(exchange::ReplyKind::data));
}

TEST_F(PlanTest, RepeatedTriesDoubleTheTimeoutUpTo400) {
    upstream.options.transport = Protocol::udp;
    upstream.options.deadline = Millis(4000);
    endpoints({0, 0});
    std::map<std::size_t, std::vector<Duration>> waits;
    while (!next().give_up) {
        waits[step.endpoint].push_back(step.timeout);
        time_out();
    }
    ASSERT_EQ(waits[0].size(), 3u) << "at most three tries (RFC 9520)";
    ASSERT_EQ(waits[1].size(), 3u);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(waits[i][0], Millis(200));
        EXPECT_EQ(waits[i][1], Millis(400));
    }
    EXPECT_EQ(std::min(waits[0][2], waits[1][2]), Millis(400));
}

TEST_F(PlanTest, AfterThreeTimeOutsTheRepliesAreWaitedForUntilTheDeadline) {
    upstream.options.transport = Protocol::udp;
    endpoints({2});
    const Time start = now;
    EXPECT_EQ(next().timeout, Millis(40));
    const Step first = step;
    time_out();
    EXPECT_EQ(next().timeout, Millis(80));
    time_out();
    EXPECT_EQ(next().timeout, Millis(160));
    time_out();
    EXPECT_TRUE(next().give_up);
    EXPECT_TRUE(plan->may_wait_for(first, now)) << "a forwarder may be slow over one name";
    exchange::CheckedReply late;
    late.kind = exchange::ReplyKind::data;
    now = start + Millis(1790);
    EXPECT_TRUE(plan->on_reply(first, late, now - start, now));
    EXPECT_FALSE(plan->may_wait_for(first, start + Millis(1800)));
}

TEST_F(PlanTest, TheTimeoutFollowsASlowEndpointUpToHalfOfTheDeadline) {
    endpoints({700});
    EXPECT_EQ(next().timeout, Millis(705));
    set.endpoints.clear();
    endpoints({1500});
    begin();
    EXPECT_EQ(next().timeout, Millis(900));
}

TEST_F(PlanTest, ATimeOutIsNoLossBeforeTheEndpointIsSilent) {
    endpoints({10});
    at(0).note_reply(Millis(300));
    for (int question = 0; question < 5; ++question) {
        begin();
        next();
        plan->on_failure(step, FailureReason::timeout, now);
    }
    EXPECT_FALSE(at(0).is_suspect());
    EXPECT_EQ(at(0).silent_after(), Millis(600));
}

TEST_F(PlanTest, ALateFailureEndsTheWaitForThatEndpoint) {
    endpoints({2});
    next();
    const Step first = step;
    time_out();
    next();
    time_out();
    exchange::CheckedReply late;
    late.kind = exchange::ReplyKind::failure;
    late.rcode = dns::Rcode::servfail;
    EXPECT_FALSE(plan->on_reply(first, late, Millis(500), now));
    EXPECT_FALSE(plan->may_wait_for(step, now));
    EXPECT_EQ(failure(), "0 peer=westus 10.2.0.10:53 SERVFAIL");
}

// The "no" is told at once, though the other endpoint has not been asked: it would not reply.
TEST_F(PlanTest, WhereOneSaysNoASuspectOneIsNotWaitedFor) {
    endpoints({10, 10});
    make_suspect(1);
    EXPECT_EQ(next().endpoint, 0u);
    reply(exchange::ReplyKind::failure, dns::Rcode::refused);
    EXPECT_EQ(failure(), "20 peer=westus 10.2.0.10:53 REFUSED");
}

TEST_F(PlanTest, NorIsOneThatBecomesSuspectMeanwhile) {
    endpoints({10, 10});
    at(0).note_loss(now);
    at(0).note_loss(now);
    EXPECT_EQ(next(0).endpoint, 0u);
    const Step first = step;
    EXPECT_TRUE(time_out()) << "the third loss in a row";
    EXPECT_EQ(next().endpoint, 1u);
    EXPECT_TRUE(plan->may_wait_for(first, now)) << "nobody has said no yet";
    reply(exchange::ReplyKind::failure, dns::Rcode::refused);
    EXPECT_TRUE(next().give_up);
    EXPECT_FALSE(plan->may_wait_for(first, now));
}

TEST_F(PlanTest, RefusedPortsOverUdpAreCountedByTheEndpointAlone) {
    upstream.options.transport = Protocol::udp;
    endpoints({10});
    for (int question = 0; question < 5; ++question) {
        begin();
        next();
        fault(FailureReason::refused);
        EXPECT_TRUE(next().give_up);
    }
    EXPECT_FALSE(at(0).is_suspect());
}

TEST_F(PlanTest, NeverGoesPastTheDeadline) {
    for (const auto transport : std::initializer_list<std::optional<Protocol>>{
             std::nullopt, Protocol::udp, Protocol::tcp}) {
        upstream.options.transport = transport;
        upstream.options.deadline = Millis(1000);
        set.endpoints.clear();
        endpoints({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        const Time start = now;
        begin();
        EXPECT_NE(silence(), "");
        EXPECT_LE(now, start + Millis(1000));
        EXPECT_GE(now, start + Millis(990));
        plan.reset();
    }
}

TEST_F(PlanTest, AnAttemptThatTheDeadlineCutShortIsNoLoss) {
    upstream.options.deadline = Millis(150);
    endpoints({0});
    EXPECT_EQ(next().timeout, Millis(75));
    EXPECT_FALSE(time_out());
    for (int i = 0; i < 2; ++i) at(0).note_loss(now);
    EXPECT_FALSE(at(0).is_suspect());
}

TEST_F(PlanTest, AQuestionCountsAsOneLossHoweverOftenItIsRepeated) {
    endpoints({10});
    silence();
    EXPECT_FALSE(at(0).is_suspect());
    begin();
    silence();
    EXPECT_FALSE(at(0).is_suspect());
    begin();
    silence();
    EXPECT_TRUE(at(0).is_suspect());
}

TEST_F(PlanTest, TellsWhenAnEndpointBecomesSuspect) {
    endpoints({10, 10});
    at(0).note_loss(now);
    at(0).note_loss(now);
    while (next().endpoint != 0) time_out();
    plan->on_failure(step, FailureReason::timeout, now);
    EXPECT_TRUE(plan->on_silence(step, now));
    EXPECT_TRUE(at(0).is_suspect());
}

TEST_F(PlanTest, NoQuestionWaitsForASuspectEndpointWhileAnotherIsThere) {
    endpoints({1, 300, 300});
    make_suspect(0);
    for (std::uint32_t random = 0; random < 9; ++random) {
        begin();
        EXPECT_NE(next(random).endpoint, 0u);
    }
}

TEST_F(PlanTest, ASuspectEndpointIsAskedWhenTheOthersAreSilent) {
    endpoints({10, 10});
    make_suspect(0);
    EXPECT_EQ(silence().substr(0, 11), "1u 1u 0u 0u");
}

TEST_F(PlanTest, WithOnlySuspectEndpointsTheyAreAsked) {
    endpoints({10, 10});
    make_suspect(0);
    make_suspect(1);
    now += Seconds(3);
    EXPECT_FALSE(next().give_up);
    EXPECT_EQ(step.copy_to, Step::kNone) << "the question itself is the try";
}

TEST_F(PlanTest, OneCopyGoesToASuspectEndpointThatIsDue) {
    endpoints({10, 10, 10});
    make_suspect(1);
    EXPECT_EQ(next().copy_to, Step::kNone) << "too early";
    now += Millis(250);
    begin();
    EXPECT_EQ(next().copy_to, 1u);
    EXPECT_EQ(step.copy_wire, Protocol::udp);
    EXPECT_NE(step.endpoint, 1u);
    time_out();
    EXPECT_EQ(next().copy_to, Step::kNone) << "one per question";
    begin();
    EXPECT_EQ(next().copy_to, Step::kNone) << "and the next is not due";
}

}  // namespace
}  // namespace peerzone::upstream
