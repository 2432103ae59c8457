#include "peerzone/base/timers.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <deque>
#include <functional>

namespace peerzone {
namespace {

struct Counting : TimerNode {
    explicit Counting(int& n)
        : TimerNode([](TimerNode& node) { ++*static_cast<Counting&>(node).expired; }),
          expired(&n) {}
    int* expired;
};

// All questions to a dead peer may expire at once.
TEST(Timers, OthersHaveTheirTurnBetweenThousandsThatExpireAtOnce) {
    constexpr int kCount = 1000;
    boost::asio::io_context io{1};
    Timers timers(io);
    int expired = 0;
    std::deque<Counting> nodes;
    for (int i = 0; i < kCount; ++i) nodes.emplace_back(expired);
    const Time now = Clock::now();
    for (Counting& node : nodes) timers.add(node, now, now + Millis(5));
    int turns_between = 0;
    std::function<void()> look = [&] {
        if (expired > 0 && expired < kCount) ++turns_between;
        if (expired < kCount && Clock::now() < now + Seconds(10)) boost::asio::post(io, look);
    };
    boost::asio::post(io, look);
    io.run();
    EXPECT_EQ(expired, kCount);
    EXPECT_GE(turns_between, 10);
}

TEST(Timers, WhatComesLaterIsWaitedFor) {
    boost::asio::io_context io{1};
    Timers timers(io);
    int expired = 0;
    std::deque<Counting> nodes;
    const Time now = Clock::now();
    for (int i = 0; i < 200; ++i) {
        nodes.emplace_back(expired);
        timers.add(nodes.back(), now, now + Millis(i < 100 ? 2 : 30));
    }
    io.run();
    EXPECT_EQ(expired, 200);
    EXPECT_GE(Clock::now() - now, Millis(30));
}

TEST(Timers, WithoutALoopTheCallerSaysWhatIsDue) {
    Timers timers;
    int expired = 0;
    Counting early(expired);
    Counting late(expired);
    const Time now = Clock::now();
    EXPECT_EQ(timers.next(), std::nullopt);
    timers.add(early, now, now + Millis(2));
    timers.add(late, now, now + Millis(30));
    timers.expire_due(now);
    EXPECT_EQ(expired, 0);
    ASSERT_TRUE(timers.next());
    EXPECT_LE(*timers.next(), now + Millis(3));
    timers.expire_due(now + Millis(4));
    EXPECT_EQ(expired, 1);
    timers.expire_due(now + Seconds(1));
    EXPECT_EQ(expired, 2);
    EXPECT_EQ(timers.count(), 0u);
}

}  // namespace
}  // namespace peerzone
