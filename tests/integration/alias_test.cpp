// ExternalName and other aliases behind a peer: kept, followed through our own routes, and bounded.
#include <gtest/gtest.h>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
constexpr const char* kExt = "ext.westus.svc.cluster.local";

struct Aliases : ::testing::Test {
    Peer west;
    Peer north;
    Peer forwarder;
    std::string yaml() const {
        return "peers:\n"
               "  westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               west.address() +
               "'], negative_ttl: 20s}\n"
               "  north: {zones: [north.svc.cluster.local], endpoints: ['" +
               north.address() +
               "'], deadline: 300ms}\n"
               "zones:\n"
               "  corp.internal: {records: ['db 300 IN A 10.0.0.5', 'far IN CNAME "
               "svc.north.svc.cluster.local.',"
               " 'gone IN CNAME nowhere.corp.internal.', 'away IN CNAME www.example.com.', 'lost "
               "IN CNAME www.nowhere.test.']}\n"
               "forward: {'example.com': {endpoints: ['" +
               forwarder.address() + "']}}\n";
    }
    static std::string cname(const std::string& from, const std::string& to, unsigned ttl = 60) {
        return from + " " + std::to_string(ttl) + " IN CNAME " + to + ".";
    }
    static std::string link(int number) {
        return "l" + std::to_string(number) + ".westus.svc.cluster.local";
    }
    // link(first) → … → link(last), each in a reply of its own, or all in the first.
    Lines links(int first, int last) const {
        Lines lines;
        for (int i = first; i < last; ++i) lines.push_back(cname(link(i), link(i + 1)));
        return lines;
    }
};

TEST_F(Aliases, CnameAndAddressInOneReplyAreKept) {
    west.on(kExt, type::a, {{cname(kExt, "db.example.net"), "db.example.net 30 IN A 192.0.2.7"}});
    const Server server(yaml());
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(server.client().ask(kExt, type::a).answers(),
                  (Lines{"ext.westus.svc.cluster.local CNAME db.example.net.",
                         "db.example.net A 192.0.2.7"}));
    EXPECT_EQ(west.asked(), 1);
    EXPECT_EQ(forwarder.asked(), 0);
    // It is an answer to that question only, not to one about the name in it.
    EXPECT_EQ(server.client().ask("db.example.net", type::a).rcode(), 5u);
}

TEST_F(Aliases, BareCnameIsFinishedByAForwarder) {
    west.on(kExt, type::a, {{cname(kExt, "www.example.com")}});
    forwarder.on("www.example.com", type::a,
                 {{"www.example.com 60 IN A 192.0.2.1", "www.example.com 60 IN A 192.0.2.2"}});
    const Server server(yaml());
    for (int i = 0; i < 2; ++i) {
        const Reply reply = server.client().ask(kExt, type::a);
        EXPECT_EQ(reply.rcode(), 0u);
        EXPECT_EQ(reply.sorted_answers(),
                  (Lines{"ext.westus.svc.cluster.local CNAME www.example.com.",
                         "www.example.com A 192.0.2.1", "www.example.com A 192.0.2.2"}));
        EXPECT_EQ(reply.answers().front(), "ext.westus.svc.cluster.local CNAME www.example.com.");
    }
    EXPECT_EQ(west.asked(), 1);
    EXPECT_EQ(forwarder.asked(), 1);
    // The end was kept under its own name too.
    EXPECT_EQ(server.client().ask("www.example.com", type::a).answers().size(), 2u);
    EXPECT_EQ(forwarder.asked(), 1);
}

TEST_F(Aliases, ThePeersWordOnANameOfOthersDoesNotEndTheChain) {
    // The peer cannot resolve it and says so, with an SOA of its own; the forwarder can.
    west.on(kExt, type::a,
            {.answers = {cname(kExt, "www.example.com")},
             .authorities = {soa("cluster.local")},
             .rcode = 3});
    forwarder.on("www.example.com", type::a, {{"www.example.com 60 IN A 192.0.2.1"}});
    const Server server(yaml());
    const Reply reply = server.client().ask(kExt, type::a);
    EXPECT_EQ(reply.rcode(), 0u);
    EXPECT_EQ(reply.answers().size(), 2u);
}

TEST_F(Aliases, BareCnameIsFinishedByAnotherPeerAnOwnedZoneAndTheSamePeer) {
    west.on("a.westus.svc.cluster.local", type::a,
            {{cname("a.westus.svc.cluster.local", "svc.north.svc.cluster.local")}});
    north.on("svc.north.svc.cluster.local", type::a,
             {{"svc.north.svc.cluster.local 60 IN A 10.3.0.1"}});
    west.on("b.westus.svc.cluster.local", type::a,
            {{cname("b.westus.svc.cluster.local", "db.corp.internal")}});
    west.on("c.westus.svc.cluster.local", type::a,
            {{cname("c.westus.svc.cluster.local", "d.westus.svc.cluster.local")}});
    west.on("d.westus.svc.cluster.local", type::a,
            {{"d.westus.svc.cluster.local 60 IN A 10.2.0.4"}});
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask("a.westus.svc.cluster.local", type::a).answers().back(),
              "svc.north.svc.cluster.local A 10.3.0.1");
    const Reply owned = client.ask("b.westus.svc.cluster.local", type::a);
    EXPECT_EQ(owned.answers().back(), "db.corp.internal A 10.0.0.5");
    EXPECT_FALSE(owned.flag(dns::kFlagAa)) << "the first name is not ours";
    EXPECT_EQ(client.ask("c.westus.svc.cluster.local", type::a).answers().back(),
              "d.westus.svc.cluster.local A 10.2.0.4");
}

TEST_F(Aliases, AnOwnedAliasIsFinishedByAPeer) {
    north.on("svc.north.svc.cluster.local", type::a,
             {{"svc.north.svc.cluster.local 60 IN A 10.3.0.1"}});
    const Server server(yaml());
    for (int i = 0; i < 2; ++i) {
        const Reply reply = server.client().ask("far.corp.internal", type::a);
        EXPECT_EQ(reply.answers(), (Lines{"far.corp.internal CNAME svc.north.svc.cluster.local.",
                                          "svc.north.svc.cluster.local A 10.3.0.1"}));
        EXPECT_TRUE(reply.flag(dns::kFlagAa));
    }
    EXPECT_EQ(north.asked(), 1) << "the part that was heard is kept";
    EXPECT_EQ(server.client().ask("gone.corp.internal", type::a).rcode(), 3u);
}

TEST_F(Aliases, AnEndThatDoesNotExistIsSaidWithItsSoa) {
    west.on(kExt, type::a, {{cname(kExt, "nix.example.com")}});
    forwarder.on("nix.example.com", type::a, no_such_name("example.com"));
    const Server server(yaml());
    for (int i = 0; i < 2; ++i) {
        const Reply reply = server.client().ask(kExt, type::a);
        EXPECT_EQ(reply.rcode(), 3u);
        EXPECT_EQ(reply.answers().size(), 1u);
        EXPECT_EQ(reply.section(2).size(), 1u);
    }
    EXPECT_EQ(west.asked(), 1);
    // The alias itself exists, whatever type is asked next.
    west.on(kExt, type::txt, {{cname(kExt, "nix.example.com")}});
    forwarder.on("nix.example.com", type::txt, {{"nix.example.com 60 IN TXT x"}});
    EXPECT_EQ(west.asked(kExt, type::txt), 0);
    server.client().ask(kExt, type::txt);
    EXPECT_EQ(west.asked(kExt, type::txt), 1);
}

TEST_F(Aliases, AnEndThatNobodyAnswersLeavesTheChainAndSaysWhy) {
    west.on(kExt, type::a, {{cname(kExt, "www.nowhere.test")}});
    const Server server(yaml());
    const Reply reply = server.client().ask(kExt, type::a);
    EXPECT_EQ(reply.answers(), Lines{"ext.westus.svc.cluster.local CNAME www.nowhere.test."});
    EXPECT_EQ(reply.rcode(), 0u);

    west.on("a.westus.svc.cluster.local", type::a,
            {{cname("a.westus.svc.cluster.local", "lost.corp.internal")}});
    for (const char* name : {"lost.corp.internal", "a.westus.svc.cluster.local"}) {
        const Reply through_us = server.client().ask(name, type::a);
        EXPECT_EQ(through_us.rcode(), 0u);
        EXPECT_EQ(through_us.answers().back(), "lost.corp.internal CNAME www.nowhere.test.");
        EXPECT_EQ(through_us.ede(), 20) << name;
    }
}

TEST_F(Aliases, AnEndThatFailsFailsTheWhole) {
    west.on(kExt, type::a, {{cname(kExt, "svc.north.svc.cluster.local")}});
    north.otherwise(failing(2));
    const Server server(yaml());
    server.ask_in_plain_case();
    const Reply reply = server.client().ask(kExt, type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.answers().empty());
    EXPECT_TRUE(reply.says("peer=north")) << reply.ede_text();
    const Reply again = server.client().ask(kExt, type::a);
    EXPECT_EQ(again.ede(), 13);
    EXPECT_EQ(north.asked(), 1);
}

TEST_F(Aliases, SixteenLinksAreFollowedNoMore) {
    const auto ask = [&](const std::string& name) {
        return Server(yaml()).client().ask(name, type::a);
    };
    west.on(link(17), type::a, {{link(17) + " 60 IN A 10.2.0.9"}});
    for (int i = 0; i < 17; ++i) west.on(link(i), type::a, {{cname(link(i), link(i + 1))}});
    const Reply longest = ask(link(1));
    EXPECT_EQ(longest.rcode(), 0u);
    EXPECT_EQ(longest.answers().size(), 17u);
    const Reply longer = ask(link(0));
    EXPECT_EQ(longer.rcode(), 2u);
    EXPECT_TRUE(longer.says("alias chain longer than 16 links at l17.westus")) << longer.ede_text();
    EXPECT_TRUE(longer.answers().empty());
}

TEST_F(Aliases, LinksCountOverAllRepliesTogether) {
    const auto ask = [&](const std::string& name) {
        return Server(yaml()).client().ask(name, type::a);
    };
    west.on(link(0), type::a, {links(0, 9)});
    Lines rest = links(9, 16);
    rest.push_back(link(16) + " 60 IN A 10.2.0.9");
    west.on(link(9), type::a, {rest});
    EXPECT_EQ(ask(link(0)).answers().size(), 17u);
    rest = links(9, 17);
    rest.push_back(link(17) + " 60 IN A 10.2.0.9");
    west.on(link(9), type::a, {rest});
    const Reply longer = ask(link(0));
    EXPECT_EQ(longer.rcode(), 2u);
    EXPECT_TRUE(longer.says("alias chain longer than 16 links")) << longer.ede_text();

    // The same when the second half is known already.
    const Server server(yaml());
    EXPECT_EQ(server.client().ask(link(9), type::a).answers().size(), 9u);
    EXPECT_EQ(server.client().ask(link(0), type::a).rcode(), 2u);
}

TEST_F(Aliases, ALoopEndsWithAnError) {
    const std::string there = "b.north.svc.cluster.local";
    west.on(kExt, type::a, {{cname(kExt, there)}});
    north.on(there, type::a, {{cname(there, kExt)}});
    west.on(link(0), type::a, {{cname(link(0), link(1)), cname(link(1), link(0))}});
    const Server server(yaml());
    const Reply across = server.client().ask(kExt, type::a);
    EXPECT_EQ(across.rcode(), 2u);
    EXPECT_TRUE(across.says("aliases form a loop at ext.westus")) << across.ede_text();
    EXPECT_EQ(west.asked() + north.asked(), 2);
    const Reply inside = server.client().ask(link(0), type::a);
    EXPECT_EQ(inside.rcode(), 2u);
    EXPECT_TRUE(inside.says("peer=westus")) << inside.ede_text();
    EXPECT_TRUE(inside.says("aliases form a loop at l1.westus")) << inside.ede_text();
    const Reply again = server.client().ask(link(0), type::a);
    EXPECT_EQ(again.ede(), 13);
    EXPECT_TRUE(again.says("aliases form a loop")) << again.ede_text();
    EXPECT_EQ(west.asked(link(0), type::a), 1) << "it is remembered";
}

TEST_F(Aliases, TheWholeChainLivesAsLongAsItsShortestPart) {
    west.on(kExt, type::a, {{cname(kExt, "www.example.com", 1)}});
    forwarder.on("www.example.com", type::a, {{"www.example.com 60 IN A 192.0.2.1"}});
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kExt, type::a).ttl(), 1u);
    const Time end = Clock::now() + Seconds(4);
    while (west.asked() < 2 && Clock::now() < end) {
        EXPECT_LE(client.ask(kExt, type::a).ttl(), 1u);
        std::this_thread::sleep_for(Millis(20));
    }
    EXPECT_EQ(west.asked(), 2);
    EXPECT_EQ(forwarder.asked(), 1);
}

TEST_F(Aliases, AskedForItselfAnAliasIsNotFollowed) {
    west.on(kExt, type::cname, {{cname(kExt, "www.example.com")}});
    const Server server(yaml());
    EXPECT_EQ(server.client().ask(kExt, type::cname).answers().size(), 1u);
    EXPECT_EQ(server.client().ask("away.corp.internal", type::cname).answers().size(), 1u);
    EXPECT_EQ(forwarder.asked(), 0);
}

}  // namespace
}  // namespace peerzone::itest
