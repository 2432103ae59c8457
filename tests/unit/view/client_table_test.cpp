#include <gtest/gtest.h>

#include <algorithm>

#include "support/count_allocations.hpp"
#include "unit/view/client_table_support.hpp"

namespace peerzone::view {
namespace {

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

ClientTable table_of(std::initializer_list<std::pair<const char*, ViewId>> entries) {
    ClientTable table;
    for (const auto& [prefix, view] : entries) table.add(IpPrefix::parse(prefix).value(), view);
    return table;
}

TEST(ClientTable, EmptyTableServesNobody) {
    const ClientTable table;
    EXPECT_EQ(table.find(ip("127.0.0.1")), std::nullopt);
    EXPECT_EQ(table.find(ip("::1")), std::nullopt);
}

TEST(ClientTable, TheLongestPrefixWinsInAnyOrderOfAdding) {
    std::vector<std::pair<const char*, ViewId>> entries = {{"0.0.0.0/0", 1},   {"10.0.0.0/8", 2},
                                                           {"10.1.0.0/16", 3}, {"10.1.2.3", 4},
                                                           {"::/0", 5},        {"fd00::/8", 6}};
    std::sort(entries.begin(), entries.end());
    do {
        ClientTable table;
        for (const auto& [prefix, view] : entries) table.add(IpPrefix::parse(prefix).value(), view);
        ASSERT_EQ(table.find(ip("8.8.8.8")), 1);
        ASSERT_EQ(table.find(ip("10.2.0.1")), 2);
        ASSERT_EQ(table.find(ip("10.1.9.9")), 3);
        ASSERT_EQ(table.find(ip("10.1.2.3")), 4);
        ASSERT_EQ(table.find(ip("2001:db8::1")), 5);
        ASSERT_EQ(table.find(ip("fd12::1")), 6);
    } while (std::next_permutation(entries.begin(), entries.end()));
}

TEST(ClientTable, ADefaultOfOneFamilyDoesNotServeTheOther) {
    const ClientTable six = table_of({{"::/0", 1}});
    EXPECT_EQ(six.find(ip("2001:db8::1")), 1);
    EXPECT_EQ(six.find(ip("8.8.8.8")), std::nullopt);
    const ClientTable four = table_of({{"0.0.0.0/0", 1}});
    EXPECT_EQ(four.find(ip("8.8.8.8")), 1);
    EXPECT_EQ(four.find(ip("2001:db8::1")), std::nullopt);
}

TEST(ClientTable, Ipv4InsideTheIpv6DefaultIsItsOwnCase) {
    const ClientTable table = table_of({{"::/0", 1}, {"10.0.0.0/8", 2}});
    EXPECT_EQ(table.find(ip("10.0.0.1")), 2);
    EXPECT_EQ(table.find(ip("::ffff:10.0.0.1")), 2)
        << "as a dual-stack socket shows an IPv4 client";
    EXPECT_EQ(table.find(ip("11.0.0.1")), std::nullopt);
    EXPECT_EQ(table.find(ip("::1")), 1);
}

TEST(ClientTable, NeighboursOfABlockAreOutside) {
    const ClientTable table = table_of({{"192.168.0.0/16", 0}});
    EXPECT_EQ(table.find(ip("192.168.0.0")), 0);
    EXPECT_EQ(table.find(ip("192.168.255.255")), 0);
    EXPECT_EQ(table.find(ip("192.167.255.255")), std::nullopt);
    EXPECT_EQ(table.find(ip("192.169.0.0")), std::nullopt);
}

TEST(ClientTable, OfOnePrefixTheFirstViewStays) {
    const ClientTable table = table_of({{"10.0.0.0/8", 1}, {"10.0.0.0/8", 2}});
    EXPECT_EQ(table.find(ip("10.0.0.1")), 1);
}

TEST(ClientTable, TheEndsOfTheAddressSpaceBelongToIt) {
    const ClientTable table = table_of({{"0.0.0.0", 1},
                                        {"255.255.255.255", 2},
                                        {"128.0.0.0/1", 3},
                                        {"::", 4},
                                        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 5},
                                        {"8000::/1", 6}});
    EXPECT_EQ(table.find(ip("0.0.0.0")), 1);
    EXPECT_EQ(table.find(ip("0.0.0.1")), std::nullopt);
    EXPECT_EQ(table.find(ip("127.255.255.255")), std::nullopt);
    EXPECT_EQ(table.find(ip("128.0.0.0")), 3);
    EXPECT_EQ(table.find(ip("255.255.255.254")), 3);
    EXPECT_EQ(table.find(ip("255.255.255.255")), 2);
    EXPECT_EQ(table.find(ip("::")), 4);
    EXPECT_EQ(table.find(ip("::1")), std::nullopt);
    EXPECT_EQ(table.find(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")), 6);
    EXPECT_EQ(table.find(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")), 5);
}

TEST(ClientTable, AListeningAddressAsksItsOwnViewsFirst) {
    ClientTable table = table_of({{"10.0.0.0/8", 1}});
    table.add(2, IpPrefix::parse("0.0.0.0/0").value(), 2);
    table.add(IpPrefix::parse("10.1.0.0/16").value(), 3);
    table.add(2, IpPrefix::parse("192.168.0.0/16").value(), 4);
    EXPECT_EQ(table.find(2, ip("10.1.0.1")), 2) << "however long a shared prefix is";
    EXPECT_EQ(table.find(2, ip("192.168.0.1")), 4);
    for (const ListenerId other : {ListenerId{0}, ListenerId{1}, ListenerId{9}}) {
        EXPECT_EQ(table.find(other, ip("10.1.0.1")), 3) << other;
        EXPECT_EQ(table.find(other, ip("10.2.0.1")), 1) << other;
        EXPECT_EQ(table.find(other, ip("192.168.0.1")), std::nullopt) << other;
    }
}

TEST(ClientTable, WhomAListeningAddressHasNoViewForTheSharedOnesServe) {
    ClientTable table;
    table.add(1, IpPrefix::parse("192.168.0.0/16").value(), 1);
    table.add(IpPrefix::parse("10.0.0.0/8").value(), 2);
    table.add(IpPrefix::parse("fd00::/8").value(), 2);
    EXPECT_EQ(table.find(1, ip("192.168.0.1")), 1);
    EXPECT_EQ(table.find(1, ip("10.0.0.1")), 2);
    EXPECT_EQ(table.find(1, ip("fd00::1")), 2);
    EXPECT_EQ(table.find(1, ip("11.0.0.1")), std::nullopt);
}

TEST(ClientTable, ALookupAllocatesNothing) {
    const ClientTable table = table_of({{"10.0.0.0/8", 1}, {"10.1.0.0/16", 2}, {"fd00::/8", 3}});
    const IpAddress clients[] = {ip("10.1.0.1"), ip("192.0.2.1"), ip("fd00::1")};
    const std::size_t before = allocations;
    std::size_t found = 0;
    for (const IpAddress& client : clients) {
        found += table.find(1, client).has_value();
        found += table.find_with_scope(1, client).view.has_value();
    }
    EXPECT_EQ(allocations, before);
    EXPECT_EQ(found, 4u);
}

TEST(ClientTable, AgreesWithAListOfRandomPrefixes) {
    for (unsigned seed = 0; seed < 60; ++seed) {
        RandomPrefixes random(seed);
        ClientTable table;
        std::vector<Listed> list;
        for (unsigned i = 0, count = random.below(60); i < count; ++i) {
            const unsigned own = random.below(4);
            list.push_back({static_cast<ListenerId>(own == 0 ? 1 + random.below(2) : 0),
                            random.prefix(), static_cast<ViewId>(i)});
            table.add(list.back().listener, list.back().prefix, list.back().view);
        }
        std::vector<IpAddress> clients;
        for (const Listed& item : list)
            for (const IpAddress& edge : edges_of(item.prefix)) clients.push_back(edge);
        for (unsigned i = 0; i < 100; ++i) clients.push_back(random.address());
        for (const IpAddress& client : clients)
            for (const ListenerId listener : {ListenerId{0}, ListenerId{1}, ListenerId{2}})
                ASSERT_EQ(table.find(listener, client), look_through(list, listener, client))
                    << "seed " << seed << " listener " << listener << ' ' << client.to_text();
    }
}

TEST(DefaultClients, ArePrivateAndLocalAddressesOnly) {
    ClientTable table;
    for (const IpPrefix& prefix : default_clients()) table.add(prefix, 0);
    for (const char* text : {"127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1",
                             "172.31.255.255", "192.168.7.7", "100.64.0.1", "100.127.255.255",
                             "169.254.20.10", "::1", "fc00::1", "fdff::1", "fe80::1", "febf::1"})
        EXPECT_TRUE(table.find(ip(text)).has_value()) << text;
    for (const char* text : {"8.8.8.8", "0.0.0.0", "172.15.0.1", "172.32.0.1", "100.63.255.255",
                             "100.128.0.0", "169.253.0.1", "128.0.0.1", "11.0.0.1", "192.169.0.1",
                             "::", "::2", "2001:db8::1", "fec0::1", "fe00::1", "ff02::1"})
        EXPECT_FALSE(table.find(ip(text)).has_value()) << text;
}

}  // namespace
}  // namespace peerzone::view
