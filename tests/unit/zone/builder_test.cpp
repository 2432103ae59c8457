#include <gmock/gmock.h>

#include "zone_support.hpp"

namespace peerzone::zone::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

dns::ResourceRecord record(std::string_view text) {
    return dns::parse_record(text, name("ex"), kDefaultTtl).value();
}

class Build : public testing::Test {
protected:
    void add(std::string_view text) {
        const Result<void> added = builder.add(record(text));
        EXPECT_TRUE(added.has_value()) << added.error().message;
    }
    std::string refusal(const dns::ResourceRecord& wrong) {
        const Result<void> added = builder.add(wrong);
        return added ? "accepted" : added.error().message;
    }
    std::string refusal(std::string_view text) { return refusal(record(text)); }
    Zone build() { return std::move(std::move(builder).build().value()); }

    Builder builder{name("ex")};
};

TEST_F(Build, RefusesWhatIsNotInTheZone) {
    EXPECT_EQ(refusal("a.example. A 10.0.0.1"),
              "'a.example. 30 IN A 10.0.0.1': the name is not in zone ex");
    EXPECT_THAT(refusal("aex. A 10.0.0.1"), HasSubstr("not in zone ex"));
}

TEST_F(Build, ACnameStandsAloneWhicheverComesFirst) {
    add("c CNAME x");
    EXPECT_EQ(refusal("c A 10.0.0.1"),
              "'c.ex. 30 IN A 10.0.0.1': this name has a CNAME, which stands alone");
    EXPECT_THAT(refusal("C CNAME y"),
                HasSubstr("a second record of a type of which a name has only one"));
    add("a A 10.0.0.1");
    EXPECT_THAT(refusal("a CNAME x"),
                HasSubstr("a CNAME stands alone, and this name has other records"));
    EXPECT_THAT(refusal("@ CNAME x"), HasSubstr("the zone's own name cannot be a CNAME"));
}

TEST_F(Build, OneSoaAtTheApexOnly) {
    add("@ SOA a b 1 2 3 4 5");
    EXPECT_THAT(refusal("@ SOA a b 2 2 3 4 5"), HasSubstr("a second record"));
    EXPECT_THAT(refusal("x SOA a b 1 2 3 4 5"),
                HasSubstr("a SOA stands at the zone's own name only"));
}

TEST_F(Build, OneDnamePerName) {
    add("d DNAME x");
    EXPECT_THAT(refusal("d DNAME y"), HasSubstr("a second record"));
    EXPECT_THAT(refusal("*.w DNAME y"), HasSubstr("a wildcard cannot hold NS or DNAME"));
    EXPECT_THAT(refusal("*.w NS y"), HasSubstr("a wildcard cannot hold NS or DNAME"));
}

TEST_F(Build, RefusesDataThatDoesNotFitItsType) {
    using Octets = std::vector<std::uint8_t>;
    const auto try_data = [&](std::uint16_t type, Octets rdata) {
        return refusal({.owner = name("x.ex"), .type = type, .ttl = 1, .rdata = std::move(rdata)});
    };
    EXPECT_EQ(try_data(dns::type::a, {1, 2, 3}),
              "'x.ex. 1 IN A \\# 3 010203': the data does not fit the type");
    for (const Octets& broken :
         {Octets{}, Octets{3, 'a', 'b'}, Octets{0xc0, 12}, Octets{1, 'a', 0, 0}, Octets{1, 'a'}})
        EXPECT_THAT(try_data(dns::type::cname, broken),
                    HasSubstr("the data does not fit the type"));
    EXPECT_THAT(try_data(dns::type::srv, {0, 0, 0, 0, 0}), HasSubstr("does not fit"));
    EXPECT_THAT(try_data(dns::type::cname,
                         [] {
                             Octets long_name;
                             for (int i = 0; i < 5; ++i) {
                                 long_name.push_back(60);
                                 long_name.insert(long_name.end(), 60, 'x');
                             }
                             long_name.push_back(0);
                             return long_name;
                         }()),
                HasSubstr("does not fit"));
    EXPECT_THAT(try_data(dns::type::any, {}), HasSubstr("a zone cannot hold this type"));
    EXPECT_THAT(try_data(dns::type::opt, {}), HasSubstr("a zone cannot hold this type"));
    EXPECT_THAT(refusal({.owner = name("x.ex"), .type = 16, .ttl = 0x80000000, .rdata = {1, 'a'}}),
                HasSubstr("the TTL is above"));
}

TEST_F(Build, StaysUsableAfterARefusal) {
    add("a A 10.0.0.1");
    EXPECT_NE(refusal("a CNAME b"), "accepted");
    add("a A 10.0.0.2");
    EXPECT_THAT(ask(build(), "a.ex", "A").answer, SizeIs(2));
}

TEST_F(Build, ARefusedRecordMakesNoName) {
    EXPECT_NE(refusal("*.ghost NS x"), "accepted");
    EXPECT_EQ(ask(build(), "ghost.ex", "A").outcome, Outcome::nxdomain);
}

TEST_F(Build, DropsDuplicatesAndKeepsTheOrder) {
    for (const char* text : {"a A 10.0.0.2", "A A 10.0.0.1", "a A 10.0.0.2", "n NS Host",
                             "n NS hOST", "n NS host2", "c CNAME x", "c CNAME X"})
        add(text);
    const Zone zone = build();
    EXPECT_EQ(zone.record_count(), 7u);
    EXPECT_THAT(ask(zone, "a.ex", "A").answer,
                ElementsAre("a.ex. 30 IN A 10.0.0.2", "a.ex. 30 IN A 10.0.0.1"));
    EXPECT_THAT(ask(zone, "n.ex", "A").authority,
                ElementsAre("n.ex. 30 IN NS Host.ex.", "n.ex. 30 IN NS host2.ex."));
}

TEST_F(Build, DuplicatesInMxCompareTheNumberExactly) {
    add("m MX 65 h");
    add("m MX 97 h");  // 'A' and 'a' as octets
    EXPECT_THAT(ask(build(), "m.ex", "MX").answer, SizeIs(2));
}

TEST_F(Build, TheLowestTtlOfASetWins) {
    add("a 300 A 10.0.0.1");
    add("a 20 A 10.0.0.2");
    add("a 100 TXT x");
    const Zone zone = build();
    EXPECT_THAT(ask(zone, "a.ex", "A").answer,
                ElementsAre("a.ex. 20 IN A 10.0.0.1", "a.ex. 20 IN A 10.0.0.2"));
    EXPECT_THAT(ask(zone, "a.ex", "TXT").answer, ElementsAre("a.ex. 100 IN TXT \"x\""));
}

TEST_F(Build, LeavesOutWhatIsOccluded) {
    add("sub NS ns");
    add("x.sub TXT t");
    ASSERT_THAT(builder.warnings(), SizeIs(1));
    EXPECT_THAT(builder.warnings()[0].message, HasSubstr("below the delegation of sub.ex"));
    const Zone zone = build();
    EXPECT_EQ(zone.record_count(), 3u);
    EXPECT_EQ(ask(zone, "x.sub.ex", "TXT").outcome, Outcome::delegation);
}

TEST_F(Build, SignedZonesMayKeepTheirSignaturesAtCnamesAndCuts) {
    add("c CNAME x");
    EXPECT_EQ(
        refusal(
            {.owner = name("c.ex"), .type = dns::type::rrsig, .ttl = 30, .rdata = {0, 5, 8, 2}}),
        "accepted");
    add("sub NS ns");
    EXPECT_EQ(refusal({.owner = name("sub.ex"),
                       .type = dns::type::nsec,
                       .ttl = 30,
                       .rdata = {0, 0, 1, 0x20}}),
              "accepted");
    const Zone zone = build();
    EXPECT_EQ(ask(zone, "c.ex", "A").outcome, Outcome::nxdomain);
    EXPECT_EQ(ask(zone, "c.ex", "RRSIG").outcome, Outcome::answered);
}

TEST(Builders, SupplySoaAndNsForAnOriginOf255Octets) {
    const std::string label(61, 'o');
    const std::string origin =
        label + "." + label + "." + label + "." + std::string(61, 'p') + ".abc";
    ASSERT_GT(name(origin).size(), 250u);
    const Zone zone = make_zone(origin, {});
    EXPECT_EQ(ask(zone, name(origin), dns::type::soa).outcome, Outcome::answered);
    EXPECT_EQ(ask(zone, name(origin), dns::type::ns).outcome, Outcome::answered);
}

}  // namespace
}  // namespace peerzone::zone::test
