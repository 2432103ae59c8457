// What names say about themselves, state by state.
#include <gmock/gmock.h>

#include "support/explain_reply.hpp"
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using itest::kChaos;
using itest::said;
using test::name;
using test::Reply;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
namespace type = dns::type;
using upstream::UpstreamState;

const auto kTenOClock =
    std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) + std::chrono::hours(10);

struct Explained : ::testing::Test, test::Setup {
    Explained() {
        udp = false;
        snapshot->identity = {.cluster = "eastus", .host = "node-7"};
        snapshot->views[0].clients = {IpPrefix::parse("10.0.0.0/8").value(),
                                      IpPrefix::parse("10.1.0.0/16").value()};
        add_zone("corp.internal",
                 {"db A 10.0.0.5", "db A 10.0.0.6", "alias CNAME db.westus.",
                  "out CNAME www.example.com.", "sub NS ns.sub", "ns.sub A 10.0.0.7"});
        add_upstream("westus", "peer=westus");
        add_upstream("north", "peer=north");
        give_endpoints(0, {"10.2.0.10", "10.2.0.11"});
        give_endpoints(1, {"10.3.0.10"});
        publish();
    }
    void give_endpoints(std::size_t index, const std::vector<std::string>& addresses) {
        upstream::EndpointSet set;
        for (const std::string& text : addresses)
            set.endpoints.push_back(std::make_shared<upstream::Endpoint>(
                SocketAddress{IpAddress::parse(text).value(), 53, 0}));
        snapshot->upstreams[index]->board->publish(std::move(set));
    }
    upstream::Endpoint& endpoint(std::size_t index, std::size_t which = 0) {
        return *snapshot->upstreams[index]->set()->endpoints[which];
    }
    void enter(std::size_t index, UpstreamState state) {
        snapshot->upstreams[index]->health->enter(state, now, kTenOClock);
    }
    Explanation explain(const std::string& qname, const itest::Asking& how = kChaos) {
        now += Seconds(1);  // within the limit
        const Reply reply = ask(qname, type::txt, how);
        EXPECT_EQ(reply.rcode(), 0u) << qname;
        EXPECT_TRUE(reply.flag(dns::kFlagAa));
        for (const std::string& line : itest::strings_of(reply))
            EXPECT_LE(line.size(), kColumnsMax) << line;
        return itest::explanation_of(reply);
    }
    void know_alias(const std::string& qname, const std::string& target) {
        const dns::Name n = name(qname).folded();
        test::Octets message(dns::kMessageMax);
        dns::BodyWriter writer(message, message.size(), n.wire());
        writer.add(dns::Section::answer, n.wire(), type::cname, 60, name(target).wire());
        cache.store(key(n, type::a, {.kind = cache::Kind::chain}),
                    {.body = writer.body(),
                     .info = writer.info(),
                     .rcode = dns::Rcode::noerror,
                     .lifetime = Seconds(60)},
                    now);
    }
};

std::vector<std::string> keys_of(const Explanation& lines) {
    std::vector<std::string> keys;
    for (const ExplanationLine& line : lines) keys.push_back(line.key);
    return keys;
}

TEST_F(Explained, LinesStandInOneOrder) {
    know("db.westus", type::a, {"10.2.0.1"});
    EXPECT_EQ(keys_of(explain("db.westus")),
              (std::vector<std::string>{"at", "question", "view", "route", "upstream", "endpoint",
                                        "endpoint", "cache", "policy", "told"}));
}

TEST_F(Explained, SaysWhenAndWhoAndForWhom) {
    const Explanation lines = explain("DB.corp.internal");
    EXPECT_THAT(said(lines, "at"),
                MatchesRegex("20..-..-..T..:..:..Z peerzone [0-9.]+ eastus/node-7"));
    EXPECT_EQ(said(lines, "question"), "A of db.corp.internal");
    EXPECT_EQ(said(lines, "view"), "pods: 10.1.0.9 is in 10.1.0.0/16") << "the longest prefix";
    EXPECT_EQ(said(explain("db.corp.internal", {.recursion = false,
                                                .dnssec_ok = true,
                                                .flags = dns::kFlagCd,
                                                .klass = dns::klass::ch}),
                   "question"),
              "A of db.corp.internal, with DO, with CD, without RD");
}

TEST_F(Explained, AZoneOfOurs) {
    const Explanation lines = explain("db.corp.internal");
    EXPECT_EQ(said(lines, "route"), "corp.internal: a zone of ours");
    EXPECT_EQ(said(lines, "policy"), "our zone has the answer");
    EXPECT_EQ(said(lines, "told"), "NOERROR, 2 records, TTL 30, from zone");
    EXPECT_EQ(said(lines, "cache"), "");
    EXPECT_EQ(said(explain("nix.corp.internal"), "policy"), "our zone has no such name");
    EXPECT_EQ(said(explain("nix.corp.internal"), "told"), "NXDOMAIN, 0 records, from zone");
    EXPECT_EQ(said(explain("_mx._explain.db.corp.internal"), "policy"),
              "our zone has no such type");
    EXPECT_EQ(said(explain("x.sub.corp.internal"), "policy"), "our zone delegates the name");
}

TEST_F(Explained, WhatIsFresh) {
    know("db.westus", type::a, {"10.2.0.1", "10.2.0.2"});
    now += Seconds(12);
    const Explanation lines = explain("db.westus");
    EXPECT_EQ(said(lines, "route"), "westus: peer=westus");
    EXPECT_EQ(said(lines, "cache"), "A: 2 records, 13s old, fresh for 47s");
    EXPECT_EQ(said(lines, "policy"), "it is fresh in the cache, nothing is asked");
    EXPECT_EQ(said(lines, "told"), "NOERROR, 2 records, TTL 47, from cache");
    EXPECT_EQ(said(lines, "ede"), "");
}

TEST_F(Explained, WhatDoesNotExist) {
    know("nix.westus", type::a, {},
         {.kind = cache::Kind::nxdomain, .rcode = dns::Rcode::nxdomain, .lifetime = Seconds(5)});
    const Explanation lines = explain("nix.westus");
    EXPECT_EQ(said(lines, "cache"), "any type: no such name, 1s old, fresh for 4s");
    EXPECT_EQ(said(lines, "told"), "NXDOMAIN, 0 records, from cache");
    know("db.westus", type::aaaa, {}, {.lifetime = Seconds(5)});
    const Explanation nodata = explain("_aaaa._explain.db.westus");
    EXPECT_EQ(said(nodata, "cache"), "AAAA: no such type, 1s old, fresh for 4s");
    EXPECT_EQ(said(nodata, "told"), "NOERROR, 0 records, from cache");
}

TEST_F(Explained, AFailureThatIsRemembered) {
    know_failure("bad.westus", type::a, "peer=westus down");
    now -= Millis(900);
    const Explanation lines = explain("bad.westus");
    EXPECT_THAT(said(lines, "cache"), HasSubstr("A failure: 1 in a row, "));
    EXPECT_EQ(said(lines, "policy"),
              "a failure is remembered, and nothing is asked before it ends");
    EXPECT_EQ(said(lines, "told"), "SERVFAIL, 0 records, from cache");
    EXPECT_EQ(said(lines, "ede"), "13: retry in 1s: peer=westus down");
    now += Seconds(10);
    EXPECT_THAT(said(explain("bad.westus"), "cache"), HasSubstr("no longer told"));
}

TEST_F(Explained, APeerThatIsAwayAndAKnownName) {
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(41);
    enter(0, UpstreamState::partitioned);
    for (int i = 0; i < 3; ++i) endpoint(0).note_loss(now);
    endpoint(0).stats().note_error("udp timeout 200ms", kTenOClock);
    const Explanation lines = explain("db.westus");
    EXPECT_EQ(said(lines, "upstream"),
              "peer=westus partitioned since 2026-01-31T10:00:00Z (1s): 0 of 2 endpoints up, last "
              "10.2.0.10:53 udp timeout 200ms");
    EXPECT_THAT(said(lines, "endpoint"),
                StartsWith("10.2.0.10:53 suspect for 1s, RTT not measured, udp, 3 losses in a row, "
                           "last error: udp timeout 200ms\n10.2.0.11:53 unknown"));
    EXPECT_THAT(said(lines, "endpoint"), Not(HasSubstr("asked next")));
    EXPECT_EQ(said(lines, "cache"),
              "A: 1 record, 42s old, past its TTL for 37s, of use for 23h 59m more");
    EXPECT_EQ(said(lines, "policy"), "what was known last is told, past its TTL");
    EXPECT_EQ(said(lines, "told"), "NOERROR, 1 record, TTL 30, from stale");
    EXPECT_EQ(said(lines, "ede"),
              "3: peer=westus 0 of 2 endpoints up since 2026-01-31T10:00:00Z, answer is 42s old");
}

TEST_F(Explained, APeerThatIsAwayAndAnUnknownName) {
    enter(0, UpstreamState::partitioned);
    const Explanation lines = explain("new.westus");
    EXPECT_EQ(said(lines, "cache"), "nothing is known of A");
    EXPECT_EQ(said(lines, "policy"),
              "nothing is known, and its upstream is not asked: it fails at once");
    EXPECT_EQ(said(lines, "told"), "SERVFAIL, 0 records, from none");
    EXPECT_EQ(said(lines, "ede"),
              "22: peer=westus partitioned: 0 of 2 endpoints up since 2026-01-31T10:00:00Z");
    snapshot->upstreams[0]->health->hold(true);
    EXPECT_EQ(said(explain("new.westus"), "upstream"), "peer=westus held by an operator");
}

TEST_F(Explained, APeerThatWouldBeAsked) {
    endpoint(0, 1).note_reply(Millis(61));
    endpoint(0, 0).note_reply(Millis(300));
    const Explanation lines = explain("new.westus");
    EXPECT_EQ(said(lines, "upstream"), "peer=westus unknown");
    EXPECT_EQ(said(lines, "endpoint"),
              "10.2.0.10:53 unknown, RTT 300.0 ms, udp\n"
              "10.2.0.11:53 unknown, RTT 61.0 ms, udp, asked next");
    EXPECT_EQ(said(lines, "policy"), "peer=westus is asked for new.westus, 1800ms at most");
    EXPECT_EQ(said(lines, "told"), "what peer=westus says, which is not known yet");
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(1)});
    now += Seconds(5);
    EXPECT_THAT(said(explain("db.westus"), "policy"),
                HasSubstr("; what was known last is told after "));
}

TEST_F(Explained, APeerWithoutEndpoints) {
    give_endpoints(0, {});
    const Explanation lines = explain("new.westus");
    EXPECT_EQ(said(lines, "upstream"), "peer=westus unknown: no endpoints");
    EXPECT_EQ(said(lines, "policy"), "there is no endpoint to ask: it fails at once");
    EXPECT_EQ(said(lines, "told"), "SERVFAIL, 0 records, from upstream");
    EXPECT_EQ(said(lines, "ede"), "22: peer=westus has no endpoints");
}

TEST_F(Explained, NoRouteAndNoRecursion) {
    const Explanation lines = explain("www.example.com");
    EXPECT_THAT(said(lines, "route"), StartsWith("none: no zone, peer or forward"));
    EXPECT_EQ(said(lines, "policy"), "refused, nothing is looked up");
    EXPECT_EQ(said(lines, "told"), "REFUSED, 0 records, from none");
    EXPECT_THAT(said(lines, "ede"), StartsWith("20: no zone, peer or forward for www.example.com"));
    const Explanation plain = explain("new.westus", {.recursion = false, .klass = dns::klass::ch});
    EXPECT_THAT(said(plain, "ede"), StartsWith("20: not known here, and RD=0"));
    EXPECT_EQ(said(explain("_axfr._explain.corp.internal"), "told"),
              "REFUSED, 0 records, from none");
    EXPECT_EQ(said(explain("_opt._explain.corp.internal"), "told"),
              "FORMERR, 0 records, from none");
}

TEST_F(Explained, ANameThatItsPeerKnowsOtherwise) {
    view::Route route = *snapshot->views[0].routes.find_exact(name("westus"));
    route.suffix = name("westus.internal");
    route.scope = 7;
    route.renaming =
        std::make_shared<dns::Renaming>(name("westus.internal"), name("cluster.local"));
    snapshot->views[0].routes.add(route);
    publish();
    know("db.westus.internal", type::a, {"10.2.0.1"}, {.scope = 7});
    const Explanation lines = explain("db.westus.internal");
    EXPECT_EQ(said(lines, "route"), "westus.internal: peer=westus");
    EXPECT_EQ(said(lines, "there"), "db.cluster.local");
    EXPECT_EQ(said(lines, "told"), "NOERROR, 1 record, TTL 59, from cache");
    EXPECT_THAT(said(explain("new.westus.internal"), "policy"),
                StartsWith("peer=westus is asked for new.cluster.local, "));
    EXPECT_EQ(said(explain("_explain.new.westus"), "there"), "")
        << "the other route is not renamed";
}

TEST_F(Explained, ANameThatGetsTooLong) {
    view::Route route = *snapshot->views[0].routes.find_exact(name("westus"));
    route.suffix = name("w");
    route.scope = 7;
    route.renaming = std::make_shared<dns::Renaming>(
        name("w"), name("a-very-long-suffix-of-a-cluster.svc.cluster.local"));
    snapshot->views[0].routes.add(route);
    publish();
    const std::string label(60, 'x');
    const std::string longest = label + "." + label + "." + label + "." + label + ".w";
    const Explanation lines = explain(longest);
    EXPECT_EQ(said(lines, "question"), "A of " + longest);
    EXPECT_EQ(said(lines, "there"), "too long: more than 255 octets there");
    EXPECT_EQ(said(lines, "told"), "YXDOMAIN, 0 records, from none");
    EXPECT_EQ(said(lines, "policy"), "renamed, the name is too long to be asked for");
    EXPECT_THAT(said(lines, "ede"), HasSubstr("more than 255 octets"));
}

TEST_F(Explained, AChainAsFarAsItIsKnown) {
    know("db.westus", type::a, {"10.2.0.1"});
    Explanation lines = explain("alias.corp.internal");
    EXPECT_EQ(said(lines, "alias"), "alias.corp.internal -> db.westus (peer=westus)");
    EXPECT_EQ(said(lines, "told"), "NOERROR, 2 records, TTL 30, from cache");
    EXPECT_THAT(said(lines, "upstream"), StartsWith("peer=westus "))
        << "whose the end of the chain is";
    know_alias("moved.westus", "db.north");
    lines = explain("moved.westus");
    EXPECT_EQ(said(lines, "cache"), "A alias: 1 record, 1s old, fresh for 59s");
    EXPECT_EQ(said(lines, "alias"), "moved.westus -> db.north (peer=north)");
    EXPECT_EQ(said(lines, "policy"), "peer=north is asked for db.north, 1800ms at most");
    EXPECT_THAT(said(lines, "upstream"), MatchesRegex("peer=westus [^\n]*\npeer=north [^\n]*"));
    lines = explain("out.corp.internal");
    EXPECT_EQ(said(lines, "alias"), "out.corp.internal -> www.example.com (no owner here)");
    EXPECT_EQ(said(lines, "told"), "NOERROR, 1 record, TTL 30, from zone");
}

TEST_F(Explained, ClassInIsForThoseBehindAForwarder) {
    know("db.westus", type::a, {"10.2.0.1"});
    for (const char* asked : {"_explain.db.westus", "db.westus._explain.peerzone.internal"}) {
        const Explanation lines = explain(asked, {});
        EXPECT_EQ(said(lines, "question"), "A of db.westus") << asked;
        EXPECT_THAT(said(lines, "told"), StartsWith("NOERROR, 1 record, ")) << asked;
    }
    EXPECT_EQ(ask("_explain.db.westus", type::a).rcode(), 99u) << "deferred: a name as any other";
    EXPECT_EQ(outcome, Disposition::deferred);
    EXPECT_EQ(said(explain("_explain._explain.db.westus", {}), "error"),
              "an explanation has none of its own: _explain.db.westus");
}

TEST_F(Explained, AnotherView) {
    snapshot->views.push_back({.name = "Office", .routes = {}});
    snapshot->views.push_back({.name = "tenants", .routes = {}, .explain = false});
    snapshot->clients.add(IpPrefix::parse("192.168.0.0/16").value(), 1);
    publish();
    const Explanation lines = explain("_view.office._explain.db.westus");
    EXPECT_EQ(said(lines, "view"), "Office: asked for; 10.1.0.9 itself is in pods");
    EXPECT_THAT(said(lines, "route"), StartsWith("none: "));
    EXPECT_EQ(said(explain("_view.pods._explain.db.westus"), "view"),
              "pods: 10.1.0.9 is in 10.1.0.0/16");
    EXPECT_EQ(said(explain("_view.nix._explain.db.westus"), "error"), "there is no view 'nix'");
    EXPECT_EQ(said(explain("_view.nix._explain.db.westus"), "hint"),
              "the views are pods, Office, tenants");
    EXPECT_EQ(said(explain("_view.tenants._explain.db.westus"), "error"),
              "the view 'tenants' is not explained");
}

TEST_F(Explained, ManyEndpointsAreCounted) {
    std::vector<std::string> addresses;
    for (int i = 1; i <= 40; ++i) addresses.push_back("10.2.1." + std::to_string(i));
    give_endpoints(0, addresses);
    EXPECT_THAT(said(explain("db.westus"), "endpoint"), ::testing::EndsWith("\nand 24 more"));
}

TEST_F(Explained, WhatPeersSayIsPrintable) {
    enter(0, UpstreamState::suspect);
    endpoint(0).stats().note_error("SERVFAIL: a\x1b[2Jb\xff", kTenOClock);
    EXPECT_THAT(said(explain("db.westus"), "upstream"), HasSubstr("SERVFAIL: a?[2Jb?"));
}

TEST_F(Explained, TheConfigurationInForce) {
    auto status = std::make_shared<ConfigStatus>();
    snapshot->config_status = status;
    status->note_loaded("/etc/pz.yaml", 0x123, "");
    EXPECT_THAT(said(explain("db.westus"), "config"),
                StartsWith("in force as it is on disk, since "));
    status->note_changing(true);
    EXPECT_EQ(said(explain("db.westus"), "config"),
              "the one on disk is newer, and about to be read");
    status->note_refused("/etc/pz.yaml:3:5: peers: unknown key");
    EXPECT_THAT(said(explain("db.westus"), "config"),
                MatchesRegex("the one on disk was refused at .*Z, the former one serves: "
                             "/etc/pz.yaml:3:5: peers: unknown key"));
    status->note_loaded("/etc/pz.yaml", 0x124, "listen.dns");
    EXPECT_EQ(said(explain("db.westus"), "config"),
              "in force as it is on disk, but for what takes a restart: listen.dns");
    const Explanation lines = explain("config.peerzone");
    EXPECT_EQ(keys_of(lines),
              (std::vector<std::string>{"at", "file", "loaded", "digest", "config"}));
    EXPECT_EQ(said(lines, "file"), "/etc/pz.yaml");
    EXPECT_THAT(said(lines, "loaded"), HasSubstr(", as number 2 since the start"));
    EXPECT_EQ(said(lines, "digest"), "0000000000000124");
}

TEST_F(Explained, ThePeersOfAView) {
    snapshot->views.push_back({.name = "office", .routes = {}});
    snapshot->clients.add(IpPrefix::parse("192.168.0.0/16").value(), 1);
    publish();
    const Explanation lines = explain("peers.peerzone");
    EXPECT_EQ(keys_of(lines), (std::vector<std::string>{"at", "upstream", "endpoint", "endpoint",
                                                        "upstream", "endpoint"}));
    client_ip = "192.168.0.1";
    EXPECT_EQ(said(explain("peers.peerzone"), "upstream"), "none in view office");
}

TEST_F(Explained, WhoAnswers) {
    EXPECT_EQ(itest::strings_of(ask("id.server", type::txt, kChaos)),
              std::vector<std::string>{"eastus/node-7"});
    EXPECT_EQ(itest::strings_of(ask("hostname.bind", type::txt, kChaos)),
              std::vector<std::string>{"node-7"});
    for (const char* version : {"version.bind", "version.server"})
        EXPECT_THAT(itest::strings_of(ask(version, type::txt, kChaos)).at(0),
                    MatchesRegex("peerzone [0-9.]+"));
}

}  // namespace
}  // namespace peerzone::resolver
