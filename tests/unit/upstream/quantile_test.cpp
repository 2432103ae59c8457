#include "peerzone/upstream/quantile.hpp"

#include <gtest/gtest.h>

#include <random>

namespace peerzone::upstream {
namespace {

double millis(Duration d) {
    return std::chrono::duration<double, std::milli>(d).count();
}

struct QuantileTest : testing::Test {
    Quantile<950> p95;
    Quantile<990> p99;
    std::minstd_rand random{7};

    /// `slow_share` of the samples take 320 ms, the others 20–22 ms.
    void feed(int count, double slow_share) {
        std::uniform_real_distribution<double> uniform(0, 1);
        for (int i = 0; i < count; ++i) {
            const double ms = uniform(random) < slow_share ? 320 : 20 + 2 * uniform(random);
            p95.note(static_cast<std::uint32_t>(ms * 1000));
            p99.note(static_cast<std::uint32_t>(ms * 1000));
        }
    }
};

TEST_F(QuantileTest, KnowsNothingAtFirst) {
    EXPECT_EQ(p95.value(), Duration::zero());
}

TEST_F(QuantileTest, TheFirstSampleMayBeHalfOfIt) {
    p95.note(30'000);
    EXPECT_EQ(p95.value(), Millis(60));
}

TEST_F(QuantileTest, SettlesAboveMostSamples) {
    feed(2000, 0);
    EXPECT_NEAR(millis(p95.value()), 22, 1);
    EXPECT_NEAR(millis(p99.value()), 22, 1);
}

TEST_F(QuantileTest, AFewSlowSamplesDoNotMoveIt) {
    feed(2000, 0.02);
    EXPECT_LT(millis(p95.value()), 40);
}

TEST_F(QuantileTest, SlowSamplesBeyondItsShareDo) {
    feed(2000, 0.10);
    EXPECT_GT(millis(p95.value()), 200);
    EXPECT_GT(millis(p99.value()), 300);
}

TEST_F(QuantileTest, FollowsALongerWayWithinAFewSamples) {
    feed(500, 0);
    for (int i = 0; i < 20; ++i) p95.note(180'000);
    EXPECT_NEAR(millis(p95.value()), 180, 1);
}

TEST_F(QuantileTest, StaysAboveZeroAndWithinItsType) {
    for (int i = 0; i < 100; ++i) p95.note(1);
    EXPECT_EQ(p95.value(), Micros(1));
    for (int i = 0; i < 1000; ++i) p95.note(0);
    EXPECT_EQ(p95.value(), Micros(1));
    for (int i = 0; i < 1000; ++i) p95.note(10'000'000);
    EXPECT_EQ(p95.value(), Seconds(10));
}

}  // namespace
}  // namespace peerzone::upstream
