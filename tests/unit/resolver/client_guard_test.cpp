#include "resolver/client_guard.hpp"

#include <gtest/gtest.h>

namespace peerzone::resolver {
namespace {

using namespace std::chrono_literals;
using Verdict = ClientGuard::Verdict;

IpAddress ip(const std::string& text) {
    return IpAddress::parse(text).value();
}

struct Guard : ::testing::Test {
    ClientGuard guard{0x1234};
    Limits limits{.in_flight_per_client_max = 1000,
                  .client_misses_per_second_max = 10,
                  .client_misses_burst_max = 20};
    Time now = Time{} + 1000h;
    ClientGuard::Place place = ClientGuard::kNone;

    Verdict ask(const std::string& client, bool pressed = true) {
        return guard.admit(ip(client), 0, limits, pressed, now, place);
    }
    int admitted(const std::string& client, int times, bool pressed = true) {
        int count = 0;
        for (int i = 0; i < times; ++i) {
            if (ask(client, pressed) != Verdict::ok) continue;
            ++count;
            guard.release(place);
        }
        return count;
    }
};

TEST_F(Guard, ABurstThenTheRate) {
    EXPECT_EQ(admitted("10.1.0.1", 100), 20);
    EXPECT_EQ(ask("10.1.0.1"), Verdict::too_fast);
    EXPECT_EQ(place, ClientGuard::kNone);
    EXPECT_EQ(admitted("10.1.0.2", 100), 20) << "another client has its own";
    now += 500ms;
    EXPECT_EQ(admitted("10.1.0.1", 100), 5);
    now += 1h;
    EXPECT_EQ(admitted("10.1.0.1", 100), 20) << "no more is saved up";
}

TEST_F(Guard, WhoWasNotHeldBackOwesNoMoreThanTheBurst) {
    EXPECT_EQ(admitted("10.1.0.1", 5000, false), 5000);
    EXPECT_EQ(ask("10.1.0.1"), Verdict::too_fast);
    now += 1s;
    EXPECT_EQ(admitted("10.1.0.1", 100), 10);
}

TEST_F(Guard, InFlightIsCountedUntilReleased) {
    limits.in_flight_per_client_max = 3;
    ClientGuard::Place places[3];
    for (auto& mine : places) {
        EXPECT_EQ(guard.admit(ip("10.1.0.1"), 0, limits, false, now, mine), Verdict::ok);
        EXPECT_EQ(mine, places[0]);
    }
    EXPECT_EQ(guard.in_flight(places[0]), 3u);
    EXPECT_EQ(ask("10.1.0.1", false), Verdict::too_many);
    EXPECT_EQ(ask("10.1.0.2", false), Verdict::ok);
    guard.release(places[0]);
    EXPECT_EQ(ask("10.1.0.1", false), Verdict::ok);
    guard.release(ClientGuard::kNone);
}

TEST_F(Guard, WhatWaitsForOneUpstreamUsesUpNoShareOfAnother) {
    limits.in_flight_per_client_max = 1;
    EXPECT_EQ(ask("10.1.0.1"), Verdict::ok);
    EXPECT_EQ(ask("10.1.0.1"), Verdict::too_many);
    ClientGuard::Place other = ClientGuard::kNone;
    EXPECT_EQ(guard.admit(ip("10.1.0.1"), 1, limits, true, now, other), Verdict::ok);
    EXPECT_EQ(guard.in_flight(other), 1u);
}

TEST_F(Guard, AnIPv6ClientIsItsNetwork) {
    EXPECT_EQ(admitted("fd00:1::1", 15) + admitted("fd00:1::2", 15), 20);
    EXPECT_EQ(admitted("fd00:1:0:1::1", 15), 15);
    EXPECT_EQ(admitted("10.1.0.1", 15) + admitted("10.1.0.2", 15), 30);
}

TEST_F(Guard, ManyClientsCostNoMemoryAndBusyOnesKeepTheirPlaces) {
    ClientGuard::Place mine = ClientGuard::kNone;
    ASSERT_EQ(guard.admit(ip("10.1.0.1"), 0, limits, true, now, mine), Verdict::ok);
    for (unsigned i = 0; i < 100'000; ++i) {
        ASSERT_EQ(guard.admit(IpAddress::v4(0x0b000000 + i), 0, limits, true, now, place),
                  Verdict::ok);
        guard.release(place);
    }
    EXPECT_EQ(guard.in_flight(mine), 1u);
    ClientGuard::Place again = ClientGuard::kNone;
    ASSERT_EQ(guard.admit(ip("10.1.0.1"), 0, limits, true, now, again), Verdict::ok);
    EXPECT_EQ(again, mine);
    EXPECT_EQ(guard.in_flight(mine), 2u);
}

TEST_F(Guard, WhenAllNeighboursAreBusyANewOneIsNotCounted) {
    std::size_t uncounted = 0;
    for (unsigned i = 0; i < 10 * ClientGuard::kPlaces; ++i) {
        ASSERT_EQ(guard.admit(IpAddress::v4(0x0b000000 + i), 0, limits, true, now, place),
                  Verdict::ok);
        if (place == ClientGuard::kNone) ++uncounted;
    }
    EXPECT_EQ(uncounted, 9 * ClientGuard::kPlaces);
    EXPECT_EQ(guard.in_flight(ClientGuard::kNone), 0u);
}

TEST(GreedLooksTest, WhoCouldNotGainUsesUpNone) {
    HeaviestClientScan heaviest_scan;
    const Time now = Time{} + 1000h;
    const auto take = [&](std::uint16_t upstream, std::size_t own, Time at) {
        return heaviest_scan.take(heaviest_scan.last(upstream, HeaviestClientScan::Of::in_flight),
                                  own, at);
    };
    ASSERT_TRUE(take(0, 50, now)) << "nothing is known yet";
    heaviest_scan.last(0, HeaviestClientScan::Of::in_flight) = {.most = 50, .at = now};
    ASSERT_TRUE(take(7, 50, now)) << "of another upstream neither";
    heaviest_scan.last(7, HeaviestClientScan::Of::in_flight) = {.most = 10, .at = now};
    for (int i = 0; i < 1000; ++i) {
        EXPECT_FALSE(take(0, 49, now));
        EXPECT_FALSE(take(7, 9, now)) << "each upstream has its own";
    }
    EXPECT_TRUE(take(0, 48, now)) << "one with less";
    EXPECT_TRUE(take(0, 49, now + 10ms)) << "things change";
    EXPECT_TRUE(
        heaviest_scan.take(heaviest_scan.last(0, HeaviestClientScan::Of::waiters), 50, now + 10ms));
}

TEST(GreedLooksTest, AFewInARowAndOneInAMillisecond) {
    HeaviestClientScan heaviest_scan;
    Time now = Time{} + 1000h;
    const auto taken = [&] {
        int count = 0;
        while (heaviest_scan.take({}, 0, now)) ++count;
        return count;
    };
    EXPECT_EQ(taken(), 17);
    EXPECT_EQ(taken(), 0);
    now += 5ms;
    EXPECT_EQ(taken(), 5);
}

}  // namespace
}  // namespace peerzone::resolver
