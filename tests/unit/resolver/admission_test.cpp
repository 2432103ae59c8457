// Who may wait, who is refused, and who gives way.
#include "resolver/admission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/dns_reply.hpp"

namespace peerzone::resolver {
namespace {

using ::testing::HasSubstr;

struct Admitting : ::testing::Test {
    Admission admission;
    std::shared_ptr<Snapshot> snapshot = std::make_shared<Snapshot>();
    upstream::Upstream west;
    upstream::Upstream north;
    Time now = Clock::now();
    struct Sink final : ReplySink {
        void deliver(const ReplyTo& /*to*/, Bytes /*reply*/) noexcept override {}
    } sink;

    Admitting() {
        west.label = "peer=west";
        north.id = 1;
        north.label = "peer=north";
        snapshot->limits.in_flight_per_upstream_max = 2;
    }
    Waiter waiter(const std::string& name, const std::string& client = "10.1.0.1") {
        Waiter made{.to = {}, .request = {}, .since = now};
        made.to.sink = &sink;
        made.request.client = IpAddress::parse(client).value();
        made.request.query = testing::query_of(testing::question(name, 1));
        return made;
    }
    Admission::Entry enter(const std::string& name, const std::string& client = "10.1.0.1") {
        Waiter made = waiter(name, client);
        EXPECT_FALSE(admission.admit_client(made, west, snapshot->limits, now));
        return admission.enter(made, west, snapshot, now);
    }
};

TEST_F(Admitting, EqualQuestionsShareOneExchange) {
    const auto first = enter("a.west");
    EXPECT_EQ(first.join, Join::started);
    const auto second = enter("A.west", "10.1.0.2");
    EXPECT_EQ(second.join, Join::joined);
    EXPECT_EQ(second.pending, first.pending);
    EXPECT_EQ(first.pending->clients(), 2u);
}

TEST_F(Admitting, TheHeaviestClientGivesWay) {
    enter("a.west");
    enter("b.west");
    const auto third = enter("c.west", "10.1.0.2");
    EXPECT_EQ(third.join, Join::started);
    ASSERT_EQ(third.displaced.waiters.size(), 1u);
    EXPECT_EQ(third.displaced.waiters[0].request.client.to_text(), "10.1.0.1");
    EXPECT_EQ(third.displaced.snapshot, snapshot);
    EXPECT_EQ(third.displaced.why,
              "peer=west too many questions in flight, most of them of this client "
              "(limits.in_flight_per_upstream_max)");
}

TEST_F(Admitting, AClientThatHasMostIsRefusedItself) {
    enter("a.west");
    enter("b.west");
    const auto third = enter("c.west");
    EXPECT_EQ(third.join, Join::too_many_in_flight);
    EXPECT_TRUE(third.displaced.waiters.empty());
    const auto refusal = Admission::refusal_of(third.join, west);
    EXPECT_EQ(refusal.count, metrics::Count::shed_in_flight);
    EXPECT_THAT(refusal.text, HasSubstr("peer=west too many questions in flight"));
}

TEST_F(Admitting, AliasesMoveAQueryToAnotherUpstreamsShare) {
    const auto first = enter("a.west");
    EXPECT_EQ(admission.move(*first.pending, north, now).join, Join::joined);
    EXPECT_EQ(admission.table().in_flight(west.id), 0u);
    EXPECT_EQ(admission.table().in_flight(north.id), 1u);
}

TEST_F(Admitting, OneClientWaitsForSoManyAnswers) {
    snapshot->limits.in_flight_per_client_max = 1;
    enter("a.west");
    Waiter second = waiter("b.west");
    const auto refusal = admission.admit_client(second, west, snapshot->limits, now);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->count, metrics::Count::shed_client_in_flight);
    EXPECT_THAT(refusal->text, HasSubstr("limits.in_flight_per_client_max"));
    Waiter other = waiter("b.west", "10.1.0.2");
    EXPECT_FALSE(admission.admit_client(other, west, snapshot->limits, now));
}

}  // namespace
}  // namespace peerzone::resolver
