// Delegations (RFC 1034 4.2) and DNAME (RFC 6672).
#include <gmock/gmock.h>

#include "zone_support.hpp"

namespace peerzone::zone::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Delegation : public testing::Test {
protected:
    const Zone zone = make_zone("ex", {
                                          "sub 600 NS ns1.sub",
                                          "sub 600 NS ns2",
                                          "sub 600 NS ns.example.com.",
                                          "sub DS 1 8 99 aabb",
                                          "ns1.sub A 10.0.0.1",
                                          "ns1.sub AAAA fd00::1",
                                          "ns2 A 10.0.0.2",
                                          "into CNAME host.sub",
                                          "bare NS ns.example.com.",
                                          "svc SRV 0 0 80 ns1.sub",
                                          "* TXT wild",
                                      });
};

TEST_F(Delegation, GivesNsInAuthorityAndGlueInAdditional) {
    for (const char* below : {"host.sub.ex", "a.b.c.sub.ex", "sub.ex", "ns1.sub.ex"}) {
        const Reply reply = ask(zone, below, "A");
        EXPECT_EQ(reply.outcome, Outcome::delegation) << below;
        EXPECT_EQ(reply.target, "sub.ex");
        EXPECT_THAT(reply.answer, IsEmpty());
        EXPECT_THAT(reply.authority,
                    ElementsAre("sub.ex. 600 IN NS ns1.sub.ex.", "sub.ex. 600 IN NS ns2.ex.",
                                "sub.ex. 600 IN NS ns.example.com."));
        EXPECT_THAT(reply.additional,
                    ElementsAre("ns1.sub.ex. 30 IN A 10.0.0.1", "ns1.sub.ex. 30 IN AAAA fd00::1",
                                "ns2.ex. 30 IN A 10.0.0.2"));
    }
}

TEST_F(Delegation, GlueThatDoesNotFitSendsTheClientToTcp) {
    const Reply whole = ask(zone, "host.sub.ex", "A");
    EXPECT_FALSE(whole.truncated);
    bool cut = false;
    for (std::size_t limit = 200; limit > 80; --limit) {
        const Reply reply = ask(zone, "host.sub.ex", "A", limit);
        EXPECT_EQ(reply.truncated, reply.authority.size() + reply.additional.size() < 6) << limit;
        cut = cut || (reply.authority.size() == 3 && reply.additional.size() < 3);
    }
    EXPECT_TRUE(cut) << "no limit fell between NS and glue";
}

TEST_F(Delegation, HoldsForEveryTypeAtTheCutButDs) {
    for (const char* type : {"NS", "SOA", "ANY", "TXT", "CNAME"})
        EXPECT_EQ(ask(zone, "sub.ex", type).outcome, Outcome::delegation) << type;
    const Reply ds = ask(zone, "sub.ex", "DS");
    EXPECT_EQ(ds.outcome, Outcome::answered);
    EXPECT_THAT(ds.answer, ElementsAre("sub.ex. 30 IN DS 1 8 99 aabb"));
    EXPECT_EQ(ask(zone, "x.sub.ex", "DS").outcome, Outcome::delegation);
}

TEST_F(Delegation, AMissingDsIsNodataFromTheParent) {
    const Reply reply = ask(zone, "bare.ex", "DS");
    EXPECT_EQ(reply.outcome, Outcome::nodata);
    EXPECT_THAT(reply.authority, ElementsAre(HasSubstr(" SOA ")));
}

TEST_F(Delegation, AChainMayLeadIntoIt) {
    const Reply reply = ask(zone, "into.ex", "A");
    EXPECT_EQ(reply.outcome, Outcome::delegation);
    EXPECT_EQ(reply.links, 1u);
    EXPECT_THAT(reply.answer, ElementsAre("into.ex. 30 IN CNAME host.sub.ex."));
    EXPECT_THAT(reply.authority, SizeIs(3));
}

TEST_F(Delegation, GlueIsNotPartOfOtherAnswers) {
    const Reply reply = ask(zone, "svc.ex", "SRV");
    EXPECT_THAT(reply.answer, SizeIs(1));
    EXPECT_THAT(reply.additional, IsEmpty());
}

TEST_F(Delegation, AWildcardDoesNotReachBelowIt) {
    EXPECT_EQ(ask(zone, "x.sub.ex", "TXT").outcome, Outcome::delegation);
    EXPECT_EQ(ask(zone, "x.ex", "TXT").outcome, Outcome::answered);
}

TEST(NestedDelegation, TheHighestCutCounts) {
    const Zone zone = make_zone("ex", {"sub NS ns.example.com.", "ns.deep.sub A 10.0.0.1"});
    EXPECT_EQ(ask(zone, "x.deep.sub.ex", "A").target, "sub.ex");
    EXPECT_EQ(ask(zone, "ns.deep.sub.ex", "A").target, "sub.ex");
}

TEST(NestedDelegation, OnlyACutItselfIsDelegated) {
    const Zone zone = make_zone("ex", {"sub NS ns.example.com.", "ns.deep.sub A 10.0.0.1",
                                       "dn DNAME example.com.", "a A 10.0.0.1"});
    EXPECT_TRUE(zone.delegates(name("SUB.ex")));
    for (const char* other :
         {"deep.sub.ex", "ns.deep.sub.ex", "dn.ex", "x.dn.ex", "a.ex", "ex", "x.ex", "sub.example"})
        EXPECT_FALSE(zone.delegates(name(other))) << other;
}

class Dname : public testing::Test {
protected:
    const Zone zone =
        make_zone("ex", {
                            "old 120 DNAME new",
                            "old TXT beside",
                            "host.new A 10.0.0.1",
                            "away DNAME far.example.com.",
                            "loop DNAME a.loop",
                            "alias CNAME host.old",
                            "long DNAME " + std::string(60, 'l') + "." + std::string(60, 'm') +
                                "." + std::string(60, 'n') + ".new",
                        });
};

TEST_F(Dname, GivesTheDnameAndTheCnameItStandsFor) {
    const Reply reply = ask(zone, "Host.old.ex", "A");
    EXPECT_EQ(reply.outcome, Outcome::answered);
    EXPECT_EQ(reply.links, 1u);
    EXPECT_THAT(reply.answer, ElementsAre("old.ex. 120 IN DNAME new.ex.",
                                          "Host.old.ex. 120 IN CNAME Host.new.ex.",
                                          "Host.new.ex. 30 IN A 10.0.0.1"));
}

TEST_F(Dname, LeavesItsOwnNameAlone) {
    EXPECT_THAT(ask(zone, "old.ex", "TXT").answer, ElementsAre("old.ex. 30 IN TXT \"beside\""));
    EXPECT_THAT(ask(zone, "old.ex", "DNAME").answer, ElementsAre("old.ex. 120 IN DNAME new.ex."));
    EXPECT_EQ(ask(zone, "old.ex", "A").outcome, Outcome::nodata);
}

TEST_F(Dname, LeadsToMissingNamesAndOutOfTheZone) {
    const Reply missing = ask(zone, "nobody.old.ex", "A");
    EXPECT_EQ(missing.outcome, Outcome::nxdomain);
    EXPECT_THAT(missing.answer, SizeIs(2));
    EXPECT_THAT(missing.authority, SizeIs(1));
    const Reply away = ask(zone, "a.b.away.ex", "A");
    EXPECT_EQ(away.outcome, Outcome::chain);
    EXPECT_EQ(away.target, "a.b.far.example.com");
    EXPECT_THAT(away.answer, SizeIs(2));
}

TEST_F(Dname, TheCnameIsTheAnswerWhenAskedFor) {
    for (const char* type : {"CNAME", "ANY"}) {
        const Reply reply = ask(zone, "host.old.ex", type);
        EXPECT_EQ(reply.outcome, Outcome::answered);
        EXPECT_THAT(reply.answer, ElementsAre("old.ex. 120 IN DNAME new.ex.",
                                              "host.old.ex. 120 IN CNAME host.new.ex."));
    }
}

TEST_F(Dname, StandsInTheMiddleOfAChain) {
    const Reply reply = ask(zone, "alias.ex", "A");
    EXPECT_EQ(reply.outcome, Outcome::answered);
    EXPECT_EQ(reply.links, 2u);
    EXPECT_THAT(reply.answer, SizeIs(4));
}

TEST_F(Dname, ALoopAndATooLongNameAreBroken) {
    EXPECT_EQ(ask(zone, "x.loop.ex", "A").outcome, Outcome::broken);
    const std::string label(60, 'x');
    const Reply overlong = ask(zone, label + "." + label + ".long.ex", "A");
    EXPECT_EQ(overlong.outcome, Outcome::overlong);
    EXPECT_THAT(overlong.answer, ElementsAre(HasSubstr(" DNAME "))) << "RFC 6672 2.2";
    EXPECT_EQ(ask(zone, "x.long.ex", "A").outcome, Outcome::nxdomain);
}

TEST(ApexDname, RedirectsEverythingBelowTheZone) {
    const Zone zone = make_zone("ex", {"@ DNAME example.com."});
    EXPECT_EQ(ask(zone, "a.b.ex", "A").target, "a.b.example.com");
    EXPECT_EQ(ask(zone, "ex", "SOA").outcome, Outcome::answered);
}

}  // namespace
}  // namespace peerzone::zone::test
