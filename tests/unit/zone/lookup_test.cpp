#include <gmock/gmock.h>

#include "zone_support.hpp"

namespace peerzone::zone::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kSoa =
    "ex.internal. 30 IN SOA ns.dns.ex.internal. hostmaster.ex.internal. 1 7200 1800 86400 30";

class Lookup : public testing::Test {
protected:
    const Zone zone = make_zone("ex.internal", {
                                                   "db 300 A 10.0.0.5",
                                                   "db 300 A 10.0.0.6",
                                                   "db AAAA fd00::5",
                                                   "a.b.deep TXT deep",
                                                   "WWW CNAME Db",
                                                   "out CNAME other.example.com.",
                                                   "chain1 CNAME chain2",
                                                   "chain2 CNAME chain3",
                                                   "chain3 CNAME nowhere",
                                                   "nodata CNAME text",
                                                   "text TXT hello",
                                                   "mail MX 10 db",
                                                   "mail MX 20 elsewhere.example.com.",
                                                   "_grpc._tcp SRV 0 50 26257 db",
                                                   "_grpc._tcp SRV 0 50 26258 db",
                                                   "loop1 CNAME loop2",
                                                   "loop2 CNAME loop1",
                                               });
};

TEST_F(Lookup, AnswersAllRecordsOfTheSetAndNothingElse) {
    const Reply reply = ask(zone, "db.ex.internal", "A");
    EXPECT_EQ(reply.outcome, Outcome::answered);
    EXPECT_THAT(reply.answer, ElementsAre("db.ex.internal. 300 IN A 10.0.0.5",
                                          "db.ex.internal. 300 IN A 10.0.0.6"));
    EXPECT_THAT(reply.authority, IsEmpty());
    EXPECT_THAT(reply.additional, IsEmpty());
    EXPECT_EQ(reply.links, 0u);
}

TEST_F(Lookup, TakesAnyCaseAndEchoesTheQuestionsCase) {
    const Reply reply = ask(zone, "dB.Ex.InternaL", "AAAA");
    EXPECT_THAT(reply.answer, ElementsAre("dB.Ex.InternaL. 30 IN AAAA fd00::5"));
}

TEST_F(Lookup, TurnsAddressesByTheRotation) {
    EXPECT_THAT(
        ask(zone, "db.ex.internal", "A", 65535, 1).answer,
        ElementsAre("db.ex.internal. 300 IN A 10.0.0.6", "db.ex.internal. 300 IN A 10.0.0.5"));
    EXPECT_THAT(
        ask(zone, "db.ex.internal", "A", 65535, 4000000000u).answer,
        ElementsAre("db.ex.internal. 300 IN A 10.0.0.5", "db.ex.internal. 300 IN A 10.0.0.6"));
}

TEST_F(Lookup, DoesNotTurnOtherTypes) {
    EXPECT_EQ(ask(zone, "mail.ex.internal", "MX", 65535, 1).answer,
              ask(zone, "mail.ex.internal", "MX").answer);
}

TEST_F(Lookup, MissingTypeIsNodataWithTheSoa) {
    const Reply reply = ask(zone, "db.ex.internal", "TXT");
    EXPECT_EQ(reply.outcome, Outcome::nodata);
    EXPECT_THAT(reply.answer, IsEmpty());
    EXPECT_THAT(reply.authority, ElementsAre(kSoa));
}

TEST_F(Lookup, MissingNameIsNxdomainWithTheSoa) {
    for (const char* missing :
         {"nobody.ex.internal", "below.db.ex.internal", "x.y.z.ex.internal"}) {
        const Reply reply = ask(zone, missing, "A");
        EXPECT_EQ(reply.outcome, Outcome::nxdomain) << missing;
        EXPECT_THAT(reply.authority, ElementsAre(kSoa));
    }
}

TEST_F(Lookup, EmptyNonTerminalsExist) {
    for (const char* between : {"b.deep.ex.internal", "deep.ex.internal", "_tcp.ex.internal"}) {
        EXPECT_EQ(ask(zone, between, "A").outcome, Outcome::nodata) << between;
        EXPECT_EQ(ask(zone, between, "ANY").outcome, Outcome::nodata) << between;
    }
    EXPECT_EQ(ask(zone, "c.deep.ex.internal", "A").outcome, Outcome::nxdomain);
}

TEST_F(Lookup, ANameIsNotFoundByItsEndOnly) {
    EXPECT_EQ(ask(zone, "xdb.ex.internal", "A").outcome, Outcome::nxdomain);
    EXPECT_EQ(ask(zone, "b.ex.internal", "A").outcome, Outcome::nxdomain);
}

TEST_F(Lookup, FollowsACnameAndKeepsTheStoredCase) {
    const Reply reply = ask(zone, "www.ex.internal", "AAAA");
    EXPECT_EQ(reply.outcome, Outcome::answered);
    EXPECT_EQ(reply.links, 1u);
    EXPECT_THAT(reply.answer, ElementsAre("www.ex.internal. 30 IN CNAME Db.ex.internal.",
                                          "Db.ex.internal. 30 IN AAAA fd00::5"));
}

TEST_F(Lookup, DoesNotFollowWhenAskedForTheCnameOrAny) {
    for (const char* type : {"CNAME", "ANY"}) {
        const Reply reply = ask(zone, "www.ex.internal", type);
        EXPECT_EQ(reply.outcome, Outcome::answered);
        EXPECT_EQ(reply.links, 0u);
        EXPECT_THAT(reply.answer, ElementsAre("www.ex.internal. 30 IN CNAME Db.ex.internal."));
    }
}

TEST_F(Lookup, AChainThatLeavesTheZoneNamesItsTarget) {
    const Reply reply = ask(zone, "out.ex.internal", "A");
    EXPECT_EQ(reply.outcome, Outcome::chain);
    EXPECT_EQ(reply.target, "other.example.com");
    EXPECT_EQ(reply.links, 1u);
    EXPECT_THAT(reply.answer, SizeIs(1));
    EXPECT_THAT(reply.authority, IsEmpty());
}

TEST_F(Lookup, AChainToAMissingNameIsNxdomainWithChainAndSoa) {
    const Reply reply = ask(zone, "chain1.ex.internal", "A");
    EXPECT_EQ(reply.outcome, Outcome::nxdomain);
    EXPECT_EQ(reply.links, 3u);
    EXPECT_THAT(reply.answer, SizeIs(3));
    EXPECT_THAT(reply.authority, ElementsAre(kSoa));
}

TEST_F(Lookup, AChainToAMissingTypeIsNodataWithChainAndSoa) {
    const Reply reply = ask(zone, "nodata.ex.internal", "A");
    EXPECT_EQ(reply.outcome, Outcome::nodata);
    EXPECT_THAT(reply.answer, ElementsAre("nodata.ex.internal. 30 IN CNAME text.ex.internal."));
    EXPECT_THAT(reply.authority, ElementsAre(kSoa));
}

TEST_F(Lookup, ALoopIsBroken) {
    const Reply reply = ask(zone, "loop1.ex.internal", "A");
    EXPECT_EQ(reply.outcome, Outcome::broken);
    EXPECT_EQ(reply.links, kChainMax);
}

TEST(Chains, SixteenLinksAreFollowedAndNoMore) {
    Lines records{"end A 10.0.0.1"};
    for (int i = 1; i <= 17; ++i)
        records.push_back("l" + std::to_string(i) + " CNAME " +
                          (i == 1 ? "end" : "l" + std::to_string(i - 1)));
    const Zone zone = make_zone("ex.internal", records);
    const Reply longest = ask(zone, "l16.ex.internal", "A");
    EXPECT_EQ(longest.outcome, Outcome::answered);
    EXPECT_EQ(longest.links, 16u);
    EXPECT_THAT(longest.answer, SizeIs(17));
    EXPECT_EQ(ask(zone, "l17.ex.internal", "A").outcome, Outcome::broken);
}

TEST_F(Lookup, AnyGivesOneSet) {
    EXPECT_THAT(
        ask(zone, "db.ex.internal", "ANY").answer,
        ElementsAre("db.ex.internal. 300 IN A 10.0.0.5", "db.ex.internal. 300 IN A 10.0.0.6"));
}

TEST_F(Lookup, SigningTypesAreNodata) {
    for (const char* type : {"RRSIG", "NSEC", "DNSKEY", "DS"})
        EXPECT_EQ(ask(zone, "db.ex.internal", type).outcome, Outcome::nodata) << type;
}

TEST_F(Lookup, MxAndSrvBringAddressesOfTargetsInTheZoneOnce) {
    const Lines addresses{"db.ex.internal. 300 IN A 10.0.0.5", "db.ex.internal. 300 IN A 10.0.0.6",
                          "db.ex.internal. 30 IN AAAA fd00::5"};
    const Reply mail = ask(zone, "mail.ex.internal", "MX");
    EXPECT_THAT(mail.answer, SizeIs(2));
    EXPECT_EQ(mail.additional, addresses);
    const Reply service = ask(zone, "_grpc._tcp.ex.internal", "SRV");
    EXPECT_THAT(service.answer, SizeIs(2));
    EXPECT_EQ(service.additional, addresses);
}

TEST_F(Lookup, TheApexHasTheSuppliedSoaAndNs) {
    EXPECT_THAT(ask(zone, "ex.internal", "SOA").answer, ElementsAre(kSoa));
    EXPECT_THAT(ask(zone, "Ex.internal", "NS").answer,
                ElementsAre("Ex.internal. 30 IN NS ns.dns.Ex.internal."));
    EXPECT_EQ(ask(zone, "ex.internal", "A").outcome, Outcome::nodata);
    EXPECT_EQ(zone.record_count(), 19u);
}

TEST_F(Lookup, ANameOutsideIsBrokenNotACrash) {
    EXPECT_EQ(ask(zone, "example.com", "A").outcome, Outcome::broken);
    EXPECT_EQ(ask(zone, "internal", "A").outcome, Outcome::broken);
    EXPECT_EQ(ask(zone, "xex.internal", "A").outcome, Outcome::broken);
}

TEST(Negative, TheSoasTtlIsTheLowerOfItsTtlAndItsMinimum) {
    const Zone low_minimum =
        make_zone("ex", {"@ 600 SOA ns host 7 1h 15m 1w 45", "@ NS ns", "ns A 10.0.0.1"});
    EXPECT_THAT(ask(low_minimum, "x.ex", "A").authority,
                ElementsAre("ex. 45 IN SOA ns.ex. host.ex. 7 3600 900 604800 45"));
    EXPECT_THAT(ask(low_minimum, "ex", "SOA").answer,
                ElementsAre("ex. 600 IN SOA ns.ex. host.ex. 7 3600 900 604800 45"));
    const Zone low_ttl = make_zone("ex", {"@ 5 SOA ns host 7 1h 15m 1w 45"});
    EXPECT_THAT(ask(low_ttl, "x.ex", "A").authority,
                ElementsAre("ex. 5 IN SOA ns.ex. host.ex. 7 3600 900 604800 45"));
}

TEST(Negative, ApexNsBringsItsAddress) {
    const Zone zone = make_zone("ex", {"@ NS ns", "ns A 10.0.0.1"});
    EXPECT_THAT(ask(zone, "ex", "NS").additional, ElementsAre("ns.ex. 30 IN A 10.0.0.1"));
}

TEST(RootZone, IsAZoneLikeAnyOther) {
    const Zone zone = make_zone(".", {"example A 10.0.0.1", "*.wild A 10.0.0.2"});
    EXPECT_THAT(ask(zone, "example", "A").answer, ElementsAre("example. 30 IN A 10.0.0.1"));
    EXPECT_THAT(ask(zone, "x.wild", "A").answer, ElementsAre("x.wild. 30 IN A 10.0.0.2"));
    EXPECT_EQ(ask(zone, "nothing", "A").outcome, Outcome::nxdomain);
    EXPECT_EQ(ask(zone, ".", "SOA").outcome, Outcome::answered);
}

}  // namespace
}  // namespace peerzone::zone::test
