// What the cache knows: under which key, with which flags, and before what.
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using metrics::Count;
using test::Asking;
using test::Reply;
namespace type = dns::type;
using Lines = std::vector<std::string>;

struct Cached : ::testing::Test, test::Setup {
    Cached() {
        snapshot->views.push_back({.name = "office", .routes = {}, .recursion_available = false});
        snapshot->clients.add(IpPrefix::parse("192.168.0.0/16").value(), 1);
        add_zone("corp.internal", {"alias CNAME db.westus."});
        add_upstream("westus", "peer=westus");
        give_scope(1, 7);
        publish();
    }
    void give_scope(std::size_t view, std::uint32_t scope) {
        view::RouteTable& routes = snapshot->views[view].routes;
        view::Route route = *routes.find_exact(test::name("westus"));
        route.scope = scope;
        routes.add(route);
    }
    bool is_known(const std::string& qname, unsigned qtype, const Asking& how = {}) {
        ask(qname, qtype, how);
        return outcome == Disposition::replied;
    }
};

TEST_F(Cached, AnAnswerComesWithItsAgeTakenOff) {
    know("db.westus", type::a, {"10.2.0.1", "10.2.0.2"});
    now += Seconds(10);
    const Reply reply = ask("DB.westus", type::a, {.recursion = false});
    EXPECT_EQ(reply.sorted_answers(), (Lines{"DB.westus A 10.2.0.1", "DB.westus A 10.2.0.2"}));
    EXPECT_EQ(reply.ttls(), (std::vector<std::uint32_t>{50, 50}));
    EXPECT_TRUE(reply.flag(dns::kFlagRa));
    EXPECT_FALSE(reply.flag(dns::kFlagAa));
    EXPECT_EQ(counters.value(Count::answered_cache), 1u);
    now += Seconds(50);
    EXPECT_FALSE(is_known("db.westus", type::a));
}

TEST_F(Cached, TheKeyHasTypeScopeDoAndCd) {
    know("db.westus", type::a, {"10.2.0.1"});
    EXPECT_TRUE(is_known("db.westus", type::a));
    EXPECT_FALSE(is_known("db.westus", type::aaaa));
    EXPECT_FALSE(is_known("db.westus", type::any));
    EXPECT_FALSE(is_known("x.westus", type::a));
    EXPECT_FALSE(is_known("db.westus", type::a, {.dnssec_ok = true}));
    EXPECT_FALSE(is_known("db.westus", type::a, {.flags = dns::kFlagCd}));
    client_ip = "192.168.1.1";
    EXPECT_FALSE(is_known("db.westus", type::a)) << "another scope";
    know("db.westus", type::a, {"10.2.0.9"}, {.scope = 7});
    EXPECT_EQ(ask("db.westus", type::a).answers(), Lines{"db.westus A 10.2.0.9"});
    client_ip = "10.1.0.9";
    EXPECT_EQ(ask("db.westus", type::a).answers(), Lines{"db.westus A 10.2.0.1"});
}

TEST_F(Cached, ViewsShareWhatIsKnownInOneScope) {
    give_scope(1, 0);
    know("db.westus", type::a, {"10.2.0.1"});
    client_ip = "192.168.1.1";
    EXPECT_EQ(ask("db.westus", type::a).answers(), Lines{"db.westus A 10.2.0.1"});
}

// An alias that leads to another route is looked up in the scope of that one.
TEST_F(Cached, EveryStopHasTheScopeOfItsOwnRoute) {
    give_scope(0, 9);
    know("db.westus", type::a, {"10.2.0.1"}, {.scope = 9});
    now = Clock::now();
    EXPECT_FALSE(is_known("alias.corp.internal", type::a));
    EXPECT_EQ(ask_later().answers(),
              (Lines{"alias.corp.internal CNAME db.westus.", "db.westus A 10.2.0.1"}));
}

TEST_F(Cached, NoSuchNameHoldsForEveryType) {
    know("nix.westus", type::a, {}, {.kind = cache::Kind::nxdomain, .rcode = dns::Rcode::nxdomain});
    for (const unsigned t : {1u, 28u, 33u, 65u, 255u})
        EXPECT_EQ(ask("nix.westus", t).rcode(), 3u) << t;
    EXPECT_FALSE(is_known("a.nix.westus", type::a));
    know("nix.westus", type::txt, {"10.2.0.1"});
    EXPECT_EQ(ask("nix.westus", type::txt).rcode(), 0u) << "an answer comes first";
}

TEST_F(Cached, AFailureSaysWhenItIsTriedAgain) {
    know_failure("db.westus", type::a, "peer=westus 10.2.0.10:53 udp timeout 200ms");
    const Reply reply = ask("db.westus", type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), 13);
    EXPECT_EQ(reply.ede_text(), "retry in 1s: peer=westus 10.2.0.10:53 udp timeout 200ms");
    EXPECT_TRUE(reply.flag(dns::kFlagRa));
    EXPECT_EQ(counters.value(Count::answered_failure_cached), 1u);
    now += Seconds(1);
    EXPECT_FALSE(is_known("db.westus", type::a));
    for (int i = 0; i < 3; ++i) know_failure("db.westus", type::a, "again");
    EXPECT_EQ(ask("db.westus", type::a).ede_text(), "retry in 2s: again");
}

TEST_F(Cached, AFailureNeverHidesAnAnswer) {
    know("db.westus", type::a, {"10.2.0.1"});
    know_failure("db.westus", type::a, "peer=westus down");
    EXPECT_EQ(ask("db.westus", type::a).rcode(), 0u);
    know("nix.westus", type::a, {}, {.kind = cache::Kind::nxdomain, .rcode = dns::Rcode::nxdomain});
    know_failure("nix.westus", type::a, "peer=westus down");
    EXPECT_EQ(ask("nix.westus", type::a).rcode(), 3u);
}

TEST_F(Cached, ALongFailureTextStaysWhole) {
    const std::string text(200, 'x');
    know_failure("db.westus", type::a, text);
    EXPECT_EQ(ask("db.westus", type::a).ede_text(), "retry in 1s: " + text);
    EXPECT_FALSE(ask("db.westus", type::a, {.edns = std::nullopt}).message.opt);
}

TEST_F(Cached, TheAuthenticBitIsForThoseWhoCanTell) {
    know("db.westus", type::a, {"10.2.0.1"}, {.authentic_data = true});
    know("db.westus", type::a, {"10.2.0.1"}, {.dnssec_ok = true, .authentic_data = true});
    EXPECT_FALSE(ask("db.westus", type::a).flag(dns::kFlagAd));
    EXPECT_TRUE(ask("db.westus", type::a, {.flags = dns::kFlagAd}).flag(dns::kFlagAd));
    const Reply reply = ask("db.westus", type::a, {.dnssec_ok = true});
    EXPECT_TRUE(reply.flag(dns::kFlagAd));
    EXPECT_TRUE(reply.message.opt->ttl & dns::kEdnsFlagDo) << "DO is echoed (RFC 3225)";
}

TEST_F(Cached, EachClientGetsWhatFits) {
    Lines addresses;
    for (int i = 1; i <= 70; ++i) addresses.push_back("10.2.0." + std::to_string(i));
    know("db.westus", type::a, addresses);
    struct Case {
        std::optional<unsigned> edns;
        std::size_t size;
        bool truncated;
    };
    for (const Case& c : {Case{std::nullopt, 512, true}, Case{100, 512, true}, Case{600, 600, true},
                          Case{1232, 1232, false}, Case{65535, 1232, false}}) {
        const Reply reply = ask("db.westus", type::a, {.edns = c.edns});
        EXPECT_LE(reply.raw.size(), c.size);
        EXPECT_EQ(reply.truncated(), c.truncated) << c.size;
        EXPECT_EQ(reply.answers().size() == 70, !c.truncated);
    }
    udp = false;
    EXPECT_EQ(ask("db.westus", type::a, {.edns = std::nullopt}).answers().size(), 70u);
    EXPECT_EQ(counters.value(Count::truncated), 3u);
}

TEST_F(Cached, MoreThanTheBufferHoldsIsCutAtARecord) {
    Lines addresses;
    for (int i = 0; i < 500; ++i)
        addresses.push_back("10.2." + std::to_string(i / 250) + "." + std::to_string(i % 250));
    know("db.westus", type::a, addresses);
    const Reply reply = ask("db.westus", type::a);
    EXPECT_TRUE(reply.truncated());
    EXPECT_GT(reply.raw.size(), dns::kUdpEdnsMax - 32);
}

TEST_F(Cached, ADenialFromWhereTheWholeZoneIsAbsentSaysSo) {
    know("nix.westus", type::a, {}, {.kind = cache::Kind::nxdomain, .rcode = dns::Rcode::nxdomain});
    EXPECT_EQ(ask("nix.westus", type::a).ede(), -1) << "denied with proof";
    upstream::EndpointSet set;
    set.endpoints.push_back(
        std::make_shared<upstream::Endpoint>(SocketAddress::parse("10.2.0.10", 53).value()));
    set.endpoints.back()->note_probe(upstream::ProbeResult::zone_absent);
    snapshot->upstreams[0]->board->publish(std::move(set));
    const Reply reply = ask("nix.westus", type::a);
    EXPECT_EQ(reply.ede(), dns::ede::other);
    EXPECT_TRUE(reply.says("peer=westus does not have the zone westus")) << reply.ede_text();
    EXPECT_EQ(ask("nix.westus", type::a, {.edns = std::nullopt}).rcode(), 3u);
}

// What admit does when it need not wait.
TEST_F(Cached, AnUpstreamWithoutEndpointsFailsAtOnceAndIsNotRemembered) {
    EXPECT_FALSE(is_known("db.westus", type::a));
    const Reply reply = ask_later();
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), 22);
    EXPECT_TRUE(reply.says("peer=westus"));
    EXPECT_EQ(resolver.in_flight(), 0u);
    EXPECT_FALSE(is_known("db.westus", type::a));
}

TEST_F(Cached, AnAliasOfOursEndsInWhatIsKnown) {
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(60)});
    EXPECT_FALSE(is_known("alias.corp.internal", type::a));
    now = Clock::now();
    const Reply reply = ask_later();
    EXPECT_EQ(reply.answers(),
              (Lines{"alias.corp.internal CNAME db.westus.", "db.westus A 10.2.0.1"}));
    EXPECT_TRUE(reply.flag(dns::kFlagAa));

    know_failure("db.westus", type::aaaa, "peer=westus down");
    EXPECT_FALSE(is_known("alias.corp.internal", type::aaaa));
    const Reply failed = ask_later();
    EXPECT_EQ(failed.rcode(), 2u);
    EXPECT_EQ(failed.ede(), 13);

    know("db.westus", type::a, {}, {.kind = cache::Kind::nxdomain, .rcode = dns::Rcode::nxdomain});
    EXPECT_FALSE(is_known("alias.corp.internal", type::txt));
    const Reply missing = ask_later();
    EXPECT_EQ(missing.rcode(), 3u);
    EXPECT_EQ(missing.answers().size(), 1u);
}

}  // namespace
}  // namespace peerzone::resolver
