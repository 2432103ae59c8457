#include <gtest/gtest.h>

#include "support/dns_reply.hpp"

namespace peerzone::dns {
namespace {

using testing::exact;
using testing::name;
using testing::Octets;
using testing::read_message;

TEST(WriteQuestion, IsAQuestionThatWeWouldTakeOurselves) {
    for (const bool edns : {false, true}) {
        const Name qname = name("WwW.WestUS.local");
        Octets out(290, 0xee);
        const std::size_t size =
            write_question(out, 0xbeef, {.name = qname.wire(), .type = type::srv}, edns);
        ASSERT_EQ(size, 12 + qname.size() + 4 + (edns ? 11 : 0));
        const Octets message = exact(Bytes(out).first(size));
        Query query;
        ASSERT_EQ(parse_query(message, query), Verdict::ok);
        EXPECT_EQ(query.id, 0xbeef);
        EXPECT_EQ(query.flags, kFlagRd);
        EXPECT_EQ(query.type, type::srv);
        EXPECT_EQ(query.klass, klass::in);
        EXPECT_EQ(name_text(query.asked_name()), "WwW.WestUS.local") << "the case is the caller's";
        EXPECT_EQ(query.has_edns, edns);
        EXPECT_EQ(query.edns_size, edns ? kUdpEdnsMax : 0);
        EXPECT_FALSE(query.dnssec_ok);
    }
}

TEST(WriteQuestion, FlagsAreWhatWasWanted) {
    const Name qname = name("a");
    Octets out(290);
    const auto flags = [&](const UpstreamQuestion& question, bool edns) {
        const std::size_t size = write_question(out, 1, question, edns);
        const auto message = read_message(Bytes(out).first(size));
        EXPECT_TRUE(message.has_value());
        return std::pair(message->header.flags, message->opt ? message->opt->ttl : 0u);
    };
    EXPECT_EQ(flags({.name = qname.wire(), .type = 1, .recursion_desired = false}, true),
              std::pair(std::uint16_t{0}, 0u));
    EXPECT_EQ(flags({.name = qname.wire(), .type = 1, .dnssec_ok = true, .checking_disabled = true},
                    true),
              std::pair(static_cast<std::uint16_t>(kFlagRd | kFlagCd), 0x8000u));
    EXPECT_EQ(flags({.name = qname.wire(), .type = 1, .dnssec_ok = true}, false),
              std::pair(kFlagRd, 0u));
}

TEST(WriteQuestion, TheLongestNameFitsInto290Octets) {
    std::string longest;
    for (int i = 0; i < 126; ++i) longest += "x.";
    const Name qname = name(longest + "y");
    Octets out(290);
    EXPECT_EQ(write_question(out, 1, {.name = qname.wire(), .type = 1}, true), 12 + 255 + 4 + 11u);
}

TEST(WriteQuestion, TheHopMarkIsAnOptionOfItsOwn) {
    const Name qname = name("a.b");
    UpstreamQuestion question{.name = qname.wire(), .type = 1};
    question.hops = 3;
    question.node = 0x0102030405060708;
    Octets out(300, 0xee);
    const std::size_t size = write_question(out, 1, question, true);
    ASSERT_EQ(size, 12 + 5 + 4 + 11 + 13u);
    const Octets mark{0xff, 0x21, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 3};
    EXPECT_EQ(
        Octets(out.begin() + static_cast<long>(size) - 13, out.begin() + static_cast<long>(size)),
        mark);
    EXPECT_TRUE(read_message(Bytes(out).first(size)).has_value());
    EXPECT_EQ(write_question(out, 1, question, false), 12 + 5 + 4u) << "there is no place for it";
}

TEST(WriteQuestion, TooSmallABufferIsLeftAlone) {
    const Name qname = name("a.b");
    for (const bool edns : {false, true}) {
        const std::size_t need = 12 + 5 + 4 + (edns ? 11 : 0);
        for (std::size_t room = 0; room < need; ++room) {
            Octets out(room, 0xee);
            EXPECT_EQ(write_question(out, 1, {.name = qname.wire(), .type = 1}, edns), 0u);
            EXPECT_EQ(out, Octets(room, 0xee));
        }
        Octets out(need);
        EXPECT_EQ(write_question(out, 1, {.name = qname.wire(), .type = 1}, edns), need);
    }
}

TEST(TypesText, KnownAndUnknownNumbers) {
    EXPECT_EQ(type_text(type::a), "A");
    EXPECT_EQ(type_text(type::srv), "SRV");
    EXPECT_EQ(type_text(1000), "TYPE1000");
    EXPECT_EQ(rcode_text(Rcode::nxdomain), "NXDOMAIN");
    EXPECT_EQ(rcode_text(Rcode::badvers), "BADVERS");
    EXPECT_EQ(rcode_text(static_cast<Rcode>(9)), "RCODE9");
}

}  // namespace
}  // namespace peerzone::dns
