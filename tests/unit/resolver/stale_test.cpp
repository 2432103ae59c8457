// Answers past their TTL: when an upstream is away, and when it failed a moment ago.
#include <boost/asio/ip/udp.hpp>

#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using metrics::Count;
using test::name;
using test::Reply;
namespace type = dns::type;
using Lines = std::vector<std::string>;
using upstream::UpstreamState;
using Wall = upstream::UpstreamHealth::WallTime;

const Wall kTenOClock =
    std::chrono::sys_days(std::chrono::year(2026) / 1 / 31) + std::chrono::hours(10);

struct StaleAnswers : ::testing::Test, test::Setup {
    StaleAnswers() {
        add_zone("corp.internal", {"db A 10.0.0.5", "alias CNAME db.westus."});
        add_upstream("westus", "peer=westus");
        add_upstream("north", "peer=north");
        publish();
    }
    upstream::UpstreamHealth& health(std::size_t index = 0) {
        return *snapshot->upstreams[index]->health;
    }
    void partition() { health().enter(UpstreamState::partitioned, now, kTenOClock); }
    void know_nxdomain(const std::string& qname) {
        know(
            qname, type::a, {},
            {.kind = cache::Kind::nxdomain, .rcode = dns::Rcode::nxdomain, .lifetime = Seconds(1)});
    }
    void know_alias(const std::string& qname, const std::string& target) {
        const dns::Name n = name(qname).folded();
        test::Octets message(dns::kMessageMax);
        dns::BodyWriter writer(message, message.size(), n.wire());
        writer.add(dns::Section::answer, n.wire(), type::cname, 5, name(target).wire());
        cache.store(key(n, type::a, {.kind = cache::Kind::chain}),
                    {.body = writer.body(),
                     .info = writer.info(),
                     .rcode = dns::Rcode::noerror,
                     .lifetime = Seconds(5)},
                    now);
    }
};

TEST_F(StaleAnswers, AKnownNameOfAnUpstreamThatIsAwayIsAnsweredAtOnce) {
    know("db.westus", type::a, {"10.2.0.1", "10.2.0.2"}, {.lifetime = Seconds(5)});
    now += Seconds(42);
    ask("db.westus", type::a);
    EXPECT_EQ(outcome, Disposition::deferred) << "while it is there, it is asked";
    partition();
    const Reply reply = ask("DB.westus", type::a);
    EXPECT_EQ(reply.rcode(), 0u);
    EXPECT_EQ(reply.sorted_answers(), (Lines{"DB.westus A 10.2.0.1", "DB.westus A 10.2.0.2"}));
    EXPECT_EQ(reply.ttls(), (std::vector<std::uint32_t>{30, 30}));
    EXPECT_EQ(reply.ede(), dns::ede::stale);
    EXPECT_EQ(reply.ede_text(),
              "peer=westus 0 of 0 endpoints up since 2026-01-31T10:00:00Z, answer is 42s old");
    EXPECT_TRUE(reply.flag(dns::kFlagRa));
    EXPECT_EQ(counters.value(Count::answered_stale), 1u);
    EXPECT_EQ(ask("db.westus", type::a, {.recursion = false}).rcode(), 0u);
    EXPECT_FALSE(ask("db.westus", type::a, {.edns = std::nullopt}).message.opt);
}

TEST_F(StaleAnswers, AreNotSaidToBeAuthentic) {
    know("db.westus", type::a, {"10.2.0.1"}, {.authentic_data = true, .lifetime = Seconds(5)});
    EXPECT_TRUE(ask("db.westus", type::a, {.flags = dns::kFlagAd}).flag(dns::kFlagAd));
    now += Seconds(10);
    partition();
    const Reply reply = ask("db.westus", type::a, {.flags = dns::kFlagAd});
    EXPECT_EQ(reply.ede(), 3);
    EXPECT_FALSE(reply.flag(dns::kFlagAd));
}

TEST_F(StaleAnswers, EndpointsThatAreUpAreCounted) {
    upstream::EndpointSet set;
    for (const char* address : {"10.2.0.10", "10.2.0.11", "10.2.0.12"}) {
        set.endpoints.push_back(std::make_shared<upstream::Endpoint>(
            SocketAddress{IpAddress::parse(address).value(), 53}));
        for (int i = 0; i < 3 && set.endpoints.size() < 3; ++i)
            set.endpoints.back()->note_loss(now);
    }
    snapshot->upstreams[0]->board->publish(set);
    publish();
    partition();
    EXPECT_TRUE(ask("new.westus", type::a).says("0 of 3 endpoints up")) << "never heard of";
    set.endpoints[2]->note_client_answer();
    EXPECT_EQ(ask("new.westus", type::a).ede_text(),
              "peer=westus partitioned: 1 of 3 endpoints up since 2026-01-31T10:00:00Z");
    set.endpoints[1]->stats().note_error("udp timeout 40ms", kTenOClock);
    EXPECT_EQ(ask("new.westus", type::a).ede_text(),
              "peer=westus partitioned: 1 of 3 endpoints up since 2026-01-31T10:00:00Z, last "
              "10.2.0.11:53 udp timeout 40ms");
}

struct OfAnotherCluster : StaleAnswers {
    upstream::EndpointSet set;

    OfAnotherCluster() {
        for (const char* address : {"10.2.0.10", "10.2.0.11"}) {
            set.endpoints.push_back(std::make_shared<upstream::Endpoint>(
                SocketAddress{IpAddress::parse(address).value(), 53}));
            set.endpoints.back()->identity().note_wrong("another cluster: id is eastus. not west.",
                                                        kTenOClock);
        }
        snapshot->upstreams[0]->board->publish(set);
        publish();
    }
};

TEST_F(OfAnotherCluster, AnUnknownNameFailsAtOnceAndSaysWhichEndpointItIs) {
    health().enter(UpstreamState::unusable, now, kTenOClock);
    for (int i = 0; i < 2; ++i) {
        ask("new.westus", type::a);
        ASSERT_EQ(outcome, Disposition::deferred) << "and it is not remembered";
        const Reply reply = ask_later();
        EXPECT_EQ(reply.rcode(), 2u);
        EXPECT_EQ(reply.ede(), dns::ede::not_authoritative);
        EXPECT_EQ(reply.ede_text(),
                  "peer=westus: 10.2.0.10:53 is another cluster: id is eastus. not west.");
    }
}

TEST_F(OfAnotherCluster, WhatTheRightOneSaidIsKnownOn) {
    health().enter(UpstreamState::unusable, now, kTenOClock);
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(42);
    ask("db.westus", type::a);
    ASSERT_EQ(outcome, Disposition::deferred);
    const Reply reply = ask_later();
    EXPECT_EQ(reply.answers(), (Lines{"db.westus A 10.2.0.1"}));
    EXPECT_EQ(reply.ede(), dns::ede::stale);
    EXPECT_EQ(reply.ede_text(),
              "peer=westus: 10.2.0.10:53 is another cluster: id is eastus. not west., answer is "
              "42s old");
}

TEST_F(OfAnotherCluster, APartitionSaysItBesideTheEndpointsThatAreGone) {
    partition();
    EXPECT_EQ(ask("new.westus", type::a).ede(), dns::ede::not_authoritative);
    EXPECT_EQ(ask("new.westus", type::a).ede_text(),
              "peer=westus: 10.2.0.10:53 is another cluster: id is eastus. not west.");
    set.endpoints[1]->identity().note(upstream::Identity::right);
    set.endpoints[1]->stats().note_error("udp timeout 40ms", kTenOClock);
    set.endpoints[0]->note_client_answer();
    const Reply reply = ask("new.westus", type::a);
    EXPECT_EQ(reply.ede(), dns::ede::no_reachable_authority);
    EXPECT_EQ(reply.ede_text(),
              "peer=westus partitioned: 0 of 2 endpoints up since 2026-01-31T10:00:00Z, last "
              "10.2.0.11:53 udp timeout 40ms, 10.2.0.10:53 is another cluster: id is eastus. not "
              "west.");
}

TEST_F(StaleAnswers, AFreshAnswerIsFreshThoughTheUpstreamIsAway) {
    know("db.westus", type::a, {"10.2.0.1"});
    partition();
    const Reply reply = ask("db.westus", type::a);
    EXPECT_EQ(reply.ttl(), 60u);
    EXPECT_EQ(reply.ede(), -1);
    EXPECT_EQ(counters.value(Count::answered_cache), 1u);
}

TEST_F(StaleAnswers, AnUnknownNameFailsAtOnceAndIsNotRemembered) {
    partition();
    const Reply reply = ask("new.westus", type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), dns::ede::no_reachable_authority);
    EXPECT_TRUE(reply.says("peer=westus partitioned: 0 of 0 endpoints up since"))
        << reply.ede_text();
    EXPECT_EQ(counters.value(Count::failed_partitioned), 1u);
    EXPECT_EQ(ask("new.westus", type::a, {.recursion = false}).rcode(), 5u);
    ask("new.north", type::a);
    EXPECT_EQ(outcome, Disposition::deferred) << "another peer is as it was";
    health().enter(UpstreamState::recovering, now, kTenOClock);
    ask("new.westus", type::a);
    EXPECT_EQ(outcome, Disposition::deferred) << "who is back is asked";
}

TEST_F(StaleAnswers, WhoIsHeldByAnOperatorSaysSo) {
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(20);
    health().hold(true);
    EXPECT_EQ(ask("db.westus", type::a).ede_text(),
              "peer=westus held by operator, answer is 20s old");
    EXPECT_EQ(ask("new.westus", type::a).ede_text(), "peer=westus held by operator");
    EXPECT_EQ(ask("new.westus", type::a).ede(), 22);
    health().hold(false);
    ask("db.westus", type::a);
    EXPECT_EQ(outcome, Disposition::deferred);
}

TEST_F(StaleAnswers, NegativeOnesComeBackToo) {
    know_nxdomain("nix.westus");
    know("only-a.westus", type::aaaa, {}, {.lifetime = Seconds(1)});
    now += Seconds(5);
    partition();
    const Reply missing = ask("nix.westus", type::txt);
    EXPECT_EQ(missing.rcode(), 3u);
    EXPECT_EQ(missing.ede(), dns::ede::stale_nxdomain);
    const Reply nodata = ask("only-a.westus", type::aaaa);
    EXPECT_EQ(nodata.rcode(), 0u);
    EXPECT_EQ(nodata.ede(), dns::ede::stale);
    EXPECT_TRUE(nodata.answers().empty());
}

// One of the type itself would have replaced the answer.
TEST_F(StaleAnswers, AnNxdomainOfAnotherTypeHidesNone) {
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(10);
    know_nxdomain("db.westus");
    EXPECT_EQ(ask("db.westus", type::txt).rcode(), 3u);
    ask("db.westus", type::a);
    EXPECT_EQ(outcome, Disposition::deferred) << "fresh or not, it says nothing of the address";
    now += Seconds(10);
    partition();
    EXPECT_EQ(ask("db.westus", type::a).answers(), Lines{"db.westus A 10.2.0.1"});
    EXPECT_EQ(ask("db.westus", type::txt).rcode(), 3u);
    know("db.westus", type::a, {"10.2.0.2"}, {.lifetime = Seconds(5)});
    now += Seconds(10);
    EXPECT_EQ(ask("db.westus", type::a).answers(), Lines{"db.westus A 10.2.0.2"});
}

TEST_F(StaleAnswers, AreBoundedByMaxAgeAndOffWithZero) {
    const auto with_max_age = [this](Seconds age) {
        auto west = std::make_shared<upstream::Upstream>(*snapshot->upstreams[0]);
        west->options.stale = {.max_age = age, .answer_ttl = Seconds(7)};
        snapshot->upstreams[0] = west;
        publish();
    };
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(25);
    partition();
    with_max_age(Seconds(20));
    ask("db.westus", type::a);
    EXPECT_EQ(ask_later().ede(), 22);
    with_max_age(Seconds(21));
    EXPECT_EQ(ask("db.westus", type::a).ttl(), 7u);
    with_max_age(Seconds(0));
    ask("db.westus", type::a);
    const Reply off = ask_later();
    EXPECT_EQ(off.rcode(), 2u);
    EXPECT_EQ(off.ede(), 22) << "who is away is not waited for, stale answers or not";
    EXPECT_TRUE(off.says("peer=westus partitioned"));
}

TEST_F(StaleAnswers, AnAliasOfOursEndsInWhatWasKnownLast) {
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(60);
    partition();
    ask("alias.corp.internal", type::a);
    const Reply reply = ask_later();
    EXPECT_EQ(reply.answers(),
              (Lines{"alias.corp.internal CNAME db.westus.", "db.westus A 10.2.0.1"}));
    EXPECT_EQ(reply.ttls().back(), 30u);
    EXPECT_EQ(reply.ede(), 3);
    EXPECT_TRUE(reply.says("answer is 60s old")) << reply.ede_text();
    EXPECT_EQ(counters.value(Count::answered_stale), 1u);
    ask("alias.corp.internal", type::aaaa);
    EXPECT_EQ(ask_later().ede(), 22);
}

TEST_F(StaleAnswers, AnAliasOfAnUpstreamThatIsAwayLeadsOn) {
    know_alias("ext.westus", "db.corp.internal");
    know_alias("far.westus", "db.north");
    know("db.north", type::a, {"10.3.0.1"}, {.lifetime = Seconds(100)});
    now += Seconds(50);
    partition();
    ask("ext.westus", type::a);
    const Reply reply = ask_later();
    EXPECT_EQ(reply.answers(),
              (Lines{"ext.westus CNAME db.corp.internal.", "db.corp.internal A 10.0.0.5"}));
    EXPECT_EQ(reply.ttls().front(), 30u);
    EXPECT_EQ(reply.ede(), 3);
    ask("far.westus", type::a);
    const Reply far = ask_later();
    EXPECT_EQ(far.answers(), (Lines{"far.westus CNAME db.north.", "db.north A 10.3.0.1"}));
    EXPECT_EQ(far.ede(), 3);
    // Nothing of it is kept as if it were fresh.
    health().enter(UpstreamState::healthy, now, kTenOClock);
    ask("far.westus", type::a);
    EXPECT_EQ(outcome, Disposition::deferred);
}

TEST_F(StaleAnswers, AFailureThatIsRememberedComesBehindWhatWasKnown) {
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(10);
    know_failure("db.westus", type::a, "peer=westus 10.2.0.10:53 udp timeout 200ms");
    const Reply reply = ask("db.westus", type::a);
    EXPECT_EQ(reply.answers(), Lines{"db.westus A 10.2.0.1"});
    EXPECT_EQ(reply.ttl(), 30u);
    EXPECT_EQ(reply.ede(), 3);
    EXPECT_EQ(reply.ede_text(),
              "retry in 1s: peer=westus 10.2.0.10:53 udp timeout 200ms, answer is 10s old");
    ask("alias.corp.internal", type::a);
    const Reply alias = ask_later();
    EXPECT_EQ(alias.answers().size(), 2u) << alias.ede_text();
    EXPECT_EQ(alias.ede(), 3);
}

TEST_F(StaleAnswers, AFailureFromBeforeTheReturnIsForgotten) {
    know_failure("db.westus", type::a, "peer=westus down");
    EXPECT_EQ(ask("db.westus", type::a).ede(), 13);
    now += Millis(100);
    health().enter(UpstreamState::recovering, now, kTenOClock);
    ask("db.westus", type::a);
    EXPECT_EQ(outcome, Disposition::deferred);
    now += Millis(1900);
    know_failure("db.westus", type::a, "peer=westus down again");
    EXPECT_EQ(ask("db.westus", type::a).ede(), 13) << "what came since counts";
}

TEST_F(StaleAnswers, AFailedExchangeEndsInWhatWasKnown) {
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(10);
    ask("db.westus", type::a);
    ASSERT_EQ(outcome, Disposition::deferred);
    const Reply reply = ask_later();  // there are no endpoints: it fails at once
    EXPECT_EQ(reply.answers(), Lines{"db.westus A 10.2.0.1"});
    EXPECT_EQ(reply.ede(), 3);
    EXPECT_TRUE(reply.says("peer=westus")) << reply.ede_text();
    EXPECT_TRUE(reply.says(", answer is 10s old")) << reply.ede_text();
    EXPECT_EQ(resolver.in_flight(), 0u);
}

// No stampede for a second, and then no name is left behind, however long it counts as recovering.
TEST_F(StaleAnswers, AnUpstreamThatIsBackIsAskedForEverythingAfterASecond) {
    constexpr std::size_t kAtOnce = 64;
    boost::asio::ip::udp::socket silent(io, {boost::asio::ip::address_v4::loopback(), 0});
    upstream::EndpointSet set;
    set.endpoints = {std::make_shared<upstream::Endpoint>(
        SocketAddress{IpAddress::parse("127.0.0.1").value(), silent.local_endpoint().port()})};
    snapshot->upstreams[0]->board->publish(set);
    publish();
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(10);
    health().enter(UpstreamState::recovering, now, kTenOClock);
    test::Delivered sink;
    const auto wait = [&](const std::string& qname) {
        ask(qname, type::a);
        resolver.admit(request, {.sink = &sink, .session = 1, .client = {}, .local = {}}, now);
    };
    for (std::size_t i = 0; i < kAtOnce; ++i) wait("n" + std::to_string(i) + ".westus");
    ASSERT_EQ(resolver.in_flight(), kAtOnce);
    wait("db.westus");
    ASSERT_EQ(sink.replies.size(), 1u);
    EXPECT_TRUE(sink.replies.front().says("peer=westus has just come back"));
    now += Seconds(1);
    wait("db.westus");
    EXPECT_EQ(resolver.in_flight(), kAtOnce + 1) << "it is asked";
    client.shut_down();
    EXPECT_EQ(resolver.in_flight(), 0u);
}

TEST_F(StaleAnswers, AKnownNameIsNotShed) {
    snapshot->limits.in_flight_per_upstream_max = 0;
    publish();
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(10);
    ask("db.westus", type::a);
    const Reply reply = ask_later();
    EXPECT_EQ(reply.answers(), Lines{"db.westus A 10.2.0.1"});
    EXPECT_TRUE(reply.says("too many questions in flight")) << reply.ede_text();
    ask("new.westus", type::a);
    EXPECT_EQ(ask_later().rcode(), 2u);
    EXPECT_EQ(counters.value(Count::shed_in_flight), 1u);
}

}  // namespace
}  // namespace peerzone::resolver
