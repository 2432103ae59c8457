// What is kept of a reply whose names clients know by others.
#include <gmock/gmock.h>

#include "support/upstream_reply.hpp"

namespace peerzone::test {
namespace {

using ::testing::ElementsAre;

struct RenamedReply : ::testing::Test {
    dns::Renaming renaming{name("westus.internal"), name("cluster.local")};
    static dns::Name name(std::string_view text) { return dns::Name::from_text(text).value(); }
    std::vector<std::string> kept_here(const MessageBuilder& message, std::string_view asked,
                                       unsigned type) const {
        const auto here = renaming.to_client(name(asked));
        return kept(message, asked, type, {.renaming = &renaming}, here->to_text());
    }
};

TEST_F(RenamedReply, OwnersAndAliases) {
    const auto message = reply("db.svc.cluster.local", A)
                             .answer("db.svc.cluster.local", CNAME, 60, wire("a.cluster.local"))
                             .answer("a.cluster.local", A, 60, address("10.2.0.5"));
    EXPECT_THAT(kept_here(message, "db.svc.cluster.local", A),
                ElementsAre("db.svc.westus.internal 60 CNAME a.westus.internal",
                            "a.westus.internal 60 A 10.2.0.5"));
}

TEST_F(RenamedReply, AnAliasOutOfTheZoneStaysAsItIs) {
    const auto message = reply("db.svc.cluster.local", A)
                             .answer("db.svc.cluster.local", CNAME, 60, wire("a.example.com"))
                             .answer("a.example.com", A, 60, address("192.0.2.5"));
    EXPECT_THAT(kept_here(message, "db.svc.cluster.local", A),
                ElementsAre("db.svc.westus.internal 60 CNAME a.example.com",
                            "a.example.com 60 A 192.0.2.5"));
}

TEST_F(RenamedReply, ADnameAndTheAliasMadeFromIt) {
    const auto message = reply("db.old.cluster.local", A)
                             .answer("old.cluster.local", DNAME, 60, wire("new.cluster.local"))
                             .answer("db.new.cluster.local", A, 60, address("10.2.0.5"));
    EXPECT_THAT(kept_here(message, "db.old.cluster.local", A),
                ElementsAre("old.westus.internal 60 DNAME new.westus.internal",
                            "db.old.westus.internal 60 CNAME db.new.westus.internal",
                            "db.new.westus.internal 60 A 10.2.0.5"));
}

TEST_F(RenamedReply, SignaturesOfOtherNamesAreLeftOut) {
    Octets signature(18 + 3, 0);
    signature[1] = A;
    const auto message = reply("db.cluster.local", A)
                             .answer("db.cluster.local", A, 60, address("10.2.0.5"))
                             .answer("db.cluster.local", RRSIG, 60, signature);
    EXPECT_THAT(kept(message, "db.cluster.local", A).size(), 2u);
    EXPECT_THAT(kept_here(message, "db.cluster.local", A),
                ElementsAre("db.westus.internal 60 A 10.2.0.5"));
}

TEST_F(RenamedReply, TheSoaOfADenialStandsAboveTheQuestion) {
    const auto denial = [](std::string_view apex) {
        return reply("no.svc.cluster.local", A, kReply | 3u).authority(apex, SOA, 30, soa(apex, 5));
    };
    EXPECT_THAT(kept_here(denial("cluster.local"), "no.svc.cluster.local", A),
                ElementsAre(::testing::StartsWith("+westus.internal 5 SOA")));
    EXPECT_THAT(kept_here(denial("svc.cluster.local"), "no.svc.cluster.local", A),
                ElementsAre(::testing::StartsWith("+svc.westus.internal 5 SOA")));
    // One of a zone that begins above what is renamed.
    EXPECT_THAT(kept_here(denial("local"), "no.svc.cluster.local", A),
                ElementsAre(::testing::StartsWith("+westus.internal 5 SOA")));
}

TEST_F(RenamedReply, ANameThatGetsTooLongIsTold) {
    std::string deep;  // 240 octets and more: it fits below cluster.local only
    while (deep.size() < 230) deep += "0123456789.";
    const auto message = reply("db.cluster.local", A)
                             .answer("db.cluster.local", CNAME, 60, wire(deep + "cluster.local"))
                             .answer(deep + "cluster.local", A, 60, address("10.2.0.5"));
    renaming = dns::Renaming(name("a-longer-name-than-that.internal"), name("cluster.local"));
    EXPECT_THAT(kept_here(message, "db.cluster.local", A), ElementsAre("a name is too long"));
}

}  // namespace
}  // namespace peerzone::test
