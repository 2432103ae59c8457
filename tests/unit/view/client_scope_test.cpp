// For which other clients a view that was found holds as well: what a reply to a Client Subnet says
// as its scope.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "unit/view/client_table_support.hpp"

namespace peerzone::view {
namespace {

using Match = std::pair<std::optional<ViewId>, unsigned>;

Match match_of(const ClientTable& table, const std::string& text, ListenerId listener = 0) {
    const auto [view, scope] = table.find_with_scope(listener, IpAddress::parse(text).value());
    return {view, scope};
}
Match four(std::optional<ViewId> view, unsigned length) {
    return {view, 96 + length};
}
ClientTable table_of(std::initializer_list<std::pair<const char*, ViewId>> entries) {
    ClientTable table;
    for (const auto& [prefix, view] : entries) table.add(IpPrefix::parse(prefix).value(), view);
    return table;
}

TEST(ClientScope, AnEmptyTableSaysTheSameToAllOfAFamily) {
    EXPECT_EQ(match_of({}, "10.1.2.3"), four(std::nullopt, 0));
    const ClientTable table = table_of({{"fd00::/8", 1}});
    EXPECT_EQ(match_of(table, "10.1.2.3"), four(std::nullopt, 0)) << "the other family's prefix";
}

TEST(ClientScope, APrefixThatHasNoneInsideIsTheScope) {
    const ClientTable table = table_of({{"10.1.0.0/16", 1}, {"fd00:1::/32", 2}, {"fd00:2::5", 3}});
    EXPECT_EQ(match_of(table, "10.1.2.3"), four(1, 16));
    EXPECT_EQ(match_of(table, "fd00:1::9"), Match(2, 32));
    EXPECT_EQ(match_of(table, "fd00:2::5"), Match(3, 128));
    EXPECT_EQ(match_of(table_of({{"0.0.0.0/0", 7}}), "8.8.8.8"), four(7, 0));
}

TEST(ClientScope, WhatANestedPrefixLeavesIsCutIntoPrefixes) {
    const ClientTable table = table_of({{"10.0.0.0/8", 1}, {"10.1.0.0/16", 2}, {"10.1.2.3", 3}});
    EXPECT_EQ(match_of(table, "10.0.5.5"), four(1, 16));
    EXPECT_EQ(match_of(table, "10.3.0.0"), four(1, 15));
    EXPECT_EQ(match_of(table, "10.200.0.0"), four(1, 9));
    EXPECT_EQ(match_of(table, "10.1.2.2"), four(2, 32));
    EXPECT_EQ(match_of(table, "10.1.2.4"), four(2, 30)) << "10.1.2.4 to .7";
    EXPECT_EQ(match_of(table, "10.1.128.0"), four(2, 17));
    EXPECT_EQ(match_of(table, "10.1.2.3"), four(3, 32));
}

TEST(ClientScope, ClientsWithoutAViewHaveAScopeToo) {
    const ClientTable table = table_of({{"10.1.0.0/16", 1}});
    EXPECT_EQ(match_of(table, "10.0.0.1"), four(std::nullopt, 16));
    EXPECT_EQ(match_of(table, "11.0.0.1"), four(std::nullopt, 8));
    EXPECT_EQ(match_of(table, "192.0.2.1"), four(std::nullopt, 1));
}

// ::ffff:0:0/96 has IPv4's views, so no scope of an IPv6 address may cover it.
TEST(ClientScope, Ipv4IsAHoleInIpv6) {
    const ClientTable table = table_of({{"::/0", 1}, {"10.0.0.0/8", 2}});
    EXPECT_EQ(match_of(table, "2001:db8::1"), Match(1, 3));
    EXPECT_EQ(match_of(table, "8000::"), Match(1, 1));
    EXPECT_EQ(match_of(table, "::1"), Match(1, 81));
    EXPECT_EQ(match_of(table, "::1:0:0:1"), Match(1, 80));
    EXPECT_EQ(match_of(table, "::fffe:0:1"), Match(1, 96));
    EXPECT_EQ(match_of(table, "::ffff:10.0.0.1"), four(2, 8));
}

TEST(ClientScope, AListeningAddressHasScopesOfItsOwn) {
    ClientTable table = table_of({{"10.0.0.0/8", 1}});
    table.add(1, IpPrefix::parse("10.1.0.0/16").value(), 2);
    EXPECT_EQ(match_of(table, "10.1.0.1", 1), four(2, 16));
    EXPECT_EQ(match_of(table, "10.0.0.1", 1), four(1, 16));
    for (const ListenerId other : {ListenerId{0}, ListenerId{2}})
        EXPECT_EQ(match_of(table, "10.1.0.1", other), four(1, 8)) << other;
}

IpPrefix around(const IpAddress& address, unsigned length) {
    auto octets = address.bytes();
    for (unsigned bit = length; bit < 128; ++bit)
        octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] & ~(0x80 >> bit % 8));
    return {IpAddress::v6(octets), static_cast<std::uint8_t>(length)};
}

// The shortest prefix around the client inside which no listed one begins: everything that counts
// in it counts for all of it. Prefixes are nested or apart, never across each other.
unsigned shortest_without_inner(const std::vector<Listed>& list, ListenerId listener,
                                const IpAddress& client) {
    const IpPrefix all_v4{IpAddress::v4(0), 96};
    for (unsigned length = client.is_v4() ? 96 : 0;; ++length) {
        const IpPrefix outer = around(client, length);
        const bool cuts = std::ranges::any_of(list, [&](const Listed& item) {
            return (item.listener == 0 || item.listener == listener) &&
                   item.prefix.length > length && item.prefix.is_v4() == client.is_v4() &&
                   outer.contains(item.prefix.address);
        });
        const bool has_v4 = length < all_v4.length && around(all_v4.address, length) == outer;
        if (!cuts && !has_v4) return length;
    }
}

TEST(ClientScope, AgreesWithAListOfRandomPrefixes) {
    for (unsigned seed = 100; seed < 112; ++seed) {
        RandomPrefixes random(seed);
        ClientTable table;
        std::vector<Listed> list;
        for (unsigned i = 0, count = random.below(50); i < count; ++i) {
            const unsigned own = random.below(4);
            list.push_back({static_cast<ListenerId>(own == 0 ? 1 + random.below(2) : 0),
                            random.prefix(), static_cast<ViewId>(i)});
            table.add(list.back().listener, list.back().prefix, list.back().view);
        }
        std::vector<IpAddress> clients;
        for (const Listed& item : list)
            for (const IpAddress& edge : edges_of(item.prefix)) clients.push_back(edge);
        for (unsigned i = 0; i < 50; ++i) clients.push_back(random.address());
        for (const IpAddress& client : clients)
            for (const ListenerId listener : {ListenerId{0}, ListenerId{1}, ListenerId{2}}) {
                const auto [view, scope] = table.find_with_scope(listener, client);
                ASSERT_EQ(view, look_through(list, listener, client)) << client.to_text();
                ASSERT_EQ(scope, shortest_without_inner(list, listener, client))
                    << "seed " << seed << " listener " << listener << ' ' << client.to_text();
                // What it promises: all of it has that view.
                const std::vector<IpAddress> ends = edges_of(around(client, scope));
                for (const IpAddress& inside : {ends[0], ends[1]})
                    ASSERT_EQ(table.find(listener, inside), view)
                        << client.to_text() << ' ' << inside.to_text();
            }
    }
}

}  // namespace
}  // namespace peerzone::view
