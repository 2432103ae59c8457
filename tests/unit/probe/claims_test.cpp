// What a reply to an expected name says of whose an endpoint is, and what follows from several.
#include "probe/claims.hpp"

#include <gtest/gtest.h>

#include "support/upstream_reply.hpp"

namespace peerzone::probe {
namespace {

using namespace peerzone::test;
using upstream::Expectation;
using upstream::Expected;
using upstream::Identity;

constexpr const char* kName = "id.svc.cluster.local";

Expected prefix(const char* text) {
    return IpPrefix::parse(text).value();
}
Expected target(const char* text) {
    return dns::Name::from_text(text).value();
}
Octets txt(const std::vector<std::string>& strings) {
    Octets data;
    for (const std::string& text : strings) {
        data.push_back(static_cast<std::uint8_t>(text.size()));
        data.insert(data.end(), text.begin(), text.end());
    }
    return data;
}

/// "right", "nothing", or what a wrong one says.
std::string judged(const Expected& expected, const MessageBuilder& message) {
    const Expectation expectation{dns::Name::from_text(kName).value(), expected};
    exchange::ReplyIndex index;
    const auto checked =
        exchange::check_reply(message.octets(), wire(kName), expectation.type(), true, index);
    const Claim claim = judge_claim(expectation, checked, index);
    return claim.said == Said::wrong   ? claim.answer
           : claim.said == Said::right ? "right"
                                       : "nothing";
}

TEST(Claim, ATargetOfAnAlias) {
    const auto alias = [](const char* to) {
        return reply(kName, CNAME).answer(kName, CNAME, 5, wire(to));
    };
    EXPECT_EQ(judged(target("westus"), alias("WestUS")), "right");
    EXPECT_EQ(judged(target("westus"), alias("eastus")), "eastus.");
    EXPECT_EQ(judged(target("westus"), alias("westus").answer(kName, CNAME, 5, wire("eastus"))),
              "westus., eastus.");
}

TEST(Claim, AnAddressOrABlockOfThem) {
    const auto addresses = [](const std::vector<std::string>& all) {
        MessageBuilder message = reply(kName, A);
        for (const std::string& one : all) message.answer(kName, A, 5, address(one));
        return message;
    };
    EXPECT_EQ(judged(prefix("10.2.0.10"), addresses({"10.2.0.10"})), "right");
    EXPECT_EQ(judged(prefix("10.2.0.10"), addresses({"10.3.0.10"})), "10.3.0.10");
    EXPECT_EQ(judged(prefix("10.2.0.0/16"), addresses({"10.2.0.1", "10.2.9.9"})), "right");
    EXPECT_EQ(judged(prefix("10.2.0.0/16"), addresses({"10.2.0.1", "10.3.0.1"})),
              "10.2.0.1, 10.3.0.1")
        << "one of them is not enough";
    EXPECT_EQ(judged(prefix("10.2.0.0/16"),
                     addresses({"10.3.0.1", "10.3.0.2", "10.3.0.3", "10.3.0.4", "10.3.0.5"})),
              "10.3.0.1, 10.3.0.2, 10.3.0.3 and 2 more");
    EXPECT_EQ(judged(prefix("fd00:2::/64"),
                     reply(kName, AAAA).answer(kName, AAAA, 5, address("fd00:2::7"))),
              "right");
    EXPECT_EQ(judged(prefix("fd00:2::/64"),
                     reply(kName, AAAA).answer(kName, AAAA, 5, address("fd00:3::7"))),
              "fd00:3::7");
    EXPECT_EQ(judged(prefix("10.2.0.0/16"), reply(kName, A)
                                                .answer(kName, CNAME, 5, wire("lb.example"))
                                                .answer("lb.example", A, 5, address("10.2.0.1"))),
              "right")
        << "over an alias";
}

TEST(Claim, AText) {
    const auto texts = [](const Octets& data) {
        return reply(kName, TXT).answer(kName, TXT, 5, data);
    };
    EXPECT_EQ(judged(Expected("westus"), texts(txt({"westus"}))), "right");
    EXPECT_EQ(judged(Expected("westus"), texts(txt({"west", "us"}))), "right");
    EXPECT_EQ(judged(Expected("westus"), texts(txt({"WestUS"}))), "txt:WestUS");
    EXPECT_EQ(judged(Expected("westus"), texts(txt({"a\x1b[1mb\n"}))), "txt:a?[1mb?");
    EXPECT_EQ(judged(Expected("westus"), texts(txt({std::string(200, 'x')}))),
              "txt:" + std::string(64, 'x') + "…");
    EXPECT_EQ(
        judged(Expected("westus"), texts(txt({"westus"})).answer(kName, TXT, 5, txt({"eastus"}))),
        "txt:westus, txt:eastus");
}

TEST(Claim, ADenialCountsWithTheSoaOfTheZone) {
    const auto denied = [](unsigned rcode, const char* zone) {
        return reply(kName, CNAME, kReply | rcode).authority(zone, SOA, 5, soa(zone, 5));
    };
    EXPECT_EQ(judged(target("westus"), denied(3, "cluster.local")), "NXDOMAIN");
    EXPECT_EQ(judged(target("westus"), denied(0, "cluster.local")), "no CNAME");
    EXPECT_EQ(judged(target("westus"), denied(3, ".")), "nothing");
    EXPECT_EQ(judged(target("westus"), denied(3, "example.com")), "nothing");
    EXPECT_EQ(judged(target("westus"), reply(kName, CNAME, kReply | 3)), "nothing");
    EXPECT_EQ(judged(target("westus"), reply(kName, CNAME)), "nothing");
}

TEST(Claim, WhatIsNoAnswerSaysNothing) {
    for (const unsigned rcode : {1u, 2u, 4u, 5u})
        EXPECT_EQ(judged(target("westus"), reply(kName, CNAME, kReply | rcode)), "nothing");
    EXPECT_EQ(judged(target("westus"), reply(kName, CNAME, kReply | 0x0200)), "nothing");
    EXPECT_EQ(judged(target("westus"), reply(kName, CNAME).count(1)), "nothing") << "damaged";
    EXPECT_EQ(
        judged(prefix("10.2.0.1"), reply(kName, A).answer(kName, CNAME, 5, wire("lb.example"))),
        "nothing")
        << "an alias without its end";
}

struct ClaimsTest : testing::Test {
    Time now{Seconds(7000)};
    Claims claims;

    ClaimsTest() { claims.begin(2); }
    void say(std::size_t i, Said said) { claims.end(i, said, said == Said::wrong ? "why" : ""); }
};

TEST_F(ClaimsTest, NothingIsDueWhereNothingIsExpected) {
    claims.begin(0);
    EXPECT_EQ(claims.state(), Identity::unasked);
    EXPECT_FALSE(claims.is_due(now, true));
}

TEST_F(ClaimsTest, RightIsWhatHasGivenAllAnswers) {
    EXPECT_EQ(claims.state(), Identity::awaited);
    say(0, Said::right);
    EXPECT_EQ(claims.state(), Identity::awaited);
    say(1, Said::right);
    EXPECT_EQ(claims.state(), Identity::right);
}

TEST_F(ClaimsTest, WrongIsWhatHasGivenAnyOther) {
    say(1, Said::wrong);
    EXPECT_EQ(claims.state(), Identity::wrong) << "whatever the other one will be";
    EXPECT_EQ(claims.why_wrong(), "why");
    say(0, Said::right);
    EXPECT_EQ(claims.state(), Identity::wrong);
    say(1, Said::right);
    EXPECT_EQ(claims.state(), Identity::right);
    EXPECT_EQ(claims.why_wrong(), "");
}

TEST_F(ClaimsTest, WhatSaysNothingChangesNothing) {
    say(0, Said::nothing);
    claims.note_late(1);
    EXPECT_EQ(claims.state(), Identity::unproven);
    for (const Said said : {Said::right, Said::wrong}) {
        say(0, said);
        say(1, said);
        const Identity before = claims.state();
        say(0, Said::nothing);
        say(1, Said::nothing);
        EXPECT_EQ(claims.state(), before);
    }
}

TEST_F(ClaimsTest, OtherExpectationsAreAnotherRound) {
    say(0, Said::right);
    say(1, Said::right);
    const unsigned round = claims.round();
    claims.put_off(now + Claims::kInterval);
    claims.begin(1);
    EXPECT_NE(claims.round(), round);
    EXPECT_EQ(claims.state(), Identity::awaited);
    EXPECT_TRUE(claims.is_due(now, false));
}

TEST_F(ClaimsTest, IsAskedWithEachProbeUntilItIsRightAndWhileItIsSilent) {
    claims.put_off(now + Claims::kInterval);
    EXPECT_TRUE(claims.is_due(now, false));
    say(0, Said::right);
    say(1, Said::right);
    EXPECT_FALSE(claims.is_due(now, false));
    EXPECT_TRUE(claims.is_due(now, true));
    EXPECT_TRUE(claims.is_due(now + Claims::kInterval, false));
    say(0, Said::wrong);
    EXPECT_TRUE(claims.is_due(now, false));
}

TEST_F(ClaimsTest, OneQuestionForANameIsOnItsWayAtATime) {
    EXPECT_TRUE(claims.start(0));
    EXPECT_FALSE(claims.start(0));
    EXPECT_TRUE(claims.start(1));
    claims.note_late(0);
    EXPECT_FALSE(claims.start(0)) << "it listens on";
    say(0, Said::nothing);
    EXPECT_TRUE(claims.start(0));
}

}  // namespace
}  // namespace peerzone::probe
