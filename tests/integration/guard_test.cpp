// One client that asks for too much is held back first; others are as they were.
#include <gtest/gtest.h>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using metrics::Count;

std::string name(int i) {
    return "n" + std::to_string(i) + ".westus.svc.cluster.local";
}

struct Greedy : ::testing::Test {
    Peer peer;
    Greedy() { peer.otherwise(silence()); }
    std::string yaml(const std::string& limits) const {
        return "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               peer.address() +
               "'], deadline: 2s, transport: udp}}\n"
               "zones: {corp.internal: {records: ['db A 10.0.0.5']}}\nlimits: {" +
               limits + "}\n";
    }
};

// A client of another address than 127.0.0.1.
class OtherClient {
public:
    OtherClient(const Server& server, const char* from)
        : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_storage native{};
        socklen_t size = SocketAddress{IpAddress::parse(from).value(), 0}.to_native(native);
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&native), size), 0);
        size = server.address().to_native(native);
        EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&native), size), 0);
    }
    void send(const std::string& qname, std::uint16_t id) const {
        const Octets message = question(qname, type::a, {.id = id});
        ::send(fd_.get(), message.data(), message.size(), 0);
    }
    Reply receive(Millis patience = kPatience) const {
        pollfd ready{fd_.get(), POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(patience.count())) != 1) return {};
        Octets raw(65535);
        const ssize_t n = ::recv(fd_.get(), raw.data(), raw.size(), 0);
        if (n < 0) return {};
        raw.resize(static_cast<std::size_t>(n));
        return read_reply(raw);
    }

private:
    Fd fd_;
};

TEST_F(Greedy, TheRateHoldsWhileThePeerIsHalfFull) {
    const Server server(
        yaml("in_flight_per_upstream_max: 100, client_misses_per_second_max: 1, "
             "client_misses_burst_max: 60"));
    const Client client = server.client();
    for (int i = 0; i < 61; ++i)
        client.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    const Reply shed = client.receive();
    EXPECT_EQ(shed.id(), 60);
    EXPECT_EQ(shed.rcode(), 2u);
    EXPECT_EQ(shed.ede(), 0);
    EXPECT_TRUE(
        shed.says("peer=westus this client asks for too many new names "
                  "(limits.client_misses_per_second_max)"))
        << shed.ede_text();
    EXPECT_EQ(server.count(Count::shed_client_rate), 1u);
    EXPECT_EQ(client.ask("db.corp.internal", type::a).answers().size(), 1u);
    const OtherClient other(server, "127.0.0.2");
    other.send(name(100), 1);
    EXPECT_FALSE(other.receive(Millis(100)).came) << "it waits as ever";
}

TEST_F(Greedy, WhatOneClientWaitsForIsBounded) {
    const Server server(yaml("in_flight_per_client_max: 5"));
    const Client client = server.client();
    for (int i = 0; i < 6; ++i)
        client.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    const Reply shed = client.receive();
    EXPECT_EQ(shed.id(), 5);
    EXPECT_TRUE(shed.says("(limits.in_flight_per_client_max)")) << shed.ede_text();
    EXPECT_EQ(server.count(Count::shed_client_in_flight), 1u);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(client.receive().rcode(), 2u);
    client.send(name(7), type::a, {.id = 7});
    EXPECT_FALSE(client.receive(Millis(100)).came) << "there is room again";
}

// A CoreDNS in front of us is one client for all peers.
TEST_F(Greedy, WhatWaitsForADeadPeerUsesUpNoShareOfOthers) {
    Peer north;
    north.on("db.north.svc.cluster.local", type::a,
             {{"db.north.svc.cluster.local 60 IN A 10.3.0.1"}});
    const Server server(
        "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" + peer.address() +
        "'], transport: udp}, north: {zones: [north.svc.cluster.local], endpoints: ['" +
        north.address() + "']}}\nlimits: {in_flight_per_client_max: 5}\n");
    const Client client = server.client();
    for (int i = 0; i < 6; ++i)
        client.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    EXPECT_EQ(client.receive().id(), 5) << "shed";
    EXPECT_EQ(client.ask("db.north.svc.cluster.local", type::a, {.id = 9}).answers().size(), 1u);
}

TEST_F(Greedy, SeatsOfAQuestionAreTakenFromTheGreediest) {
    const Server server(yaml("waiters_per_question_max: 4"));
    const Client greedy = server.client();
    for (std::uint16_t id = 0; id < 4; ++id) greedy.send(name(0), type::a, {.id = id});
    ASSERT_TRUE(peer.wait_for(1));
    const OtherClient other(server, "127.0.0.2");
    other.send(name(0), 1);
    const Reply shed = greedy.receive();
    EXPECT_EQ(shed.id(), 3) << "its youngest";
    EXPECT_EQ(shed.rcode(), 2u);
    EXPECT_TRUE(
        shed.says("peer=westus too many questions waiting for this name, most of them of "
                  "this client (limits.waiters_per_question_max)"))
        << shed.ede_text();
    EXPECT_FALSE(other.receive(Millis(100)).came) << "it waits";
    EXPECT_EQ(server.count(Count::shed_greediest), 1u);
}

TEST_F(Greedy, SeatsOfAPeerAreTakenFromTheGreediest) {
    const Server server(yaml("waiters_per_upstream_max: 6, waiters_per_question_max: 6"));
    const Client greedy = server.client();
    for (std::uint16_t id = 0; id < 6; ++id) greedy.send(name(id % 2), type::a, {.id = id});
    ASSERT_TRUE(peer.wait_for(2));
    const OtherClient other(server, "127.0.0.2");
    other.send(name(7), 1);
    ASSERT_TRUE(peer.wait_for(name(7), type::a)) << "the other one's question is asked";
    const Reply shed = greedy.receive();
    EXPECT_GE(shed.id(), 2) << "one that has joined a question";
    EXPECT_TRUE(
        shed.says("too many questions waiting, most of them of this client "
                  "(limits.waiters_per_upstream_max)"))
        << shed.ede_text();
}

// ExternalNames of one peer that lead to another.
struct GreedyByAlias : Greedy {
    Peer north;
    std::string yaml(const std::string& limits, const std::string& west = "") const {
        return "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               peer.address() + "'], deadline: 2s, transport: udp" + west +
               "}, north: {zones: [north.svc.cluster.local], endpoints: ['" + north.address() +
               "']}}\nlimits: {" + limits + "}\n";
    }
    static std::string alias(int i) { return "a" + std::to_string(i) + ".north.svc.cluster.local"; }
    void know_alias(int i) {
        north.on(alias(i), type::a, {{alias(i) + " 60 IN CNAME " + name(i)}});
    }
};

TEST_F(GreedyByAlias, WhatWaitsElsewhereIsCountedThere) {
    for (int i = 0; i < 5; ++i) know_alias(i);
    north.on("db.north.svc.cluster.local", type::a,
             {{"db.north.svc.cluster.local 60 IN A 10.3.0.1"}});
    const Server server(yaml("in_flight_per_client_max: 5"));
    const Client client = server.client();
    for (int i = 0; i < 5; ++i)
        client.send(alias(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    ASSERT_TRUE(peer.wait_for(5));
    EXPECT_EQ(client.ask("db.north.svc.cluster.local", type::a, {.id = 9}).answers().size(), 1u);
    client.send(name(7), type::a, {.id = 7});
    EXPECT_TRUE(client.receive().says("peer=westus this client waits for too many answers"));
}

TEST_F(GreedyByAlias, AKnownNameBehindOneIsAnsweredThoughItsPeerIsFull) {
    know_alias(20);
    peer.on(name(20), type::a, {{name(20) + " 0 IN A 10.2.0.1"}});
    const Server server(yaml("in_flight_per_upstream_max: 4"));
    const Client client = server.client();
    EXPECT_EQ(client.ask(alias(20), type::a).answers().size(), 2u);
    peer.on(name(20), type::a, silence());
    for (int i = 0; i < 4; ++i)  // no client has more than another one
        OtherClient(server, ("127.0.0." + std::to_string(2 + i)).c_str()).send(name(i), 1);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(peer.wait_for(name(i), type::a));
    const Reply reply = client.ask(alias(20), type::a);
    EXPECT_EQ(reply.rcode(), 0u) << reply.ede_text();
    EXPECT_EQ(reply.answers().size(), 2u);
    EXPECT_EQ(reply.ede(), 3);
    EXPECT_TRUE(reply.says("too many questions in flight (limits.in_flight_per_upstream_max)"))
        << reply.ede_text();
    EXPECT_EQ(server.count(Count::shed_greediest), 0u);
}

// A client that joins a query that has moved and leaves it at once is counted nowhere afterwards.
TEST_F(GreedyByAlias, WhoIsAnsweredFromMemoryBesideOneIsCountedNoMore) {
    know_alias(20);
    peer.on(name(20), type::a, {{name(20) + " 0 IN A 10.2.0.1"}});
    const Server server(yaml("in_flight_per_client_max: 3"));
    const Client client = server.client();
    EXPECT_EQ(client.ask(alias(20), type::a).answers().size(), 2u);
    peer.on(name(20), type::a, silence());
    for (int i = 0; i < 20; ++i) {
        const Reply reply = client.ask(alias(20), type::a);
        EXPECT_EQ(reply.ede(), 3) << reply.ede_text();
    }
    EXPECT_EQ(server.count(Count::shed_client_in_flight), 0u);
}

// What it denied then it may not deny now.
TEST_F(GreedyByAlias, AStaleDenialBehindOneIsNotTold) {
    know_alias(20);
    peer.on(name(20), type::a, no_such_name("westus.svc.cluster.local"));
    const Server server(yaml("in_flight_per_upstream_max: 1", ", negative_ttl: 0s"));
    const Client client = server.client();
    EXPECT_EQ(client.ask(alias(20), type::a).rcode(), 3u);
    const OtherClient other(server, "127.0.0.2");
    other.send(name(1), 1);
    ASSERT_TRUE(peer.wait_for(name(1), type::a));
    const Reply reply = client.ask(alias(20), type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.says("limits.in_flight_per_upstream_max")) << reply.ede_text();
}

TEST_F(GreedyByAlias, WhoComesOverOneTakesThePlaceOfTheGreediest) {
    know_alias(20);
    const Server server(yaml("in_flight_per_upstream_max: 4"));
    const Client greedy = server.client();
    for (int i = 0; i < 4; ++i)
        greedy.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    ASSERT_TRUE(peer.wait_for(4));
    const OtherClient other(server, "127.0.0.2");
    other.send(alias(20), 1);
    EXPECT_TRUE(greedy.receive().says("most of them of this client"));
    ASSERT_TRUE(peer.wait_for(name(20), type::a)) << "the other one's question is asked";
}

TEST_F(Greedy, WhoAsksEverythingTwiceGivesWayAllTheSame) {
    const Server server(yaml("in_flight_per_upstream_max: 10"));
    const Client greedy = server.client();
    for (int i = 0; i < 10; ++i)
        for (int twice = 0; twice < 2; ++twice)
            greedy.send(name(i), type::a, {.id = static_cast<std::uint16_t>(2 * i + twice)});
    ASSERT_TRUE(peer.wait_for(10));
    const OtherClient other(server, "127.0.0.2");
    other.send(name(20), 1);
    ASSERT_TRUE(peer.wait_for(name(20), type::a)) << "the other one's question is asked";
    for (int twice = 0; twice < 2; ++twice)
        EXPECT_TRUE(greedy.receive().says("most of them of this client"));
}

// Clients that join a query of another client take no place of others.
TEST_F(Greedy, ManyWaitersForOneQuestionAreNotManyQuestions) {
    const Server server(yaml("in_flight_per_upstream_max: 10"));
    const OtherClient other(server, "127.0.0.2");
    for (std::uint16_t id = 0; id < 8; ++id) other.send(name(40), id);
    ASSERT_TRUE(peer.wait_for(1));
    const Client greedy = server.client();
    for (int i = 0; i < 9; ++i)
        greedy.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    ASSERT_TRUE(peer.wait_for(10));
    other.send(name(20), 9);
    ASSERT_TRUE(peer.wait_for(name(20), type::a)) << "the other one's question is asked";
    EXPECT_TRUE(greedy.receive().says("most of them of this client"));
}

// Two clients that flood use up no look for the greediest: neither could gain by it.
TEST_F(Greedy, TwoWhoFloodDoNotKeepOthersFromTakingAPlace) {
    const Server server(yaml("in_flight_per_upstream_max: 20"));
    const OtherClient one(server, "127.0.0.2");
    const OtherClient two(server, "127.0.0.3");
    for (int i = 0; i < 10; ++i) {
        one.send(name(i), 1);
        two.send(name(100 + i), 1);
    }
    ASSERT_TRUE(peer.wait_for(20));
    const Client fair = server.client();
    for (int i = 0; i < 5; ++i) {
        for (int k = 0; k < 100; ++k) (k % 2 ? one : two).send(name(1000 + 100 * i + k), 1);
        fair.send(name(200 + i), type::a, {.id = static_cast<std::uint16_t>(i)});
        ASSERT_TRUE(peer.wait_for(name(200 + i), type::a)) << i;
    }
    EXPECT_EQ(server.count(Count::shed_greediest), 5u);
}

// What is given up is on its way all the same; when that is as much again, no client gains by more.
TEST_F(Greedy, NobodyIsShedForNothing) {
    const Server server(yaml("in_flight_per_upstream_max: 8"));
    const OtherClient greedy(server, "127.0.0.2");
    for (int i = 0; i < 8; ++i) greedy.send(name(i), 1);
    ASSERT_TRUE(peer.wait_for(8));
    for (int i = 0; i < 12; ++i)
        OtherClient(server, ("127.0.1." + std::to_string(1 + i / 2)).c_str())
            .send(name(100 + i), 1);
    const Client last = server.client();
    EXPECT_TRUE(last.ask(name(200), type::a).says("too many questions in flight"));
    EXPECT_LE(server.count(Count::shed_greediest), 8u);
    EXPECT_EQ(server.count(Count::shed_greediest) + server.count(Count::shed_in_flight), 13u);
}

TEST_F(Greedy, AFullPeerTakesThePlacesOfTheGreediest) {
    const Server server(yaml("in_flight_per_upstream_max: 10"));
    const Client greedy = server.client();
    for (int i = 0; i < 10; ++i)
        greedy.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    ASSERT_TRUE(peer.wait_for(10));
    const OtherClient other(server, "127.0.0.2");
    other.send(name(20), 1);
    const Reply shed = greedy.receive();
    EXPECT_TRUE(shed.says("most of them of this client")) << shed.ede_text();
    ASSERT_TRUE(peer.wait_for(name(20), type::a)) << "the other one's question is asked";
    EXPECT_EQ(server.count(Count::shed_greediest), 1u);
    greedy.send(name(30), type::a, {.id = 30});
    const Reply own = greedy.receive();
    EXPECT_EQ(own.id(), 30);
    EXPECT_TRUE(own.says("too many questions in flight (limits.in_flight_per_upstream_max)"))
        << own.ede_text();
}

// Looking for the greediest is bounded in time; its own queries do not use that up.
TEST_F(Greedy, WhoFloodsDoesNotKeepOthersFromTakingAPlace) {
    const Server server(yaml("in_flight_per_upstream_max: 10"));
    const Client greedy = server.client();
    for (int i = 0; i < 10; ++i)
        greedy.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    ASSERT_TRUE(peer.wait_for(10));
    const OtherClient other(server, "127.0.0.2");
    for (int i = 30; i < 60; ++i)
        greedy.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    for (int i = 20; i < 23; ++i) other.send(name(i), static_cast<std::uint16_t>(i));
    ASSERT_TRUE(peer.wait_for(13)) << "the other one's questions are asked";
    EXPECT_EQ(server.count(Count::shed_greediest), 3u);
    EXPECT_EQ(peer.asked(name(20), type::a), 1);
}

}  // namespace
}  // namespace peerzone::itest
