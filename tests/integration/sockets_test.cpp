// Datagrams at the edge: which address a reply leaves from, and what is too large, empty or no
// query at all.
#include <gtest/gtest.h>

#include <netinet/in.h>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
constexpr const char* kZones = "zones: {corp.internal: {records: ['db 300 IN A 10.0.0.5']}}\n";

SocketAddress at(const std::string& ip, std::uint16_t port) {
    return {IpAddress::parse(ip).value(), port, 0};
}

bool has_ipv6_loopback() {
    const Fd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage native{};
    const socklen_t size = at("::1", 0).to_native(native);
    return fd && ::bind(fd.get(), reinterpret_cast<sockaddr*>(&native), size) == 0;
}

TEST(Sockets, AWildcardSocketRepliesFromTheAddressThatWasAsked) {
    const Server server(kZones, "0.0.0.0");
    for (const char* ip : {"127.0.0.1", "127.0.0.2", "127.0.0.3"}) {
        const Reply reply = Client(at(ip, server.port())).ask("db.corp.internal", type::a);
        EXPECT_EQ(reply.rcode(), 0u) << ip;
        EXPECT_EQ(reply.from, at(ip, server.port())) << ip;
    }
}

TEST(Sockets, ALateReplyLeavesFromTheAddressThatWasAsked) {
    Peer peer;
    peer.on("a.westus", type::a, {{"a.westus 0 IN A 10.2.0.1"}});
    const std::string yaml =
        "peers: {westus: {zones: [westus], endpoints: ['" + peer.address() + "']}}\n";
    const Server four(yaml, "0.0.0.0");
    for (const char* ip : {"127.0.0.2", "127.0.0.3"})
        EXPECT_EQ(Client(at(ip, four.port())).ask("a.westus", type::a).from, at(ip, four.port()));
    if (!has_ipv6_loopback()) GTEST_SKIP() << "SKIPPED: no ::1 here";
    const Server six(yaml, "::");
    EXPECT_EQ(Client(at("::1", six.port())).ask("a.westus", type::a).from, at("::1", six.port()));
}

TEST(Sockets, IPv6IsServedOverBothTransports) {
    if (!has_ipv6_loopback()) GTEST_SKIP() << "SKIPPED: no ::1 here";
    for (const char* listen : {"::1", "::"}) {
        const Server server(kZones, listen);
        const Reply reply = Client(at("::1", server.port())).ask("db.corp.internal", type::a);
        EXPECT_EQ(reply.answers(), Lines{"db.corp.internal A 10.0.0.5"}) << listen;
        EXPECT_EQ(reply.from, at("::1", server.port())) << listen;
        EXPECT_EQ(ask_tcp(at("::1", server.port()), "db.corp.internal", type::a).answers().size(),
                  1u)
            << listen;
    }
}

TEST(Sockets, AnIPv6WildcardLeavesIPv4ToItsOwnSocket) {
    if (!has_ipv6_loopback()) GTEST_SKIP() << "SKIPPED: no ::1 here";
    // The kernel picks a port that is free for IPv6. Another program may have it for IPv4, so one
    // port of several must do.
    bool left = false;
    for (int port = 0; port < 8 && !left; ++port) {
        const Server six(kZones, "::");
        left = server::open_udp(at("0.0.0.0", six.port())).has_value() &&
               server::open_tcp(at("0.0.0.0", six.port())).has_value();
    }
    EXPECT_TRUE(left);
}

TEST(Sockets, WhatIsNoQuestionGetsNoReplyAndStopsNobody) {
    const Server server(kZones);
    const Client client = server.client();
    const Octets good = question("db.corp.internal", type::a);
    client.send(Octets{});          // empty
    client.send(Octets{1, 2, 3});   // shorter than a header
    client.send(Octets(60000, 0));  // larger than any query
    client.send(Octets(4097, 0));
    Octets response = good;
    response[2] |= 0x80;
    client.send(response);  // a reply: two servers must not talk for ever
    client.send(good);
    const Reply reply = client.receive();
    EXPECT_EQ(reply.answers().size(), 1u);
    EXPECT_FALSE(client.receive(Millis(50)).came);
    EXPECT_EQ(server.count(metrics::Count::dropped_malformed), 5u);
    EXPECT_EQ(server.count(metrics::Count::udp_queries), 6u);
    EXPECT_EQ(server.count(metrics::Count::udp_replies), 1u);
}

TEST(Sockets, AQuestionOfFourKibWithPaddingIsAnswered) {
    const Server server(kZones);
    Octets padding(4000, 0);
    store_u16(&padding[0], 12);  // RFC 7830
    store_u16(&padding[2], padding.size() - 4);
    testing::Wire wire;
    wire.header(1, dns::kFlagRd, 1, 0, 0, 1)
        .name("db.corp.internal")
        .u16(type::a)
        .u16(1)
        .opt(1232, 0, padding);
    const Client client = server.client();
    client.send(wire.octets());
    EXPECT_EQ(client.receive().answers().size(), 1u);
}

TEST(Sockets, ABrokenQuestionIsFormerrThatEchoesIt) {
    const Server server(kZones);
    const Client client = server.client();
    Octets twice = question("db.corp.internal", type::a, {.edns = std::nullopt});
    twice[5] = 2;
    client.send(twice);
    EXPECT_EQ(client.receive().rcode(), 1u);
    Octets more = question("db.corp.internal", type::a, {.id = 77});
    more.push_back(0);
    client.send(more);
    const Reply reply = client.receive();
    EXPECT_EQ(reply.rcode(), 1u);
    EXPECT_EQ(reply.id(), 77);
}

TEST(Sockets, ABurstIsAnsweredInFull) {
    const Server server(kZones, "127.0.0.1", 2);
    const Client one = server.client();
    const Client two = server.client();
    constexpr std::uint16_t kBurst = 100;  // what the client's own socket surely holds
    for (std::uint16_t id = 0; id < kBurst; ++id) {
        one.send("db.corp.internal", type::a, {.id = id});
        two.send("nix.corp.internal", type::a, {.id = id});
    }
    std::vector<bool> seen_one(kBurst), seen_two(kBurst);
    for (int i = 0; i < kBurst; ++i) {
        const Reply first = one.receive();
        const Reply second = two.receive();
        ASSERT_TRUE(first.came && second.came) << i;
        EXPECT_EQ(first.rcode(), 0u);
        EXPECT_EQ(second.rcode(), 3u);
        seen_one[first.id()] = true;
        seen_two[second.id()] = true;
    }
    EXPECT_EQ(std::count(seen_one.begin(), seen_one.end(), true), kBurst);
    EXPECT_EQ(std::count(seen_two.begin(), seen_two.end(), true), kBurst);
}

}  // namespace
}  // namespace peerzone::itest
