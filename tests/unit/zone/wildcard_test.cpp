// RFC 4592; the first zone is that of its section 2.2.1.
#include <gmock/gmock.h>

#include "zone_support.hpp"

namespace peerzone::zone::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Rfc4592 : public testing::Test {
protected:
    const Zone zone = make_zone("example", {
                                               "@ SOA ns host 1 2 3 4 5",
                                               "@ NS ns.example.com.",
                                               "@ NS ns.example.net.",
                                               "* TXT \"this is a wildcard\"",
                                               "* MX 10 host1",
                                               "sub.* TXT \"this is not a wildcard\"",
                                               "host1 A 192.0.2.1",
                                               "_ssh._tcp.host1 SRV 0 0 22 host1",
                                               "_ssh._tcp.host2 SRV 0 0 22 host2",
                                               "subdel NS ns.example.com.",
                                               "subdel NS ns.example.net.",
                                           });
};

TEST_F(Rfc4592, NamesThatTheWildcardAnswers) {
    EXPECT_THAT(ask(zone, "host3.example", "MX").answer,
                ElementsAre("host3.example. 30 IN MX 10 host1.example."));
    EXPECT_EQ(ask(zone, "host3.example", "A").outcome, Outcome::nodata);
    EXPECT_THAT(ask(zone, "foo.bar.Example", "TXT").answer,
                ElementsAre("foo.bar.Example. 30 IN TXT \"this is a wildcard\""));
}

TEST_F(Rfc4592, NamesThatItDoesNot) {
    EXPECT_EQ(ask(zone, "host1.example", "MX").outcome, Outcome::nodata);  // exists
    EXPECT_EQ(ask(zone, "sub.*.example", "MX").outcome, Outcome::nodata);  // exists
    EXPECT_EQ(ask(zone, "_telnet._tcp.host1.example", "SRV").outcome, Outcome::nxdomain);
    EXPECT_EQ(ask(zone, "host.subdel.example", "A").outcome, Outcome::delegation);
    EXPECT_EQ(ask(zone, "ghost.*.example", "MX").outcome, Outcome::nxdomain);  // *.example exists
}

TEST_F(Rfc4592, EmptyNonTerminalsBlockIt) {
    EXPECT_EQ(ask(zone, "host2.example", "MX").outcome, Outcome::nodata);
    EXPECT_EQ(ask(zone, "_tcp.host2.example", "TXT").outcome, Outcome::nodata);
    EXPECT_EQ(ask(zone, "other.host2.example", "TXT").outcome, Outcome::nxdomain);
}

TEST_F(Rfc4592, TheWildcardItselfIsAName) {
    EXPECT_THAT(ask(zone, "*.example", "TXT").answer,
                ElementsAre("*.example. 30 IN TXT \"this is a wildcard\""));
    EXPECT_THAT(ask(zone, "sub.*.example", "TXT").answer,
                ElementsAre("sub.*.example. 30 IN TXT \"this is not a wildcard\""));
}

TEST(Wildcard, AliasesServicesAndAdditionalAddressesComeFromItToo) {
    const Zone zone = make_zone(
        "ex", {"*.web CNAME front", "front A 10.0.0.1", "*.out CNAME x.example.com.",
               "*._tcp.svc SRV 0 0 80 any.hosts", "*.hosts A 10.0.0.9", "plain A 10.0.0.2"});
    EXPECT_THAT(ask(zone, "a.web.ex", "A").answer,
                ElementsAre("a.web.ex. 30 IN CNAME front.ex.", "front.ex. 30 IN A 10.0.0.1"));
    EXPECT_EQ(ask(zone, "a.b.out.ex", "A").target, "x.example.com");
    const Reply service = ask(zone, "_http._tcp.svc.ex", "SRV");
    EXPECT_THAT(service.answer, ElementsAre("_http._tcp.svc.ex. 30 IN SRV 0 0 80 any.hosts.ex."));
    EXPECT_THAT(service.additional, ElementsAre("any.hosts.ex. 30 IN A 10.0.0.9"));
    EXPECT_THAT(ask(zone, "a.web.ex", "ANY").answer,
                ElementsAre("a.web.ex. 30 IN CNAME front.ex."));
}

TEST(Wildcard, AnEmptyWildcardNameGivesNodata) {
    const Zone zone = make_zone("ex", {"x.*.foo TXT t"});
    EXPECT_EQ(ask(zone, "bar.foo.ex", "A").outcome, Outcome::nodata);
    EXPECT_THAT(ask(zone, "bar.foo.ex", "A").answer, IsEmpty());
}

TEST(Wildcard, OfTheOriginCoversEveryMissingName) {
    const Zone zone = make_zone("ex", {"* A 10.0.0.1"});
    EXPECT_EQ(ask(zone, "a.b.c.d.ex", "A").outcome, Outcome::answered);
    EXPECT_EQ(ask(zone, "ex", "A").outcome, Outcome::nodata);
}

TEST(Wildcard, ALabelThatOnlyBeginsWithAStarIsPlain) {
    const Zone zone = make_zone("ex", {"*a A 10.0.0.1"});
    EXPECT_EQ(ask(zone, "xa.ex", "A").outcome, Outcome::nxdomain);
    EXPECT_EQ(ask(zone, "*a.ex", "A").outcome, Outcome::answered);
}

}  // namespace
}  // namespace peerzone::zone::test
