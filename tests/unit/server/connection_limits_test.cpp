#include "server/connection_limits.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace peerzone::server {
namespace {

using Admission = ConnectionLimits::Admission;
using Ticket = ConnectionLimits::Ticket;

Limits limits(std::size_t total, std::size_t per_client) {
    Limits out;
    out.tcp_connections_max = total;
    out.tcp_connections_per_client_max = per_client;
    return out;
}

IpAddress client(std::uint32_t number) {
    return IpAddress::v4(0x0a000000 + number);
}

TEST(ConnectionLimits, RefusesTheConnectionAboveTheTotal) {
    ConnectionLimits shared(limits(3, 10));
    std::vector<Ticket> tickets(4);
    for (std::uint32_t i = 0; i < 3; ++i)
        EXPECT_EQ(shared.open(client(i), tickets[i]), Admission::admitted);
    EXPECT_EQ(shared.open(client(9), tickets[3]), Admission::total_reached);
    EXPECT_EQ(shared.open_count(), 3u);
    tickets[1].give_back();
    EXPECT_EQ(shared.open(client(9), tickets[3]), Admission::admitted);
}

TEST(ConnectionLimits, APlaceChangesHandsWithoutBeingFree) {
    ConnectionLimits shared(limits(2, 1));
    Ticket a, b, c;
    EXPECT_EQ(shared.open(client(1), a), Admission::admitted);
    EXPECT_EQ(shared.open(client(2), b), Admission::admitted);
    EXPECT_EQ(shared.open(client(2), c), Admission::client_reached) << "before the total";
    EXPECT_EQ(shared.open_instead(a, client(3), c), Admission::admitted);
    EXPECT_EQ(shared.open_count(), 2u);
    a.give_back();
    EXPECT_EQ(shared.open_count(), 2u) << "it was given already";
    EXPECT_EQ(shared.open(client(1), a), Admission::total_reached);
    EXPECT_EQ(shared.open_instead(b, client(1), a), Admission::admitted);
}

TEST(ConnectionLimits, NobodyGivesWayForOneWhoIsRefusedAllTheSame) {
    ConnectionLimits shared(limits(3, 1));
    Ticket a, b, c, fresh;
    EXPECT_EQ(shared.open(client(1), a), Admission::admitted);
    EXPECT_EQ(shared.open(client(2), b), Admission::admitted);
    EXPECT_EQ(shared.open(client(3), c), Admission::admitted);
    EXPECT_EQ(shared.open_instead(a, client(2), fresh), Admission::client_reached);
    shared.set_limits(limits(2, 1));  // one more than that is open
    EXPECT_EQ(shared.open_instead(a, client(4), fresh), Admission::total_reached);
    EXPECT_EQ(shared.open_count(), 3u);
    shared.set_limits(limits(3, 1));
    EXPECT_EQ(shared.open_instead(a, client(1), fresh), Admission::admitted)
        << "its own place counts no more";
    EXPECT_EQ(shared.open_count(), 3u);
}

TEST(ConnectionLimits, RefusesTheGreedyClientOnly) {
    ConnectionLimits shared(limits(100, 2));
    Ticket a, b, c, other;
    EXPECT_EQ(shared.open(client(1), a), Admission::admitted);
    EXPECT_EQ(shared.open(client(1), b), Admission::admitted);
    EXPECT_EQ(shared.open(client(1), c), Admission::client_reached);
    EXPECT_EQ(shared.open(client(2), other), Admission::admitted);
    a.give_back();
    EXPECT_EQ(shared.open(client(1), c), Admission::admitted);
    EXPECT_EQ(shared.open_count(), 3u);
}

TEST(ConnectionLimits, ATicketIsGivenBackOnceHoweverItGoes) {
    ConnectionLimits shared(limits(10, 10));
    {
        Ticket first, second;
        shared.open(client(1), first);
        shared.open(client(1), second);
        Ticket moved = std::move(first);
        EXPECT_EQ(shared.open_count(), 2u);
        moved = std::move(second);
        EXPECT_EQ(shared.open_count(), 1u);
        moved.give_back();
        moved.give_back();
        EXPECT_EQ(shared.open_count(), 0u);
        shared.open(client(2), first);
        shared.open(client(3), first);
        EXPECT_EQ(shared.open_count(), 1u) << "a ticket stands for one connection";
    }
    EXPECT_EQ(shared.open_count(), 0u);
}

TEST(ConnectionLimits, IsCrowdedAboveThreeQuarters) {
    ConnectionLimits shared(limits(8, 100));
    std::vector<Ticket> tickets(7);
    for (std::size_t i = 0; i < 6; ++i) shared.open(client(1), tickets[i]);
    EXPECT_FALSE(shared.crowded());
    shared.open(client(1), tickets[6]);
    EXPECT_TRUE(shared.crowded());
    tickets[0].give_back();
    EXPECT_FALSE(shared.crowded());
}

TEST(ConnectionLimits, LoweredLimitsRefuseNewConnectionsUntilEnoughHaveGone) {
    ConnectionLimits shared(limits(10, 10));
    std::vector<Ticket> tickets(5);
    for (auto& ticket : tickets) shared.open(client(1), ticket);
    shared.set_limits(limits(4, 2));
    Ticket one;
    EXPECT_EQ(shared.open(client(2), one), Admission::total_reached);
    tickets.resize(3);
    EXPECT_EQ(shared.open(client(1), one), Admission::client_reached);
    EXPECT_EQ(shared.open(client(2), one), Admission::admitted);
}

TEST(ConnectionLimits, HoldsUnderManyThreads) {
    ConnectionLimits shared(limits(50, 20));
    std::atomic<std::size_t> admitted{0};
    std::atomic<bool> exceeded{false};
    {
        std::vector<std::jthread> threads;
        for (std::uint32_t t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                std::vector<Ticket> tickets(30);
                for (int round = 0; round < 200; ++round)
                    for (auto& ticket : tickets) {
                        if (shared.open(client(t % 2), ticket) == Admission::admitted) ++admitted;
                        if (shared.open_count() > 50) exceeded = true;
                        shared.crowded();
                    }
            });
        }
    }
    EXPECT_GT(admitted.load(), 1000u);
    EXPECT_FALSE(exceeded.load());
    EXPECT_EQ(shared.open_count(), 0u);
}

}  // namespace
}  // namespace peerzone::server
