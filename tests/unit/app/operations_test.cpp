// What the program tells and does for its operator.
#include "app/operations.hpp"

#include <gmock/gmock.h>

#include "app/snapshot_builder.hpp"
#include "peerzone/config/config.hpp"

namespace peerzone::app {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

struct OperationsTest : ::testing::Test {
    boost::asio::io_context io;
    cache::Cache cache{cache::Options{}};
    Operations operations{io, cache};
    SnapshotBuilder builder;
    std::shared_ptr<const resolver::Snapshot> snapshot;

    void show(const std::string& yaml) {
        const config::Loaded loaded = config::load_text(yaml, "pz.yaml");
        ASSERT_TRUE(loaded.config) << loaded.problems.front().to_text();
        ASSERT_TRUE(builder.load_files(*loaded.config));
        snapshot = builder.build(*loaded.config, {});
        operations.show(snapshot);
    }
    void reload() {
        show(
            "peers:\n"
            "  westus: {zones: [westus.test], endpoints: [10.2.0.10, 10.2.0.11], transport: tcp}\n"
            "  eastus: {zones: [eastus.test], endpoints: [10.3.0.10]}\n"
            "local: {forward: {endpoints: [10.96.0.10]}}\n"
            "forward: {.: {endpoints: [10.0.0.2]}}\n");
    }
    void SetUp() override { reload(); }

    void store(const char* text, std::uint16_t source) {
        const dns::Name name = dns::Name::from_text(text).value().folded();
        const std::array<std::uint8_t, 16> record{0xc0, 12, 0, 1, 0,  1, 0, 0,
                                                  0,    60, 0, 4, 10, 0, 0, 1};
        cache::Value value;
        value.rcode = dns::Rcode::noerror;
        value.body = record;
        value.info.size = record.size();
        value.info.counts[0] = 1;
        value.source = source;
        value.lifetime = 60s;
        const cache::Key key{.name = name.wire(),
                             .name_hash = dns::hash_folded(name.wire()),
                             .type = 1,
                             .scope = 0,
                             .dnssec_ok = false,
                             .checking_disabled = false,
                             .kind = cache::Kind::answer};
        ASSERT_TRUE(cache.store(key, value, Clock::now()));
    }
    std::size_t flush(const admin::FlushOrder& order) {
        std::size_t dropped = 1000;
        operations.flush(order, [&](std::size_t count) { dropped = count; });
        io.restart();
        io.run();
        return dropped;
    }
};

TEST_F(OperationsTest, IsReadyOnlyWhileWorkersServe) {
    EXPECT_FALSE(operations.ready());
    EXPECT_EQ(operations.why_not_ready(), "starting");
    operations.enter(Operations::Phase::serving);
    EXPECT_TRUE(operations.ready());
    for (const auto& upstream : snapshot->upstreams)  // peers have no say
        upstream->health->enter(upstream::UpstreamState::partitioned, Clock::now(), {});
    EXPECT_TRUE(operations.ready());
    operations.enter(Operations::Phase::draining);
    EXPECT_FALSE(operations.ready());
    EXPECT_EQ(operations.why_not_ready(), "draining");
}

TEST_F(OperationsTest, ReportsPeersAndEndpoints) {
    operations.config_loaded("/etc/pz.yaml", "northeurope");
    const auto& upstream = *snapshot->upstreams[0];
    const auto since = std::chrono::system_clock::now();
    upstream.health->enter(upstream::UpstreamState::suspect, Clock::now(), since);
    upstream.set()->endpoints[0]->note_reply(60ms, upstream::Protocol::tcp);
    for (int i = 0; i < 3; ++i) upstream.set()->endpoints[1]->note_loss(Clock::now());
    upstream::EndpointStats& stats = upstream.set()->endpoints[1]->stats();
    stats.note_question();
    stats.note_failure(upstream::FailureReason::timeout);
    stats.note_error("udp timeout 200ms", since);
    upstream.health->stats().note_stale_answer();
    upstream.health->stats().note_shed();
    upstream.set()->endpoints[0]->note_probe(upstream::ProbeResult::zone_absent);
    const metrics::Report report = operations.report();
    EXPECT_EQ(report.cluster, "northeurope");
    EXPECT_EQ(report.config_file, "/etc/pz.yaml");
    EXPECT_TRUE(report.config_ok);
    EXPECT_EQ(report.node.size(), 16u);
    ASSERT_EQ(report.upstreams.size(), 4u);
    const metrics::UpstreamReport& west = report.upstreams[0];
    EXPECT_EQ(west.name, "westus");
    EXPECT_EQ(west.kind, "peer");
    EXPECT_THAT(west.zones, ElementsAre("westus.test"));
    EXPECT_EQ(west.state, "suspect");
    EXPECT_EQ(west.since, since);
    EXPECT_EQ(west.up_count(), 1u);
    ASSERT_EQ(west.endpoints.size(), 2u);
    EXPECT_EQ(west.endpoints[0].address, "10.2.0.10:53");
    EXPECT_EQ(west.endpoints[0].transport, "tcp");
    EXPECT_EQ(west.endpoints[0].rtt, 60ms);
    EXPECT_TRUE(west.endpoints[0].up);
    EXPECT_EQ(west.endpoints[0].state, "zone absent");
    EXPECT_EQ(west.stale_answers, 1u);
    EXPECT_EQ(west.shed, 1u);
    EXPECT_EQ(west.endpoints[0].probe, "zone absent");
    EXPECT_EQ(west.endpoints[1].state, "suspect");
    EXPECT_EQ(west.endpoints[1].questions, 1u);
    EXPECT_EQ(west.endpoints[1].failures, (metrics::Tally{{"timeout", 1}}));
    EXPECT_EQ(west.endpoints[1].last_error, "udp timeout 200ms");
    EXPECT_EQ(west.endpoints[1].last_error_at, since);
    EXPECT_FALSE(west.endpoints[1].up);
    EXPECT_EQ(report.upstreams[2].name, "local");
    EXPECT_EQ(report.upstreams[3].name, ".");
    EXPECT_EQ(report.upstreams[3].kind, "forward");
}

TEST_F(OperationsTest, ReportsWhoseAnEndpointIs) {
    const auto set = snapshot->upstreams[0]->set();
    const auto report = [&](std::size_t i) {
        return operations.report().upstreams[0].endpoints[i];
    };
    EXPECT_EQ(report(0).identity, "");
    for (const auto& endpoint : set->endpoints)
        endpoint->note_probe(upstream::ProbeResult::healthy);
    set->endpoints[0]->identity().note(upstream::Identity::right);
    EXPECT_EQ(report(0).identity, "right");
    EXPECT_EQ(report(0).state, "healthy");
    set->endpoints[0]->identity().note(upstream::Identity::unproven);
    EXPECT_EQ(report(0).identity, "not shown yet");
    EXPECT_TRUE(report(0).up);
    set->endpoints[1]->identity().note(upstream::Identity::awaited);
    EXPECT_EQ(report(1).identity, "asked for");
    EXPECT_EQ(report(1).state, "unknown");
    EXPECT_FALSE(report(1).up) << "no question is sent there yet";
    const auto since = std::chrono::system_clock::now();
    set->endpoints[1]->identity().note_wrong("another cluster: id is east. not west.", since);
    for (int i = 0; i < 3; ++i) set->endpoints[1]->note_loss(Clock::now());
    EXPECT_EQ(report(1).state, "wrong cluster") << "silent or not";
    EXPECT_EQ(report(1).identity, "another cluster: id is east. not west.");
    EXPECT_EQ(report(1).since, since);
    EXPECT_FALSE(report(1).up);
}

TEST_F(OperationsTest, ARefusedConfigurationIsToldUntilTheNextGoodOne) {
    operations.config_loaded("pz.yaml", "a");
    operations.config_refused("pz.yaml:3:1: nonsense");
    EXPECT_FALSE(operations.report().config_ok);
    EXPECT_EQ(operations.report().config_problem, "pz.yaml:3:1: nonsense");
    operations.config_loaded("pz.yaml", "a");
    EXPECT_TRUE(operations.report().config_ok);
}

// Status, metrics and those who ask with dig look at the same.
TEST_F(OperationsTest, WhatIsToldOfTheConfigurationIsSharedWithSnapshots) {
    const auto status = std::make_shared<resolver::ConfigStatus>();
    Operations with(io, cache, status);
    with.config_loaded("pz.yaml", "a", 0x12, "workers");
    EXPECT_EQ(status->seen().file, "pz.yaml");
    EXPECT_EQ(status->seen().loads, 1u);
    EXPECT_EQ(status->seen().digest, 0x12u);
    EXPECT_EQ(status->seen().restart, "workers");
    EXPECT_EQ(with.report().config_loaded, status->seen().loaded);
    with.config_refused("pz.yaml:3:1: nonsense");
    EXPECT_EQ(status->seen().problem, "pz.yaml:3:1: nonsense");
    EXPECT_FALSE(status->seen().is_in_force());
    EXPECT_EQ(status->seen().digest, 0x12u) << "what serves is what it was";
    with.config_loaded("pz.yaml", "a", 0x13);
    EXPECT_TRUE(status->seen().is_in_force());
    EXPECT_EQ(status->seen().loads, 2u);
    status->note_first_digest(0x14);
    EXPECT_EQ(status->seen().digest, 0x13u) << "it comes late";
    status->note_changing(true);
    EXPECT_FALSE(status->seen().is_in_force());
}

TEST_F(OperationsTest, HoldsAndReleasesByName) {
    EXPECT_THAT(operations.upstream_names(), ElementsAre("westus", "eastus", "local", "."));
    EXPECT_TRUE(operations.hold("westus", true));
    EXPECT_FALSE(operations.hold("westus", true));
    EXPECT_TRUE(snapshot->upstreams[0]->health->is_away());
    EXPECT_FALSE(snapshot->upstreams[1]->health->is_away());
    EXPECT_TRUE(operations.report().upstreams[0].held);
    reload();  // a reload keeps it
    EXPECT_TRUE(snapshot->upstreams[0]->health->is_held());
    EXPECT_TRUE(operations.hold("westus", false));
    EXPECT_FALSE(snapshot->upstreams[0]->health->is_held());
    EXPECT_TRUE(operations.hold(".", true));
    EXPECT_FALSE(operations.hold("nobody", true));
}

TEST_F(OperationsTest, FlushesByNameZoneAndPeer) {
    const std::uint16_t west = snapshot->upstreams[0]->id, east = snapshot->upstreams[1]->id;
    store("a.westus.test", west);
    store("b.westus.test", west);
    store("c.westus.test", west);
    store("a.eastus.test", east);
    const auto name = [](const char* text) { return dns::Name::from_text(text).value(); };
    EXPECT_EQ(flush({.name = name("a.westus.test")}), 1u);
    EXPECT_EQ(flush({.name = name("westus.test")}), 0u);
    EXPECT_EQ(flush({.upstream = "eastus"}), 1u);
    EXPECT_EQ(flush({.name = name("westus.test"), .below = true}), 2u);
    EXPECT_EQ(flush({.upstream = "nobody"}), 0u);
    EXPECT_EQ(cache.stats().entries, 0u);
}

}  // namespace
}  // namespace peerzone::app
