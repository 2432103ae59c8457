#include "peerzone/dns/query.hpp"

#include <gtest/gtest.h>

#include "support/dns_wire.hpp"

namespace peerzone::dns {
namespace {

using testing::exact;
using testing::name;
using testing::Octets;
using testing::question;
using testing::Wire;

Verdict parse(const Octets& message, Query& query) {
    const Octets copy = exact(message);
    return parse_query(copy, query);
}
Verdict parse(const Wire& wire) {
    Query query;
    return parse(wire.octets(), query);
}

TEST(ParseQuery, ReadsAPlainQuestion) {
    Query query;
    ASSERT_EQ(parse(question("WwW.Westus.Local", type::aaaa).octets(), query), Verdict::ok);
    EXPECT_EQ(query.id, 0x1234);
    EXPECT_EQ(query.type, type::aaaa);
    EXPECT_EQ(query.klass, klass::in);
    EXPECT_EQ(name_text(query.asked_name()), "WwW.Westus.Local");
    EXPECT_EQ(name_text(query.name()), "www.westus.local");
    EXPECT_EQ(query.name_hash, hash_folded(name("www.westus.local").wire()));
    EXPECT_EQ(query.question_size(), query.name_size + 4u);
    EXPECT_TRUE(query.recursion_desired());
    EXPECT_FALSE(query.checking_disabled());
    EXPECT_FALSE(query.has_edns);
    EXPECT_FALSE(query.dnssec_ok);
    EXPECT_FALSE(query.wanted);
    EXPECT_EQ(query.edns_size, 0);
}

TEST(ParseQuery, ReadsTheRootAndTheLongestName) {
    Query query;
    ASSERT_EQ(parse(question(".", type::ns).octets(), query), Verdict::ok);
    EXPECT_EQ(query.name_size, 1);
    Wire longest;
    longest.header(1, 0, 1);
    for (int i = 0; i < 127; ++i) longest.u8(1).text("x");
    ASSERT_EQ(parse(Wire(longest).u8(0).u16(1).u16(1).octets(), query), Verdict::ok);
    EXPECT_EQ(query.name_size, 255);
    EXPECT_EQ(parse(Wire(longest).u8(1).text("x").u8(0).u16(1).u16(1)), Verdict::formerr);
}

TEST(ParseQuery, SilenceForWhatIsNoQuestion) {
    const Octets whole = question("a", type::a).octets();
    for (std::size_t size = 0; size < kHeaderSize; ++size) {
        Query query;
        EXPECT_EQ(parse(exact(Bytes(whole).first(size)), query), Verdict::drop) << size;
    }
    EXPECT_EQ(parse(Wire().header(1, kFlagQr, 1).name("a").u16(1).u16(1)), Verdict::drop)
        << "a response";
    EXPECT_EQ(parse(Wire().header(1, kFlagQr | 0x7800, 0)), Verdict::drop) << "whatever its opcode";
    EXPECT_EQ(parse(Wire().header(1, kFlagQr, 2)), Verdict::drop);
}

TEST(ParseQuery, OtherOpcodesAreNotImplemented) {
    for (unsigned opcode = 1; opcode < 16; ++opcode) {
        Query query;
        EXPECT_EQ(parse(Wire().header(9, opcode << 11 | kFlagRd, 0).octets(), query),
                  Verdict::notimp);
        EXPECT_EQ(query.id, 9);
        EXPECT_EQ(query.name_size, 0);
        EXPECT_EQ(parse(Wire().header(9, opcode << 11, 1).name("a").u16(6).u16(1)),
                  Verdict::notimp);
        EXPECT_EQ(parse(Wire().header(9, opcode << 11, 3).raw({0xff, 0xff})), Verdict::notimp);
    }
}

TEST(ParseQuery, ExactlyOneQuestion) {
    Query query;
    EXPECT_EQ(parse(Wire().header(9, 0, 0).octets(), query), Verdict::formerr);
    EXPECT_EQ(query.id, 9);
    EXPECT_EQ(query.name_size, 0) << "nothing to echo";
    EXPECT_EQ(parse(Wire().header(9, 0, 0, 0, 0, 1).opt(1232, 0)), Verdict::formerr);
    EXPECT_EQ(parse(Wire().header(9, 0, 2).name("a").u16(1).u16(1).name("a").u16(1).u16(1)),
              Verdict::formerr);
    EXPECT_EQ(parse(Wire().header(9, 0, 0xffff).name("a").u16(1).u16(1)), Verdict::formerr);
}

TEST(ParseQuery, ACutQuestionIsFormerrWithNothingToEcho) {
    const Octets whole = question("www.westus.local", type::a).octets();
    for (std::size_t size = kHeaderSize; size < whole.size(); ++size) {
        Query query;
        ASSERT_EQ(parse(exact(Bytes(whole).first(size)), query), Verdict::formerr) << size;
        EXPECT_EQ(query.id, 0x1234);
        EXPECT_EQ(query.name_size, 0);
        EXPECT_EQ(query.question_size(), 0u);
    }
}

TEST(ParseQuery, NoPointersOrOtherLabelTypesInTheQuestion) {
    const auto with = [](unsigned octet) {
        return parse(Wire()
                         .header(1, 0, 1)
                         .u8(1)
                         .text("a")
                         .u8(octet)
                         .u8(12)
                         .raw(Octets(200, 0))
                         .u16(1)
                         .u16(1));
    };
    for (const unsigned octet : {0x40u, 0x7fu, 0x80u, 0xbfu, 0xc0u, 0xffu})
        EXPECT_EQ(with(octet), Verdict::formerr) << octet;
    EXPECT_EQ(parse(Wire().header(1, 0, 1).pointer(12).u16(1).u16(1)), Verdict::formerr);
    EXPECT_EQ(parse(Wire().header(1, 0, 1).pointer(4).u16(1).u16(1)), Verdict::formerr);
}

TEST(ParseQuery, MetaTypesAreFormerrWithTheQuestionEchoed) {
    for (const unsigned type : {0u, 41u, 128u, 249u, 250u, 253u, 254u}) {
        Query query;
        EXPECT_EQ(parse(question("a.b", type).octets(), query), Verdict::formerr) << type;
        EXPECT_EQ(name_text(query.asked_name()), "a.b");
    }
    for (const unsigned type :
         {1u, 5u, 127u, 129u, 200u, 248u, 251u, 252u, 255u, 256u, 1000u, 65535u})
        EXPECT_EQ(parse(question("a.b", type)), Verdict::ok) << type;
}

TEST(ParseQuery, MetaTypesStillHaveTheirEdnsRead) {
    Query query;
    EXPECT_EQ(parse(question("a", type::tsig, 1).opt(1232, kEdnsFlagDo).octets(), query),
              Verdict::formerr);
    EXPECT_TRUE(query.has_edns);
    EXPECT_TRUE(query.dnssec_ok);
}

TEST(ParseQuery, EveryClassIsReadAsItIs) {
    for (const unsigned klass : {1u, 3u, 4u, 254u, 255u, 0u, 77u}) {
        Query query;
        EXPECT_EQ(parse(Wire().header(1, 0, 1).name("a").u16(1).u16(klass).octets(), query),
                  Verdict::ok);
        EXPECT_EQ(query.klass, klass);
    }
}

TEST(ParseQuery, FlagsOfTheHeaderDoNotMatter) {
    for (const unsigned flags :
         {0x0400u, 0x0200u, 0x0080u, 0x0040u, 0x0020u, 0x0010u, 0x07f0u, 0x000fu}) {
        Query query;
        EXPECT_EQ(parse(Wire().header(1, flags, 1).name("a").u16(1).u16(1).octets(), query),
                  Verdict::ok)
            << flags;
        EXPECT_EQ(query.flags, flags);
        EXPECT_EQ(query.checking_disabled(), (flags & 0x10) != 0);
    }
}

TEST(ParseQuery, TrailingOctetsAreFormerr) {
    EXPECT_EQ(parse(question("a", type::a).u8(0)), Verdict::formerr);
    EXPECT_EQ(parse(question("a", type::a, 1).opt(1232, 0).u8(0)), Verdict::formerr);
    EXPECT_EQ(parse(question("a", type::a).opt(1232, 0)), Verdict::formerr)
        << "an OPT that nobody counted";
}

TEST(ParseQuery, MissingRecordsAreFormerr) {
    EXPECT_EQ(parse(question("a", type::a, 1)), Verdict::formerr);
    EXPECT_EQ(parse(question("a", type::a, 2).opt(1232, 0)), Verdict::formerr);
    EXPECT_EQ(parse(Wire().header(1, 0, 1, 0xffff, 0xffff, 0xffff).name("a").u16(1).u16(1)),
              Verdict::formerr);
}

TEST(ParseQuery, OtherRecordsAreReadOver) {
    Query query;
    const Octets message = Wire()
                               .header(1, 0, 1, 1, 1, 2)
                               .name("a.b")
                               .u16(1)
                               .u16(1)
                               .pointer(12)
                               .record(type::a, 1, Octets(4))
                               .pointer(14)
                               .record(type::txt, 1, Octets(9))
                               .name("c")
                               .record(1000, 1, Octets())
                               .opt(4096, 0)
                               .octets();
    EXPECT_EQ(parse(message, query), Verdict::ok);
    EXPECT_EQ(query.edns_size, 4096);
}

TEST(ParseQuery, CopiesCarryEverythingInUse) {
    Query query;
    ASSERT_EQ(
        parse(question("WwW.x", type::a, 1).opt(1400, kEdnsFlagDo, Octets{0, 11, 0, 0}).octets(),
              query),
        Verdict::ok);
    const Query copy(query);
    EXPECT_EQ(name_text(copy.asked_name()), "WwW.x");
    EXPECT_EQ(name_text(copy.name()), "www.x");
    EXPECT_EQ(copy.id, query.id);
    EXPECT_EQ(copy.flags, query.flags);
    EXPECT_EQ(copy.type, query.type);
    EXPECT_EQ(copy.klass, query.klass);
    EXPECT_EQ(copy.name_hash, query.name_hash);
    EXPECT_EQ(copy.edns_size, 1400);
    EXPECT_TRUE(copy.has_edns && copy.dnssec_ok && copy.wants(kWantsKeepalive));
    const Query never_parsed;
    const Query copy_of_it(never_parsed);
    EXPECT_EQ(copy_of_it.name_size, 0);
}

TEST(ParseQuery, NothingOfAnEarlierQuestionStays) {
    Query query;
    ASSERT_EQ(parse(question("long.name.example", type::a, 1)
                        .opt(1400, kEdnsFlagDo, Octets{0, 11, 0, 0})
                        .octets(),
                    query),
              Verdict::ok);
    ASSERT_EQ(parse(Wire().header(5, 0, 0).octets(), query), Verdict::formerr);
    EXPECT_EQ(query.name_size, 0);
    EXPECT_EQ(query.name_hash, 0u);
    EXPECT_EQ(query.type, 0);
    EXPECT_EQ(query.edns_size, 0);
    EXPECT_FALSE(query.has_edns || query.dnssec_ok || query.wanted);
}

}  // namespace
}  // namespace peerzone::dns
