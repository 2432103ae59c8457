#include "control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peerzone::wan {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

struct ControlTest : testing::Test {
    ControlTest() {
        network.add_region("east", *IpPrefix::parse("10.1.0.0/16"));
        network.add_region("west", *IpPrefix::parse("10.2.0.0/16"));
        network.add_region("north", *IpPrefix::parse("10.3.0.0/16"));
    }
    std::string run(std::string_view line) { return execute(network, line); }

    Network network{NetworkOptions{}};
};

TEST_F(ControlTest, ALinkTakesAllItsSettingsInOneLine) {
    EXPECT_EQ(run("link east west delay 30ms jitter 1500us loss 0.1% cut\r"), "ok\n");
    const auto& settings = network.settings(1, 0);
    EXPECT_EQ(settings.delay, 30ms);
    EXPECT_EQ(settings.jitter, 1500us);
    EXPECT_EQ(settings.loss_ppm, 1000U);
    EXPECT_TRUE(settings.cut);
}

TEST_F(ControlTest, WhatALineDoesNotNameStays) {
    run("link east west delay 30ms cut");
    EXPECT_EQ(run("  link  west\teast   open "), "ok\n");
    EXPECT_EQ(network.settings(0, 1).delay, 30ms);
    EXPECT_FALSE(network.settings(0, 1).cut);
}

TEST_F(ControlTest, AStarMeansAllLinksOfARegion) {
    EXPECT_EQ(run("link west * cut"), "ok\n");
    EXPECT_TRUE(network.settings(1, 0).cut);
    EXPECT_TRUE(network.settings(2, 1).cut);
    EXPECT_FALSE(network.settings(0, 2).cut);
}

TEST_F(ControlTest, AMistakeChangesNothing) {
    for (const auto* line : {"",
                             "  ",
                             "lnik east west cut",
                             "link",
                             "link east west",
                             "link east",
                             "link east east cut",
                             "link east south cut",
                             "link south * cut",
                             "link east west cut delay",
                             "link east west cut x",
                             "link east west cut delay 30",
                             "link east west cut delay -1ms",
                             "link east west cut delay 11s",
                             "link east west cut delay 99999999999999999999ms",
                             "link east west cut jitter fast",
                             "link east west cut loss 0.1",
                             "link east west cut loss 101%",
                             "link east west cut loss -1%",
                             "link east west cut loss nan%",
                             "link east west cut loss inf%",
                             "link * west cut",
                             "stats now"}) {
        EXPECT_THAT(run(line), StartsWith("error: ")) << line;
    }
    EXPECT_FALSE(network.settings(0, 1).cut);
}

TEST_F(ControlTest, StatsNameEveryRegionAndEveryDirection) {
    run("link east west delay 30ms cut");
    const auto text = run("stats");
    EXPECT_THAT(text,
                HasSubstr("region name=north received=0 malformed=0 unroutable=0 undelivered=0\n"));
    EXPECT_THAT(
        text,
        HasSubstr("link from=west to=east state=cut delay_us=30000 jitter_us=0 loss_ppm=0 "
                  "delivered=0 delivered_bytes=0 lost=0 cut=0 full=0 queued=0 queued_bytes=0\n"));
    EXPECT_THAT(text, HasSubstr("link from=north to=west state=open"));
    EXPECT_THAT(text, testing::EndsWith("\nok\n"));
}

TEST(ControlNumbers, DurationsAndShares) {
    EXPECT_EQ(*parse_delay("0ms"), 0us);
    EXPECT_EQ(*parse_delay("10s"), 10s);
    EXPECT_EQ(*parse_loss("0%"), 0U);
    EXPECT_EQ(*parse_loss("100%"), kMillion);
    EXPECT_EQ(*parse_loss("0.0001%"), 1U);
}

}  // namespace
}  // namespace peerzone::wan
