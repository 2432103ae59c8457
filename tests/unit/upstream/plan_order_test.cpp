// order: listed. Servers that are not equal: the next one is asked only when those before it fail.
#include <gtest/gtest.h>

#include <memory>

#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {
namespace {

struct ListedOrder : testing::Test {
    Time now{Seconds(9000)};
    Upstream upstream;
    EndpointSet set;
    std::unique_ptr<AttemptPlan> plan;
    Step step;

    /// The later ones are the faster ones.
    ListedOrder() {
        upstream.label = "forward=.";
        for (int i = 0; i < 3; ++i) {
            const auto ip = IpAddress::v4(0x0a02000a + static_cast<std::uint32_t>(i));
            set.endpoints.push_back(std::make_shared<Endpoint>(SocketAddress{ip, 53, 0}));
            for (int n = 0; n < 40; ++n)
                at(static_cast<std::size_t>(i)).note_reply(Millis(40 - 15 * i));
            for (int n = 0; n < 3; ++n) at(static_cast<std::size_t>(i)).note_case_changed(now);
        }
        set.places = {0, 1, 2};
    }
    Endpoint& at(std::size_t i) { return *set.endpoints[i]; }
    std::size_t first(std::uint32_t random = 0) {
        plan = std::make_unique<AttemptPlan>(upstream, set, now);
        return next(random);
    }
    std::size_t next(std::uint32_t random = 0) {
        step = plan->next(now, random);
        return step.endpoint;
    }
    bool reply(exchange::ReplyKind kind, dns::Rcode rcode = dns::Rcode::noerror) {
        exchange::CheckedReply checked;
        checked.kind = kind;
        checked.rcode = rcode;
        return plan->on_reply(step, checked, Millis(1), now);
    }
};

TEST_F(ListedOrder, TheFirstIsAskedThoughOthersAreFaster) {
    for (std::uint32_t random = 0; random < 12; ++random) EXPECT_EQ(first(random), 0u);
    EXPECT_TRUE(reply(exchange::ReplyKind::nxdomain, dns::Rcode::nxdomain))
        << "that is its answer, also without SOA";
}

TEST_F(ListedOrder, TheNextOneComesWhenItFails) {
    EXPECT_EQ(first(), 0u);
    EXPECT_FALSE(reply(exchange::ReplyKind::failure, dns::Rcode::servfail));
    EXPECT_EQ(next(), 1u);
    EXPECT_FALSE(reply(exchange::ReplyKind::failure, dns::Rcode::refused));
    EXPECT_EQ(next(), 2u);
    EXPECT_TRUE(reply(exchange::ReplyKind::data));
}

TEST_F(ListedOrder, SilenceIsFollowedDownTheListAndThenFromItsTop) {
    EXPECT_EQ(first(), 0u);
    for (const std::size_t endpoint : {1u, 2u, 0u, 1u}) {
        now += step.timeout;
        plan->on_failure(step, FailureReason::timeout, now);
        EXPECT_EQ(next(7), endpoint);
    }
}

TEST_F(ListedOrder, NobodyWaitsForASuspectOrAPoorOne) {
    for (int n = 0; n < 3; ++n) at(0).note_loss(now);
    EXPECT_EQ(first(), 1u);
    at(1).note_probe(ProbeResult::refused);
    EXPECT_EQ(first(), 2u);
    at(0).note_reply(Millis(40));
    EXPECT_EQ(first(), 0u) << "it is back";
}

TEST_F(ListedOrder, AddressesOfOnePlaceAreEqual) {
    set.places = {0, 0, 1};
    EXPECT_EQ(first(), 1u) << "the faster one";
    now += step.timeout;
    plan->on_failure(step, FailureReason::timeout, now);
    EXPECT_EQ(next(), 0u);
}

}  // namespace
}  // namespace peerzone::upstream
