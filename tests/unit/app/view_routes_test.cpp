// Views that see different parts of one snapshot.
#include "app/view_routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "peerzone/zone/zone.hpp"
#include "support/dns_wire.hpp"

namespace peerzone::app {
namespace {

using peerzone::testing::name;
using ::testing::IsEmpty;
using view::Route;

struct ViewRoutes : ::testing::Test {
    resolver::Snapshot snapshot;
    ScopeTable scopes;

    ViewRoutes() {
        for (const char* origin : {"local", "invalid", "corp.test", "corp.test"}) add_zone(origin);
    }
    void add_zone(const std::string& origin) {
        zone::LoadResult loaded =
            zone::load({.origin = name(origin), .records = {"@ A 10.0.0.1"}, .file = {}});
        ASSERT_TRUE(loaded.zone);
        snapshot.zones.push_back(std::move(loaded.zone));
    }
    std::uint16_t add_upstream(const std::string& label, const std::vector<std::string>& zones,
                               const std::vector<std::string>& reverse = {}) {
        auto made = std::make_shared<upstream::Upstream>();
        made->label = label;
        for (const std::string& zone : zones) made->options.zones.push_back(name(zone));
        for (const std::string& prefix : reverse)
            made->options.reverse.push_back(IpPrefix::parse(prefix).value());
        snapshot.upstreams.push_back(std::move(made));
        return static_cast<std::uint16_t>(snapshot.upstreams.size() - 1);
    }
    view::View make(const Visible& visible, std::vector<SharedSuffix>* shared = nullptr) {
        view::View view;
        view.routes = built_in_routes(snapshot, 2);
        auto found = add_routes(view, snapshot, visible, scopes);
        if (shared != nullptr) *shared = std::move(found);
        return view;
    }
    std::string owner(const view::View& view, const std::string& qname) const {
        const Route* route = view.routes.find(name(qname).wire());
        if (route == nullptr) return "-";
        if (route->kind == Route::Kind::upstream) return snapshot.upstreams[route->index]->label;
        return (route->built_in ? "built-in " : "zone ") + std::to_string(route->index);
    }
    static std::uint32_t scope(const view::View& view, const std::string& qname) {
        return view.routes.find(name(qname).wire())->scope;
    }
};

TEST_F(ViewRoutes, EachViewHasRoutesToWhatItSees) {
    const auto west = add_upstream("peer=west", {"west.test"}, {"10.2.0.0/16"});
    const auto north = add_upstream("peer=north", {"north.test"});
    const view::View all = make({.zones = {2}, .upstreams = {west, north}});
    const view::View few = make({.zones = {}, .upstreams = {north}});
    EXPECT_EQ(owner(all, "db.west.test"), "peer=west");
    EXPECT_EQ(owner(all, "1.0.2.10.in-addr.arpa"), "peer=west");
    EXPECT_EQ(owner(all, "db.corp.test"), "zone 2");
    EXPECT_EQ(owner(few, "db.west.test"), "-");
    EXPECT_EQ(owner(few, "1.0.2.10.in-addr.arpa"), "-");
    EXPECT_EQ(owner(few, "db.corp.test"), "-");
    for (const view::View* view : {&all, &few}) {
        EXPECT_EQ(owner(*view, "db.north.test"), "peer=north");
        EXPECT_EQ(owner(*view, "x.invalid"), "built-in 1");
        EXPECT_TRUE(view->recursion_available);
    }
    EXPECT_FALSE(make({.zones = {2}, .upstreams = {}}).recursion_available);
}

TEST_F(ViewRoutes, ASuffixHasAnOwnerInEachView) {
    const auto one = add_upstream("peer=one", {"west.test"});
    const auto two = add_upstream("peer=two", {"west.test"});
    std::vector<SharedSuffix> shared;
    EXPECT_EQ(owner(make({.zones = {2}, .upstreams = {one}}, &shared), "west.test"), "peer=one");
    EXPECT_THAT(shared, IsEmpty());
    EXPECT_EQ(owner(make({.zones = {3}, .upstreams = {two}}, &shared), "west.test"), "peer=two");
    EXPECT_THAT(shared, IsEmpty());
}

TEST_F(ViewRoutes, OfTwoOwnersInOneViewTheFirstStaysAndBothAreTold) {
    const auto one = add_upstream("peer=one", {"west.test", "WEST.test"});
    const auto two = add_upstream("peer=two", {"West.test", "corp.test", "two.test"});
    std::vector<SharedSuffix> shared;
    const view::View view = make({.zones = {2, 3}, .upstreams = {one, two}}, &shared);
    EXPECT_EQ(owner(view, "west.test"), "peer=one");
    EXPECT_EQ(owner(view, "corp.test"), "zone 2");
    EXPECT_EQ(owner(view, "two.test"), "peer=two");
    ASSERT_EQ(shared.size(), 3u) << "a suffix that one owner lists twice is no conflict";
    EXPECT_EQ(shared[0].used, "zone corp.test");
    EXPECT_EQ(shared[1].suffix.to_text(), "West.test");
    EXPECT_EQ(shared[1].used, "peer=one");
    EXPECT_EQ(shared[1].unused, "peer=two");
    EXPECT_EQ(shared[2].unused, "peer=two");
}

TEST_F(ViewRoutes, BuiltInZonesGiveWay) {
    const auto mdns = add_upstream("forward=local", {"local"});
    std::vector<SharedSuffix> shared;
    EXPECT_EQ(owner(make({.zones = {}, .upstreams = {mdns}}, &shared), "x.local"), "forward=local");
    EXPECT_THAT(shared, IsEmpty());
    EXPECT_EQ(owner(make({}), "x.local"), "built-in 0") << "in other views they stay";
}

TEST_F(ViewRoutes, AnUpstreamHasOneScopeInEveryView) {
    const auto west = add_upstream("peer=west", {"west.test"}, {"10.2.0.0/16"});
    const auto north = add_upstream("peer=north", {"north.test"});
    const view::View all = make({.zones = {2}, .upstreams = {west, north}});
    const view::View few = make({.zones = {}, .upstreams = {north}});
    EXPECT_NE(scope(all, "west.test"), 0u);
    EXPECT_EQ(scope(all, "west.test"), scope(all, "1.0.2.10.in-addr.arpa"));
    EXPECT_NE(scope(all, "west.test"), scope(all, "north.test"));
    EXPECT_EQ(scope(all, "north.test"), scope(few, "north.test"));
    EXPECT_EQ(scope(all, "corp.test"), 0u);
    EXPECT_EQ(all.routes.find(name("west.test").wire())->renaming, nullptr);
}

TEST_F(ViewRoutes, ViewsWithEqualRoutesShareTheirChainScope) {
    const auto west = add_upstream("peer=west", {"west.test"});
    const auto north = add_upstream("peer=north", {"north.test"});
    const auto all = make({.zones = {2}, .upstreams = {west, north}}).chain_scope;
    EXPECT_NE(all, 0u);
    EXPECT_EQ(make({.zones = {2}, .upstreams = {north, west}}).chain_scope, all);
    EXPECT_NE(make({.zones = {}, .upstreams = {west, north}}).chain_scope, all);
    EXPECT_NE(make({.zones = {2}, .upstreams = {west}}).chain_scope, all);
}

// What is in flight for one serves the other.
TEST_F(ViewRoutes, ViewsThatLeadToTheSameZonesAndUpstreamsAreOneGroup) {
    const auto west = add_upstream("peer=west", {"west.test"});
    const auto north = add_upstream("peer=north", {"north.test"});
    std::vector<view::View> views;
    views.push_back(make({.zones = {2}, .upstreams = {west, north}}));
    views.push_back(make({.zones = {2}, .upstreams = {north, west}}));
    views.push_back(make({.zones = {3}, .upstreams = {west, north}}));
    views.push_back(make({.zones = {2}, .upstreams = {west}}));
    views.push_back(make({.zones = {3}, .upstreams = {north, west}}));
    group_views(views);
    EXPECT_EQ(views[0].group, 0);
    EXPECT_EQ(views[1].group, 0);
    EXPECT_EQ(views[2].group, 2) << "another zone for the same name";
    EXPECT_EQ(views[3].group, 3);
    EXPECT_EQ(views[4].group, 2);
}

TEST_F(ViewRoutes, AnAliasRenamesWhatZonesLeaveAlone) {
    const auto west = add_upstream("peer=west", {"west.svc.cluster.local"}, {"10.2.0.0/16"});
    auto& options = const_cast<upstream::Upstream&>(*snapshot.upstreams[west]).options;
    options.alias = {name("west.internal"), name("cluster.local")};
    const view::View view = make({{}, {west}});
    const auto to_owner = [&](const std::string& qname) {
        const Route* route = view.routes.find(name(qname).wire());
        return route->renaming == nullptr ? qname
                                          : route->renaming->to_owner(name(qname))->to_text();
    };
    const auto to_client = [&](const std::string& qname, const std::string& said) {
        return view.routes.find(name(qname).wire())->renaming->to_client(name(said))->to_text();
    };
    EXPECT_EQ(to_owner("db.svc.west.internal"), "db.svc.cluster.local");
    EXPECT_EQ(to_owner("db.west.svc.cluster.local"), "db.west.svc.cluster.local");
    // By alias everything is renamed, what `zones` holds as well; by zones only the rest.
    EXPECT_EQ(to_client("db.svc.west.internal", "db.west.svc.cluster.local"),
              "db.west.svc.west.internal");
    EXPECT_EQ(to_client("db.west.svc.cluster.local", "x.west.svc.cluster.local"),
              "x.west.svc.cluster.local");
    EXPECT_EQ(to_client("db.west.svc.cluster.local", "x.svc.cluster.local"), "x.svc.west.internal");
    EXPECT_EQ(to_client("5.0.2.10.in-addr.arpa", "x.svc.cluster.local"), "x.svc.west.internal");
    EXPECT_NE(scope(view, "db.svc.west.internal"), scope(view, "db.west.svc.cluster.local"));
    EXPECT_EQ(scope(view, "5.0.2.10.in-addr.arpa"), scope(view, "db.west.svc.cluster.local"));
}

TEST_F(ViewRoutes, TheOwnZoneUnderAnAliasKeepsItsNames) {
    const auto local = add_upstream("local", {"cluster.local"}, {"10.1.0.0/16"});
    auto& options = const_cast<upstream::Upstream&>(*snapshot.upstreams[local]).options;
    options.alias = {name("east.internal"), name("cluster.local")};
    const view::View view = make({{}, {local}});
    EXPECT_EQ(view.routes.find(name("db.cluster.local").wire())->renaming, nullptr);
    EXPECT_EQ(view.routes.find(name("5.0.1.10.in-addr.arpa").wire())->renaming, nullptr);
    EXPECT_NE(view.routes.find(name("db.east.internal").wire())->renaming, nullptr);
}

TEST_F(ViewRoutes, OfNestedPrefixesTheLongestHasTheReverseZone) {
    const auto wide = add_upstream("peer=wide", {"wide.test"}, {"10.2.0.0/15"});
    const auto narrow = add_upstream("peer=narrow", {"narrow.test"}, {"10.2.0.0/16"});
    const auto inside = add_upstream("peer=inside", {"inside.test"}, {"10.3.0.0/22"});
    std::vector<SharedSuffix> shared;
    const view::View view = make({{}, {wide, narrow, inside}}, &shared);
    EXPECT_THAT(shared, IsEmpty());
    EXPECT_EQ(owner(view, "5.0.2.10.in-addr.arpa"), "peer=narrow");
    EXPECT_EQ(owner(view, "5.3.3.10.in-addr.arpa"), "peer=inside");
    EXPECT_EQ(owner(view, "5.4.3.10.in-addr.arpa"), "peer=wide");
}

TEST_F(ViewRoutes, ClusterIpsOfSeveralClustersLeadNowhereButWhereOnlyOneIsSeen) {
    std::vector<std::uint16_t> peers;
    for (const char* label : {"peer=west", "peer=north"}) {
        peers.push_back(add_upstream(label, {std::string(label + 5) + ".test"}));
        auto& options = const_cast<upstream::Upstream&>(*snapshot.upstreams[peers.back()]).options;
        options.services = {IpPrefix::parse("10.43.0.0/16").value()};
    }
    EXPECT_EQ(owner(make({{}, peers}), "1.0.43.10.in-addr.arpa"), "-");
    EXPECT_EQ(owner(make({{}, {peers[1]}}), "1.0.43.10.in-addr.arpa"), "peer=north");
}

}  // namespace
}  // namespace peerzone::app
