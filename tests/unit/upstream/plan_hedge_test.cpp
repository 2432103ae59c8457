// Hedges in the plan: after how long, to which endpoint, and what comes of them. And their budget.
#include <gtest/gtest.h>

#include <set>

#include "peerzone/upstream/hedge_budget.hpp"
#include "support/upstream_letter_case.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {
namespace {

struct HedgeTest : testing::Test {
    Time now{Seconds(9000)};
    Upstream upstream;
    EndpointSet set;
    std::unique_ptr<AttemptPlan> plan;
    Step step;

    HedgeTest() { upstream.label = "peer=westus"; }

    void add(int rtt_ms, double slow_share = 0) {
        const auto ip =
            IpAddress::v4(0x0a02000a + static_cast<std::uint32_t>(set.endpoints.size()));
        set.endpoints.push_back(std::make_shared<Endpoint>(SocketAddress{ip, 53, 0}));
        test::trust_case(*set.endpoints.back(), now);
        for (int i = 1; rtt_ms > 0 && i <= 400; ++i) {
            const bool slow = slow_share > 0 && i % static_cast<int>(1 / slow_share) == 0;
            set.endpoints.back()->note_reply(Millis(slow ? rtt_ms + 300 : rtt_ms));
        }
    }
    Endpoint& at(std::size_t i) { return *set.endpoints[i]; }
    void begin(std::uint32_t random = 0) {
        plan = std::make_unique<AttemptPlan>(upstream, set, now);
        step = plan->next(now, random);
    }
    Step hedge(std::uint32_t random = 0) {
        now += Millis(20);
        return plan->hedge(now, random);
    }
    static exchange::CheckedReply checked(exchange::ReplyKind kind,
                                          dns::Rcode rcode = dns::Rcode::noerror) {
        exchange::CheckedReply reply;
        reply.kind = kind;
        reply.rcode = rcode;
        return reply;
    }
    double after_ms() const {
        return std::chrono::duration<double, std::milli>(step.hedge_after).count();
    }
    static constexpr Duration kNever = Duration::max();
};

TEST_F(HedgeTest, AfterALittleMoreThanTheP95) {
    add(20);
    add(20);
    begin();
    EXPECT_NEAR(after_ms(), 20 * 1.125 + 1, 0.5);
}

TEST_F(HedgeTest, NeverWhereTheyAreOff) {
    add(20);
    add(20);
    upstream.options.hedge = false;
    begin();
    EXPECT_EQ(step.hedge_after, kNever);
}

TEST_F(HedgeTest, AnEndpointThatIsOftenSlowIsNotTheMeasure) {
    add(20, 0.1);
    add(20);
    for (int i = 0; i < 40; ++i) at(0).note_reply(Millis(20));
    EXPECT_GT(at(0).p95(), Millis(100));
    for (std::uint32_t random = 0; random < 2; ++random) {
        begin(random);
        EXPECT_NEAR(after_ms(), 20 * 1.125 + 1, 0.5);
    }
}

TEST_F(HedgeTest, NoneWithoutAnotherEndpoint) {
    add(20);
    begin();
    EXPECT_EQ(step.hedge_after, kNever);
    add(20);
    for (int i = 0; i < 3; ++i) at(1).note_loss(now);
    begin();
    EXPECT_EQ(step.hedge_after, kNever) << "suspect";
}

TEST_F(HedgeTest, NoneToWhoRepliesWithNothingOfUse) {
    add(20);
    add(20);
    at(1).note_probe(ProbeResult::refused);
    begin();
    EXPECT_EQ(step.hedge_after, kNever);
}

// order: listed. What takes longer than usual has not failed.
TEST_F(HedgeTest, NoneToALaterPlaceInTheList) {
    add(20);
    add(20);
    add(20);
    set.places = {0, 1, 1};
    for (std::uint32_t random = 0; random < 6; ++random) {
        begin(random);
        EXPECT_EQ(step.endpoint, 0u);
        EXPECT_EQ(step.hedge_after, kNever);
        EXPECT_TRUE(hedge(random).give_up);
    }
    set.places = {0, 0, 1};
    for (std::uint32_t random = 0; random < 6; ++random) {
        begin(random);
        EXPECT_NE(step.hedge_after, kNever) << "two addresses of one name";
        EXPECT_EQ(hedge(random).endpoint, 1 - step.endpoint);
    }
}

TEST_F(HedgeTest, NoneAtFirstContact) {
    add(0);
    add(0);
    begin();
    EXPECT_EQ(step.hedge_after, kNever);
}

TEST_F(HedgeTest, NoneWhereTheTimeoutComesFirst) {
    add(390);
    add(390);
    begin();
    EXPECT_EQ(step.hedge_after, kNever);
}

TEST_F(HedgeTest, OnlyForTheFirstAttempt) {
    add(20);
    add(20);
    begin();
    plan->on_failure(step, FailureReason::refused, now);
    EXPECT_EQ(plan->next(now, 0).hedge_after, kNever);
}

TEST_F(HedgeTest, GoesToAnotherOneOfTheBest) {
    add(20);
    add(20);
    add(20);
    add(200);
    std::set<std::size_t> seen;
    for (std::uint32_t random = 0; random < 12; ++random) {
        begin(random % 3);
        const Step second = hedge(random / 3);
        ASSERT_FALSE(second.give_up);
        EXPECT_NE(second.endpoint, step.endpoint);
        EXPECT_GE(second.timeout, Millis(40));
        seen.insert(second.endpoint);
    }
    EXPECT_EQ(seen, (std::set<std::size_t>{0, 1, 2}));
}

TEST_F(HedgeTest, OrToTheNextBest) {
    add(20);
    add(200);
    begin();
    EXPECT_EQ(step.endpoint, 0u);
    EXPECT_EQ(hedge().endpoint, 1u);
}

TEST_F(HedgeTest, NotBeyondTheDeadline) {
    add(20);
    add(20);
    begin();
    now += Millis(1700);
    EXPECT_LE(hedge().timeout, Millis(80));
    begin();
    now += Millis(1796);
    EXPECT_TRUE(plan->hedge(now, 0).give_up);
}

TEST_F(HedgeTest, ItsReplyIsTheAnswer) {
    add(20);
    add(20);
    begin();
    const Step second = hedge();
    EXPECT_TRUE(plan->on_reply(second, checked(exchange::ReplyKind::data), Millis(21), now));
    EXPECT_EQ(at(second.endpoint).stats().replies(), 1u);
    EXPECT_EQ(at(step.endpoint).stats().replies(), 0u);
}

TEST_F(HedgeTest, AFailureThereIsToldWhenTheFirstOneSaysNothing) {
    add(20);
    add(20);
    begin();
    const Step second = hedge();
    EXPECT_FALSE(plan->on_reply(second, checked(exchange::ReplyKind::failure, dns::Rcode::servfail),
                                Millis(20), now));
    plan->on_failure(step, FailureReason::refused, now);
    for (Step next = plan->next(now, 0); !next.give_up; next = plan->next(now, 0)) {
        EXPECT_NE(next.endpoint, second.endpoint) << "its answer was no use";
        plan->on_failure(next, FailureReason::refused, now);
    }
    EXPECT_EQ(plan->failure(now).text,
              "peer=westus " + at(second.endpoint).address().to_text() + " SERVFAIL");
}

TEST_F(HedgeTest, ALossThereCountsOncePerQuestion) {
    add(20);
    add(20);
    for (int question = 0; question < 3; ++question) {
        begin(0);
        const Step second = hedge();
        ASSERT_EQ(second.endpoint, 1u);
        plan->on_failure(second, FailureReason::timeout, now + second.timeout);
        EXPECT_EQ(plan->on_silence(second, now + second.timeout), question == 2);
        EXPECT_FALSE(plan->on_silence(second, now + second.timeout)) << "once";
        plan->on_reply(step, checked(exchange::ReplyKind::data), Millis(20), now);
    }
    EXPECT_TRUE(at(1).is_suspect());
    EXPECT_FALSE(at(0).is_suspect());
}

TEST_F(HedgeTest, ACutReplySendsTheNextAttemptThereOverTcp) {
    add(20);
    add(20);
    begin();
    const Step second = hedge();
    EXPECT_FALSE(plan->on_reply(second, checked(exchange::ReplyKind::truncated), Millis(20), now));
    plan->on_failure(step, FailureReason::timeout, now);
    const Step third = plan->next(now, 0);
    EXPECT_EQ(third.endpoint, second.endpoint);
    EXPECT_EQ(third.protocol, Protocol::tcp);
}

TEST(HedgeBudget, OneForTwentyQuestions) {
    HedgeBudget budget;
    EXPECT_FALSE(budget.take());
    int taken = 0;
    for (int i = 0; i < 1000; ++i) {
        budget.earn();
        taken += budget.take() ? 1 : 0;
    }
    EXPECT_EQ(taken, 50);
}

TEST(HedgeBudget, SavesUpForABurstOfTwenty) {
    HedgeBudget budget;
    for (int i = 0; i < 100000; ++i) budget.earn();
    int taken = 0;
    while (budget.take()) ++taken;
    EXPECT_EQ(taken, 20);
}

}  // namespace
}  // namespace peerzone::upstream
