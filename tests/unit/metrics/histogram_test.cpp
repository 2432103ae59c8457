#include "peerzone/metrics/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace peerzone::metrics {
namespace {

using namespace std::chrono_literals;

// The one bucket that `took` fell into.
std::size_t bucket_of(Duration took) {
    Histogram histogram;
    histogram.add(took);
    std::size_t found = Histogram::kBuckets + 1;
    for (std::size_t i = 0; i <= Histogram::kBuckets; ++i) {
        if (histogram.in_bucket(i) == 0) continue;
        EXPECT_EQ(histogram.in_bucket(i), 1u);
        EXPECT_GT(found, Histogram::kBuckets) << "in two buckets";
        found = i;
    }
    return found;
}

TEST(Histogram, ABoundBelongsToItsBucketAndWhatIsAboveToTheNext) {
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
        EXPECT_EQ(bucket_of(Histogram::upper_bound(i)), i);
        EXPECT_EQ(bucket_of(Histogram::upper_bound(i) + 1ns), i + 1);
    }
}

TEST(Histogram, EndsAreHeld) {
    EXPECT_EQ(bucket_of(0ns), 0u);
    EXPECT_EQ(bucket_of(-5s), 0u);
    EXPECT_EQ(bucket_of(1ns), 0u);
    EXPECT_EQ(bucket_of(std::chrono::hours(100)), Histogram::kBuckets);
}

TEST(Histogram, HasCoreDnssBounds) {
    for (auto bound = 250us; bound <= 8192ms; bound *= 2) {
        bool found = false;
        for (std::size_t i = 0; i < Histogram::kBuckets; ++i)
            found = found || Histogram::upper_bound(i) == bound;
        EXPECT_TRUE(found) << bound.count() << " us";
    }
}

TEST(Histogram, ManyAtOnceCountAsManyAndSumUp) {
    Histogram histogram;
    histogram.add(100us, 64);
    histogram.add(3s);
    EXPECT_EQ(histogram.sum(), 3s + 6400us);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= Histogram::kBuckets; ++i) count += histogram.in_bucket(i);
    EXPECT_EQ(count, 65u);
}

}  // namespace
}  // namespace peerzone::metrics
