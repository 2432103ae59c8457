// An answer that is at hand costs no allocation.
#include "support/client_subnet.hpp"
#include "support/count_allocations.hpp"
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using itest::question;
using test::Octets;
namespace type = dns::type;

struct Allocations : ::testing::Test, test::Setup {
    Allocations() {
        add_zone("corp.internal",
                 {"db A 10.0.0.5", "db A 10.0.0.6", "www CNAME db", "out CNAME web.other.internal.",
                  "_s._tcp SRV 0 0 1 db", "sub NS ns.sub", "ns.sub A 10.0.0.7",
                  "loop CNAME loop.other.internal."});
        add_zone("other.internal", {"web A 10.0.0.8", "loop CNAME loop.corp.internal."});
        add_upstream("westus", "peer=westus");
        publish();
        know("db.westus", type::a, {"10.2.0.1", "10.2.0.2", "10.2.0.3"});
        know("nix.westus", type::a, {},
             {.kind = cache::Kind::nxdomain, .rcode = dns::Rcode::nxdomain});
        know_failure("bad.westus", type::a, "peer=westus 10.2.0.10:53 udp timeout 200ms");
        request.client = IpAddress::parse("10.1.0.9").value();
    }
    // Allocations of a thousand rounds of the same question; every one must end the same way.
    std::size_t cost(const Octets& message, Disposition wanted = Disposition::replied) {
        std::array<std::uint8_t, dns::kUdpEdnsMax> out;
        std::size_t size = 0;
        int other = 0;
        const std::size_t before = allocations;
        for (int i = 0; i < 1000; ++i)
            if (resolver.answer_now(message, now, request, out, size) != wanted) ++other;
        const std::size_t during = allocations - before;
        EXPECT_EQ(other, 0);
        return during;
    }
    std::size_t cost(const std::string& qname, unsigned qtype, const test::Asking& how = {}) {
        return cost(question(qname, qtype, how));
    }
};

TEST_F(Allocations, AreCounted) {
    const std::size_t before = allocations;
    const auto block = std::make_unique<int>(1);
    EXPECT_EQ(*block, 1);
    EXPECT_EQ(allocations - before, 1u);
}

TEST_F(Allocations, NoneOnACacheHit) {
    EXPECT_EQ(cost("DB.westus", type::a), 0u);
    EXPECT_EQ(cost("db.westus", type::a, {.edns = std::nullopt}), 0u);
    EXPECT_EQ(cost("nix.westus", type::aaaa), 0u);
    EXPECT_EQ(cost("bad.westus", type::a), 0u);
    EXPECT_EQ(counters.value(metrics::Count::answered_cache), 3000u);
    EXPECT_EQ(counters.value(metrics::Count::answered_failure_cached), 1000u);
}

TEST_F(Allocations, NoneOnADenialThatSaysWhy) {
    auto changed = std::make_shared<Snapshot>(*snapshot);
    auto route = *changed->views[0].routes.find_exact(test::name("corp.internal"));
    route.built_in = true;
    changed->views[0].routes.add(route);
    changed->views[0].suffixes = {test::name("westus"), test::name("svc.corp.internal")};
    resolver.publish(changed);
    EXPECT_EQ(cost("db.svx.corp.internal", type::a), 0u);
    EXPECT_EQ(cost("db.wetsus", type::a), 0u);
    EXPECT_EQ(cost("nix.westus", type::a), 0u);
}

TEST_F(Allocations, NoneOnAnAnswerPastItsTtl) {
    know("old.westus", type::a, {"10.2.0.1", "10.2.0.2"}, {.lifetime = Seconds(1)});
    know("gone.westus", type::a, {},
         {.kind = cache::Kind::nxdomain, .rcode = dns::Rcode::nxdomain, .lifetime = Seconds(1)});
    now += Seconds(10);
    know_failure("old.westus", type::a, "peer=westus 10.2.0.10:53 udp timeout 200ms");
    EXPECT_EQ(cost("old.westus", type::a), 0u) << "the upstream failed a moment ago";
    snapshot->upstreams[0]->health->enter(upstream::UpstreamState::partitioned, now,
                                          std::chrono::system_clock::now());
    EXPECT_EQ(cost("old.westus", type::a), 0u);
    EXPECT_EQ(cost("gone.westus", type::aaaa), 0u);
    EXPECT_EQ(counters.value(metrics::Count::answered_stale), 3000u);
    EXPECT_EQ(cost("new.westus", type::a), 0u);
    EXPECT_EQ(counters.value(metrics::Count::failed_partitioned), 1000u);
}

TEST_F(Allocations, NoneForAClientSubnet) {
    const Octets malformed = testing::subnet_option(Bytes(Octets{0, 1, 33, 0}));
    for (const char* trusted : {"192.0.2.1", "10.1.0.9"}) {
        snapshot->trusted_forwarders.add(IpPrefix::parse(trusted).value());
        for (const char* subnet : {"10.1.2.0/24", "192.0.2.0/24", "0.0.0.0/0", "fd00::/8"})
            EXPECT_EQ(cost("db.westus", type::a, {.options = testing::subnet_option(subnet)}), 0u);
        EXPECT_EQ(cost("db.westus", type::a, {.options = malformed}), 0u);
    }
    EXPECT_EQ(counters.value(metrics::Count::client_subnet_used), 4000u);
}

TEST_F(Allocations, AHitThatPlansARefreshArmsATimerOnce) {
    now += Seconds(59);
    EXPECT_LE(cost("db.westus", type::a), 2u);
    EXPECT_EQ(cost("db.westus", type::a), 0u);
}

TEST_F(Allocations, NoneOnAHitInAZoneOfOurs) {
    for (const char* qname : {"db.corp.internal", "www.corp.internal", "out.corp.internal",
                              "nix.corp.internal", "x.sub.corp.internal", "loop.corp.internal"})
        EXPECT_EQ(cost(qname, type::a), 0u) << qname;
    EXPECT_EQ(cost("_s._tcp.corp.internal", type::srv), 0u);
    EXPECT_EQ(cost("db.corp.internal", type::any), 0u);
}

TEST_F(Allocations, NoneForWhatIsRefusedDroppedOrMissed) {
    EXPECT_EQ(cost("www.example.com", type::a), 0u);
    EXPECT_EQ(cost("corp.internal", type::axfr), 0u);
    EXPECT_EQ(cost("x", type::a, {.klass = dns::klass::ch}), 0u);
    EXPECT_EQ(cost("_dmarc.www.example.com", type::txt), 0u);
    EXPECT_EQ(cost(Octets{1, 2, 3}, Disposition::dropped), 0u);
    EXPECT_EQ(cost(question("new.westus", type::a), Disposition::deferred), 0u);
    request.client = IpAddress::parse("192.0.2.1").value();
    EXPECT_EQ(cost("db.corp.internal", type::a), 0u);
}

}  // namespace
}  // namespace peerzone::resolver
