// Clients behind a forwarder: their subnet chooses the view when the forwarder is trusted.
#include "support/client_subnet.hpp"

#include <gtest/gtest.h>

#include <map>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
using metrics::Count;
using testing::find_option;
using testing::subnet_data;
using testing::subnet_option;
constexpr const char* kWest = "db.west.test";

// Pods see the peer, the office does not; 127.0.0.2 is the trusted forwarder, which is in neither
// view.
struct ClientSubnet : ::testing::Test {
    Peer west;
    Server server{yaml()};

    ClientSubnet() { west.on(kWest, type::a, {{std::string(kWest) + " 60 IN A 10.9.0.1"}}); }
    std::string yaml() const {
        return "trusted_forwarders: [127.0.0.2]\n"
               "zones: {corp.test: {records: ['host A 10.0.0.1']}}\n"
               "peers: {west: {zones: [west.test], endpoints: ['" +
               west.address() +
               "']}}\n"
               "views:\n"
               "  - {name: pods, clients: [127.0.0.1, 10.1.0.0/16, 'fd01::/16']}\n"
               "  - {name: office, clients: [10.2.0.0/16, 10.1.7.0/24], peers: []}\n";
    }
    Client forwarder() const { return {server.address(), IpAddress::v4(0x7f000002)}; }
    static Asking for_client(std::string_view subnet) { return {.options = subnet_option(subnet)}; }
    static std::optional<Octets> echo(const Reply& reply) {
        return find_option(reply.message.options, dns::option::client_subnet);
    }
};

TEST_F(ClientSubnet, ATrustedForwardersClientsHaveTheirOwnViews) {
    const Client client = forwarder();
    const Reply pod = client.ask(kWest, type::a, for_client("10.1.2.0/24"));
    EXPECT_EQ(pod.answers(), Lines{"db.west.test A 10.9.0.1"});
    EXPECT_EQ(echo(pod), (Octets{0, 1, 24, 22, 10, 1, 2})) << "10.1.0.0 to 10.1.3.255 are alike";
    const Reply hit = client.ask(kWest, type::a, for_client("10.1.2.0/24"));
    EXPECT_EQ(hit.answers(), pod.answers());
    EXPECT_EQ(echo(hit), echo(pod));
    EXPECT_EQ(west.asked(kWest, type::a), 1);
    const Reply office = client.ask(kWest, type::a, for_client("10.2.2.0/24"));
    EXPECT_EQ(office.rcode(), 5u) << "the office has no such peer";
    EXPECT_EQ(echo(office), (Octets{0, 1, 24, 16, 10, 2, 2}));
    EXPECT_EQ(client.ask("host.corp.test", type::a, for_client("10.1.7.9")).answers(),
              Lines{"host.corp.test A 10.0.0.1"});
    const Reply six = client.ask(kWest, type::a, for_client("fd01:2::/32"));
    EXPECT_EQ(six.answers(), pod.answers()) << "what is kept serves every subnet of the view";
    EXPECT_EQ(echo(six), (Octets{0, 2, 32, 16, 0xfd, 1, 0, 2}));
    EXPECT_EQ(west.asked(kWest, type::a), 1);
    EXPECT_EQ(server.count(Count::client_subnet_used), 5u);
}

TEST_F(ClientSubnet, IsIgnoredFromOtherClients) {
    const Client pod = server.client();  // 127.0.0.1
    const Reply reply = pod.ask(kWest, type::a, for_client("10.2.2.0/24"));
    EXPECT_EQ(reply.answers(), Lines{"db.west.test A 10.9.0.1"});
    EXPECT_FALSE(echo(reply));
    const Octets malformed = subnet_option(Bytes(Octets{0, 1, 99, 0}));
    EXPECT_EQ(pod.ask(kWest, type::a, {.options = malformed}).answers().size(), 1u);
    const Client stranger(server.address(), IpAddress::v4(0x7f000003));
    const Reply refused = stranger.ask(kWest, type::a, for_client("10.1.2.0/24"));
    EXPECT_EQ(refused.rcode(), 5u);
    EXPECT_FALSE(echo(refused));
    EXPECT_EQ(server.count(Count::client_subnet_ignored), 3u);
}

TEST_F(ClientSubnet, WhatTheForwarderAsksForItselfAndWhatItGetsWrong) {
    const Client client = forwarder();
    const Reply own = client.ask(kWest, type::a);
    EXPECT_EQ(own.rcode(), 5u);
    EXPECT_TRUE(own.says("no view for this client address"));
    const Reply nobody = client.ask(kWest, type::a, for_client("192.0.2.0/24"));
    EXPECT_EQ(nobody.rcode(), 5u);
    EXPECT_EQ(nobody.ede(), 18);
    EXPECT_TRUE(nobody.says("no view for the Client Subnet"));
    EXPECT_EQ(echo(nobody), subnet_data("192.0.2.0/24", 1));
    const Octets malformed = subnet_option(Bytes(Octets{0, 1, 24, 0, 10, 1}));
    const Reply wrong = client.ask(kWest, type::a, {.options = malformed});
    EXPECT_EQ(wrong.rcode(), 1u);
    EXPECT_TRUE(wrong.says("malformed"));
    EXPECT_FALSE(echo(wrong));
    EXPECT_EQ(server.count(Count::client_subnet_malformed), 1u);
}

TEST_F(ClientSubnet, EachWaiterGetsItsOwnEcho) {
    west.hold();
    const Client client = forwarder();
    std::uint16_t id = 0;
    for (const char* subnet : {"10.1.2.0/24", "fd01:2::/32", "10.1.128.0/17"})
        client.send(kWest, type::a, {.id = ++id, .options = subnet_option(subnet)});
    const Client pod = server.client();
    pod.send(kWest, type::a, {.id = 4});
    // They have arrived when a later query of each socket has.
    client.send("host.corp.test", type::a, {.id = 5, .options = subnet_option("10.1.2.0/24")});
    EXPECT_EQ(client.receive().id(), 5);
    pod.send("host.corp.test", type::a, {.id = 6});
    EXPECT_EQ(pod.receive().id(), 6);
    ASSERT_TRUE(west.wait_for(kWest, type::a));
    west.release();
    const std::map<std::uint16_t, Octets> wanted = {{1, subnet_data("10.1.2.0/24", 22)},
                                                    {2, subnet_data("fd01:2::/32", 16)},
                                                    {3, subnet_data("10.1.128.0/17", 17)}};
    for (int i = 0; i < 3; ++i) {
        const Reply reply = client.receive();
        ASSERT_TRUE(reply.came);
        EXPECT_EQ(reply.answers().size(), 1u);
        EXPECT_EQ(echo(reply), wanted.at(reply.id())) << reply.id();
    }
    const Reply plain = pod.receive();
    EXPECT_EQ(plain.id(), 4);
    EXPECT_EQ(plain.answers().size(), 1u);
    EXPECT_FALSE(echo(plain));
    EXPECT_EQ(west.asked(kWest, type::a), 1) << "one question for all of them";
}

TEST_F(ClientSubnet, NeverLeavesForAnUpstream) {
    EXPECT_EQ(forwarder().ask(kWest, type::a, for_client("10.1.2.0/24")).answers().size(), 1u);
    const auto seen = testing::read_message(west.last());
    ASSERT_TRUE(seen);
    EXPECT_FALSE(find_option(seen->options, dns::option::client_subnet));
}

TEST_F(ClientSubnet, WorksOverTcp) {
    server.change([](resolver::Snapshot& snapshot) {
        snapshot.trusted_forwarders.add(IpPrefix::parse("127.0.0.1").value());
    });
    const Reply reply = ask_tcp(server.address(), kWest, type::a, for_client("10.2.2.0/24"));
    EXPECT_EQ(reply.rcode(), 5u);
    EXPECT_EQ(echo(reply), subnet_data("10.2.2.0/24", 16));
}

TEST_F(ClientSubnet, AReloadChangesWhoIsTrusted) {
    server.reload("zones: {corp.test: {records: ['host A 10.0.0.1']}}\n");
    const Reply reply = forwarder().ask("host.corp.test", type::a, for_client("192.0.2.0/24"));
    EXPECT_EQ(reply.answers().size(), 1u) << "127.0.0.2 is a private address";
    EXPECT_FALSE(echo(reply));
}

}  // namespace
}  // namespace peerzone::itest
