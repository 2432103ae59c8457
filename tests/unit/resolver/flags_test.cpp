// While nobody can be asked, what is known under other flags (DO, CD) is better than nothing.
#include <algorithm>

#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using namespace test;
using Lines = std::vector<std::string>;

struct OtherFlags : Setup, ::testing::Test {
    OtherFlags() {
        add_upstream("westus", "peer=westus");
        publish();
        now += Seconds(10);
    }
    void partition() {
        snapshot->upstreams[0]->health->enter(upstream::UpstreamState::partitioned, now,
                                              std::chrono::system_clock::now());
    }
    static Asking asking(bool dnssec_ok, bool checking_disabled) {
        return {.dnssec_ok = dnssec_ok,
                .flags = dns::kFlagAd | (checking_disabled ? unsigned{dns::kFlagCd} : 0u)};
    }
    /// An address with its signature, as a signed zone gives it.
    void know_signed(const std::string& text) {
        const dns::Name n = name(text).folded();
        Octets message(dns::kMessageMax);
        dns::BodyWriter writer(message, message.size(), n.wire());
        Octets signature(40);
        store_u16(signature.data(), type::a);
        writer.add(dns::Section::answer, n.wire(), type::a, 60, Octets{10, 2, 0, 1});
        writer.add(dns::Section::answer, n.wire(), type::rrsig, 60, signature);
        cache.store(key(n, type::a, {.dnssec_ok = true}),
                    {.body = writer.body(),
                     .info = writer.info(),
                     .rcode = dns::Rcode::noerror,
                     .authentic_data = true,
                     .source = 0,
                     .lifetime = Seconds(60)},
                    now);
    }
};

TEST_F(OtherFlags, AnswerInAPartitionWithoutAd) {
    for (const bool dnssec_ok : {false, true})
        for (const bool checking_disabled : {false, true}) {
            cache.clear();
            know("db.westus", type::a, {"10.2.0.1"},
                 {.dnssec_ok = dnssec_ok,
                  .checking_disabled = checking_disabled,
                  .authentic_data = true,
                  .lifetime = Seconds(5)});
            now += Seconds(20);
            partition();
            for (const bool other_do : {false, true})
                for (const bool other_cd : {false, true}) {
                    const Reply reply = ask("db.westus", type::a, asking(other_do, other_cd));
                    EXPECT_EQ(reply.answers(), Lines{"db.westus A 10.2.0.1"});
                    EXPECT_EQ(reply.ede(), 3);
                    EXPECT_EQ(reply.ttl(), 30u);
                    EXPECT_FALSE(reply.flag(dns::kFlagAd));
                }
        }
}

TEST_F(OtherFlags, AreLookedAtInAPartitionOnly) {
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(20);
    ask("db.westus", type::a, asking(true, false));
    EXPECT_EQ(outcome, Disposition::deferred);
}

TEST_F(OtherFlags, AnAnswerThatIsStillFreshKeepsItsTtl) {
    know("db.westus", type::a, {"10.2.0.1"}, {.authentic_data = true});
    partition();
    const Reply reply = ask("db.westus", type::a, asking(true, false));
    EXPECT_EQ(reply.answers().size(), 1u);
    EXPECT_EQ(reply.ttl(), 60u);
    EXPECT_EQ(reply.ede(), -1);
    EXPECT_FALSE(reply.flag(dns::kFlagAd));
    EXPECT_TRUE(ask("db.westus", type::a, asking(false, false)).flag(dns::kFlagAd));
}

TEST_F(OtherFlags, SignaturesAreForClientsWithDo) {
    know_signed("db.westus");
    partition();
    EXPECT_EQ(ask("db.westus", type::a, asking(false, false)).answers(),
              Lines{"db.westus A 10.2.0.1"});
    EXPECT_EQ(ask("db.westus", type::a, asking(true, true)).answers().size(), 2u);
    udp = false;
    EXPECT_EQ(ask("db.westus", type::a, asking(false, false)).answers().size(), 1u);
}

// The answer of the type comes first, then that the name does not exist, and the client's own flags
// before others.
TEST_F(OtherFlags, ADenialUnderTheClientsOwnFlagsComesBeforeAnAnswerUnderOthers) {
    know("nix.westus", type::a, {},
         {.kind = cache::Kind::nxdomain, .rcode = dns::Rcode::nxdomain, .lifetime = Seconds(1)});
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    know("db.westus", type::aaaa, {},
         {.kind = cache::Kind::nxdomain,
          .dnssec_ok = true,
          .rcode = dns::Rcode::nxdomain,
          .lifetime = Seconds(5)});
    now += Seconds(20);
    partition();
    EXPECT_EQ(ask("nix.westus", type::a, asking(true, false)).rcode(), 3u);
    EXPECT_EQ(ask("db.westus", type::a, asking(true, false)).rcode(), 3u);
    EXPECT_EQ(ask("db.westus", type::aaaa, asking(true, false)).rcode(), 3u);
    EXPECT_EQ(ask("db.westus", type::a, asking(false, false)).answers().size(), 1u);
    EXPECT_EQ(ask("new.westus", type::a, asking(true, false)).ede(), 22);
}

TEST_F(OtherFlags, AnAliasOfOursEndsInThem) {
    add_zone("corp.internal", {"alias CNAME db.westus."});
    publish();
    know("db.westus", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(20);
    partition();
    ask("alias.corp.internal", type::a, asking(true, false));
    EXPECT_EQ(ask_later().answers().size(), 2u);
}

}  // namespace
}  // namespace peerzone::resolver
