#include "peerzone/upstream/health.hpp"

#include <gtest/gtest.h>
#include <poll.h>

namespace peerzone::upstream {
namespace {

const Time kNow{Seconds(5000)};

struct HealthTest : testing::Test {
    std::shared_ptr<Wakeup> wakeup = std::make_shared<Wakeup>();
    UpstreamHealth health;

    HealthTest() { health.connect(wakeup); }
    void enter(UpstreamState state) { health.enter(state, kNow, std::chrono::system_clock::now()); }
    bool rang() {
        pollfd ready{wakeup->fd(), POLLIN, 0};
        const bool yes = ::poll(&ready, 1, 0) == 1;
        wakeup->clear();
        return yes;
    }
};

TEST_F(HealthTest, IsAwayWhenPartitionedOrHeld) {
    EXPECT_FALSE(health.is_away());
    enter(UpstreamState::suspect);
    EXPECT_FALSE(health.is_away());
    enter(UpstreamState::partitioned);
    EXPECT_TRUE(health.is_away());
    enter(UpstreamState::recovering);
    EXPECT_FALSE(health.is_away());
    health.hold(true);
    EXPECT_TRUE(health.is_away());
    EXPECT_EQ(health.since(), kNow);
}

TEST_F(HealthTest, AReplyIsNewsOnlyWhereNobodyExpectsOne) {
    EXPECT_FALSE(health.waits_for_reply());
    enter(UpstreamState::suspect);
    EXPECT_TRUE(health.waits_for_reply());
    enter(UpstreamState::partitioned);
    EXPECT_TRUE(health.waits_for_reply());
    enter(UpstreamState::recovering);
    EXPECT_FALSE(health.waits_for_reply());
}

TEST_F(HealthTest, IsWantedForTenSecondsAfterTheLastQuestion) {
    EXPECT_FALSE(health.is_wanted(kNow));
    health.note_wanted(kNow);
    EXPECT_TRUE(health.is_wanted(kNow + Millis(9999)));
    EXPECT_FALSE(health.is_wanted(kNow + Seconds(10)));
    health.note_wanted(kNow + Seconds(5));
    EXPECT_TRUE(health.is_wanted(kNow + Seconds(14)));
}

TEST_F(HealthTest, TheFirstQuestionAfterAQuietTimeWakesControl) {
    health.note_wanted(kNow);
    EXPECT_TRUE(rang()) << "nothing is known of it";
    enter(UpstreamState::partitioned);
    health.note_wanted(kNow + Seconds(2));
    EXPECT_FALSE(rang()) << "it is probed often already";
    health.note_wanted(kNow + Seconds(12));
    EXPECT_TRUE(rang());
    for (int i = 0; i < 1000; ++i) health.note_wanted(kNow + Seconds(12) + Millis(i));
    EXPECT_FALSE(rang());
}

TEST_F(HealthTest, NudgesAreFewAndFewerAfterAMinute) {
    const auto claimed = [&](Duration from) {
        int count = 0;
        for (int ms = 0; ms < 2000; ++ms)
            count += health.claim_nudge(kNow + from + Millis(ms)) ? 1 : 0;
        return count;
    };
    enter(UpstreamState::partitioned);
    EXPECT_EQ(claimed(Seconds(0)), 40);
    EXPECT_EQ(claimed(Seconds(60)), 4);
}

TEST_F(HealthTest, WorksWithoutControl) {
    UpstreamHealth alone;
    alone.wake();
    alone.enter(UpstreamState::partitioned, kNow, {});
    alone.note_wanted(kNow);
    EXPECT_TRUE(alone.is_wanted(kNow));
}

TEST_F(HealthTest, CountsWhatClientsFelt) {
    UpstreamStats& stats = health.stats();
    stats.note_asked();
    stats.note_asked();
    stats.note_done();
    stats.note_stale_answer();
    stats.note_failed_at_once();
    stats.note_shed();
    stats.note_hedge();
    EXPECT_EQ(stats.in_flight(), 1u);
    EXPECT_EQ(stats.stale_answers(), 1u);
    EXPECT_EQ(stats.failed_at_once(), 1u);
    EXPECT_EQ(stats.shed(), 1u);
    EXPECT_EQ(stats.hedges(), 1u);
}

}  // namespace
}  // namespace peerzone::upstream
