#include "peerzone/upstream/sent_names.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/dns_wire.hpp"

namespace peerzone::upstream {
namespace {

using testing::name;

const Time kNow = Time{} + std::chrono::hours(1000);

TEST(SentNamesTest, TellsWhatLeftAMomentAgo) {
    const auto sent = std::make_unique<SentNames>();
    const dns::Name spelled = name("dAtaBase.WesTus");
    EXPECT_FALSE(sent->contain(spelled.wire(), kNow));
    sent->note(spelled.wire(), kNow);
    EXPECT_TRUE(sent->contain(spelled.wire(), kNow));
    EXPECT_TRUE(sent->contain(spelled.wire(), kNow + Seconds(2)));
    EXPECT_FALSE(sent->contain(spelled.wire(), kNow + Millis(2200)));
    EXPECT_FALSE(sent->contain(name("database.westus").wire(), kNow));
    EXPECT_FALSE(sent->contain(name("dAtaBase.WesTuS").wire(), kNow));
}

TEST(SentNamesTest, OldOnesAreNotNewAgainWhenTheClockHasGoneRound) {
    const auto sent = std::make_unique<SentNames>();
    const dns::Name spelled = name("dAtaBase.WesTus");
    sent->note(spelled.wire(), kNow);
    for (int minutes = 1; minutes < 109; ++minutes)  // 2^16 ticks are 109 minutes
        EXPECT_FALSE(sent->contain(spelled.wire(), kNow + std::chrono::minutes(minutes)));
}

TEST(SentNamesTest, WhatCameBackIsKnownForAsLong) {
    const auto sent = std::make_unique<SentNames>();
    const dns::Name spelled = name("dAtaBase.WesTus");
    sent->note(spelled.wire(), kNow);
    EXPECT_FALSE(sent->came_back(spelled.wire(), kNow)) << "it has only been sent";
    sent->note_returned(spelled.wire(), kNow);
    EXPECT_TRUE(sent->came_back(spelled.wire(), kNow + Seconds(2)));
    EXPECT_FALSE(sent->came_back(spelled.wire(), kNow + Millis(2200)));
    EXPECT_FALSE(sent->came_back(name("database.westus").wire(), kNow));
    EXPECT_TRUE(sent->contain(spelled.wire(), kNow));
}

TEST(SentNamesTest, ManyShareTheTable) {
    const auto sent = std::make_unique<SentNames>();
    for (int i = 0; i < 100'000; ++i) {
        const dns::Name spelled = name("N" + std::to_string(i) + ".wEst");
        sent->note(spelled.wire(), kNow);
        ASSERT_TRUE(sent->contain(spelled.wire(), kNow));
    }
}

}  // namespace
}  // namespace peerzone::upstream
