// Whose a name is, for clients, aliases and zones of ours.
#include "resolver/decide.hpp"

#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

struct Deciding : test::Setup, ::testing::Test {
    Deciding() {
        add_zone("corp.internal", {"db CNAME db.west.test.", "far CNAME www.lab.internal.",
                                   "out CNAME www.nowhere.", "a CNAME b", "b CNAME a",
                                   "child NS "
                                   "ns.child",
                                   "host A 10.0.0.1"});
        add_zone("lab.internal", {"www A 10.9.0.1"});
        add_zone("child.corp.internal", {"www A 10.8.0.1"});
        add_upstream("west.test", "peer=west");
    }
    Decision of(const std::string& text, std::uint16_t type = test::type::a,
                const std::string& from = "10.1.0.9") const {
        const dns::Name name = test::name(text).folded();
        return decide(*snapshot, 0, IpAddress::parse(from).value(), name.wire(), type);
    }
    ZoneWalk walk_of(const std::string& text) const {
        const Decision decision = of(text);
        return {*snapshot, *decision.view, *decision.route, test::name(text).folded()};
    }
    std::vector<std::uint8_t> room = std::vector<std::uint8_t>(dns::kMessageMax);
    ZoneWalk::End run(ZoneWalk& walk, const std::string& text, unsigned links = 0) {
        const dns::Name name = test::name(text).folded();
        dns::BodyWriter writer(room, room.size(), name.wire());
        std::uint32_t rotation = 0;
        return walk.run(test::type::a, links, rotation, writer);
    }
};

TEST_F(Deciding, TheLongestSuffixOwnsAName) {
    EXPECT_EQ(of("host.corp.internal").route->suffix, test::name("corp.internal"));
    EXPECT_EQ(of("www.child.corp.internal").route->suffix, test::name("child.corp.internal"));
    EXPECT_TRUE(is_upstream(*of("db.west.test").route));
    EXPECT_EQ(of("www.nowhere").route, nullptr);
    EXPECT_NE(of("www.nowhere").view, nullptr);
}

TEST_F(Deciding, AClientWithoutAViewHasNothing) {
    const Decision decision = of("host.corp.internal", test::type::a, "192.0.2.1");
    EXPECT_EQ(decision.view, nullptr);
    EXPECT_EQ(decision.route, nullptr);
}

TEST_F(Deciding, TheDsOfAZoneOfOursIsItsParents) {
    EXPECT_EQ(of("child.corp.internal", dns::type::ds).route->suffix, test::name("corp.internal"));
    EXPECT_EQ(of("child.corp.internal").route->suffix, test::name("child.corp.internal"));
}

TEST_F(Deciding, AZoneWalkGoesAsFarAsZonesOfOursDo) {
    ZoneWalk far = walk_of("far.corp.internal");
    EXPECT_EQ(run(far, "far.corp.internal"), ZoneWalk::End::answered);
    EXPECT_EQ(far.links(), 1u);
    EXPECT_TRUE(far.is_authoritative());
    ZoneWalk db = walk_of("db.corp.internal");
    EXPECT_EQ(run(db, "db.corp.internal"), ZoneWalk::End::upstream);
    EXPECT_EQ(db.name().to_text(), "db.west.test");
    EXPECT_TRUE(is_upstream(*db.route()));
    ZoneWalk out = walk_of("out.corp.internal");
    EXPECT_EQ(run(out, "out.corp.internal"), ZoneWalk::End::no_owner);
    EXPECT_EQ(out.route(), nullptr);
    ZoneWalk loop = walk_of("a.corp.internal");
    EXPECT_EQ(run(loop, "a.corp.internal"), ZoneWalk::End::broken);
    ZoneWalk nix = walk_of("nix.corp.internal");
    EXPECT_EQ(run(nix, "nix.corp.internal"), ZoneWalk::End::answered);
    EXPECT_EQ(nix.rcode(), dns::Rcode::nxdomain);
    ZoneWalk late = walk_of("far.corp.internal");
    EXPECT_EQ(run(late, "far.corp.internal", 16), ZoneWalk::End::broken) << "a link too many";
}

}  // namespace
}  // namespace peerzone::resolver
