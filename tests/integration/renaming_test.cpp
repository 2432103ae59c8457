// Peers whose names clients know by others: the routes of the snapshot are made here by hand. Two
// clusters call themselves cluster.local; each has a name of its own for the clients, and views see
// them differently.
#include <gtest/gtest.h>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
using metrics::Count;
using upstream::UpstreamState;
constexpr const char* kDb = "db.shop.svc.cluster.local";
constexpr const char* kDbWest = "db.shop.svc.west.internal";
constexpr const char* kDbNorth = "db.shop.svc.north.internal";

dns::Name name(const std::string& text) {
    return dns::Name::from_text(text).value();
}

// Views by the address that a client asks from: 127.0.0.1 pods, .2 the same routes under another
// name, .3 another name for the west, .4 sees the north only.
struct Renaming : ::testing::Test {
    Peer west;
    Peer north;
    Peer internet;
    Server server{yaml()};

    Renaming() {
        for (Peer* peer : {&west, &north}) {
            const std::string a = peer == &west ? "10.2.0.5" : "10.3.0.5";
            peer->on(kDb, type::a, {{std::string(kDb) + " 60 IN A " + a}});
            peer->otherwise(no_such_name("cluster.local", 5));
        }
        internet.otherwise({.authorities = {". 5 IN SOA a.root. b.root. 1 2 3 4 5"}, .rcode = 3});
        server.ask_in_plain_case();
        server.change([&](resolver::Snapshot& snapshot) { make_views(snapshot); });
    }
    std::string yaml() const {
        return "peers:\n"
               "  west: {zones: [west.internal], endpoints: ['" +
               west.address() +
               "']}\n"
               "  north: {zones: [north.internal], endpoints: ['" +
               north.address() +
               "']}\n"
               "forward: {'.': {endpoints: ['" +
               internet.address() + "']}}\n";
    }
    static void rename(view::View& view, const std::string& suffix, const std::string& here,
                       std::uint32_t scope) {
        view::Route route = *view.routes.find_exact(name(suffix));
        route.suffix = name(here);
        route.scope = scope;
        route.renaming = std::make_shared<dns::Renaming>(name(here), name("cluster.local"));
        view.routes.add(route);
    }
    static void make_views(resolver::Snapshot& snapshot) {
        const view::View seen = snapshot.views.front();
        snapshot.views.clear();
        snapshot.clients = {};
        for (std::uint16_t id = 0; id < 4; ++id) {
            view::View view = seen;
            view.name = "view" + std::to_string(id);
            view.group = id == 1 ? std::uint16_t{0} : id;
            view.chain_scope = 1000u + *view.group;
            if (id == 3) view.routes = {};
            if (id == 3) view.routes.add(*seen.routes.find_exact(name("north.internal")));
            if (id < 2) rename(view, "west.internal", "west.internal", 101);
            if (id == 2) rename(view, "west.internal", "west.office", 102);
            rename(view, "north.internal", "north.internal", 103);
            snapshot.views.push_back(view);
            snapshot.clients.add(
                IpPrefix::parse("127.0.0." + std::to_string(id + 1) + "/32").value(), id);
        }
    }
    Client from(int view) const {
        return Client(server.address(),
                      IpAddress::parse("127.0.0." + std::to_string(view + 1)).value());
    }
};

TEST_F(Renaming, AnswersComeUnderTheClientsNames) {
    const Reply reply = from(0).ask("DB.shop.svc.West.internal", type::a);
    EXPECT_EQ(reply.answers(), Lines{"DB.shop.svc.West.internal A 10.2.0.5"}) << "in its case";
    EXPECT_EQ(reply.asked(), "DB.shop.svc.West.internal");
    EXPECT_EQ(west.asked(kDb, type::a), 1);
    EXPECT_EQ(from(0).ask(kDbNorth, type::a).answers(),
              Lines{std::string(kDbNorth) + " A 10.3.0.5"});
    EXPECT_EQ(from(0).ask(kDbWest, type::a).answers(), Lines{std::string(kDbWest) + " A 10.2.0.5"});
    EXPECT_EQ(west.asked(kDb, type::a), 1) << "kept";
}

TEST_F(Renaming, ADenialProvesTheClientsName) {
    for (int i = 0; i < 2; ++i) {
        const Reply reply = from(0).ask("no.svc.west.internal", type::a);
        EXPECT_EQ(reply.rcode(), 3u);
        ASSERT_EQ(reply.section(2).size(), 1u);
        EXPECT_TRUE(reply.section(2)[0].starts_with("west.internal SOA ns.west.internal. "))
            << reply.section(2)[0];
    }
    EXPECT_EQ(west.asked("no.svc.cluster.local", type::a), 1);
}

TEST_F(Renaming, AliasesStayWithTheirPeerOrGoToTheirOwner) {
    west.on("web.shop.svc.cluster.local", type::a,
            {{"web.shop.svc.cluster.local 60 IN CNAME " + std::string(kDb) + ".",
              std::string(kDb) + " 60 IN A 10.2.0.5"}});
    EXPECT_EQ(from(0).ask("web.shop.svc.west.internal", type::a).answers(),
              (Lines{"web.shop.svc.west.internal CNAME db.shop.svc.west.internal.",
                     "db.shop.svc.west.internal A 10.2.0.5"}));
    // To a name that here is the north's: it is asked, by the name that it knows.
    west.on("out.shop.svc.cluster.local", type::a,
            {{"out.shop.svc.cluster.local 60 IN CNAME " + std::string(kDbNorth) + ".",
              std::string(kDbNorth) + " 60 IN A 203.0.113.9"}});
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(from(0).ask("out.shop.svc.west.internal", type::a).answers(),
                  (Lines{"out.shop.svc.west.internal CNAME db.shop.svc.north.internal.",
                         "db.shop.svc.north.internal A 10.3.0.5"}));
    EXPECT_EQ(north.asked(kDb, type::a), 1);
    EXPECT_EQ(west.asked("out.shop.svc.cluster.local", type::a), 1);
}

TEST_F(Renaming, EveryNameInTheDataIsRenamed) {
    const std::string srv = "_sql._tcp.db.shop.svc.cluster.local";
    west.on(srv, type::srv,
            {{srv + " 60 IN SRV 0 100 26257 db-0.db.shop.svc.cluster.local.",
              srv + " 60 IN SRV 0 100 26257 other.example.com."}});
    EXPECT_EQ(from(0).ask("_sql._tcp.db.shop.svc.west.internal", type::srv).sorted_answers(),
              (Lines{"_sql._tcp.db.shop.svc.west.internal SRV 0 100 26257 "
                     "db-0.db.shop.svc.west.internal.",
                     "_sql._tcp.db.shop.svc.west.internal SRV 0 100 26257 other.example.com."}));
}

TEST_F(Renaming, ViewsWithTheSameRoutesShareEverything) {
    EXPECT_EQ(from(0).ask(kDbWest, type::a).answers().size(), 1u);
    EXPECT_EQ(from(1).ask(kDbWest, type::a).answers().size(), 1u);
    EXPECT_EQ(west.asked(kDb, type::a), 1) << "what is kept";
    const std::string slow = "slow.svc.cluster.local";
    west.on(slow, type::a, {{slow + " 60 IN A 10.2.0.6"}});
    west.hold();
    const Client first = from(0);
    const Client second = from(1);
    first.send("slow.svc.west.internal", type::a);
    ASSERT_TRUE(west.wait_for(slow, type::a));
    second.send("slow.svc.west.internal", type::a);
    EXPECT_EQ(from(1).ask(kDbWest, type::a).answers().size(), 1u) << "comes after it";
    west.release();
    EXPECT_EQ(first.receive().answers(), Lines{"slow.svc.west.internal A 10.2.0.6"});
    EXPECT_EQ(second.receive().answers(), Lines{"slow.svc.west.internal A 10.2.0.6"});
    EXPECT_EQ(west.asked(slow, type::a), 1) << "what is in flight";
}

TEST_F(Renaming, ViewsThatDifferForANameShareNothingOfIt) {
    EXPECT_EQ(from(0).ask(kDbWest, type::a).answers().size(), 1u);
    EXPECT_EQ(from(2).ask("db.shop.svc.west.office", type::a).answers(),
              Lines{"db.shop.svc.west.office A 10.2.0.5"});
    EXPECT_EQ(west.asked(kDb, type::a), 2);
    EXPECT_EQ(from(0).ask("db.shop.svc.west.office", type::a).rcode(), 3u) << "not in this view";
    EXPECT_EQ(from(3).ask(kDbWest, type::a).rcode(), 5u) << "sees the north only";
    // And of a name that they have in common they share what is known.
    EXPECT_EQ(from(3).ask(kDbNorth, type::a).answers().size(), 1u);
    EXPECT_EQ(from(0).ask(kDbNorth, type::a).answers().size(), 1u);
    EXPECT_EQ(north.asked(kDb, type::a), 1);
}

// An alias to a name that has an owner in one of two views: each gets what is right for it.
TEST_F(Renaming, AnAliasIsJudgedByTheRoutesOfEachView) {
    const std::string cross = "cross.svc.cluster.local";
    north.on(
        cross, type::a,
        {{cross + " 60 IN CNAME " + kDbWest + ".", std::string(kDbWest) + " 60 IN A 203.0.113.9"}});
    const auto end = [&](int view) {
        return from(view).ask("cross.svc.north.internal", type::a).answers().back();
    };
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(end(3), std::string(kDbWest) + " A 203.0.113.9") << "it has no other owner here";
        EXPECT_EQ(end(0), std::string(kDbWest) + " A 10.2.0.5");
        EXPECT_EQ(end(1), std::string(kDbWest) + " A 10.2.0.5");
    }
    EXPECT_LE(north.asked(cross, type::a), 2);
    EXPECT_EQ(west.asked(kDb, type::a), 1);
}

TEST_F(Renaming, InAPartitionTheClientsNamesAreKnown) {
    west.on(kDb, type::a, {{std::string(kDb) + " 0 IN A 10.2.0.5"}});
    EXPECT_EQ(from(0).ask(kDbWest, type::a).answers().size(), 1u);
    server.enter("peer=west", UpstreamState::partitioned);
    const Reply known = from(0).ask(kDbWest, type::a);
    EXPECT_EQ(known.answers(), Lines{std::string(kDbWest) + " A 10.2.0.5"});
    EXPECT_EQ(known.ede(), dns::ede::stale);
    EXPECT_EQ(from(0).ask("new.svc.west.internal", type::a).ede(),
              dns::ede::no_reachable_authority);
    EXPECT_EQ(from(2).ask("db.shop.svc.west.office", type::a).rcode(), 2u)
        << "never asked in that view";
}

TEST_F(Renaming, ANameThatGetsTooLongIsYxdomain) {
    std::string longest;
    while (longest.size() < 225) longest += "0123456789.";
    // 245 octets below west.internal, more than 255 below a suffix of the peer's that is longer.
    server.change([&](resolver::Snapshot& snapshot) {
        view::View& view = snapshot.views.front();
        view::Route route = *view.routes.find_exact(name("west.internal"));
        route.renaming = std::make_shared<dns::Renaming>(name("west.internal"),
                                                         name("a.rather.long.name.of.a.cluster"));
        route.scope = 104;
        view.routes.add(route);
    });
    const Reply reply = from(0).ask(longest + "west.internal", type::a);
    EXPECT_EQ(reply.rcode(), 6u);
    EXPECT_TRUE(reply.says("255 octets")) << reply.ede_text();
    EXPECT_EQ(from(0).ask(kDbWest, type::a).rcode(), 2u) << "the peer refuses that zone";
}

// Only renaming makes a loop of it.
TEST_F(Renaming, AnAliasToItsOwnNameHereIsALoop) {
    const std::string self = "self.svc.cluster.local";
    west.on(self, type::a,
            {{self + " 60 IN CNAME self.svc.west.internal.",
              "self.svc.west.internal 60 IN A 203.0.113.9"}});
    const Reply reply = from(0).ask("self.svc.west.internal", type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.says("loop")) << reply.ede_text();
}

TEST_F(Renaming, SignaturesOfOtherNamesAreNoAnswer) {
    west.on(kDb, 46,
            {{std::string(kDb) + " 60 IN RRSIG A 8 5 60 20300101000000 20200101000000 1 "
                                 "cluster.local. AAAA"}});
    const Reply reply = from(0).ask(kDbWest, 46);
    EXPECT_EQ(reply.rcode(), 0u);
    EXPECT_TRUE(reply.answers().empty());
}

TEST_F(Renaming, AReplyThatNoLongerFitsIsCut) {
    std::vector<std::string> lines;
    const std::string srv = "_sql._tcp.db.svc.cluster.local";
    for (int i = 0; i < 12; ++i)
        lines.push_back(srv + " 60 IN SRV 0 1 26257 db-" + std::to_string(i) +
                        ".svc.cluster.local.");
    west.on(srv, type::srv, {lines});
    const Reply reply =
        from(0).ask("_sql._tcp.db.svc.west.internal", type::srv, {.edns = std::nullopt});
    EXPECT_TRUE(reply.truncated());
    EXPECT_LE(reply.raw.size(), 512u);
    EXPECT_EQ(from(0).ask("_sql._tcp.db.svc.west.internal", type::srv).answers().size(), 12u);
}

}  // namespace
}  // namespace peerzone::itest
