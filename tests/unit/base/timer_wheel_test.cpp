#include "peerzone/base/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

namespace peerzone {
namespace {

void nothing(TimerNode& /*node*/) {}

const Time kStart{Seconds(1000)};

struct Wheel : testing::Test {
    std::unique_ptr<TimerWheel> wheel = std::make_unique<TimerWheel>(kStart);
    TimerNode a{&nothing}, b{&nothing}, c{&nothing};
};

TEST_F(Wheel, IsEmptyAtFirst) {
    EXPECT_EQ(wheel->pop_expired(kStart + Seconds(100)), nullptr);
    EXPECT_EQ(wheel->pop_any(), nullptr);
    EXPECT_FALSE(wheel->next());
    EXPECT_EQ(wheel->count(), 0u);
}

TEST_F(Wheel, ExpiresAtTheDeadlineAndNotBefore) {
    wheel->add(a, kStart, kStart + Millis(40));
    EXPECT_TRUE(a.is_armed());
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(40) - Duration(1)), nullptr);
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(40)), &a);
    EXPECT_FALSE(a.is_armed());
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(50)), nullptr);
}

TEST_F(Wheel, RoundsUpWithinAMillisecond) {
    wheel->add(a, kStart, kStart + Micros(40'300));
    EXPECT_EQ(wheel->pop_expired(kStart + Micros(40'900)), nullptr);
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(41)), &a);
}

TEST_F(Wheel, ADeadlineThatHasPassedExpiresWithTheNextMillisecond) {
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(10)), nullptr);
    wheel->add(a, kStart + Millis(10), kStart + Millis(3));
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(11)), &a);
}

// What is filed again and again for a moment that has passed must not hold up the others.
TEST_F(Wheel, ADeadlineThatHasPassedDoesNotStopTheWheelWhereOthersAreFiled) {
    wheel->add(b, kStart, kStart + Millis(12));
    wheel->add(a, kStart, kStart + Millis(10));
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(10)), &a);
    wheel->add(a, kStart + Millis(10), kStart + Millis(3));
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(10)), nullptr);
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(11)), &a);
    wheel->add(a, kStart + Millis(11), kStart + Millis(3));
    std::vector<TimerNode*> seen;
    while (TimerNode* node = wheel->pop_expired(kStart + Millis(12))) seen.push_back(node);
    EXPECT_EQ(seen.size(), 2u) << "the other one too";
}

TEST_F(Wheel, TellsWhenToLookAgain) {
    wheel->add(a, kStart, kStart + Millis(400));
    wheel->add(b, kStart, kStart + Millis(40));
    EXPECT_EQ(wheel->next(), kStart + Millis(40));
    b.cancel();
    EXPECT_EQ(wheel->next(), kStart + Millis(400));
    a.cancel();
    EXPECT_FALSE(wheel->next());
}

TEST_F(Wheel, HandsOutInOrderOfTheMillisecond) {
    wheel->add(a, kStart, kStart + Millis(30));
    wheel->add(b, kStart, kStart + Millis(10));
    wheel->add(c, kStart, kStart + Millis(20));
    EXPECT_EQ(wheel->pop_expired(kStart + Seconds(1)), &b);
    EXPECT_EQ(wheel->pop_expired(kStart + Seconds(1)), &c);
    EXPECT_EQ(wheel->pop_expired(kStart + Seconds(1)), &a);
}

TEST_F(Wheel, NodesOfOneMillisecondComeAndGoIndependently) {
    wheel->add(a, kStart, kStart + Millis(5));
    wheel->add(b, kStart, kStart + Millis(5));
    wheel->add(c, kStart, kStart + Millis(5));
    EXPECT_EQ(wheel->count(), 3u);
    b.cancel();
    b.cancel();
    EXPECT_EQ(wheel->count(), 2u);
    EXPECT_NE(wheel->pop_expired(kStart + Millis(5)), nullptr);
    EXPECT_NE(wheel->pop_expired(kStart + Millis(5)), nullptr);
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(5)), nullptr);
    EXPECT_FALSE(a.is_armed() || b.is_armed() || c.is_armed());
}

TEST_F(Wheel, AddingAgainMovesTheDeadline) {
    wheel->add(a, kStart, kStart + Millis(5));
    wheel->add(a, kStart, kStart + Millis(50));
    EXPECT_EQ(wheel->count(), 1u);
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(49)), nullptr);
    EXPECT_EQ(wheel->pop_expired(kStart + Millis(50)), &a);
}

TEST_F(Wheel, ADestroyedNodeHasLeft) {
    {
        TimerNode gone(&nothing);
        wheel->add(gone, kStart, kStart + Millis(5));
        EXPECT_EQ(wheel->count(), 1u);
    }
    EXPECT_EQ(wheel->count(), 0u);
    EXPECT_EQ(wheel->pop_expired(kStart + Seconds(1)), nullptr);
}

TEST_F(Wheel, KeepsDeadlinesBeyondItsHorizon) {
    wheel->add(a, kStart, kStart + Seconds(10));
    Time now = kStart;
    int looks = 0;
    for (auto next = wheel->next(); next && looks < 10; next = wheel->next(), ++looks) {
        EXPECT_GT(*next, now);
        now = *next;
        if (wheel->pop_expired(now) == &a) break;
    }
    EXPECT_EQ(now, kStart + Seconds(10));
    EXPECT_LE(looks, 3);
}

TEST_F(Wheel, StartsAfreshAfterALongSilence) {
    const Time later = kStart + std::chrono::hours(24);
    wheel->add(a, later, later + Millis(7));
    EXPECT_EQ(wheel->next(), later + Millis(7));
    EXPECT_EQ(wheel->pop_expired(later + Millis(6)), nullptr);
    EXPECT_EQ(wheel->pop_expired(later + Millis(7)), &a);
}

TEST_F(Wheel, AHandlerIsCalledWithItsNode) {
    struct Marked : TimerNode {
        Marked() : TimerNode([](TimerNode& node) { static_cast<Marked&>(node).hit = true; }) {}
        bool hit = false;
    } marked;
    wheel->add(marked, kStart, kStart + Millis(1));
    TimerNode* node = wheel->pop_expired(kStart + Millis(1));
    ASSERT_NE(node, nullptr);
    node->expire();
    EXPECT_TRUE(marked.hit);
}

/// Against a sorted map as the model: nothing early, nothing late, nothing lost.
TEST_F(Wheel, AgreesWithAModelOverManyRandomSteps) {
    std::mt19937 random(7);
    std::vector<std::unique_ptr<TimerNode>> nodes;
    for (int i = 0; i < 200; ++i) nodes.push_back(std::make_unique<TimerNode>(&nothing));
    std::map<TimerNode*, Time> model;
    Time now = kStart;
    int expired = 0;
    for (int step = 0; step < 20'000; ++step) {
        TimerNode* node = nodes[random() % nodes.size()].get();
        switch (random() % 4) {
            case 0:
            case 1: {
                const Time deadline = now + Micros(random() % 9'000'000);
                wheel->add(*node, now, deadline);
                model[node] = deadline;
                break;
            }
            case 2:
                node->cancel();
                model.erase(node);
                break;
            default:
                now += Micros(random() % 20'000);
                while (TimerNode* due = wheel->pop_expired(now)) {
                    ASSERT_TRUE(model.contains(due));
                    ASSERT_LE(model[due], now);
                    model.erase(due);
                    ++expired;
                }
                for (const auto& [left, deadline] : model) ASSERT_GT(deadline + Millis(1), now);
                break;
        }
        ASSERT_EQ(wheel->count(), model.size());
    }
    EXPECT_GT(expired, 100);
    while (TimerNode* node = wheel->pop_any()) model.erase(node);
    EXPECT_TRUE(model.empty());
}

}  // namespace
}  // namespace peerzone
