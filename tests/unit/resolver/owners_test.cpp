// Whose a name is that an alias leads to, as seen from the upstream that told the alias.
#include "resolver/decide.hpp"

#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using namespace test;

struct Owners : Setup, ::testing::Test {
    Owners() {
        snapshot->cluster_zone = name("cluster.local");
        add_built_in("localhost", {"@ A 127.0.0.1", "* A 127.0.0.1"});
        add_built_in("local", {});
        add_built_in("cluster.local", {});
        add_zone("corp.internal", {"db A 10.0.0.5"});
        add_upstream("westus.svc.cluster.local", "peer=westus");
        add_route("2.10.in-addr.arpa", 0);
        add_upstream("north.svc.cluster.local", "peer=north");
        add_upstream("office.example", "forward=office.example", upstream::Kind::forward);
        add_upstream(".", "forward=.", upstream::Kind::forward);
    }
    void add_built_in(const std::string& origin, const std::vector<std::string>& records) {
        add_zone(origin, records);
        auto route = *snapshot->views[0].routes.find_exact(name(origin));
        route.built_in = true;
        snapshot->views[0].routes.add(route);
    }
    void add_route(const std::string& suffix, std::uint16_t upstream) {
        snapshot->views[0].routes.add({.suffix = name(suffix),
                                       .kind = view::Route::Kind::upstream,
                                       .built_in = false,
                                       .index = upstream});
    }
    bool own(const std::string& label, const std::string& text) {
        const auto& upstreams = snapshot->upstreams;
        const auto found =
            std::ranges::find_if(upstreams, [&](const auto& u) { return u->label == label; });
        const view::Route route{.suffix = {},
                                .kind = view::Route::Kind::upstream,
                                .index = static_cast<std::uint16_t>(found - upstreams.begin())};
        return OtherOwners(*snapshot, snapshot->views[0], route).own(name(text));
    }
};

TEST_F(Owners, PeersZonesAndNamedForwardsOwnTheirNames) {
    for (const char* replier : {"peer=westus", "forward=office.example", "forward=."}) {
        EXPECT_TRUE(own(replier, "db.north.svc.cluster.local")) << replier;
        EXPECT_TRUE(own(replier, "DB.North.svc.cluster.local")) << replier;
        EXPECT_TRUE(own(replier, "db.corp.internal")) << replier;
        EXPECT_TRUE(own(replier, "nothing.corp.internal")) << replier;
        EXPECT_TRUE(own(replier, "a.localhost")) << replier;
    }
    EXPECT_TRUE(own("peer=westus", "www.office.example"));
    EXPECT_TRUE(own("forward=.", "www.office.example"));
    EXPECT_TRUE(own("forward=.", "1.0.2.10.in-addr.arpa"));
}

TEST_F(Owners, AReplierKeepsItsOwnNames) {
    EXPECT_FALSE(own("peer=westus", "db.westus.svc.cluster.local"));
    EXPECT_FALSE(own("peer=westus", "1.0.2.10.in-addr.arpa")) << "by another route";
    EXPECT_FALSE(own("forward=office.example", "www.office.example"));
    EXPECT_FALSE(own("forward=.", "www.example.com"));
}

TEST_F(Owners, TheNamesOfTheCatchAllAreNobodysOwn) {
    EXPECT_FALSE(own("peer=westus", "www.example.com"));
    EXPECT_FALSE(own("forward=office.example", "www.example.com"));
}

TEST_F(Owners, AZoneThatOnlyKeepsNamesFromLeakingOwnsNone) {
    EXPECT_FALSE(own("peer=westus", "printer.local"));
    EXPECT_FALSE(own("forward=.", "printer.local"));
}

TEST_F(Owners, APeersClusterHasItsOwnNames) {
    EXPECT_FALSE(own("peer=westus", "db.shop.svc.cluster.local"));
    add_upstream("cluster.local", "local", upstream::Kind::local);
    EXPECT_FALSE(own("peer=westus", "db.shop.svc.cluster.local"));
    EXPECT_TRUE(own("forward=.", "db.shop.svc.cluster.local"));
    EXPECT_TRUE(own("peer=westus", "db.north.svc.cluster.local")) << "another peer's";
    EXPECT_TRUE(own("local", "db.north.svc.cluster.local"));
    EXPECT_FALSE(own("local", "db.shop.svc.cluster.local"));
    add_zone("ours.svc.cluster.local", {"a A 10.0.0.9"});
    EXPECT_TRUE(own("peer=westus", "a.ours.svc.cluster.local"));
}

}  // namespace
}  // namespace peerzone::resolver
