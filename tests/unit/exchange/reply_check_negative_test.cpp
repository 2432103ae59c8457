#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/upstream_reply.hpp"

namespace peerzone::exchange {
namespace {

using namespace peerzone::test;
using dns::Rcode;
using testing::ElementsAre;
using testing::IsEmpty;

// Negative answers.

TEST(CheckReply, TakesNxdomainWithItsSoa) {
    const auto message =
        reply("x.example", A, kReply | 3).authority("example", SOA, 300, soa("example", 20));
    const CheckedReply checked = check(message, "x.example", A);
    EXPECT_EQ(checked.kind, ReplyKind::nxdomain);
    EXPECT_EQ(checked.rcode, Rcode::nxdomain);
    EXPECT_TRUE(checked.has_soa);
    EXPECT_EQ(checked.soa_owner.to_text(), "example");
    EXPECT_EQ(checked.soa_ttl, 20u) << "the lesser of TTL and MINIMUM";
    EXPECT_EQ(checked.least_ttl, 20u);
    EXPECT_THAT(kept(message, "x.example", A), ElementsAre("+example 20 SOA 52"));
    EXPECT_THAT(kept(message, "x.example", A, {.positive_ttl_max = 100, .negative_ttl_max = 5}),
                ElementsAre("+example 5 SOA 52"));
    EXPECT_THAT(kept(message, "x.example", A, {.with_soa = false}), IsEmpty());
}

TEST(CheckReply, TakesNodataWithItsSoa) {
    const auto message = reply("a.example", AAAA, kAuthoritative)
                             .authority("example", SOA, 7, soa("example", 20))
                             .authority("example", NS, 300, wire("ns.example"));
    const CheckedReply checked = check(message, "a.example", AAAA);
    EXPECT_EQ(checked.kind, ReplyKind::nodata);
    EXPECT_EQ(checked.soa_ttl, 7u);
    EXPECT_THAT(kept(message, "a.example", AAAA), ElementsAre("+example 7 SOA 52"));
}

TEST(CheckReply, BelievesNoSoaThatDoesNotCoverTheTarget) {
    for (const unsigned rcode : {0u, 3u}) {
        const auto foreign =
            reply("x.example", A, kReply | rcode).authority("test", SOA, 300, soa("test", 20));
        const CheckedReply checked = check(foreign, "x.example", A);
        EXPECT_EQ(checked.kind, ReplyKind::lame);
        EXPECT_FALSE(checked.has_soa);
        EXPECT_EQ(checked.least_ttl, 0u);
        EXPECT_EQ(lame_text(checked),
                  (rcode == 3 ? "NXDOMAIN" : "no data") + std::string(" with the SOA of test"));
        EXPECT_THAT(kept(foreign, "x.example", A), IsEmpty());
        const auto below = reply("x.example", A, kReply | rcode)
                               .authority("y.x.example", SOA, 300, soa("test", 20));
        EXPECT_EQ(check(below, "x.example", A).kind, ReplyKind::lame);
    }
    const auto in_answer =
        reply("x.example", A, kReply | 3).answer("example", SOA, 300, soa("example", 20));
    EXPECT_TRUE(is_doubtful(check(in_answer, "x.example", A)));
    const auto two = reply("x.a.example", A, kReply | 3)
                         .authority(".", SOA, 9, soa("test", 9))
                         .authority("a.example", SOA, 300, soa("test", 20));
    EXPECT_EQ(check(two, "x.a.example", A).soa_owner.to_text(), "a.example");
}

CheckedReply check_of_root(const MessageBuilder& message, std::string_view name, unsigned type,
                           bool has_root) {
    ReplyIndex index;
    return check_reply(message.octets(), wire(name), static_cast<std::uint16_t>(type), true, index,
                       {.has_root = has_root});
}

TEST(CheckReply, TheRootsSoaProvesForTheUpstreamOfTheRootOnly) {
    const auto denial = [](std::string_view name, unsigned type) {
        return reply(name, type, kReply | 3).authority(".", SOA, 300, soa(".", 20));
    };
    const auto message = denial("db.westus.svc.cluster.local", A);
    const CheckedReply lame = check_of_root(message, "db.westus.svc.cluster.local", A, false);
    EXPECT_EQ(lame.kind, ReplyKind::lame);
    EXPECT_EQ(lame_text(lame), "NXDOMAIN with the SOA of .");
    const CheckedReply proven = check_of_root(message, "db.westus.svc.cluster.local", A, true);
    EXPECT_EQ(proven.kind, ReplyKind::nxdomain);
    EXPECT_TRUE(proven.has_soa);
    // The DS of a top-level name is the root's to deny, and of no other.
    const unsigned ds = 43;
    EXPECT_TRUE(check_of_root(denial("lan", ds), "lan", ds, false).has_soa);
    EXPECT_EQ(check_of_root(denial("lan", A), "lan", A, false).kind, ReplyKind::lame);
    EXPECT_EQ(check_of_root(denial("a.lan", ds), "a.lan", ds, false).kind, ReplyKind::lame);
}

TEST(CheckReply, AnySoaAtOrAboveTheNameProves) {
    for (const char* owner : {"x.west.example", "west.example", "EXAMPLE"}) {
        const auto message =
            reply("x.west.example", A, kReply | 3).authority(owner, SOA, 300, soa("a.test", 20));
        EXPECT_EQ(check(message, "x.west.example", A).kind, ReplyKind::nxdomain) << owner;
        EXPECT_TRUE(check(message, "x.west.example", A).has_soa) << owner;
    }
    const auto sibling =
        reply("x.west.example", A, kReply | 3).authority("t.example", SOA, 300, soa("a.test", 20));
    EXPECT_EQ(check(sibling, "x.west.example", A).kind, ReplyKind::lame);
    const auto both = reply("x.example", A, kReply | 3)
                          .authority("test", SOA, 9, soa("test", 9))
                          .authority("example", SOA, 300, soa("example", 20));
    EXPECT_EQ(check(both, "x.example", A).kind, ReplyKind::nxdomain);
    EXPECT_THAT(kept(both, "x.example", A), ElementsAre("+example 20 SOA 52"));
}

TEST(CheckReply, DoubtsABareDenialWithoutSoa) {
    const CheckedReply bare = check(reply("x.example", A, kReply | 3), "x.example", A);
    EXPECT_TRUE(is_doubtful(bare));
    EXPECT_FALSE(bare.authoritative);
    EXPECT_EQ(lame_text(bare), "NXDOMAIN without SOA or AA");
    const CheckedReply empty = check(reply("x.example", A, kAuthoritative), "x.example", A);
    EXPECT_TRUE(is_doubtful(empty));
    EXPECT_TRUE(empty.authoritative);
    // An alias of the zone shows that the server has it, whatever it says of the end.
    const CheckedReply end = check(reply("www.example", A, kReply | 3)
                                       .answer("www.example", CNAME, 60, wire("gone.test"))
                                       .authority("example", SOA, 300, soa("example", 20)),
                                   "www.example", A);
    EXPECT_EQ(end.kind, ReplyKind::nxdomain);
    EXPECT_FALSE(end.has_soa);
    EXPECT_FALSE(is_doubtful(end));
}

TEST(CheckReply, AppliesNxdomainToTheEndOfTheChain) {
    const auto message = reply("www.example", A, kReply | 3)
                             .answer("www.example", CNAME, 60, wire("gone.test"))
                             .authority("example", SOA, 300, soa("example", 20))
                             .authority("test", SOA, 300, soa("test", 10));
    const CheckedReply checked = check(message, "www.example", A);
    EXPECT_EQ(checked.kind, ReplyKind::nxdomain);
    EXPECT_EQ(checked.links, 1u);
    EXPECT_EQ(checked.target.to_text(), "gone.test");
    EXPECT_EQ(checked.soa_owner.to_text(), "test");
    EXPECT_EQ(checked.soa_ttl, 10u);
    EXPECT_EQ(checked.least_ttl, 60u);
    EXPECT_THAT(kept(message, "www.example", A),
                ElementsAre("www.example 60 CNAME gone.test", "+test 10 SOA 46"));
    EXPECT_THAT(kept(message, "www.example", A, {.with_soa = false}),
                ElementsAre("www.example 60 CNAME gone.test"));
}

TEST(CheckReply, RejectsNxdomainWithDataOfThatName) {
    EXPECT_EQ(
        check(reply("a.example", A, kReply | 3).answer("a.example", A, 9, address("10.0.0.1")),
              "a.example", A)
            .kind,
        ReplyKind::invalid);
}

TEST(CheckReply, KeepsTheProofOfANegativeAnswer) {
    const auto message = reply("x.example", A, kReply | 3)
                             .authority("example", SOA, 300, soa("example", 20))
                             .authority("example", RRSIG, 300, rrsig(SOA, "example"))
                             .authority("a.example", NSEC, 10, wire("z.example"))
                             .authority("a.example", RRSIG, 10, rrsig(NSEC, "example"))
                             .authority("a.example", RRSIG, 10, rrsig(A, "example"))
                             .authority("a.test", NSEC, 10, wire("z.test"))
                             .authority("example", NS, 300, wire("ns.example"));
    EXPECT_THAT(kept(message, "x.example", A),
                ElementsAre("+example 20 SOA 52", "+example 20 RRSIG SOA", "+a.example 10 NSEC 11",
                            "+a.example 10 RRSIG NSEC"));
}

TEST(CheckReply, TellsALameReferralFromAnEmptyAnswer) {
    const auto referral = [](unsigned flags) {
        return reply("a.example", A, flags).authority("example", NS, 300, wire("ns.example"));
    };
    EXPECT_EQ(check(referral(kNotRecursive), "a.example", A).kind, ReplyKind::lame);
    EXPECT_EQ(check(referral(kReply), "a.example", A).kind, ReplyKind::nodata);
    EXPECT_EQ(check(referral(kAuthoritative), "a.example", A).kind, ReplyKind::nodata);
    EXPECT_EQ(check(reply("a.example", A, kNotRecursive), "a.example", A).kind, ReplyKind::nodata);
    EXPECT_EQ(check(referral(kNotRecursive).authority("example", SOA, 9, soa("example", 9)),
                    "a.example", A)
                  .kind,
              ReplyKind::nodata);
    EXPECT_EQ(
        check(referral(kNotRecursive).answer("a.example", CNAME, 9, wire("b.test")), "a.example", A)
            .kind,
        ReplyKind::nodata)
        << "the chain itself is an answer";
}

// Errors, EDNS and extended errors.

TEST(CheckReply, SaysTruncatedEvenWhenTheCutIsWithinARecord) {
    EXPECT_EQ(check(reply("a.example", A, kReply | 0x200), "a.example", A).kind,
              ReplyKind::truncated);
    EXPECT_EQ(
        check(reply("a.example", A, kReply | 0x200).count(1).raw({1, 'a'}), "a.example", A).kind,
        ReplyKind::truncated);
}

TEST(CheckReply, AsksForAQuestionWithoutEdns) {
    EXPECT_EQ(check(reply("a.example", A, kReply | 1), "a.example", A).kind, ReplyKind::no_edns);
    EXPECT_EQ(check(reply("a.example", A, kReply | 4), "a.example", A).kind, ReplyKind::no_edns);
    EXPECT_EQ(check(MessageBuilder(77, kReply | 1), "a.example", A).kind, ReplyKind::no_edns);
    EXPECT_EQ(check(MessageBuilder(77, kReply | 1).count(0).count(3), "a.example", A).kind,
              ReplyKind::no_edns)
        << "a header that counts what is not there";
    const CheckedReply badvers = check(reply("a.example", A).opt(1), "a.example", A);
    EXPECT_EQ(badvers.kind, ReplyKind::no_edns);
    EXPECT_EQ(badvers.rcode, Rcode::badvers);
    EXPECT_EQ(check(reply("a.example", A, kReply | 1), "a.example", A, false).kind,
              ReplyKind::failure);
    EXPECT_EQ(check(reply("a.example", A).opt(1), "a.example", A, false).kind, ReplyKind::failure);
}

TEST(CheckReply, ReportsFailuresWithTheirRcode) {
    EXPECT_EQ(check(reply("a.example", A, kReply | 2), "a.example", A).kind, ReplyKind::failure);
    EXPECT_EQ(check(reply("a.example", A, kReply | 2), "a.example", A).rcode, Rcode::servfail);
    EXPECT_EQ(check(reply("a.example", A, kReply | 5), "a.example", A).rcode, Rcode::refused);
    EXPECT_EQ(check(reply("a.example", A, kReply | 6), "a.example", A).kind, ReplyKind::failure)
        << "YXDOMAIN";
    EXPECT_EQ(check(reply("a.example", A, kReply | 7).opt(1), "a.example", A).kind,
              ReplyKind::failure)
        << "BADCOOKIE";
    EXPECT_EQ(check(reply("a.example", A, kReply | 3).opt(255), "a.example", A).kind,
              ReplyKind::failure);
}

}  // namespace
}  // namespace peerzone::exchange
