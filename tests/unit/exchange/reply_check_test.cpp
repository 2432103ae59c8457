#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "support/upstream_reply.hpp"

namespace peerzone::exchange {
namespace {

using namespace peerzone::test;
using dns::Rcode;
using testing::ElementsAre;
using testing::IsEmpty;

// Matching.

TEST(MatchReply, TakesTheReplyToTheQuestion) {
    EXPECT_EQ(match_reply(reply("a.example", A).octets(), 77, wire("a.example"), A), Match::same);
}

TEST(MatchReply, TellsWhenOnlyLetterCaseDiffers) {
    EXPECT_EQ(match_reply(reply("a.example", A).octets(), 77, wire("a.eXamPle"), A),
              Match::case_differs);
    EXPECT_EQ(match_reply(reply("a.eXamPle", A).octets(), 77, wire("a.eXamPle"), A), Match::same);
}

TEST(MatchReply, LeavesEverythingElseAlone) {
    const Octets name = wire("a.example");
    EXPECT_EQ(match_reply(reply("a.example", A).octets(), 78, name, A), Match::other) << "ID";
    EXPECT_EQ(match_reply(reply("b.example", A).octets(), 77, name, A), Match::other) << "name";
    EXPECT_EQ(match_reply(reply("a.example.org", A).octets(), 77, name, A), Match::other)
        << "longer name";
    EXPECT_EQ(match_reply(reply("a", A).octets(), 77, name, A), Match::other) << "shorter name";
    EXPECT_EQ(match_reply(reply("a.example", AAAA).octets(), 77, name, A), Match::other) << "type";
    EXPECT_EQ(match_reply(MessageBuilder(77, kReply).question("a.example", A, kChaos).octets(), 77,
                          name, A),
              Match::other);
    EXPECT_EQ(match_reply(reply("a.example", A, 0x0100).octets(), 77, name, A), Match::other)
        << "a question";
    EXPECT_EQ(match_reply(reply("a.example", A, 0xa180).octets(), 77, name, A), Match::other)
        << "opcode";
    EXPECT_EQ(match_reply(reply("a.example", A).question("a.example", A).octets(), 77, name, A),
              Match::other)
        << "two";
    EXPECT_EQ(match_reply({}, 77, name, A), Match::other);
}

TEST(MatchReply, NeedsTheWholeQuestion) {
    const Octets whole = reply("a.example", A).octets();
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(match_reply(Bytes(whole).first(size), 77, wire("a.example"), A), Match::other)
            << size;
}

TEST(MatchReply, TakesErrorsWithoutAQuestionByTheirId) {
    const Octets name = wire("a.example");
    for (const unsigned rcode : {1u, 2u, 4u, 5u}) {
        EXPECT_EQ(match_reply(MessageBuilder(77, kReply | rcode).octets(), 77, name, A),
                  Match::same)
            << rcode;
        EXPECT_EQ(match_reply(MessageBuilder(77, kReply | rcode).count(0).octets(), 77, name, A),
                  Match::same)
            << rcode;
        EXPECT_EQ(match_reply(MessageBuilder(78, kReply | rcode).octets(), 77, name, A),
                  Match::other)
            << rcode;
    }
    EXPECT_EQ(match_reply(MessageBuilder(77, kReply).octets(), 77, name, A), Match::other)
        << "NOERROR";
    EXPECT_EQ(match_reply(MessageBuilder(77, kReply | 3).octets(), 77, name, A), Match::other)
        << "NXDOMAIN";
}

// Positive answers.

TEST(CheckReply, KeepsTheRecordsOfTheAskedTypeAtTheName) {
    const auto message = reply("a.example", A)
                             .answer("a.example", A, 60, address("10.0.0.1"))
                             .answer("A.example", A, 30, address("10.0.0.2"))
                             .answer("a.example", AAAA, 5, address("fd00::1"))
                             .answer("b.example", A, 5, address("10.0.0.3"))
                             .answer("a.example", A, 5, address("10.0.0.4"), kChaos)
                             .authority("example", NS, 1, wire("ns.example"))
                             .additional("ns.example", A, 1, address("10.0.0.5"));
    const CheckedReply checked = check(message, "a.example", A);
    EXPECT_EQ(checked.kind, ReplyKind::data);
    EXPECT_EQ(checked.rcode, Rcode::noerror);
    EXPECT_EQ(checked.links, 0u);
    EXPECT_EQ(checked.target.to_text(), "a.example");
    EXPECT_EQ(checked.least_ttl, 30u);
    EXPECT_FALSE(checked.has_soa);
    EXPECT_FALSE(checked.error.present);
    EXPECT_TRUE(checked.unrelated);
    EXPECT_FALSE(checked.ttl_invalid);
    EXPECT_THAT(kept(message, "a.example", A),
                ElementsAre("a.example 30 A 10.0.0.1", "a.example 30 A 10.0.0.2"))
        << "one set has one TTL, the least (RFC 2181 5.2)";
}

TEST(CheckReply, FollowsPointersInOwnersAndData) {
    const auto message = reply("www.example", A)
                             .record(1, {0xc0, 12}, CNAME, 1, 60, {2, 'd', 'b', 0xc0, 16})
                             .record(1, {2, 'd', 'b', 0xc0, 16}, A, 1, 50, address("10.0.0.1"));
    EXPECT_EQ(check(message, "www.example", A).target.to_text(), "db.example");
    EXPECT_THAT(kept(message, "www.example", A),
                ElementsAre("www.example 60 CNAME db.example", "db.example 50 A 10.0.0.1"));
}

TEST(CheckReply, DropsDuplicates) {
    const auto message = reply("a.example", A)
                             .answer("a.example", A, 60, address("10.0.0.1"))
                             .answer("a.example", A, 60, address("10.0.0.2"))
                             .answer("a.EXAMPLE", A, 60, address("10.0.0.1"));
    EXPECT_THAT(kept(message, "a.example", A),
                ElementsAre("a.example 60 A 10.0.0.1", "a.example 60 A 10.0.0.2"));
}

TEST(CheckReply, KeepsALargeSetWhole) {
    auto message = reply("a.example", A);
    for (unsigned i = 0; i < 3000; ++i)
        message.record(1, {0xc0, 12}, A, 1, 60,
                       {10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
    EXPECT_EQ(kept(message, "a.example", A).size(), 3000u);
}

TEST(CheckReply, CapsTtlsAndNeverRaisesThem) {
    const auto message = reply("www.example", A)
                             .answer("www.example", CNAME, 1, wire("a.example"))
                             .answer("a.example", A, 7200, address("10.0.0.1"));
    EXPECT_EQ(check(message, "www.example", A).least_ttl, 1u);
    EXPECT_THAT(kept(message, "www.example", A, {.positive_ttl_max = 100}),
                ElementsAre("www.example 1 CNAME a.example", "a.example 100 A 10.0.0.1"));
}

TEST(CheckReply, TakesATtlWithItsTopBitSetForZero) {
    const auto message =
        reply("a.example", A).answer("a.example", A, 0x80000001, address("10.0.0.1"));
    EXPECT_EQ(check(message, "a.example", A).least_ttl, 0u);
    EXPECT_TRUE(check(message, "a.example", A).ttl_invalid);
    EXPECT_FALSE(check(message, "a.example", A).unrelated);
    EXPECT_THAT(kept(message, "a.example", A), ElementsAre("a.example 0 A 10.0.0.1"));
}

TEST(CheckReply, PassesAuthenticDataOn) {
    EXPECT_TRUE(
        check(reply("a.example", A, kReply | 0x20).answer("a.example", A, 1, address("10.0.0.1")),
              "a.example", A)
            .authentic_data);
    EXPECT_FALSE(
        check(reply("a.example", A).answer("a.example", A, 1, address("10.0.0.1")), "a.example", A)
            .authentic_data);
}

// Chains.

TEST(CheckReply, PutsTheChainInOrderWhateverTheOrderOfRecords) {
    const std::vector<std::function<void(MessageBuilder&)>> records = {
        [](MessageBuilder& m) { m.answer("www.example", CNAME, 50, wire("web.example")); },
        [](MessageBuilder& m) { m.answer("web.example", CNAME, 40, wire("web.cdn.test")); },
        [](MessageBuilder& m) { m.answer("web.cdn.test", A, 30, address("10.0.0.1")); },
        [](MessageBuilder& m) { m.answer("other.example", CNAME, 3, wire("www.example")); }};
    std::vector<std::size_t> order = {0, 1, 2, 3};
    do {
        auto message = reply("www.example", A);
        for (const std::size_t i : order) records[i](message);
        const CheckedReply checked = check(message, "www.example", A);
        EXPECT_EQ(checked.kind, ReplyKind::data);
        EXPECT_EQ(checked.links, 2u);
        EXPECT_EQ(checked.target.to_text(), "web.cdn.test");
        EXPECT_EQ(checked.least_ttl, 30u);
        EXPECT_THAT(kept(message, "www.example", A),
                    ElementsAre("www.example 50 CNAME web.example",
                                "web.example 40 CNAME web.cdn.test", "web.cdn.test 30 A 10.0.0.1"));
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(CheckReply, LeavesABareChainToBeContinued) {
    const auto message =
        reply("ext.example", A).answer("ext.example", CNAME, 50, wire("db.corp.test"));
    const CheckedReply checked = check(message, "ext.example", A);
    EXPECT_EQ(checked.kind, ReplyKind::nodata);
    EXPECT_EQ(checked.links, 1u);
    EXPECT_EQ(checked.target.to_text(), "db.corp.test");
    EXPECT_FALSE(checked.has_soa);
    EXPECT_EQ(checked.least_ttl, 50u);
    EXPECT_THAT(kept(message, "ext.example", A), ElementsAre("ext.example 50 CNAME db.corp.test"));
}

TEST(CheckReply, TakesSixteenLinksAndNoMore) {
    auto message = reply("n0.example", A);
    for (unsigned i = 0; i < 16; ++i)
        message.answer("n" + std::to_string(i) + ".example", CNAME, 9,
                       wire("n" + std::to_string(i + 1) + ".example"));
    const auto more = MessageBuilder(message)
                          .answer("n16.example", CNAME, 9, wire("n17.example"))
                          .answer("n17.example", A, 9, address("10.0.0.1"));
    message.answer("n16.example", A, 9, address("10.0.0.1"));
    EXPECT_EQ(check(message, "n0.example", A).kind, ReplyKind::data);
    EXPECT_EQ(check(message, "n0.example", A).links, 16u);
    EXPECT_EQ(kept(message, "n0.example", A).size(), 17u);
    const CheckedReply too_long = check(more, "n0.example", A);
    EXPECT_EQ(too_long.chain_fault, ChainFault::too_long);
    EXPECT_EQ(too_long.target.to_text(), "n16.example");
    EXPECT_EQ(too_long.kind, ReplyKind::nodata) << "the endpoint is none the worse for it";
}

TEST(CheckReply, TellsLoops) {
    const auto fault = [](const MessageBuilder& message) {
        return check(message, "a.example", A).chain_fault;
    };
    EXPECT_EQ(fault(reply("a.example", A).answer("a.example", CNAME, 9, wire("A.example"))),
              ChainFault::loop);
    EXPECT_EQ(fault(reply("a.example", A)
                        .answer("a.example", CNAME, 9, wire("b.example"))
                        .answer("b.example", CNAME, 9, wire("a.example"))),
              ChainFault::loop);
    EXPECT_EQ(fault(reply("a.example", A)
                        .answer("a.example", CNAME, 9, wire("b.example"))
                        .answer("b.example", CNAME, 9, wire("c.example"))
                        .answer("c.example", CNAME, 9, wire("b.example"))),
              ChainFault::loop);
    EXPECT_EQ(fault(reply("a.example", A).answer("example", DNAME, 9, wire("example"))),
              ChainFault::loop);
}

TEST(CheckReply, DoesNotFollowAQuestionForTheCnameItself) {
    const auto message = reply("www.example", CNAME)
                             .answer("www.example", CNAME, 50, wire("web.example"))
                             .answer("web.example", CNAME, 40, wire("web.test"));
    const CheckedReply checked = check(message, "www.example", CNAME);
    EXPECT_EQ(checked.kind, ReplyKind::data);
    EXPECT_EQ(checked.links, 0u);
    EXPECT_EQ(checked.target.to_text(), "www.example");
    EXPECT_EQ(checked.least_ttl, 50u);
    EXPECT_THAT(kept(message, "www.example", CNAME),
                ElementsAre("www.example 50 CNAME web.example"));
}

TEST(CheckReply, KeepsEveryRecordAtTheNameForAny) {
    const auto message = reply("a.example", ANY)
                             .answer("a.example", A, 60, address("10.0.0.1"))
                             .answer("a.example", TXT, 50, {2, 'h', 'i'})
                             .answer("a.example", RRSIG, 40, rrsig(A, "example"))
                             .answer("a.example", 250, 3, {1, 2, 3})
                             .answer("b.example", A, 2, address("10.0.0.2"));
    EXPECT_EQ(check(message, "a.example", ANY).least_ttl, 40u);
    EXPECT_THAT(
        kept(message, "a.example", ANY),
        ElementsAre("a.example 60 A 10.0.0.1", "a.example 50 TXT 3", "a.example 40 RRSIG A"));
}

TEST(CheckReply, TellsTypesApartThatHoldTheSameData) {
    auto message = reply("a.example", ANY);
    for (unsigned type = 65280; type < 65380; ++type) message.answer("a.example", type, 60, {});
    EXPECT_EQ(kept(message, "a.example", ANY).size(), 100u);
}

TEST(CheckReply, KeepsSignaturesOfWhatIsKept) {
    const auto message = reply("www.example", A)
                             .answer("www.example", CNAME, 60, wire("a.example"))
                             .answer("www.example", RRSIG, 60, rrsig(CNAME, "example"))
                             .answer("www.example", RRSIG, 1, rrsig(TXT, "example"))
                             .answer("a.example", A, 50, address("10.0.0.1"))
                             .answer("a.example", RRSIG, 50, rrsig(A, "example"))
                             .answer("a.example", RRSIG, 1, rrsig(NSEC, "example"))
                             .answer("b.example", RRSIG, 1, rrsig(A, "example"));
    EXPECT_EQ(check(message, "www.example", A).least_ttl, 50u);
    EXPECT_THAT(kept(message, "www.example", A),
                ElementsAre("www.example 60 CNAME a.example", "www.example 60 RRSIG CNAME",
                            "a.example 50 RRSIG A", "a.example 50 A 10.0.0.1"));
}

TEST(CheckReply, ASignatureAloneIsNotTheData) {
    EXPECT_EQ(check(reply("a.example", A).answer("a.example", RRSIG, 50, rrsig(A, "example")),
                    "a.example", A)
                  .kind,
              ReplyKind::nodata);
    EXPECT_EQ(check(reply("a.example", RRSIG).answer("a.example", RRSIG, 50, rrsig(A, "example")),
                    "a.example", RRSIG)
                  .kind,
              ReplyKind::data);
}

// DNAME (RFC 6672).

TEST(CheckReply, FollowsADnameWithItsCname) {
    const auto message = reply("x.old.example", A)
                             .answer("x.new.test", A, 30, address("10.0.0.1"))
                             .answer("x.old.example", CNAME, 0, wire("X.new.test"))
                             .answer("old.example", DNAME, 60, wire("new.test"))
                             .answer("old.example", RRSIG, 60, rrsig(DNAME, "example"));
    const CheckedReply checked = check(message, "x.old.example", A);
    EXPECT_EQ(checked.kind, ReplyKind::data);
    EXPECT_EQ(checked.links, 1u);
    EXPECT_EQ(checked.least_ttl, 0u);
    EXPECT_THAT(kept(message, "x.old.example", A),
                ElementsAre("old.example 60 DNAME new.test", "old.example 60 RRSIG DNAME",
                            "x.old.example 0 CNAME X.new.test", "X.new.test 30 A 10.0.0.1"));
}

TEST(CheckReply, MakesTheCnameThatADnameCameWithout) {
    const auto message = reply("x.y.old.example", A)
                             .answer("old.example", DNAME, 60, wire("new.test"))
                             .answer("x.y.new.test", A, 30, address("10.0.0.1"));
    EXPECT_EQ(check(message, "x.y.old.example", A).links, 1u);
    EXPECT_THAT(kept(message, "x.y.old.example", A),
                ElementsAre("old.example 60 DNAME new.test",
                            "x.y.old.example 60 CNAME x.y.new.test", "x.y.new.test 30 A 10.0.0.1"));
    const auto alias =
        reply("x.old.example", CNAME).answer("old.example", DNAME, 60, wire("new.test"));
    EXPECT_EQ(check(alias, "x.old.example", CNAME).kind, ReplyKind::data);
    EXPECT_THAT(kept(alias, "x.old.example", CNAME),
                ElementsAre("old.example 60 DNAME new.test", "x.old.example 60 CNAME x.new.test"));
}

TEST(CheckReply, RejectsACnameThatItsDnameDoesNotMake) {
    EXPECT_EQ(check(reply("x.old.example", A)
                        .answer("old.example", DNAME, 60, wire("new.test"))
                        .answer("x.old.example", CNAME, 60, wire("evil.test")),
                    "x.old.example", A)
                  .kind,
              ReplyKind::invalid);
}

TEST(CheckReply, ADnameDoesNotRedirectItsOwnOwner) {
    const auto message = reply("old.example", A).answer("old.example", DNAME, 60, wire("new.test"));
    EXPECT_EQ(check(message, "old.example", A).kind, ReplyKind::nodata);
    EXPECT_THAT(kept(message, "old.example", A), IsEmpty());
    EXPECT_EQ(check(reply("old.example", DNAME).answer("old.example", DNAME, 60, wire("new.test")),
                    "old.example", DNAME)
                  .kind,
              ReplyKind::data);
}

TEST(CheckReply, RejectsANameThatADnameMakesTooLong) {
    const std::string label(60, 'a');
    const std::string name = label + "." + label + "." + label + ".old";
    const auto message = reply(name, A).answer("old", DNAME, 60, wire(label + ".new"));
    const auto too_long =
        reply(name, A).answer("old", DNAME, 60, wire(label + "." + label + ".new"));
    EXPECT_EQ(check(message, name, A).kind, ReplyKind::nodata);
    EXPECT_EQ(check(message, name, A).links, 1u);
    EXPECT_EQ(check(too_long, name, A).kind, ReplyKind::invalid);
}

TEST(CheckReply, WritesADnameThatServesTwoLinksOnce) {
    const auto message = reply("a.old.example", A)
                             .answer("old.example", DNAME, 60, wire("new.test"))
                             .answer("a.new.test", CNAME, 60, wire("b.old.example"))
                             .answer("b.new.test", A, 60, address("10.0.0.1"));
    EXPECT_EQ(check(message, "a.old.example", A).links, 3u);
    EXPECT_THAT(kept(message, "a.old.example", A),
                ElementsAre("old.example 60 DNAME new.test", "a.old.example 60 CNAME a.new.test",
                            "a.new.test 60 CNAME b.old.example",
                            "b.old.example 60 CNAME b.new.test", "b.new.test 60 A 10.0.0.1"));
}

}  // namespace
}  // namespace peerzone::exchange
