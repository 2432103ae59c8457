// Servers that point at each other: the edge that closes the circle is not asked, and clients hear
// of it at once.
#include <gtest/gtest.h>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using metrics::Count;
constexpr const char* kName = "database.westus.svc.cluster.local";

std::string peer_at(const std::string& address, const std::string& name = "westus") {
    return "peers: {" + name + ": {zones: [westus.svc.cluster.local], endpoints: ['" + address +
           "']}}\nzones: {corp.internal: {records: ['db A 10.0.0.5']}}\n";
}

// All on 127.0.0.1: every server has the address that another one asks, and the test's clients too.
struct Circle : ::testing::Test {
    static Reply ask(const Server& server, Duration& took) {
        const Client client = server.client();
        const Time start = Clock::now();
        Reply reply = client.ask(kName, type::a);
        took = Clock::now() - start;
        return reply;
    }
};

TEST_F(Circle, TwoServersThatPointAtEachOther) {
    Peer nobody;
    Server one(peer_at(nobody.address(), "two"));
    const Server two(peer_at(one.address().to_text(), "one"));
    one.reload(peer_at(two.address().to_text(), "two"));
    Duration took{};
    const Reply reply = ask(one, took);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.says("loop via peer=")) << reply.ede_text();
    EXPECT_LT(took, Millis(1000)) << "nobody waits for a deadline";
    EXPECT_GE(one.count(Count::loops) + two.count(Count::loops), 1u);
    EXPECT_EQ(one.client().ask("db.corp.internal", type::a).rcode(), 0u);
    EXPECT_EQ(two.client().ask("db.corp.internal", type::a).rcode(), 0u);
    EXPECT_EQ(nobody.asked(), 0);
}

TEST_F(Circle, ThreeServersInARing) {
    Peer nobody;
    Server one(peer_at(nobody.address(), "two"));
    const Server three(peer_at(one.address().to_text(), "one"));
    const Server two(peer_at(three.address().to_text(), "three"));
    one.reload(peer_at(two.address().to_text(), "two"));
    for (const Server* server : {&two, &three, static_cast<const Server*>(&one)}) {
        Duration took{};
        const Reply reply = ask(*server, took);
        EXPECT_EQ(reply.rcode(), 2u);
        EXPECT_TRUE(reply.says("loop via peer=")) << reply.ede_text();
        EXPECT_LT(took, Millis(1000));
    }
    EXPECT_GE(one.count(Count::loops) + two.count(Count::loops) + three.count(Count::loops), 1u);
    EXPECT_EQ(one.client().ask("db.corp.internal", type::a).rcode(), 0u);
}

// However long the names on the way are: the text has 240 octets.
TEST_F(Circle, TheCauseStandsInFrontOfTheWay) {
    const std::string one_name(60, 'a');
    const std::string two_name(60, 'b');
    const std::string three_name(60, 'c');
    Peer nobody;
    Server one(peer_at(nobody.address(), two_name));
    const Server three(peer_at(one.address().to_text(), one_name));
    const Server two(peer_at(three.address().to_text(), three_name));
    one.reload(peer_at(two.address().to_text(), two_name));
    for (const Server* server : {&two, &three, static_cast<const Server*>(&one)}) {
        Duration took{};
        const std::string text = ask(*server, took).ede_text();
        // One of them may remember the failure already: "retry in 1s: loop via …".
        EXPECT_LE(text.find("loop via peer="), std::string_view("retry in 1s: ").size()) << text;
        EXPECT_NE(text.find("our own question came back from 127.0.0.1; "), std::string::npos)
            << text;
    }
}

TEST_F(Circle, AServerThatIsItsOwnPeer) {
    Peer nobody;
    Server server(peer_at(nobody.address()));
    server.reload(peer_at(server.address().to_text()));
    Duration took{};
    const Reply reply = ask(server, took);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.says("loop via peer=westus")) << reply.ede_text();
    EXPECT_LT(took, Millis(1000));
}

Octets marked(const char* name, std::uint8_t hops) {
    Octets option(13, 7);
    store_u16(&option[0], dns::option::hop_mark);
    store_u16(&option[2], 9);
    option[12] = hops;
    testing::Wire wire;
    wire.header(1, dns::kFlagRd, 1, 0, 0, 1).name(name).u16(type::a).u16(1).opt(1232, 0, option);
    return wire.octets();
}

// A server beyond the peer refuses the fourth hop; any client can write three into a query.
TEST_F(Circle, WhatAMarkCausedIsNotRememberedForOthers) {
    Peer peer;
    peer.on(kName, type::a, failing(2));
    const Server server(peer_at(peer.address()));
    const Client client = server.client();
    client.send(marked(kName, 3));
    EXPECT_EQ(client.receive().rcode(), 2u);
    peer.on(kName, type::a, {{std::string(kName) + " 60 IN A 10.2.0.1"}});
    const Reply reply = client.ask(kName, type::a);
    EXPECT_EQ(reply.answers().size(), 1u) << reply.ede_text();
}

// Clients on the host of the server that we ask are no loop: they share its exchange.
TEST_F(Circle, AClientFromTheAddressOfAnEndpointIsServed) {
    Peer peer;
    peer.on(kName, type::a, {{std::string(kName) + " 60 IN A 10.2.0.1"}});
    peer.hold();
    const Server server(peer_at(peer.address()));
    const Client one = server.client();
    const Client two = server.client();
    one.send(kName, type::a, {.id = 1});
    ASSERT_TRUE(peer.wait_for(1));
    two.send("DATABASE.westus.SVC.cluster.local", type::a, {.id = 2});
    two.send("other.westus.svc.cluster.local", type::a, {.id = 3});  // comes behind it
    ASSERT_TRUE(peer.wait_for(2));
    peer.release();
    EXPECT_EQ(one.receive().answers().size(), 1u);
    Reply second = two.receive();
    if (second.id() == 3) second = two.receive();
    EXPECT_EQ(second.answers().size(), 1u) << second.ede_text();
    EXPECT_EQ(server.count(Count::loops), 0u);
}

}  // namespace
}  // namespace peerzone::itest
