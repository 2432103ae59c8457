#include "upstream/partition.hpp"

#include <gtest/gtest.h>

namespace peerzone::upstream {
namespace {

using enum UpstreamState;
using Facts = Partition::Facts;

constexpr Facts kAllUp{.endpoints = 2, .up = 2, .heard = 0, .silence_confirmed = false};
constexpr Facts kOneUp{.endpoints = 2, .up = 1, .heard = 0, .silence_confirmed = false};
constexpr Facts kSuspects{.endpoints = 2, .up = 0, .heard = 0, .silence_confirmed = false};
constexpr Facts kSilent{.endpoints = 2, .up = 0, .heard = 0, .silence_confirmed = true};
constexpr Facts kHeard{.endpoints = 2, .up = 1, .heard = 1, .silence_confirmed = false};

struct PartitionTest : testing::Test {
    Time now{Seconds(7000)};
    Partition partition;

    UpstreamState look(const Facts& facts, Duration later = Millis(10)) {
        now += later;
        const UpstreamState before = partition.state();
        const bool changed = partition.look(facts, now);
        EXPECT_EQ(changed, partition.state() != before);
        return partition.state();
    }
    void cut_off() {
        look(kSuspects);
        EXPECT_EQ(look(kSilent), partitioned);
    }
    /// How long a recovery has to hold out until it counts.
    Duration hold() {
        EXPECT_EQ(look(kHeard), recovering);
        return *partition.due() - now;
    }
};

TEST_F(PartitionTest, BeginsHealthyAndStaysSoWhileOneEndpointIsUp) {
    EXPECT_EQ(partition.state(), healthy);
    EXPECT_EQ(look(kAllUp), healthy);
    EXPECT_EQ(look(kOneUp), healthy);
    EXPECT_FALSE(partition.due());
}

TEST_F(PartitionTest, WithoutEndpointsNothingIsKnown) {
    EXPECT_EQ(look({}), healthy);
    cut_off();
    EXPECT_EQ(look({}), partitioned) << "an empty list is no reply";
}

TEST_F(PartitionTest, AllSuspectIsNotYetAPartition) {
    EXPECT_EQ(look(kSuspects), suspect);
    EXPECT_EQ(partition.since(), now);
    EXPECT_EQ(look(kSuspects, Seconds(10)), suspect);
}

TEST_F(PartitionTest, SilenceOfAllProbesIs) {
    look(kSuspects);
    EXPECT_EQ(look(kSilent), partitioned);
    EXPECT_EQ(partition.since(), now);
}

TEST_F(PartitionTest, ConfirmationOfAnEarlierTimeDoesNotSkipSuspicion) {
    EXPECT_EQ(look(kSilent), suspect);
}

TEST_F(PartitionTest, AnyReplyEndsSuspicion) {
    look(kSuspects);
    EXPECT_EQ(look(kOneUp), healthy);
}

TEST_F(PartitionTest, OnlyAUsableReplyEndsAPartition) {
    cut_off();
    EXPECT_EQ(look(kAllUp), partitioned) << "up without a reply: new endpoints, or SERVFAIL";
    EXPECT_EQ(look(kHeard), recovering);
}

TEST_F(PartitionTest, RecoversForASecond) {
    cut_off();
    EXPECT_EQ(hold(), Seconds(1));
    EXPECT_EQ(look(kHeard, Millis(999)), recovering);
    EXPECT_EQ(look(kHeard, Millis(1)), healthy);
}

TEST_F(PartitionTest, ALossOfAllWhileRecoveringGoesBackAtOnce) {
    cut_off();
    look(kHeard);
    EXPECT_EQ(look(kSuspects), partitioned);
    EXPECT_EQ(partition.since(), now);
}

TEST_F(PartitionTest, EachRelapseHasToHoldOutLonger) {
    cut_off();
    for (const int seconds : {1, 2, 4, 8, 16, 16}) {
        EXPECT_EQ(hold(), Seconds(seconds));
        EXPECT_EQ(look(kSuspects), partitioned);
    }
}

TEST_F(PartitionTest, ARelapseSoonAfterHealthCountsToo) {
    cut_off();
    look(kHeard);
    EXPECT_EQ(look(kAllUp, Seconds(1)), healthy);
    now += Seconds(59);
    cut_off();
    EXPECT_EQ(hold(), Seconds(2));
}

TEST_F(PartitionTest, AMinuteOfHealthIsForgiven) {
    cut_off();
    look(kHeard);
    look(kSuspects);
    look(kHeard);
    EXPECT_EQ(look(kAllUp, Seconds(2)), healthy);
    now += Seconds(60);
    cut_off();
    EXPECT_EQ(hold(), Seconds(1));
}

}  // namespace
}  // namespace peerzone::upstream
