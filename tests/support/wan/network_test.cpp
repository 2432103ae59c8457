#include "network.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace peerzone::wan {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

Packet packet_to(std::uint32_t address, std::size_t size = 40, std::uint8_t mark = 0) {
    Packet packet(size, mark);
    packet[0] = 0x45;
    for (int i = 0; i < 4; ++i) {
        packet[static_cast<std::size_t>(16 + i)] =
            static_cast<std::uint8_t>(address >> (24 - 8 * i));
    }
    return packet;
}

constexpr std::uint32_t kEast = 0x0A010005;   // 10.1.0.5
constexpr std::uint32_t kWest = 0x0A020005;   // 10.2.0.5
constexpr std::uint32_t kNorth = 0x0A030005;  // 10.3.0.5

struct NetworkTest : testing::Test {
    explicit NetworkTest(const NetworkOptions& options = {}) : network(options) {
        EXPECT_TRUE(network.add_region("east", *IpPrefix::parse("10.1.0.0/16")));
        EXPECT_TRUE(network.add_region("west", *IpPrefix::parse("10.2.0.0/16")));
        EXPECT_TRUE(network.add_region("north", *IpPrefix::parse("10.3.0.0/16")));
    }

    void send(std::size_t from, std::uint32_t to, std::uint8_t mark = 0) {
        network.offer(from, packet_to(to, 40, mark), now);
    }
    void change(std::size_t a, std::size_t b, const LinkChange& what) {
        network.change(a, b, what);
    }

    /// The last octets of what is due by now, in order.
    std::vector<int> arrivals() {
        std::vector<int> marks;
        while (auto delivery = network.take_due(now)) marks.push_back(delivery->packet.back());
        return marks;
    }

    Network network;
    Time now = Time{} + 1h;
};

TEST_F(NetworkTest, APacketTakesTheDelayOfItsLink) {
    change(0, 1, {.delay = 30ms});
    send(0, kWest);
    EXPECT_EQ(network.next_due(), now + 30ms);
    now += 30ms - 1us;
    EXPECT_FALSE(network.take_due(now));
    now += 1us;
    const auto delivery = network.take_due(now);
    ASSERT_TRUE(delivery);
    EXPECT_EQ(delivery->region, 1U);
    EXPECT_EQ(delivery->packet, packet_to(kWest));
    EXPECT_FALSE(network.next_due());
}

TEST_F(NetworkTest, BothDirectionsChangeTogetherAndOtherLinksDoNot) {
    change(0, 1, {.delay = 30ms, .loss_ppm = 5});
    EXPECT_EQ(network.settings(1, 0).delay, 30ms);
    EXPECT_EQ(network.settings(1, 0).loss_ppm, 5U);
    EXPECT_EQ(network.settings(0, 2).delay, 0ms);
    change(1, 0, {.jitter = 2ms});
    EXPECT_EQ(network.settings(0, 1).delay, 30ms);
    EXPECT_EQ(network.settings(0, 1).jitter, 2ms);
}

TEST_F(NetworkTest, WhatIsDueFirstArrivesFirst) {
    change(0, 1, {.delay = 90ms});
    change(2, 1, {.delay = 30ms});
    send(0, kWest, 1);
    send(2, kWest, 2);
    now += 1s;
    EXPECT_THAT(arrivals(), ElementsAre(2, 1));
}

TEST_F(NetworkTest, OneDirectionIsNeverReordered) {
    change(0, 1, {.delay = 90ms});
    send(0, kWest, 1);
    change(0, 1, {.delay = 10ms, .jitter = 9ms});
    for (std::uint8_t mark = 2; mark < 6; ++mark) send(0, kWest, mark);
    now += 90ms;
    EXPECT_THAT(arrivals(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(NetworkTest, JitterStaysWithinItsBoundsAndVaries) {
    change(0, 1, {.delay = 30ms, .jitter = 2ms});
    std::vector<Duration> took;
    for (int i = 0; i < 500; ++i) {
        send(0, kWest);
        took.push_back(*network.next_due() - now);
        now += 100ms;
        arrivals();
    }
    EXPECT_THAT(took, testing::Each(testing::AllOf(testing::Ge(28ms), testing::Le(32ms))));
    EXPECT_LT(*std::min_element(took.begin(), took.end()), 28500us);
    EXPECT_GT(*std::max_element(took.begin(), took.end()), 31500us);
}

TEST_F(NetworkTest, JitterBeyondTheDelayNeverDeliversBeforeItWasSent) {
    change(0, 1, {.delay = 1ms, .jitter = 5ms});
    for (int i = 0; i < 200; ++i) {
        send(0, kWest);
        EXPECT_GE(*network.next_due(), now);
        now += 100ms;
        arrivals();
    }
}

TEST_F(NetworkTest, LossTakesItsShare) {
    change(0, 1, {.loss_ppm = 100'000});
    for (int i = 0; i < 20'000; ++i) send(0, kWest);
    EXPECT_NEAR(static_cast<double>(network.counters(0, 1).lost), 2000, 200);
    EXPECT_EQ(network.counters(0, 1).lost + network.counters(0, 1).queued, 20'000U);
}

TEST_F(NetworkTest, EverythingIsLostAtOneHundredPercent) {
    change(0, 1, {.loss_ppm = kMillion});
    for (int i = 0; i < 100; ++i) send(0, kWest);
    EXPECT_EQ(network.counters(0, 1).lost, 100U);
    EXPECT_FALSE(network.next_due());
}

TEST_F(NetworkTest, ACutStopsBothDirectionsAndNothingElse) {
    change(0, 1, {.cut = true});
    send(0, kWest, 1);
    send(1, kEast, 2);
    send(0, kNorth, 3);
    EXPECT_THAT(arrivals(), ElementsAre(3));
    EXPECT_EQ(network.counters(0, 1).cut, 1U);
    EXPECT_EQ(network.counters(1, 0).cut, 1U);
}

TEST_F(NetworkTest, ACutLosesWhatIsUnderWay) {
    change(0, 1, {.delay = 30ms});
    send(0, kWest, 1);
    now += 10ms;
    change(0, 1, {.cut = true});
    change(0, 1, {.cut = false});  // open again before the packet is due
    send(0, kWest, 2);
    now += 30ms;
    EXPECT_THAT(arrivals(), ElementsAre(2));
    EXPECT_EQ(network.counters(0, 1).cut, 1U);
    EXPECT_EQ(network.counters(0, 1).queued, 0U);
    EXPECT_EQ(network.counters(0, 1).queued_bytes, 0U);
}

TEST_F(NetworkTest, CuttingWhatIsCutLosesNothingMore) {
    change(0, 1, {.delay = 30ms, .cut = true});
    change(0, 1, {.cut = false});
    send(0, kWest, 1);
    change(0, 1, {.delay = 10ms, .cut = false});
    now += 30ms;
    EXPECT_THAT(arrivals(), ElementsAre(1));
}

struct SmallQueue : NetworkTest {
    SmallQueue() : NetworkTest({.queue_bytes_max = 3 * (40 + kPacketOverhead)}) {}
};

TEST_F(SmallQueue, TheNewestPacketIsDroppedWhenADirectionIsFull) {
    change(0, 1, {.delay = 30ms});
    for (std::uint8_t mark = 1; mark <= 5; ++mark) send(0, kWest, mark);
    send(1, kEast, 9);  // the other direction has its own room
    EXPECT_EQ(network.counters(0, 1).full, 2U);
    EXPECT_EQ(network.counters(0, 1).queued_bytes, 3 * (40 + kPacketOverhead));
    now += 30ms;
    EXPECT_THAT(arrivals(), ElementsAre(1, 2, 3, 9));
    send(0, kWest, 6);
    now += 30ms;
    EXPECT_THAT(arrivals(), ElementsAre(6));
}

TEST_F(NetworkTest, WhatHasNoWayIsCountedAndDropped) {
    send(0, kEast);       // its own region
    send(0, 0x0A040001);  // the address of no host
    EXPECT_EQ(network.counters(0).unroutable, 2U);
    network.offer(0, Packet(19, 0x45), now);  // shorter than a header
    network.offer(0, Packet(60, 0x60), now);  // IPv6
    network.offer(0, Packet{}, now);
    EXPECT_EQ(network.counters(0).malformed, 3U);
    EXPECT_EQ(network.counters(0).received, 5U);
    EXPECT_FALSE(network.next_due());
}

TEST_F(NetworkTest, DeliveriesAreCounted) {
    send(0, kWest);
    send(0, kWest);
    arrivals();
    network.not_taken(1);
    EXPECT_EQ(network.counters(0, 1).delivered, 2U);
    EXPECT_EQ(network.counters(0, 1).delivered_bytes, 80U);
    EXPECT_EQ(network.counters(1).undelivered, 1U);
}

TEST_F(NetworkTest, RegionsDoNotShareNamesOrAddresses) {
    EXPECT_FALSE(network.add_region("east", *IpPrefix::parse("10.9.0.0/16")));
    EXPECT_FALSE(network.add_region("south", *IpPrefix::parse("10.1.7.0/24")));
    EXPECT_FALSE(network.add_region("south", *IpPrefix::parse("10.0.0.0/8")));
    EXPECT_EQ(network.size(), 3U);
    EXPECT_EQ(network.find("north"), 2U);
    EXPECT_FALSE(network.find("south"));
}

}  // namespace
}  // namespace peerzone::wan
