// When a hot name is asked again before it expires, and that this is bounded.
#include "resolver/refresh.hpp"

#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using namespace std::chrono_literals;
using metrics::Count;
namespace type = dns::type;

cache::Hit hit_of(Duration lifetime, Duration age, std::uint32_t uses = 10) {
    cache::Hit hit{};
    hit.age = age;
    hit.remaining = lifetime - age;
    hit.uses = uses;
    return hit;
}

TEST(RefreshDue, ComesInTheLastTenthOrSecond) {
    EXPECT_EQ(refresh_window(1h), 6min);
    EXPECT_EQ(refresh_window(30s), 3s);
    EXPECT_EQ(refresh_window(5s), 1s);
    EXPECT_LT(refresh_window(2s), 700ms);
    EXPECT_LT(refresh_window(1s), 350ms);
    EXPECT_EQ(refresh_window(0s), 0s);
    for (const Duration lifetime : {Duration(1s), Duration(2s), Duration(5s), Duration(30s)}) {
        const Duration window = refresh_window(lifetime);
        EXPECT_FALSE(is_due(hit_of(lifetime, lifetime - window - 1ms), 0));
        EXPECT_TRUE(is_due(hit_of(lifetime, lifetime - window), 0));
        EXPECT_FALSE(is_due(hit_of(lifetime, lifetime - window), ~0ull)) << "spread by the hash";
        EXPECT_TRUE(is_due(hit_of(lifetime, lifetime - window * 3 / 4), ~0ull));
    }
}

TEST(RefreshDue, OnlyForWhatIsAskedAgainAndAgain) {
    for (std::uint32_t uses = 0; uses < kHotUses; ++uses)
        EXPECT_FALSE(is_due(hit_of(30s, 29s, uses), 0));
    EXPECT_TRUE(is_due(hit_of(30s, 29s, kHotUses), 0));
}

TEST(RefreshQueues, AreFirstInFirstOut) {
    RefreshQueue queue;
    Request request;
    for (int round = 0; round < 3; ++round) {
        for (std::uint16_t i = 0; i < RefreshQueue::kMax; ++i) {
            EXPECT_FALSE(queue.full());
            request.query.id = i;
            request.query.name_size = 0;
            queue.push(request);
        }
        EXPECT_TRUE(queue.full());
        for (std::uint16_t i = 0; i < RefreshQueue::kMax; ++i) EXPECT_EQ(queue.pop().query.id, i);
        EXPECT_TRUE(queue.empty());
    }
    request.query.name_size = 0;
    queue.push(request);
    queue.clear();
    EXPECT_TRUE(queue.empty());
}

/// The upstream has no endpoints: a refresh is over as soon as it is asked.
struct Refreshing : ::testing::Test, test::Setup {
    // The answers live so shortly that the event loop, whose clock is the machine's, can wait for
    // the test's time. It cannot be set back instead: that clock may have begun a moment ago.
    static constexpr Duration kLife = 60ms;
    static constexpr Duration kNotDue = 38ms;  // the window is the last third of so short a life
    static constexpr Duration kDue = 58ms;

    Refreshing() {
        add_upstream("westus", "peer=westus");
        publish();
    }
    void make_hot(const std::string& qname) {
        know(qname, type::a, {"10.2.0.1"}, {.lifetime = kLife});
        for (int i = 0; i < 3; ++i) ask(qname, type::a);
    }
    // Lets the event loop start what is queued: at least so many, and more if more would.
    std::uint64_t started(std::uint64_t at_least) {
        const auto count = [this] { return counters.value(Count::refreshes); };
        const Time end = Clock::now() + 20s;
        io.restart();
        while (count() < at_least && Clock::now() < end && !io.stopped()) io.run_one_until(end);
        io.restart();
        io.run_until(std::max(now, Clock::now()) + 20ms);
        return count();
    }
};

TEST_F(Refreshing, AHotNameIsAskedOnceBeforeItExpires) {
    make_hot("db.westus");
    now += kNotDue;
    ask("db.westus", type::a);
    EXPECT_EQ(started(0), 0u) << "it is not due yet";
    now += kDue - kNotDue;
    for (int i = 0; i < 5; ++i) {
        const auto reply = ask("db.westus", type::a);
        EXPECT_EQ(reply.rcode(), 0u);
        EXPECT_EQ(reply.ede(), -1);
    }
    EXPECT_EQ(started(1), 1u);
    EXPECT_EQ(resolver.in_flight(), 0u);
    ask("db.westus", type::a);
    EXPECT_EQ(started(1), 1u) << "once in the life of an answer";
    EXPECT_EQ(ask("db.westus", type::a).ede(), -1) << "that it failed does not show";
}

TEST_F(Refreshing, AColdNameIsLeftAlone) {
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = kLife});
    now += kDue;
    ask("db.westus", type::a);
    EXPECT_EQ(started(0), 0u);
}

TEST_F(Refreshing, NobodyAsksWhoIsSuspectOrAwayOrForWhomItIsForbidden) {
    make_hot("db.westus");
    now += kDue;
    using upstream::UpstreamState;
    for (const auto state : {UpstreamState::suspect, UpstreamState::partitioned}) {
        snapshot->upstreams[0]->health->enter(state, now, {});
        ask("db.westus", type::a);
        EXPECT_EQ(started(0), 0u);
    }
    snapshot->upstreams[0]->health->enter(UpstreamState::healthy, now, {});
    ask("db.westus", type::a, {.recursion = false});
    EXPECT_EQ(started(0), 0u);
    ask("db.westus", type::a);
    EXPECT_EQ(started(1), 1u) << "and it was not claimed in vain";
}

TEST_F(Refreshing, WhatIsQueuedIsForgottenWithItsSnapshot) {
    make_hot("db.westus");
    now += kDue;
    ask("db.westus", type::a);
    publish();
    EXPECT_EQ(started(0), 0u);
}

TEST_F(Refreshing, TheQueueIsBounded) {
    for (int i = 0; i < 200; ++i) make_hot("n" + std::to_string(i) + ".westus");
    now += kDue;
    for (int i = 0; i < 200; ++i) ask("n" + std::to_string(i) + ".westus", type::a);
    EXPECT_EQ(started(RefreshQueue::kMax), RefreshQueue::kMax);
    for (int i = 0; i < 200; ++i) ask("n" + std::to_string(i) + ".westus", type::a);
    EXPECT_EQ(started(2 * RefreshQueue::kMax), 2 * RefreshQueue::kMax)
        << "those that found no room are still due";
}

}  // namespace
}  // namespace peerzone::resolver
