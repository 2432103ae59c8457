#include "probe/partition.hpp"

#include <gtest/gtest.h>

namespace peerzone::probe {
namespace {

using enum upstream::UpstreamState;
using Facts = Partition::Facts;

Facts facts(std::size_t up, std::size_t usable, std::size_t poor, std::size_t heard = 0) {
    return {.endpoints = 2,
            .up = up,
            .usable = usable,
            .unusable = poor,
            .heard = heard,
            .silence_confirmed = false,
            .deaf_since = {}};
}
const Facts kAllUp = facts(2, 2, 0);
const Facts kOneUp = facts(1, 1, 0);
const Facts kNew = facts(2, 0, 0);
const Facts kUnusable = facts(2, 0, 2);
const Facts kSuspects = facts(0, 0, 0);
const Facts kHeard = facts(1, 1, 0, 1);
const Facts kSilent = [] {
    Facts silent = kSuspects;
    silent.silence_confirmed = true;
    return silent;
}();

struct PartitionTest : testing::Test {
    Time now{Seconds(7000)};
    Partition partition;

    upstream::UpstreamState look(const Facts& facts, Duration later = Millis(10)) {
        now += later;
        const upstream::UpstreamState before = partition.state();
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

// The last probe of each endpoint was silent when the time ran out: nothing is due until the next.
TEST_F(PartitionTest, ARecoveryThatNothingConfirmsIsNotDueInThePast) {
    look(kAllUp);
    cut_off();
    const Duration held = hold();
    EXPECT_EQ(look(kNew, held + Millis(1)), recovering);
    EXPECT_FALSE(partition.due()) << "the next probe looks again anyway";
    EXPECT_EQ(look(kOneUp), healthy);
}

TEST_F(PartitionTest, AProbeThatIsMissedDoesNotMakeAnUnusableOneUnknown) {
    EXPECT_EQ(look(kUnusable), unusable);
    EXPECT_EQ(look(kNew), unusable);
    EXPECT_EQ(look(kOneUp), healthy);
}

TEST_F(PartitionTest, NothingIsKnownUntilAnEndpointIsFoundUsable) {
    EXPECT_EQ(partition.state(), unknown);
    EXPECT_EQ(look(kNew), unknown);
    EXPECT_EQ(look(kOneUp), healthy);
    EXPECT_EQ(look(kAllUp), healthy);
    EXPECT_FALSE(partition.due());
}

TEST_F(PartitionTest, WithoutEndpointsItIsUnresolvedWhateverItWas) {
    EXPECT_EQ(look({}), unresolved);
    EXPECT_EQ(look(kNew), unknown);
    EXPECT_EQ(look({}), unresolved);
    EXPECT_EQ(look(kAllUp), healthy);
    cut_off();
    EXPECT_EQ(look({}), unresolved);
    EXPECT_EQ(look(kNew), unknown);
    EXPECT_EQ(look(kAllUp), recovering) << "it was away";
}

TEST_F(PartitionTest, RepliesOfNoUseAreNotHealth) {
    EXPECT_EQ(look(kUnusable), unusable);
    EXPECT_EQ(look(kAllUp), healthy);
    EXPECT_EQ(look(facts(1, 0, 1)), unusable) << "the good one is suspect";
    EXPECT_EQ(look(facts(2, 1, 1)), healthy);
    look(kUnusable);
    EXPECT_EQ(look(kSuspects), suspect);
    EXPECT_EQ(look(kUnusable), unusable);
}

TEST_F(PartitionTest, ANewEndpointOrAMissedProbeIsNoNews) {
    look(kAllUp);
    EXPECT_EQ(look(kNew), healthy);
    EXPECT_EQ(look(facts(2, 0, 1)), healthy) << "the other one is not known yet";
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

TEST_F(PartitionTest, ANewEndpointDoesNotEndAPartitionItsFirstReplyDoes) {
    cut_off();
    EXPECT_EQ(look(kNew), partitioned);
    EXPECT_EQ(look(kHeard), recovering);
}

TEST_F(PartitionTest, RepliesOfNoUseMeanThatItIsThere) {
    cut_off();
    EXPECT_EQ(look(facts(1, 0, 1)), unusable) << "it may answer clients, so they ask";
    EXPECT_EQ(look(kHeard), recovering);
    EXPECT_EQ(look(kUnusable), unusable);
    EXPECT_EQ(look(kHeard), recovering) << "not healthy all at once";
    EXPECT_EQ(look(kHeard, Seconds(1)), healthy);
}

TEST_F(PartitionTest, AReplyAsThoseBesideWhichClientsWereAnsweredIsEnough) {
    cut_off();
    EXPECT_EQ(look(facts(1, 1, 0)), recovering) << "usable, though nothing usable was heard yet";
}

TEST_F(PartitionTest, WhereProbesCannotTellAClientMayTryAfterAWhile) {
    cut_off();
    Facts deaf = kSilent;
    deaf.deaf_since = now - Seconds(1);
    EXPECT_EQ(look(deaf), partitioned);
    EXPECT_EQ(partition.due(), *deaf.deaf_since + Seconds(5));
    deaf.deaf_since = now;
    EXPECT_EQ(look(deaf, Seconds(4)), partitioned) << "another loss puts it off";
    deaf.silence_confirmed = false;
    EXPECT_EQ(look(deaf, Seconds(1)), suspect);
    EXPECT_FALSE(partition.due());
    deaf.silence_confirmed = true;
    EXPECT_EQ(look(deaf), partitioned) << "the client's question was lost";
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
    EXPECT_EQ(look(kHeard, Seconds(1)), healthy);
    now += Seconds(59);
    cut_off();
    EXPECT_EQ(hold(), Seconds(2));
}

TEST_F(PartitionTest, AMinuteOfHealthIsForgiven) {
    cut_off();
    look(kHeard);
    look(kSuspects);
    look(kHeard);
    EXPECT_EQ(look(kHeard, Seconds(2)), healthy);
    now += Seconds(60);
    cut_off();
    EXPECT_EQ(hold(), Seconds(1));
}

TEST_F(PartitionTest, IsUnusableWhileAllAreOfAnotherCluster) {
    Facts one_wrong = facts(1, 1, 0);
    one_wrong.wrong = 1;
    EXPECT_EQ(look(one_wrong), healthy) << "the other one will do";
    Facts all_wrong = kSuspects;
    all_wrong.wrong = 2;
    EXPECT_EQ(look(all_wrong), unusable) << "they are there";
    EXPECT_EQ(look(kAllUp), healthy);
    cut_off();
    EXPECT_EQ(look(all_wrong), unusable) << "what has come back is another cluster";
    one_wrong.up = one_wrong.usable = 0;
    EXPECT_EQ(look(one_wrong), suspect) << "the other one is silent";
    one_wrong.silence_confirmed = true;
    EXPECT_EQ(look(one_wrong), partitioned);
}

}  // namespace
}  // namespace peerzone::probe
