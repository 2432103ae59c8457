// The order of things: who is refused before what, and with which ede_text.
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using itest::question;
using metrics::Count;
using test::Asking;
using test::Octets;
using test::Reply;
namespace type = dns::type;
using Lines = std::vector<std::string>;

struct Order : ::testing::Test, test::Setup {
    Order() {
        add_zone("corp.internal",
                 {"db 300 A 10.0.0.5", "www CNAME db", "*.apps A 10.0.0.6", "sub NS ns.sub",
                  "ns.sub A 10.0.0.7", "far CNAME x.westus", "out CNAME web.other.internal.",
                  "loop CNAME back.other.internal.", "nowhere CNAME a.b.c.",
                  "to-west CNAME db.westus."});
        add_zone("other.internal",
                 {"web A 10.0.0.8", "back CNAME loop.corp.internal.", "@ A 10.0.0.9"});
        add_upstream("westus", "peer=westus");
        publish();
    }
    static Octets opcode(unsigned code) {
        Octets message = question("db.corp.internal", type::a);
        message[2] = static_cast<std::uint8_t>(code << 3 | 1);
        return message;
    }
};

TEST_F(Order, ResponsesAndFragmentsAreDropped) {
    Octets response = question("db.corp.internal", type::a);
    response[2] |= 0x80;
    ask(response);
    EXPECT_EQ(outcome, Disposition::dropped);
    ask(Octets{});
    EXPECT_EQ(outcome, Disposition::dropped);
    EXPECT_EQ(counters.value(Count::dropped_malformed), 2u);
}

TEST_F(Order, OtherOpcodesAreNotImplemented) {
    for (unsigned code = 1; code < 16; ++code) EXPECT_EQ(ask(opcode(code)).rcode(), 4u) << code;
    EXPECT_EQ(counters.value(Count::notimp), 15u);
}

TEST_F(Order, EdnsVersionsAboveZeroAreBadvers) {
    testing::Wire wire;
    wire.header(7, dns::kFlagRd, 1, 0, 0, 1)
        .name("db.corp.internal")
        .u16(1)
        .u16(1)
        .opt(1232, 1u << 16);
    const Reply reply = ask(wire.octets());
    EXPECT_EQ(reply.rcode(), 16u);
    EXPECT_EQ(reply.id(), 7);
    EXPECT_TRUE(reply.answers().empty());
    EXPECT_EQ(counters.value(Count::badvers), 1u);
}

TEST_F(Order, MetaTypesAreFormerr) {
    for (const unsigned meta : {0u, 41u, 249u, 250u, 253u, 254u})
        EXPECT_EQ(ask("db.corp.internal", meta).rcode(), 1u) << meta;
}

TEST_F(Order, AClientWithoutViewIsRefusedWhateverItAsks) {
    client_ip = "192.0.2.1";
    const Asking chaos{.klass = dns::klass::ch};
    for (const Reply& reply :
         {ask("db.corp.internal", type::a), ask("version.bind", type::txt, chaos),
          ask("corp.internal", type::axfr), ask("x.westus", type::a)}) {
        EXPECT_EQ(reply.rcode(), 5u);
        EXPECT_EQ(reply.ede(), 18);
        EXPECT_TRUE(reply.says("no view for this client address"));
        EXPECT_FALSE(reply.flag(dns::kFlagRa));
    }
    EXPECT_EQ(counters.value(Count::refused_client), 4u);
    EXPECT_EQ(ask(opcode(5)).rcode(), 4u) << "but what is no question comes first";
}

TEST_F(Order, NobodyIsServedBeforeTheFirstSnapshot) {
    Resolver fresh(cache, client, counters);
    Octets out(dns::kUdpEdnsMax);
    std::size_t size = 0;
    request.client = IpAddress::v4(0x7f000001);
    EXPECT_EQ(fresh.answer_now(question("db.corp.internal", type::a), now, request, out, size),
              Disposition::replied);
    EXPECT_EQ(out[3] & 15, 5);
}

TEST_F(Order, OtherClassesAndTransfersAreRefused) {
    for (const std::uint16_t klass :
         {dns::klass::ch, dns::klass::none, dns::klass::any, std::uint16_t{4}}) {
        const Reply reply = ask("db.corp.internal", type::a, {.klass = klass});
        EXPECT_EQ(reply.rcode(), 5u) << klass;
        EXPECT_EQ(reply.ede(), 21) << klass;
    }
    for (const unsigned transfer : {type::axfr, type::ixfr})
        for (const char* qname : {"corp.internal", "westus", "elsewhere"}) {
            const Reply reply = ask(qname, transfer);
            EXPECT_EQ(reply.rcode(), 5u) << qname;
            EXPECT_TRUE(reply.says("zone transfers")) << qname;
        }
    EXPECT_EQ(counters.value(Count::refused), 10u);
}

TEST_F(Order, ANameWithoutRouteIsRefused) {
    for (const char* qname : {"www.example.com", "internal", "."}) {
        const Reply reply = ask(qname, type::a);
        EXPECT_EQ(reply.rcode(), 5u);
        EXPECT_EQ(reply.ede(), 20);
        EXPECT_TRUE(reply.flag(dns::kFlagRa)) << "there are names we would ask for";
        EXPECT_FALSE(reply.flag(dns::kFlagAa));
    }
}

TEST_F(Order, OurOwnZoneAnswersWithAuthority) {
    const Reply found = ask("DB.Corp.internal", type::a);
    EXPECT_EQ(found.answers(), Lines{"DB.Corp.internal A 10.0.0.5"});
    EXPECT_TRUE(found.flag(dns::kFlagAa));
    EXPECT_TRUE(found.flag(dns::kFlagRa));
    EXPECT_TRUE(found.flag(dns::kFlagRd));
    EXPECT_FALSE(found.flag(dns::kFlagAd));
    EXPECT_EQ(ask("db.corp.internal", type::aaaa).rcode(), 0u);
    const Reply missing = ask("nix.corp.internal", type::a, {.recursion = false});
    EXPECT_EQ(missing.rcode(), 3u);
    EXPECT_TRUE(missing.flag(dns::kFlagAa));
    EXPECT_FALSE(missing.flag(dns::kFlagRd));
    EXPECT_EQ(missing.section(2).size(), 1u);
    EXPECT_EQ(ask("x.apps.corp.internal", type::a).answers(),
              Lines{"x.apps.corp.internal A 10.0.0.6"});
    EXPECT_EQ(counters.value(Count::answered_zone), 4u);
}

TEST_F(Order, ADelegationIsAReferralWithoutAuthority) {
    const Reply reply = ask("x.sub.corp.internal", type::a);
    EXPECT_EQ(reply.rcode(), 0u);
    EXPECT_FALSE(reply.flag(dns::kFlagAa));
    EXPECT_TRUE(reply.answers().empty());
    EXPECT_EQ(reply.section(2), Lines{"sub.corp.internal NS ns.sub.corp.internal."});
    EXPECT_EQ(reply.section(3), Lines{"ns.sub.corp.internal A 10.0.0.7"});
}

TEST_F(Order, AliasesAreFollowedAcrossOurZones) {
    EXPECT_EQ(ask("www.corp.internal", type::a).answers(),
              (Lines{"www.corp.internal CNAME db.corp.internal.", "db.corp.internal A 10.0.0.5"}));
    const Reply across = ask("out.corp.internal", type::a);
    EXPECT_EQ(across.answers(), (Lines{"out.corp.internal CNAME web.other.internal.",
                                       "web.other.internal A 10.0.0.8"}));
    EXPECT_TRUE(across.flag(dns::kFlagAa));
    EXPECT_EQ(ask("out.corp.internal", type::txt).rcode(), 0u);
}

TEST_F(Order, AnAliasToANameWithALongerRouteLeavesTheZone) {
    add_zone("cluster.local", {"ext.svc CNAME db.west.svc", "far.svc CNAME db.north.svc"});
    add_zone("west.svc.cluster.local", {"db A 10.2.0.1"});
    add_upstream("north.svc.cluster.local", "peer=north");
    publish();
    EXPECT_EQ(ask("ext.svc.cluster.local", type::a).answers(),
              (Lines{"ext.svc.cluster.local CNAME db.west.svc.cluster.local.",
                     "db.west.svc.cluster.local A 10.2.0.1"}));
    ask("far.svc.cluster.local", type::a);
    EXPECT_EQ(outcome, Disposition::deferred) << "a peer below our zone is asked";
}

TEST_F(Order, ALoopAcrossOurZonesIsServfail) {
    const Reply reply = ask("loop.corp.internal", type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.says("aliases form a loop"));
    EXPECT_TRUE(reply.answers().empty());
}

TEST_F(Order, AnAliasThatLeadsNowhereIsTheAnswer) {
    const Reply reply = ask("nowhere.corp.internal", type::a);
    EXPECT_EQ(reply.rcode(), 0u);
    EXPECT_EQ(reply.answers(), Lines{"nowhere.corp.internal CNAME a.b.c."});
    EXPECT_EQ(reply.ede(), 20);
}

TEST_F(Order, AnAliasThatLeadsToAnUpstreamMustWait) {
    ask("to-west.corp.internal", type::a);
    EXPECT_EQ(outcome, Disposition::deferred);
    const Reply reply = ask("to-west.corp.internal", type::a, {.recursion = false});
    EXPECT_EQ(reply.answers(), Lines{"to-west.corp.internal CNAME db.westus."});
}

TEST_F(Order, AMissMustWaitUnlessRdIsOff) {
    ask("db.westus", type::a);
    EXPECT_EQ(outcome, Disposition::deferred);
    const Reply reply = ask("db.westus", type::a, {.recursion = false});
    EXPECT_EQ(reply.rcode(), 5u);
    EXPECT_EQ(reply.ede(), 20);
    EXPECT_TRUE(reply.says("RD=0"));
}

TEST_F(Order, WithoutUpstreamsRecursionIsNotOffered) {
    test::Setup owned_only;
    owned_only.add_zone("corp.internal", {"db A 10.0.0.5"});
    owned_only.publish();
    EXPECT_FALSE(owned_only.ask("db.corp.internal", type::a).flag(dns::kFlagRa));
    EXPECT_FALSE(owned_only.ask("www.example.com", type::a).flag(dns::kFlagRa));
}

TEST_F(Order, AReplyMayBeWrittenOverItsQuestion) {
    know("db.westus", type::a, {"10.2.0.1"});
    know_failure("bad.westus", type::a, "peer=westus down");
    for (const char* qname : {"db.corp.internal", "out.corp.internal", "nix.corp.internal",
                              "db.westus", "bad.westus", "elsewhere"}) {
        const Reply apart = ask(qname, type::a);
        const Octets message = question(qname, type::a);
        Octets buffer(dns::kUdpEdnsMax);
        std::copy(message.begin(), message.end(), buffer.begin());
        std::size_t size = 0;
        EXPECT_EQ(
            resolver.answer_now(Bytes(buffer).first(message.size()), now, request, buffer, size),
            Disposition::replied);
        buffer.resize(size);
        EXPECT_EQ(buffer, apart.raw) << qname;
    }
}

TEST_F(Order, KeepaliveIsOfferedToThoseWhoAskOverTcp) {
    const Octets wanting = [] {
        testing::Wire wire;
        wire.header(1, 0, 1, 0, 0, 1)
            .name("db.corp.internal")
            .u16(1)
            .u16(1)
            .opt(1232, 0, Octets{0, 11, 0, 0});
        return wire.octets();
    }();
    request.keepalive_100ms = 100;
    udp = false;
    const auto offered =
        testing::find_option(ask(wanting).message.options, dns::option::tcp_keepalive);
    ASSERT_TRUE(offered);
    EXPECT_EQ(load_u16(offered->data()), 100);
    EXPECT_FALSE(testing::find_option(ask("db.corp.internal", type::a).message.options,
                                      dns::option::tcp_keepalive));
    request.keepalive_100ms = 0;
    EXPECT_FALSE(testing::find_option(ask(wanting).message.options, dns::option::tcp_keepalive));
}

}  // namespace
}  // namespace peerzone::resolver
