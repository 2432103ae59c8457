#include "peerzone/exchange/stream_limits.hpp"

#include <gtest/gtest.h>

namespace peerzone::exchange {
namespace {

constexpr Time kNow{Seconds(7000)};
constexpr auto kMinute = std::chrono::minutes(1);

TEST(StreamLimits, NothingIsKnownAtFirst) {
    const StreamLimits limits;
    EXPECT_FALSE(limits.questions_max(kNow));
    EXPECT_EQ(limits.connections_max(kNow), 4u);
    EXPECT_FALSE(limits.any_known(kNow));
}

TEST(StreamLimits, AConnectionGetsNoMoreThanTheLastOneHadAnswered) {
    StreamLimits limits;
    limits.note_closed_after(3, kNow);
    EXPECT_EQ(limits.questions_max(kNow), 3u);
    limits.note_closed_after(1, kNow);
    EXPECT_EQ(limits.questions_max(kNow), 1u);
    EXPECT_EQ(limits.connections_max(kNow), 16u) << "more connections where each takes few";
    limits.note_closed_after(0, kNow);
    EXPECT_EQ(limits.questions_max(kNow), 1u) << "a connection without replies says nothing";
}

TEST(StreamLimits, ManyIsNoLimit) {
    StreamLimits limits;
    limits.note_closed_after(33, kNow);
    EXPECT_FALSE(limits.questions_max(kNow));
    limits.note_closed_after(32, kNow);
    EXPECT_EQ(limits.questions_max(kNow), 32u);
}

TEST(StreamLimits, EachMinuteConnectionsGetTwiceAsMany) {
    StreamLimits limits;
    limits.note_closed_after(3, kNow);
    EXPECT_EQ(limits.questions_max(kNow + kMinute - Millis(1)), 3u);
    EXPECT_EQ(limits.questions_max(kNow + kMinute), 6u);
    EXPECT_EQ(limits.questions_max(kNow + 3 * kMinute), 24u);
    EXPECT_FALSE(limits.questions_max(kNow + 4 * kMinute)) << "forgotten";
    EXPECT_FALSE(limits.any_known(kNow + std::chrono::hours(24 * 400)));
}

TEST(StreamLimits, WhatIsTurnedAwayIsNotTriedAgainForAMinute) {
    StreamLimits limits;
    limits.note_turned_away(2, kNow);
    EXPECT_EQ(limits.connections_max(kNow), 2u);
    limits.note_turned_away(0, kNow);
    EXPECT_EQ(limits.connections_max(kNow), 1u) << "one at least";
    EXPECT_TRUE(limits.any_known(kNow));
    EXPECT_EQ(limits.connections_max(kNow + kMinute), 4u);
}

TEST(StreamLimits, BothAtOnce) {
    StreamLimits limits;
    limits.note_closed_after(1, kNow);
    limits.note_turned_away(5, kNow);
    EXPECT_EQ(limits.connections_max(kNow), 5u);
    limits.note_turned_away(9, kNow);
    EXPECT_EQ(limits.connections_max(kNow), 5u) << "there were more than allowed";
}

}  // namespace
}  // namespace peerzone::exchange
