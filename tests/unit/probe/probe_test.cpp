#include "probe/probe.hpp"

#include <gtest/gtest.h>

namespace peerzone::probe {
namespace {

dns::Name name(const char* text) {
    return dns::Name::from_text(text).value();
}

exchange::CheckedReply reply(exchange::ReplyKind kind, dns::Rcode rcode = dns::Rcode::noerror) {
    exchange::CheckedReply checked;
    checked.kind = kind;
    checked.rcode = rcode;
    return checked;
}
exchange::CheckedReply no_such_name(const char* soa) {
    exchange::CheckedReply checked = reply(exchange::ReplyKind::nxdomain, dns::Rcode::nxdomain);
    checked.has_soa = true;
    checked.soa_owner = name(soa);
    return checked;
}
upstream::ProbeResult peer(const exchange::CheckedReply& checked) {
    return judge_probe(checked, upstream::Kind::peer);
}

TEST(ProbeName, IsTheFirstZone) {
    upstream::Options options;
    options.zones = {name("WestUS.svc.cluster.local"), name("other.example")};
    EXPECT_EQ(probe_name(options).to_text(), "westus.svc.cluster.local");
    options.zones = {name(".")};
    EXPECT_TRUE(probe_name(options).is_root());
    options.zones.clear();
    options.alias = {dns::Name::from_text("westus.internal").value(),
                     dns::Name::from_text("K8s.west.example").value()};
    EXPECT_EQ(probe_name(options).to_text(), "k8s.west.example");
}

TEST(JudgeProbe, NoerrorIsHealthyWithOrWithoutRecords) {
    EXPECT_EQ(peer(reply(exchange::ReplyKind::data)), upstream::ProbeResult::healthy);
    EXPECT_EQ(peer(reply(exchange::ReplyKind::nodata)), upstream::ProbeResult::healthy);
    EXPECT_EQ(peer(reply(exchange::ReplyKind::truncated)), upstream::ProbeResult::healthy);
}

TEST(JudgeProbe, NxdomainOfWhoHasTheZoneOrWhatIsAboveMeansThatItIsAbsent) {
    EXPECT_EQ(peer(no_such_name("cluster.local")), upstream::ProbeResult::zone_absent);
    EXPECT_EQ(peer(no_such_name("westus.svc.cluster.local")), upstream::ProbeResult::zone_absent);
}

TEST(JudgeProbe, NxdomainOfTheInternetOrOfNobodyIsAWrongServer) {
    EXPECT_EQ(peer(no_such_name(".")), upstream::ProbeResult::wrong_zone);
    EXPECT_EQ(peer(reply(exchange::ReplyKind::nxdomain, dns::Rcode::nxdomain)),
              upstream::ProbeResult::wrong_zone);
}

TEST(JudgeProbe, FailuresAreToldApart) {
    EXPECT_EQ(peer(reply(exchange::ReplyKind::failure, dns::Rcode::servfail)),
              upstream::ProbeResult::servfail);
    EXPECT_EQ(peer(reply(exchange::ReplyKind::failure, dns::Rcode::refused)), upstream::ProbeResult::refused);
    EXPECT_EQ(peer(reply(exchange::ReplyKind::failure, dns::Rcode::noerror)),
              upstream::ProbeResult::wrong_zone);
    EXPECT_EQ(peer(reply(exchange::ReplyKind::no_edns, dns::Rcode::notimp)),
              upstream::ProbeResult::wrong_zone);
    EXPECT_EQ(peer(reply(exchange::ReplyKind::invalid)), upstream::ProbeResult::invalid);
}

TEST(JudgeProbe, AForwarderMustOnlyBeWilling) {
    for (const upstream::Kind kind : {upstream::Kind::forward, upstream::Kind::local}) {
        EXPECT_EQ(judge_probe(no_such_name("."), kind), upstream::ProbeResult::healthy);
        EXPECT_EQ(judge_probe(reply(exchange::ReplyKind::nxdomain, dns::Rcode::nxdomain), kind),
                  upstream::ProbeResult::healthy);
        EXPECT_EQ(judge_probe(reply(exchange::ReplyKind::failure), kind), upstream::ProbeResult::healthy)
            << "lame";
        EXPECT_EQ(judge_probe(reply(exchange::ReplyKind::failure, dns::Rcode::servfail), kind),
                  upstream::ProbeResult::servfail);
        EXPECT_EQ(judge_probe(reply(exchange::ReplyKind::failure, dns::Rcode::refused), kind),
                  upstream::ProbeResult::refused);
    }
}

TEST(ProbeInterval, CalmWhenAllIsWellAndWhenHeld) {
    EXPECT_EQ(probe_interval({}), Seconds(5));
    EXPECT_EQ(probe_interval({.wanted = true}), Seconds(5));
    EXPECT_EQ(probe_interval({.held = true, .suspect = true, .unsettled = true, .wanted = true}),
              Seconds(5));
}

TEST(ProbeInterval, AMissIsLookedIntoAtOnceUntilItIsSuspect) {
    EXPECT_EQ(probe_interval({.misses = 1}), Millis(50));
    EXPECT_EQ(probe_interval({.misses = 2}), Millis(50));
    EXPECT_EQ(probe_interval({.misses = 3}), Seconds(5)) << "somebody else hears it";
}

TEST(ProbeInterval, OftenWhileClientsWantWhatIsGone) {
    for (const unsigned misses : {0u, 3u, 1000u})
        EXPECT_EQ(
            probe_interval({.suspect = true, .unsettled = true, .wanted = true, .misses = misses}),
            Millis(250));
    EXPECT_EQ(probe_interval({.unsettled = true, .wanted = true}), Millis(250)) << "recovering";
}

TEST(ProbeInterval, ADeadEndpointBesideGoodOnesCanWaitAfterAWhile) {
    EXPECT_EQ(probe_interval({.suspect = true, .wanted = true, .misses = 3}), Millis(250));
    EXPECT_EQ(probe_interval({.suspect = true, .wanted = true, .misses = 40}), Seconds(1));
}

TEST(ProbeInterval, BacksOffToFiveSecondsWhenNobodyAsks) {
    EXPECT_EQ(probe_interval({.suspect = true, .unsettled = true, .misses = 3}), Millis(500));
    EXPECT_EQ(probe_interval({.suspect = true, .unsettled = true, .misses = 6}), Seconds(2));
    EXPECT_EQ(probe_interval({.suspect = true, .unsettled = true, .misses = 8}), Seconds(4));
    EXPECT_EQ(probe_interval({.suspect = true, .unsettled = true, .misses = 100000}), Seconds(4));
}

TEST(ProbeInterval, APoorEndpointIsAskedEachSecondWhileClientsWantIt) {
    EXPECT_EQ(probe_interval({.unusable = true, .wanted = true}), Seconds(1));
    EXPECT_EQ(probe_interval({.unusable = true}), Seconds(5));
}

TEST(ConfirmingPatience, IsTwiceAsLongWithinLimitsAndNeverLess) {
    EXPECT_EQ(confirming_patience(Millis(40)), Millis(200));
    EXPECT_EQ(confirming_patience(Millis(150)), Millis(300));
    EXPECT_EQ(confirming_patience(Millis(250)), Millis(400));
    EXPECT_EQ(confirming_patience(Millis(1200)), Millis(1200)) << "TLS shakes hands first";
}

TEST(Jitter, StaysWithinAFifth) {
    EXPECT_EQ(jittered(Seconds(5), 0), Seconds(4));
    EXPECT_NEAR(std::chrono::duration<double>(jittered(Seconds(5), ~0u)).count(), 6.0, 0.001);
    EXPECT_EQ(jittered(Millis(250), 1u << 31), Millis(250));
}

struct WiresTest : testing::Test {
    ProtocolsKnown protocols;
    void hear(upstream::Protocol protocol) { protocols.note(protocol, true); }
    void miss(upstream::Protocol protocol) { protocols.note(protocol, false); }
};

TEST_F(WiresTest, NothingIsKnownAtFirst) {
    EXPECT_EQ(protocols.reach(), upstream::Reach::unknown);
    EXPECT_FALSE(protocols.is_known(upstream::Protocol::udp));
}

TEST_F(WiresTest, WhatAnswersWorks) {
    hear(upstream::Protocol::udp);
    EXPECT_EQ(protocols.reach(), upstream::Reach::udp);
    hear(upstream::Protocol::tcp);
    EXPECT_EQ(protocols.reach(), upstream::Reach::udp_and_tcp);
}

TEST_F(WiresTest, TwoMissesBesideTheOtherOneMeanThatItIsBlocked) {
    hear(upstream::Protocol::udp);
    miss(upstream::Protocol::tcp);
    EXPECT_EQ(protocols.reach(), upstream::Reach::udp);
    EXPECT_TRUE(protocols.may_work(upstream::Protocol::tcp));
    miss(upstream::Protocol::tcp);
    EXPECT_EQ(protocols.reach(), upstream::Reach::udp_only);
    EXPECT_FALSE(protocols.may_work(upstream::Protocol::tcp));
    hear(upstream::Protocol::tcp);
    EXPECT_EQ(protocols.reach(), upstream::Reach::udp_and_tcp);
}

TEST_F(WiresTest, ALoadBalancerForTcp) {
    miss(upstream::Protocol::udp);
    hear(upstream::Protocol::tcp);
    EXPECT_EQ(protocols.reach(), upstream::Reach::tcp);
    miss(upstream::Protocol::udp);
    EXPECT_EQ(protocols.reach(), upstream::Reach::tcp_only);
}

TEST_F(WiresTest, WhenNeitherIsHeardItIsTheEndpoint) {
    hear(upstream::Protocol::udp);
    hear(upstream::Protocol::tcp);
    for (int i = 0; i < 5; ++i) {
        miss(upstream::Protocol::udp);
        miss(upstream::Protocol::tcp);
    }
    EXPECT_EQ(protocols.reach(), upstream::Reach::unknown);
    hear(upstream::Protocol::udp);
    EXPECT_EQ(protocols.reach(), upstream::Reach::udp_and_tcp);
}

TEST_F(WiresTest, ADeadEndpointIsNotUdpOnly) {
    hear(upstream::Protocol::udp);
    miss(upstream::Protocol::tcp);
    miss(upstream::Protocol::tcp);
    ASSERT_EQ(protocols.reach(), upstream::Reach::udp_only);
    miss(upstream::Protocol::udp);
    miss(upstream::Protocol::udp);
    EXPECT_EQ(protocols.reach(), upstream::Reach::unknown);
}

}  // namespace
}  // namespace peerzone::probe
