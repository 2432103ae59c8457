#include "app/snapshot_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/dns_wire.hpp"

namespace peerzone::app {
namespace {

namespace fs = std::filesystem;
using peerzone::testing::name;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using view::Route;

config::Config load(const std::string& yaml, const fs::path& folder = fs::temp_directory_path()) {
    config::Loaded loaded = config::load_text(yaml, (folder / "test.yaml").string());
    for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.to_text();
    return std::move(loaded.config).value();
}

constexpr const char* kYaml = R"(
peers:
  westus: {zones: [westus.svc.cluster.local], endpoints: [10.2.0.10, 10.2.0.11], reverse: [10.2.0.0/16]}
  north: {zones: [north.svc.cluster.local], endpoints: [10.3.0.10]}
local: {forward: {endpoints: [10.96.0.10]}}
zones: {corp.internal: {records: ['db A 10.0.0.5']}}
forward: {'.': {endpoints: [192.0.2.53]}, example.com: {endpoints: [192.0.2.54]}}
)";

struct Building : ::testing::Test {
    SnapshotBuilder builder;
    discovery::SourceTable sources;
    fs::path folder = fs::temp_directory_path() / ("peerzone-build-" + std::to_string(::getpid()));
    Building() { fs::create_directories(folder); }
    ~Building() override { fs::remove_all(folder); }

    std::shared_ptr<const resolver::Snapshot> build(const config::Config& config) {
        EXPECT_TRUE(builder.load_files(config).has_value());
        return builder.build(config, sources);
    }
    std::shared_ptr<const resolver::Snapshot> build(const std::string& yaml) {
        return build(load(yaml));
    }
    void find(const std::string& source, const std::vector<std::string>& found) {
        sources[source].addresses.clear();
        for (const std::string& text : found)
            sources[source].addresses.push_back(SocketAddress::parse(text, 53).value());
    }
    static std::vector<std::string> addresses(const upstream::Upstream& upstream) {
        std::vector<std::string> texts;
        for (const auto set = upstream.set(); const auto& endpoint : set->endpoints)
            texts.push_back(endpoint->address().to_text());
        return texts;
    }
    static std::string label_for(const resolver::Snapshot& snapshot, const std::string& qname) {
        const Route* route = snapshot.views.front().routes.find(name(qname).wire());
        if (route == nullptr) return "nobody";
        return route->kind == Route::Kind::upstream
                   ? snapshot.upstreams[route->index]->label
                   : "zone " + snapshot.zones[route->index]->origin().to_text();
    }
    void put(const std::string& file, const std::string& text) const {
        std::ofstream(folder / file) << text;
    }
};

TEST_F(Building, RoutesLeadWhereTheConfigurationSays) {
    const auto snapshot = build(kYaml);
    ASSERT_EQ(snapshot->views.size(), 1u);
    EXPECT_TRUE(snapshot->views.front().recursion_available);
    EXPECT_EQ(label_for(*snapshot, "db.westus.svc.cluster.local"), "peer=westus");
    EXPECT_EQ(label_for(*snapshot, "db.north.svc.cluster.local"), "peer=north");
    EXPECT_EQ(label_for(*snapshot, "db.other.svc.cluster.local"), "local");
    EXPECT_EQ(label_for(*snapshot, "1.0.2.10.in-addr.arpa"), "peer=westus");
    EXPECT_EQ(label_for(*snapshot, "1.0.4.10.in-addr.arpa"), "zone 10.in-addr.arpa");
    EXPECT_EQ(label_for(*snapshot, "db.corp.internal"), "zone corp.internal");
    EXPECT_EQ(label_for(*snapshot, "www.example.com"), "forward=example.com");
    EXPECT_EQ(label_for(*snapshot, "www.example.org"), "forward=.");
    EXPECT_EQ(label_for(*snapshot, "x.localhost"), "zone localhost");
}

TEST_F(Building, WithoutUpstreamsThereIsNoRecursion) {
    const auto snapshot = build("zones: {corp.internal: {records: ['db A 10.0.0.5']}}\n");
    EXPECT_FALSE(snapshot->views.front().recursion_available);
    EXPECT_EQ(label_for(*snapshot, "x.cluster.local"), "zone cluster.local");
    EXPECT_EQ(label_for(*snapshot, "www.example.com"), "nobody");
}

TEST_F(Building, ClientsAreThoseOfTheView) {
    const auto snapshot = build("views: [{name: pods, clients: [10.1.0.0/16]}]\n");
    EXPECT_TRUE(snapshot->clients.find(IpAddress::parse("10.1.2.3").value()));
    EXPECT_FALSE(snapshot->clients.find(IpAddress::parse("10.2.2.3").value()));
    const auto usual = build("zones: {corp.internal: {records: ['db A 10.0.0.5']}}\n");
    EXPECT_TRUE(usual->clients.find(IpAddress::parse("10.2.2.3").value()));
    EXPECT_FALSE(usual->clients.find(IpAddress::parse("192.0.2.1").value()));
}

TEST_F(Building, TrustedForwardersAreThoseOfTheConfiguration) {
    const auto snapshot = build("trusted_forwarders: [10.1.0.10, 'fd00:1::/64']\n");
    const auto is_trusted = [&](const char* text) {
        return snapshot->trusted_forwarders.contains(IpAddress::parse(text).value());
    };
    EXPECT_TRUE(is_trusted("10.1.0.10"));
    EXPECT_TRUE(is_trusted("fd00:1::7"));
    EXPECT_FALSE(is_trusted("10.1.0.11"));
    EXPECT_FALSE(is_trusted("fd00:2::7"));
    EXPECT_FALSE(build("workers: 1\n")->trusted_forwarders.contains(IpAddress::v4(0x0a01000a)));
}

TEST_F(Building, WhoIsTakenOutAndPutBackIsNotHeldAnyMore) {
    const auto before = build(kYaml);
    before->upstreams[0]->health->hold(true);
    EXPECT_TRUE(build(kYaml)->upstreams[0]->health->is_held()) << "it has stayed";
    build("peers: {north: {zones: [north.svc.cluster.local], endpoints: [10.3.0.10]}}\n");
    const auto after = build(kYaml);
    EXPECT_FALSE(after->upstreams[0]->health->is_held());
    EXPECT_EQ(after->upstreams[0]->id, before->upstreams[0]->id) << "the cache knows it by that";
}

TEST_F(Building, AListedEndpointHasItsPlace) {
    const std::string peer =
        "peers: {westus: {zones: [w.test], endpoints: [10.2.0.10, dns.test, "
        "10.2.0.11]";
    find("dns.test:53", {"10.2.0.20", "10.2.0.21"});
    EXPECT_THAT(build(peer + ", order: listed}}\n")->upstreams[0]->set()->places,
                ElementsAre(0, 1, 1, 2));
    EXPECT_THAT(build(peer + "}}\n")->upstreams[0]->set()->places, IsEmpty());
    find("resolv.conf:/run/test.conf", {"10.9.0.1", "10.9.0.2"});
    EXPECT_THAT(build("forward: {'.': {endpoints: ['resolv.conf:/run/test.conf', 10.9.0.3], "
                      "order: listed}}\n")
                    ->upstreams[0]
                    ->set()
                    ->places,
                ElementsAre(0, 1, 2));
}

TEST_F(Building, EndpointsAndNumbersSurviveARebuild) {
    const auto before = build(kYaml);
    // Another order, one endpoint gone, one new.
    const auto after = build(R"(
peers:
  north: {zones: [north.svc.cluster.local], endpoints: [10.3.0.10]}
  westus: {zones: [westus.svc.cluster.local], endpoints: [10.2.0.12, 10.2.0.11]}
)");
    const auto& old_west = *before->upstreams[0];
    const auto& new_west = *after->upstreams[1];
    ASSERT_EQ(old_west.label, "peer=westus");
    ASSERT_EQ(new_west.label, "peer=westus");
    EXPECT_EQ(old_west.id, new_west.id);
    EXPECT_EQ(before->upstreams[1]->id, after->upstreams[0]->id);
    const auto old_set = old_west.set();
    ASSERT_THAT(addresses(new_west), ElementsAre("10.2.0.12:53", "10.2.0.11:53"));
    EXPECT_EQ(new_west.set()->endpoints[1], old_set->endpoints[1])
        << "the same object, with what it learned";
    EXPECT_EQ(before->upstreams[1]->set()->endpoints[0], after->upstreams[0]->set()->endpoints[0]);
    // What was gone for one build begins anew.
    const auto again = build(kYaml);
    EXPECT_NE(again->upstreams[0]->set()->endpoints[0], old_set->endpoints[0]);
    EXPECT_EQ(again->upstreams[0]->set()->endpoints[1], old_set->endpoints[1]);
}

TEST_F(Building, AnEndpointIsAskedWhoseItIsBeforeAnyWorkerKnowsIt) {
    const std::string peer = "peers: {w: {zones: [w.test], endpoints: [{srv: _dns._udp.w.test}]";
    const std::string expect = ", expect: {id.svc: w.}}}\n";
    find("srv:_dns._udp.w.test", {"10.2.0.10"});
    const auto identity = [&](std::size_t i) {
        return builder.upstreams()[0]->set()->endpoints[i]->identity().state();
    };
    build(peer + "}}\n");
    EXPECT_EQ(identity(0), upstream::Identity::unasked);
    find("srv:_dns._udp.w.test", {"10.2.0.10", "10.2.0.11"});
    build(peer + expect);
    EXPECT_EQ(identity(0), upstream::Identity::unasked) << "known before: the prober decides";
    EXPECT_EQ(identity(1), upstream::Identity::awaited);
    builder.upstreams()[0]->set()->endpoints[1]->identity().note(upstream::Identity::right);
    find("srv:_dns._udp.w.test", {"10.2.0.10", "10.2.0.11", "10.2.0.12"});
    EXPECT_TRUE(builder.follow(sources));
    EXPECT_EQ(identity(1), upstream::Identity::right) << "it is the same";
    EXPECT_EQ(identity(2), upstream::Identity::awaited);
}

TEST_F(Building, NumbersAreNeverUsedTwice) {
    std::set<std::uint16_t> ids;
    for (int i = 0; i < 5; ++i) {
        const auto snapshot = build("peers: {p" + std::to_string(i) +
                                    ": {zones: [west.cluster.local], endpoints: [10.2.0.10]}}\n");
        EXPECT_TRUE(ids.insert(snapshot->upstreams.front()->id).second);
    }
}

// What the cache knows goes by scopes: of the same upstream it stays, of another one it is not
// found.
TEST_F(Building, ScopesStayWithTheUpstreamOverReloads) {
    const auto scope_for = [](const resolver::Snapshot& snapshot, const std::string& qname) {
        return snapshot.views.front().routes.find(name(qname).wire())->scope;
    };
    const auto peer = [](const std::string& label, const std::string& zone) {
        return "  " + label + ": {zones: [" + zone + "], endpoints: [10.2.0.10]}\n";
    };
    const auto before = build("peers:\n" + peer("a", "a.test") + peer("b", "b.test"));
    const auto a = scope_for(*before, "a.test");
    const auto b = scope_for(*before, "b.test");
    EXPECT_NE(a, b);
    const auto turned = build("peers:\n" + peer("b", "b.test") + peer("a", "a.test"));
    EXPECT_EQ(scope_for(*turned, "a.test"), a);
    EXPECT_EQ(scope_for(*turned, "b.test"), b);
    EXPECT_EQ(turned->views.front().chain_scope, before->views.front().chain_scope);
    const auto moved = build("peers:\n" + peer("b", "a.test"));
    EXPECT_EQ(scope_for(*moved, "a.test"), b) << "another one answers these names now";
    EXPECT_NE(moved->views.front().chain_scope, before->views.front().chain_scope);
    const auto back = build("peers:\n" + peer("a", "a.test") + peer("b", "b.test"));
    EXPECT_EQ(scope_for(*back, "a.test"), a);
    EXPECT_EQ(back->views.front().chain_scope, before->views.front().chain_scope);
}

TEST_F(Building, AllSnapshotsShareTheSpecialZones) {
    const auto before = build(kYaml);
    const auto after = build("zones: {other.internal: {records: ['db A 10.0.0.5']}}\n");
    EXPECT_EQ(before->zones.front(), after->zones.front());
    EXPECT_EQ(before->zones.size(), after->zones.size());
    EXPECT_NE(before->zones.back(), after->zones.back());
}

TEST_F(Building, TwoPeersWithOneAddressLearnApart) {
    const auto snapshot = build(
        "peers:\n  a: {zones: [a.cluster.local], endpoints: [10.2.0.10, 10.2.0.11]}\n"
        "  b: {zones: [b.cluster.local], endpoints: [10.2.0.10]}\n");
    EXPECT_NE(snapshot->upstreams[0]->set()->endpoints[0],
              snapshot->upstreams[1]->set()->endpoints[0]);
}

TEST_F(Building, OpenedSpecialNamesAreToldOnce) {
    build(kYaml);
    EXPECT_THAT(builder.take_notices(),
                ElementsAre(HasSubstr("2.10.in-addr.arpa is answered by the configuration")));
    EXPECT_THAT(builder.take_notices(), IsEmpty());
    build(kYaml);
    EXPECT_THAT(builder.take_notices(), IsEmpty());
    build(
        "forward: {local: {endpoints: [192.0.2.53]}, 10.in-addr.arpa: {endpoints: [192.0.2.53]}}\n"
        "zones: {x.invalid: {records: ['db A 10.0.0.5']}}\n");
    EXPECT_THAT(builder.take_notices(), ::testing::UnorderedElementsAre(
                                            HasSubstr("local is"), HasSubstr("10.in-addr.arpa is"),
                                            HasSubstr("x.invalid is")));
}

TEST_F(Building, HostNamesArePendingUntilTheyAreKnown) {
    const std::string yaml =
        "peers: {west: {zones: [west.cluster.local], endpoints: ['dns.example.com:5353', "
        "10.2.0.10]}}\n";
    const auto before = build(yaml);
    EXPECT_EQ(before->upstreams[0]->set()->pending, "dns.example.com:5353: not resolved yet");
    EXPECT_THAT(before->upstreams[0]->set()->sources, ElementsAre("10.2.0.10:53"));
    ASSERT_EQ(before->upstreams[0]->set()->endpoints.size(), 1u);
    std::vector<std::string> items;
    for (const auto& item : followed_items(load(yaml)))
        items.push_back(upstream::source_text(item));
    EXPECT_THAT(
        items, ElementsAre("resolv.conf:/etc/resolv.conf", "dns.example.com:5353", "10.2.0.10:53"));

    sources["dns.example.com:5353"].error = "dns.example.com: no such name";
    EXPECT_EQ(build(yaml)->upstreams[0]->set()->pending, "dns.example.com: no such name");
    find("dns.example.com:5353", {"10.2.0.20:5353", "[fd00::20]:5353"});
    const auto after = build(yaml);
    EXPECT_EQ(after->upstreams[0]->set()->pending, "");
    EXPECT_THAT(addresses(*after->upstreams[0]),
                ElementsAre("10.2.0.20:5353", "[fd00::20]:5353", "10.2.0.10:53"));
    EXPECT_THAT(after->upstreams[0]->set()->sources,
                ElementsAre("dns.example.com:5353", "dns.example.com:5353", "10.2.0.10:53"));
}

constexpr const char* kFollowed =
    "peers: {west: {zones: [west.cluster.local], endpoints: [{srv: _dns._udp.west.example.com}]}, "
    "north: {zones: [north.cluster.local], endpoints: [10.3.0.10]}}\n";
constexpr const char* kSource = "srv:_dns._udp.west.example.com";

TEST_F(Building, AddressesThatComeAndGoLeaveTheOthersAsTheyAre) {
    find(kSource, {"10.2.0.1:53", "10.2.0.2:53"});
    const auto snapshot = build(kFollowed);
    const auto before = snapshot->upstreams[0]->set();
    const auto other = snapshot->upstreams[1]->set();
    find(kSource, {"10.2.0.2:53", "10.2.0.3:5353"});
    EXPECT_TRUE(builder.follow(sources));
    const auto after = snapshot->upstreams[0]->set();
    EXPECT_THAT(addresses(*snapshot->upstreams[0]), ElementsAre("10.2.0.2:53", "10.2.0.3:5353"))
        << "in the same snapshot";
    EXPECT_EQ(after->endpoints[0], before->endpoints[1]) << "the same object, with what it learned";
    ASSERT_EQ(before->endpoints.size(), 2u) << "questions in flight keep what they began with";
    EXPECT_EQ(before->endpoints[0]->address().to_text(), "10.2.0.1:53");
    EXPECT_EQ(snapshot->upstreams[1]->set(), other) << "of another upstream";
    EXPECT_FALSE(builder.follow(sources)) << "nothing has changed";
    EXPECT_EQ(snapshot->upstreams[0]->set(), after);
}

TEST_F(Building, AReloadKeepsTheBoardOfAnUpstreamWhoseOptionsStay) {
    find(kSource, {"10.2.0.1:53"});
    const auto before = build(kFollowed);
    const auto set = before->upstreams[0]->set();
    const auto after = build(std::string(kFollowed) + "log: {level: warning}\n");
    EXPECT_EQ(after->upstreams[0]->board, before->upstreams[0]->board);
    EXPECT_EQ(after->upstreams[0]->set(), set) << "nothing was published";
}

TEST_F(Building, WhatAnOlderSnapshotAsksForGoesByItsOwnOptions) {
    find(kSource, {"10.2.0.1:53"});
    const auto before = build(kFollowed);
    const auto set = before->upstreams[0]->set();
    std::string changed = kFollowed;
    changed.insert(changed.find("endpoints"), "transport: tcp, ");
    const auto after = build(changed);
    EXPECT_NE(after->upstreams[0]->board, before->upstreams[0]->board);
    EXPECT_EQ(after->upstreams[1]->board, before->upstreams[1]->board);
    EXPECT_EQ(after->upstreams[0]->set()->endpoints, set->endpoints) << "what was learned stays";
    find(kSource, {"10.2.0.2:53"});
    EXPECT_TRUE(builder.follow(sources));
    EXPECT_THAT(addresses(*after->upstreams[0]), ElementsAre("10.2.0.2:53"));
    EXPECT_EQ(before->upstreams[0]->set(), set);
}

TEST_F(Building, APeerHasABoundOfEndpoints) {
    std::string yaml = "peers: {west: {zones: [west.cluster.local], endpoints: [10.2.0.1";
    for (const std::string host : {"a", "b", "c"}) {
        yaml += ", " + host + ".example.com";
        std::vector<std::string> all;
        for (int i = 0; i < 64; ++i)
            all.push_back("10.3." + std::to_string(int{host[0]}) + "." + std::to_string(i) + ":53");
        find(host + ".example.com:53", all);
    }
    const auto snapshot = build(yaml + "]}}\n");
    EXPECT_EQ(snapshot->upstreams[0]->set()->endpoints.size(), upstream::kEndpointsMax);
    EXPECT_EQ(snapshot->upstreams[0]->set()->sources.size(), upstream::kEndpointsMax);
    EXPECT_EQ(snapshot->upstreams[0]->set()->sources[127], "b.example.com:53");
}

TEST_F(Building, AnEndpointNamedTwiceIsOne) {
    const std::string yaml =
        "peers: {west: {zones: [west.cluster.local], endpoints: [dns.example.com, 10.2.0.10]}}\n";
    find("dns.example.com:53", {"10.2.0.10:53"});
    EXPECT_EQ(build(yaml)->upstreams[0]->set()->endpoints.size(), 1u);
}

TEST_F(Building, ResolvConfGivesEndpointsAndBootstrap) {
    const auto config = load(
        "bootstrap: ['resolv.conf:resolv.conf', 192.0.2.9]\n"
        "forward: {'.': {endpoints: ['resolv.conf:resolv.conf']}}\n",
        folder);
    const std::string source = "resolv.conf:" + (folder / "resolv.conf").string();
    EXPECT_THAT(build(config)->upstreams[0]->set()->pending,
                HasSubstr("resolv.conf: not resolved yet"));
    ASSERT_EQ(bootstrap_servers(config.bootstrap, sources).size(), 1u);
    find(source, {"192.0.2.1:53", "[fd00::1]:53"});
    EXPECT_THAT(addresses(*build(config)->upstreams[0]),
                ElementsAre("192.0.2.1:53", "[fd00::1]:53"));
    const auto servers = bootstrap_servers(config.bootstrap, sources);
    ASSERT_EQ(servers.size(), 3u);
    EXPECT_EQ(servers[2].to_text(), "192.0.2.9:53");
}

TEST_F(Building, AZoneFileIsReadOnlyWhenZonesAreLoaded) {
    put("corp.zone",
        "$TTL 60\n@ IN SOA ns host 1 2 3 4 5\n@ IN NS ns\nns IN A 10.0.0.1\ndb IN A 10.0.0.5\n");
    const auto config = load("zones: {corp.internal: {file: corp.zone}}\n", folder);
    const auto first = build(config);
    // A half-written file must not take the zone away when something else causes a rebuild.
    put("corp.zone", "db IN A 10.0.0.");
    const auto second = builder.build(config, sources);
    EXPECT_EQ(first->zones.back(), second->zones.back());
    const auto loaded = builder.load_files(config);
    ASSERT_FALSE(loaded.has_value());
    EXPECT_THAT(loaded.error().message, HasSubstr("zone corp.internal: "));
    EXPECT_EQ(builder.build(config, sources)->zones.back(), first->zones.back())
        << "the former zones stay";
}

}  // namespace
}  // namespace peerzone::app
