// Denials: which of them prove anything, what they delete, and how long they are kept.
#include <gtest/gtest.h>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
using metrics::Count;
using upstream::UpstreamState;
constexpr const char* kDb = "db.west.example";
const Lines kKnown{"db.west.example A 10.2.0.1"};

Says address(const std::string& name, unsigned ttl = 60) {
    return {{name + " " + std::to_string(ttl) + " IN A 10.2.0.1"}};
}
/// What dnsmasq says: no SOA, no authority.
Says bare(unsigned rcode) {
    return {.rcode = rcode};
}
Says with_soa(const std::string& zone, unsigned rcode, unsigned ttl = 60) {
    return {.authorities = {soa(zone, ttl, ttl)}, .rcode = rcode};
}
/// What a resolver of the Internet says of a name that only we know.
const Says kRootsDenial{
    .authorities = {". 86400 IN SOA a.root-servers.net. nstld.verisign-grs.com. 1 2 3 4 86400"},
    .rcode = 3};

struct Denial : ::testing::Test {
    Peer first;
    Peer second;
    std::string yaml(const std::string& more = "") const {
        return "peers: {west: {zones: [west.example], endpoints: ['" + first.address() + "'], " +
               "negative_ttl: 20s" + more + "}}\n";
    }
    std::string two() const {
        return "peers: {west: {zones: [west.example], hedge: off, endpoints: ['" + first.address() +
               "', '" + second.address() + "']}}\n";
    }
    std::string forward(const std::string& zone) const {
        return "forward: {'" + zone + "': {hedge: off, endpoints: ['" + first.address() + "', '" +
               second.address() + "']}}\n";
    }
};

TEST_F(Denial, AnotherServerAtThePeersAddressDeniesNothing) {
    for (const Says& lame : {kRootsDenial, with_soa("corp.test", 3), with_soa("corp.test", 0),
                             with_soa("sub.db.west.example", 3)}) {
        const Server server(yaml());
        server.ask_in_plain_case();
        const Client client = server.client();
        first.on(kDb, type::a, address(kDb, 0));
        EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown);
        const auto& endpoint = *server.upstream("peer=west").set()->endpoints.front();
        const auto usable = endpoint.last_reply();
        first.on(kDb, type::a, lame);
        for (int i = 0; i < 2; ++i) {
            const Reply reply = client.ask(kDb, type::a);
            EXPECT_EQ(reply.answers(), kKnown) << "what was known stays";
            EXPECT_EQ(reply.ede(), 3);
            EXPECT_TRUE(reply.says("lame reply: ")) << reply.ede_text();
        }
        first.otherwise(lame);
        const Reply unknown = client.ask("new.west.example", type::a);
        EXPECT_EQ(unknown.rcode(), 2u);
        EXPECT_EQ(unknown.ede(), 20);
        EXPECT_TRUE(unknown.says("lame reply: ")) << unknown.ede_text();
        EXPECT_EQ(endpoint.last_reply(), usable) << "no sign of health";
        EXPECT_EQ(endpoint.stats().failures(upstream::FailureReason::lame), 2u);
        EXPECT_TRUE(endpoint.stats().last_error()->text.starts_with("lame reply: "));
        EXPECT_EQ(server.count(Count::upstream_lame), 2u);
        server.client().ask("x.west.example", type::a);
    }
}

TEST_F(Denial, ALameReplyIsAskedAtTheNextEndpoint) {
    first.otherwise(kRootsDenial);
    second.on(kDb, type::a, address(kDb));
    second.otherwise(with_soa("west.example", 3));
    const Server server(two());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown);
    for (int i = 0; i < 8; ++i) {
        const Reply reply = client.ask("n" + std::to_string(i) + ".west.example", type::a);
        EXPECT_EQ(reply.rcode(), 3u);
        EXPECT_EQ(reply.section(2).size(), 1u);
    }
}

TEST_F(Denial, AnSoaAboveTheNameProves) {
    const Server server(yaml());
    for (const char* owner : {"db.west.example", "west.example", "Example"}) {
        first.on(kDb, type::a, with_soa(owner, 3, 0));
        EXPECT_EQ(server.client().ask(kDb, type::a).rcode(), 3u) << owner;
        first.on(kDb, type::a, with_soa(owner, 0, 0));
        EXPECT_EQ(server.client().ask(kDb, type::a).rcode(), 0u) << owner;
    }
    EXPECT_EQ(server.count(Count::upstream_lame), 0u);
}

TEST_F(Denial, OfPtrNamesAnySoaOfTheReverseTreeProves) {
    const Server server(
        "peers: {west: {zones: [west.example], reverse: [10.2.0.0/16], endpoints: ['" +
        first.address() + "']}}\n");
    int number = 1;
    for (const char* owner : {"in-addr.arpa", "10.in-addr.arpa", "0.2.10.in-addr.arpa"}) {
        const std::string name = std::to_string(number++) + ".0.2.10.in-addr.arpa";
        first.on(name, type::ptr, with_soa(owner, 3));
        EXPECT_EQ(server.client().ask(name, type::ptr).rcode(), 3u) << owner;
    }
}

TEST_F(Denial, WithoutSoaAPeerIsBelievedOnceItHasGivenData) {
    const Server server(yaml());
    server.ask_in_plain_case();
    const Client client = server.client();
    first.otherwise(bare(3));
    const Reply doubted = client.ask("a.west.example", type::a);
    EXPECT_EQ(doubted.rcode(), 2u);
    EXPECT_EQ(doubted.ede(), 20);
    EXPECT_TRUE(doubted.says("NXDOMAIN without SOA or AA")) << doubted.ede_text();
    first.on(kDb, type::a, address(kDb));
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown);
    first.on(kDb, type::aaaa, bare(0));
    for (int i = 1; i <= 2; ++i) {
        const Reply none = client.ask(kDb, type::aaaa);
        EXPECT_EQ(none.rcode(), 0u);
        EXPECT_TRUE(none.says("no data without SOA")) << none.ede_text();
        EXPECT_EQ(first.asked(kDb, type::aaaa), i) << "never kept";
        EXPECT_EQ(client.ask("b.west.example", type::a).rcode(), 3u);
        EXPECT_EQ(first.asked("b.west.example", type::a), i);
    }
    // Another server is there now.
    first.on("c.west.example", type::a, kRootsDenial);
    client.ask("c.west.example", type::a);
    EXPECT_EQ(client.ask("d.west.example", type::a).ede(), 20);
}

TEST_F(Denial, WithAuthorityOrFromAForwarderItIsPassedOn) {
    first.otherwise({.rcode = 3, .flags = dns::kFlagAa});
    EXPECT_EQ(Server(yaml()).client().ask(kDb, type::a).rcode(), 3u);
    first.otherwise(bare(3));
    second.otherwise(bare(3));
    for (const char* zone : {".", "west.example"}) {
        const Server server(forward(zone));
        server.ask_in_plain_case();
        const int before = first.asked() + second.asked();
        EXPECT_EQ(server.client().ask(kDb, type::a).rcode(), 3u);
        EXPECT_EQ(first.asked() + second.asked(), before + 2) << "two of them say so";
    }
}

TEST_F(Denial, WithoutSoaItDeletesNothing) {
    first.otherwise(bare(3));
    second.otherwise(bare(3));
    first.on(kDb, type::a, address(kDb, 0));
    second.on(kDb, type::a, address(kDb, 0));
    Server server(forward("west.example"));
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown);
    EXPECT_EQ(client.ask(kDb, type::aaaa).rcode(), 3u);
    first.on(kDb, type::a, bare(3));
    second.on(kDb, type::a, bare(3));
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 3u);
    server.enter("forward=west.example", UpstreamState::partitioned);
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown);
}

TEST_F(Denial, WhatTheOtherForwarderKnowsWins) {
    first.otherwise(bare(0));
    second.otherwise(bare(0));
    second.on(kDb, type::a, address(kDb, 0));
    const Server server(forward("."));
    for (int i = 0; i < 8; ++i) EXPECT_EQ(server.client().ask(kDb, type::a).answers(), kKnown);
}

TEST_F(Denial, TheRootsSoaProvesForTheForwarderOfTheRootOnly) {
    first.otherwise(kRootsDenial);
    second.otherwise(kRootsDenial);
    {
        const Server server(forward("."));
        server.ask_in_plain_case();
        for (int i = 0; i < 2; ++i)
            EXPECT_EQ(server.client().ask("x.nowhere", type::a).rcode(), 3u);
        EXPECT_EQ(first.asked() + second.asked(), 1) << "believed, and kept";
    }
    const Server server(forward("corp.test"));
    server.ask_in_plain_case();
    const Reply reply = server.client().ask("x.corp.test", type::a);
    EXPECT_EQ(reply.ede(), 20) << reply.ede_text();
}

// A load balancer says NXDOMAIN for AAAA of a name that has an A.
TEST_F(Denial, NxdomainForOneTypeHidesNoOther) {
    first.otherwise(with_soa("west.example", 3));
    first.on(kDb, type::a, address(kDb, 0));
    Server server(yaml());
    server.ask_in_plain_case();
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(client.ask(kDb, type::aaaa).rcode(), 3u);
    EXPECT_EQ(first.asked(kDb, type::aaaa), 1) << "it is kept for its own type";
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown) << "asked again";
    first.on(kDb, type::txt, {{std::string(kDb) + " 60 IN TXT x"}});
    EXPECT_EQ(client.ask(kDb, type::txt).answers().size(), 1u);
    server.enter("peer=west", UpstreamState::partitioned);
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown);
    EXPECT_EQ(client.ask(kDb, type::aaaa).rcode(), 3u);
}

TEST_F(Denial, NxdomainForTheTypeItselfDeletes) {
    first.otherwise(with_soa("west.example", 3));
    first.on(kDb, type::a, address(kDb, 0));
    Server server(yaml());
    server.ask_in_plain_case();
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown);
    first.on(kDb, type::a, with_soa("west.example", 3));
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 3u);
    EXPECT_EQ(client.ask(kDb, type::aaaa).rcode(), 3u);
    EXPECT_EQ(first.asked(kDb, type::aaaa), 0) << "of the whole name, since nothing else is known";
    server.enter("peer=west", UpstreamState::partitioned);
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 3u);
}

TEST_F(Denial, NoDataOfAHotNameIsKeptLonger) {
    const Server server("peers: {west: {zones: [west.example], endpoints: ['" + first.address() +
                        "'], negative_ttl: 1s}}\n");
    const Client client = server.client();
    const auto kept_for = [&](unsigned type) {
        first.on(kDb, type, with_soa("west.example", 0, 600));
        return client.ask(kDb, type).ttls(2).at(0);
    };
    EXPECT_EQ(kept_for(type::aaaa), 1u) << "nothing else is known";
    first.on(kDb, type::a, address(kDb));
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kKnown);
    EXPECT_EQ(kept_for(type::https), 30u);
    first.on("gone.west.example", type::a, with_soa("west.example", 3, 600));
    EXPECT_EQ(client.ask("gone.west.example", type::a).ttls(2).at(0), 1u);
    first.on("cold.west.example", type::a, address("cold.west.example", 0));
    client.ask("cold.west.example", type::a);
    first.on("cold.west.example", type::aaaa, with_soa("west.example", 0, 600));
    EXPECT_EQ(client.ask("cold.west.example", type::aaaa).ttls(2).at(0), 1u) << "known, not fresh";
}

}  // namespace
}  // namespace peerzone::itest
