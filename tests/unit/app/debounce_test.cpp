// When changed files are read, by a clock that the test is.
#include "app/debounce.hpp"

#include <gtest/gtest.h>

namespace peerzone::app {
namespace {

struct Debouncing : ::testing::Test {
    Debounce debounce;
    Time now{Seconds(1000)};

    Debouncing() { debounce.done({{"pz.yaml", "1"}, {"a.zone", "1"}}); }
    bool look(const std::string& config, const std::string& zone, Duration later,
              bool incomplete = false) {
        now += later;
        return debounce.look({{"pz.yaml", config}, {"a.zone", zone}}, incomplete, now);
    }
};

TEST_F(Debouncing, WhatStaysIsNotRead) {
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(look("1", "1", Seconds(1)));
    EXPECT_FALSE(debounce.pending());
}

TEST_F(Debouncing, AChangeIsReadWhenItRests) {
    EXPECT_FALSE(look("2", "1", Millis(250)));
    EXPECT_TRUE(debounce.pending());
    EXPECT_FALSE(look("2", "1", Debounce::kQuiet - Millis(1)));
    EXPECT_TRUE(look("2", "1", Millis(1)));
    EXPECT_TRUE(look("2", "1", Millis(100)));  // until it is done
    debounce.done({{"pz.yaml", "2"}, {"a.zone", "1"}});
    EXPECT_FALSE(debounce.pending());
    EXPECT_FALSE(look("2", "1", Seconds(9)));
}

TEST_F(Debouncing, EveryWriteBeginsTheRestAnew) {
    for (int i = 2; i < 12; ++i) EXPECT_FALSE(look(std::to_string(i), "1", Millis(250)));
    EXPECT_FALSE(look("11", "2", Millis(250)));
    EXPECT_FALSE(look("11", "2", Millis(250)));
    EXPECT_TRUE(look("11", "2", Millis(100)));
}

TEST_F(Debouncing, AFileThatIsMissingOrEmptyIsGivenLonger) {
    EXPECT_FALSE(look("", "1", Millis(100), true));
    EXPECT_FALSE(look("", "1", Debounce::kQuietIncomplete - Millis(1), true));
    EXPECT_TRUE(look("", "1", Millis(1), true));
    EXPECT_FALSE(look("2", "1", Millis(1)));
    EXPECT_TRUE(look("2", "1", Debounce::kQuiet));
}

TEST_F(Debouncing, BackToWhatWasReadIsNoChange) {
    EXPECT_FALSE(look("", "1", Millis(250), true));
    EXPECT_FALSE(look("1", "1", Seconds(5)));
    EXPECT_FALSE(debounce.pending());
    EXPECT_FALSE(look("2", "1", Seconds(60)));  // the earlier change counts no more
    EXPECT_FALSE(look("3", "1", Millis(250)));
}

TEST_F(Debouncing, FilesThatNeverRestAreReadAllTheSame) {
    int looks = 0;
    while (!look(std::to_string(looks + 2), "1", Millis(100))) ASSERT_LT(++looks, 1000);
    EXPECT_EQ(Millis(100) * looks, Debounce::kPatience);
}

}  // namespace
}  // namespace peerzone::app
