// What a zone of ours answers beside its data: referrals after an alias, names that a DNAME makes
// too long, and who answers for the DS of a zone.
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using test::Reply;
namespace type = dns::type;
using Lines = std::vector<std::string>;

struct OwnedZone : ::testing::Test, test::Setup {
    OwnedZone() {
        add_zone("example", {"sub NS ns.sub", "ns.sub A 10.0.0.7", "sub DS 1 8 99 aabb",
                             "cut NS ns.cut", "to-cut CNAME www.cut", "to-sub CNAME sub",
                             "dn DNAME " + std::string(60, 'd') + "." + std::string(60, 'e') + "." +
                                 std::string(60, 'f') + ".other"});
        add_zone("sub.example", {"www A 10.0.0.8"});
        add_zone("loose.example", {"www A 10.0.0.9"});
        publish();
    }
};

TEST_F(OwnedZone, TheDsOfAZoneOfOursComesFromItsParent) {
    const Reply reply = ask("SUB.example", type::ds);
    EXPECT_EQ(reply.answers(), Lines{"SUB.example DS 1 8 99 aabb"});
    EXPECT_TRUE(reply.flag(dns::kFlagAa));
    EXPECT_EQ(ask("to-sub.example", type::ds).answers(),
              (Lines{"to-sub.example CNAME sub.example.", "sub.example DS 1 8 99 aabb"}));
    EXPECT_EQ(ask("www.sub.example", type::a).answers().size(), 1u);
    EXPECT_EQ(ask("sub.example", type::soa).answers().size(), 1u) << "only DS is the parent's";
}

// Otherwise the zone itself would be denied.
TEST_F(OwnedZone, AParentThatDoesNotDelegateAZoneIsNotAskedForItsDs) {
    const Reply reply = ask("loose.example", type::ds);
    EXPECT_EQ(reply.rcode(), 0u);
    EXPECT_TRUE(reply.answers().empty());
    ASSERT_EQ(reply.section(2).size(), 1u);
    EXPECT_TRUE(reply.section(2)[0].starts_with("loose.example SOA "));
    EXPECT_EQ(ask("example", type::ds).rcode(), 0u) << "nobody here is its parent";
}

// RFC 1035 4.1.1: AA speaks for the first owner in the answer section, and that is ours.
TEST_F(OwnedZone, AReferralBehindAnAliasOfOursIsAuthoritative) {
    const Reply reply = ask("to-cut.example", type::a);
    EXPECT_EQ(reply.answers(), Lines{"to-cut.example CNAME www.cut.example."});
    EXPECT_EQ(reply.section(2), Lines{"cut.example NS ns.cut.example."});
    EXPECT_TRUE(reply.flag(dns::kFlagAa));
    EXPECT_FALSE(ask("www.cut.example", type::a).flag(dns::kFlagAa));
}

// RFC 6672 2.2: the DNAME goes with it, so that the client can see why.
TEST_F(OwnedZone, ANameThatADnameMakesTooLongIsYxdomain) {
    const std::string label(60, 'x');
    const Reply reply = ask(label + "." + label + ".dn.example", type::a);
    EXPECT_EQ(reply.rcode(), 6u);
    EXPECT_TRUE(reply.flag(dns::kFlagAa));
    ASSERT_EQ(reply.answers().size(), 1u);
    EXPECT_TRUE(reply.answers()[0].starts_with("dn.example DNAME "));
    EXPECT_EQ(ask("x.dn.example", type::a).rcode(), 3u);
}

// A zone whose data comes from elsewhere, such as an API, and is not there yet.
struct NotReady final : zone::Authority {
    const dns::Name apex = test::name("later.example");
    const dns::Name& origin() const noexcept override { return apex; }
    bool delegates(const dns::Name&) const noexcept override { return false; }
    zone::LookupResult lookup(const dns::Name&, std::uint16_t, std::uint32_t, dns::BodyWriter&,
                              const zone::NamesOwnedElsewhere*) const noexcept override {
        return {.outcome = zone::Outcome::not_ready, .target = {}, .links = 0};
    }
};

TEST_F(OwnedZone, WhatIsNotReadyFailsAndDeniesNothing) {
    const auto index = static_cast<std::uint16_t>(snapshot->zones.size());
    snapshot->zones.push_back(std::make_shared<const NotReady>());
    snapshot->views[0].routes.add({.suffix = test::name("later.example"),
                                   .kind = view::Route::Kind::zone,
                                   .built_in = false,
                                   .index = index});
    add_zone("alias.example", {"www CNAME www.later.example."});
    publish();
    for (const char* asked : {"www.later.example", "www.alias.example"}) {
        const Reply reply = ask(asked, type::a);
        EXPECT_EQ(reply.rcode(), 2u) << asked;
        EXPECT_TRUE(reply.answers().empty()) << asked;
        EXPECT_EQ(reply.ede(), dns::ede::not_ready) << asked;
    }
}

TEST_F(OwnedZone, WhatABuiltInZoneDeniesSaysWhyToThoseWhoCanRead) {
    add_zone("cluster.local", {"here A 10.0.0.9"});
    view::Route route = *snapshot->views[0].routes.find_exact(test::name("cluster.local"));
    route.built_in = true;
    snapshot->views[0].routes.add(route);
    snapshot->views[0].suffixes = {test::name("westus.svc.cluster.local")};
    publish();
    const Reply denied = ask("db.wetsus.svc.cluster.local", type::a);
    EXPECT_EQ(denied.rcode(), 3u);
    EXPECT_EQ(denied.ede(), dns::ede::other);
    EXPECT_TRUE(denied.says("did you mean westus.svc.cluster.local?")) << denied.ede_text();
    EXPECT_EQ(ask("here.cluster.local", type::aaaa).ede(), dns::ede::other) << "NODATA";
    EXPECT_EQ(ask("here.cluster.local", type::a).ede(), -1) << "data";
    EXPECT_EQ(ask("db.wetsus.svc.cluster.local", type::a, {.edns = std::nullopt}).ede(), -1);
    EXPECT_EQ(ask("nothing.example", type::a).ede(), -1) << "a zone of the configuration's";
    const Reply refused = ask("db.wetsus.internal", type::a);
    EXPECT_EQ(refused.ede(), dns::ede::not_authoritative);
    EXPECT_TRUE(refused.says("no zone, peer or forward for db.wetsus.internal"));
}

}  // namespace
}  // namespace peerzone::resolver
