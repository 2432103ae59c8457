#include <gtest/gtest.h>

#include "support/dns_reply.hpp"

namespace peerzone::dns {
namespace {

using testing::edns_query;
using testing::find_option;
using testing::Octets;
using testing::plain_query;
using testing::query_of;
using testing::question;
using testing::read_message;
using testing::ReadMessage;
using testing::Replier;
using testing::Wire;

ReadMessage empty_reply(const Query& query, const ReplyHead& head, std::size_t limit = 512) {
    Octets message(limit, 0xee);
    const std::size_t size = write_empty_reply(message, query, head, limit);
    const auto reply = read_message(Bytes(message).first(size));
    EXPECT_TRUE(reply.has_value());
    return reply.value_or(ReadMessage{});
}

TEST(Reply, EchoesTheQuestionAsAsked) {
    const ReadMessage reply =
        empty_reply(plain_query("WwW.Westus.Local", type::srv), {.rcode = Rcode::nxdomain});
    EXPECT_EQ(reply.header.id, 0x1234);
    EXPECT_EQ(reply.qname->to_text(), "WwW.Westus.Local");
    EXPECT_EQ(reply.qtype, type::srv);
    EXPECT_EQ(reply.qclass, klass::in);
    EXPECT_EQ(reply.header.rcode(), Rcode::nxdomain);
    EXPECT_FALSE(reply.opt.has_value()) << "no OPT for those who sent none (RFC 6891 7)";
}

TEST(Reply, EchoesClassAndTypeWhateverTheyAre) {
    const ReadMessage reply = empty_reply(
        query_of(Wire().header(1, 0, 1).name("version.bind").u16(999).u16(klass::ch)), {});
    EXPECT_EQ(reply.qtype, 999);
    EXPECT_EQ(reply.qclass, klass::ch);
}

TEST(Reply, SetsItsFlagsAndCopiesOnlyRdCdAndOpcode) {
    const auto flags = [](unsigned asked, std::uint16_t wanted) {
        return empty_reply(query_of(Wire().header(1, asked, 1).name("a").u16(1).u16(1)),
                           {.flags = wanted})
            .header.flags;
    };
    EXPECT_EQ(flags(0, 0), kFlagQr);
    EXPECT_EQ(flags(kFlagRd | kFlagCd, 0), kFlagQr | kFlagRd | kFlagCd);
    EXPECT_EQ(flags(0x07ff & ~(kFlagRd | kFlagCd), 0), kFlagQr)
        << "AA, TC, RA, Z, AD and the rcode come from nobody else";
    EXPECT_EQ(flags(0, kFlagAa | kFlagRa | kFlagAd), kFlagQr | kFlagAa | kFlagRa | kFlagAd);
}

TEST(Reply, NotimpIsAHeaderWithTheOpcode) {
    const Query query = query_of(Wire().header(77, 0x2800 | 0x07f0, 0));
    Octets message(512);
    ASSERT_EQ(write_empty_reply(message, query, {.rcode = Rcode::notimp}, 512), kHeaderSize);
    EXPECT_EQ(load_u16(&message[0]), 77);
    EXPECT_EQ(load_u16(&message[2]), kFlagQr | 0x2800 | 4) << "RD and CD mean nothing here";
    EXPECT_EQ(load_u32(&message[4]), 0u);
    EXPECT_EQ(load_u32(&message[8]), 0u);
}

TEST(Reply, OptSaysWhatWeSpeak) {
    const ReadMessage reply =
        empty_reply(edns_query("a", type::a, 4096, Octets{0, 100, 0, 2, 1, 2}), {});
    ASSERT_TRUE(reply.opt.has_value());
    EXPECT_TRUE(reply.opt->owner.is_root());
    EXPECT_EQ(reply.opt->klass, kUdpEdnsMax);
    EXPECT_EQ(reply.opt->ttl, 0u);
    EXPECT_TRUE(reply.options.empty()) << "unknown options are not echoed (RFC 6891 6.1.2)";
}

TEST(Reply, OnlyDoIsCopiedFromTheEdnsFlags) {
    const Query query = query_of(question("a", type::a, 1).opt(1232, 0xff00ffff & ~0u));
    EXPECT_EQ(empty_reply(query, {}).opt->ttl, std::uint32_t{kEdnsFlagDo});
}

TEST(Reply, BadversIsSplitOverHeaderAndOpt) {
    const Query query = query_of(question("a.b", type::a, 1).opt(1232, 1u << 16));
    const ReadMessage reply = empty_reply(query, {.rcode = Rcode::badvers});
    EXPECT_EQ(reply.header.flags & 15, 0);
    EXPECT_EQ(reply.opt->ttl, 1u << 24) << "extended rcode 1, version 0";
    EXPECT_EQ(reply.qname->to_text(), "a.b");
    EXPECT_EQ(empty_reply(query, {.rcode = Rcode::servfail}).opt->ttl, 0u);
}

TEST(Reply, KeepaliveIsOfferedWhenSet) {
    const Query query = edns_query("a");
    const ReplyOptions options{.keepalive_100ms = 300};
    EXPECT_EQ(find_option(empty_reply(query, {.options = &options}).options, option::tcp_keepalive),
              (Octets{1, 44}));
    EXPECT_FALSE(find_option(empty_reply(query, {}).options, option::tcp_keepalive).has_value());
    EXPECT_FALSE(empty_reply(plain_query("a"), {.options = &options}).opt.has_value());
}

TEST(Reply, SaysWhoAnswersWhereThatIsSet) {
    const Query query = edns_query("a");
    const Octets id{'e', '/', 'n'};
    const ExtendedError error{.code = 3, .text = "old"};
    const ReplyOptions options{.keepalive_100ms = 7, .nsid = id};
    const ReadMessage reply = empty_reply(query, {.error = &error, .options = &options});
    EXPECT_EQ(find_option(reply.options, option::nsid), id);
    EXPECT_EQ(find_option(reply.options, option::tcp_keepalive), (Octets{0, 7}));
    EXPECT_EQ(find_option(reply.options, option::ede), Wire().u16(3).text("old").octets());
    EXPECT_FALSE(empty_reply(plain_query("a"), {.options = &options}).opt.has_value());
}

TEST(Reply, ExtendedErrorsGoToThoseWhoSpeakEdns) {
    const ExtendedError error{.code = ede::no_reachable_authority,
                              .text = "peer=westus down since 10:02"};
    const ReplyOptions options{.keepalive_100ms = 7};
    const ReplyHead head{.rcode = Rcode::servfail, .error = &error, .options = &options};
    const ReadMessage reply = empty_reply(edns_query("a"), head);
    EXPECT_EQ(find_option(reply.options, option::ede), Wire().u16(22).text(error.text).octets());
    EXPECT_EQ(find_option(reply.options, option::tcp_keepalive), (Octets{0, 7}));
    EXPECT_FALSE(empty_reply(plain_query("a"), head).opt.has_value());
}

TEST(Reply, AnExtendedErrorNeedsNoText) {
    const ExtendedError error{.code = ede::stale, .text = {}};
    EXPECT_EQ(find_option(empty_reply(edns_query("a"), {.error = &error}).options, option::ede),
              (Octets{0, 3}));
}

TEST(Reply, LongErrorTextsAreCut) {
    const std::string text(3000, 'x');
    const ExtendedError error{.code = 1, .text = text};
    const auto option =
        find_option(empty_reply(edns_query("a"), {.error = &error}, 1232).options, option::ede);
    ASSERT_TRUE(option.has_value());
    EXPECT_EQ(option->size(), 2 + 240u);
}

TEST(Reply, ErrorTextsAreCutBetweenCharacters) {
    for (std::size_t front = 234; front < 242; ++front) {
        const std::string text =
            std::string(front, 'x') + "\xf0\x9f\x98\x80\xe2\x82\xac";  // four octets and three
        const ExtendedError error{.code = 1, .text = text};
        const auto option =
            find_option(empty_reply(edns_query("a"), {.error = &error}, 1232).options, option::ede);
        ASSERT_TRUE(option.has_value());
        const std::size_t size = option->size() - 2;
        EXPECT_LE(size, 240u);
        if (front <= 240) {
            EXPECT_TRUE(size == front || size == front + 4) << front;
        } else {
            EXPECT_EQ(size, 240u);
        }
    }
}

TEST(Reply, ErrorTextsTakeOnlyTheRoomThatIsLeft) {
    const ExtendedError error{.code = 22, .text = "ten octets"};
    const Query query = edns_query("q");
    for (std::size_t room = 0; room < 30; ++room) {
        // A body that leaves `room` octets behind the OPT record.
        const std::size_t limit = 512;
        Replier replier(query);
        const std::size_t filler = limit - kOptSize - room - replier.body_offset() - 12;
        ASSERT_TRUE(replier.add(Section::answer, "q", type::txt, Octets(filler)));
        const Octets message = replier.finish(limit, {.error = &error});
        const auto reply = read_message(message);
        ASSERT_TRUE(reply);
        EXPECT_FALSE(reply->truncated());
        EXPECT_EQ(reply->count(1), 1u);
        const auto option = find_option(reply->options, option::ede);
        EXPECT_EQ(option.has_value(), room >= 6);
        if (option) {
            EXPECT_EQ(option->size(), std::min<std::size_t>(room - 4, 12));
        }
        EXPECT_LE(message.size(), limit);
    }
}

TEST(Reply, ErrorsNeverPushRecordsOut) {
    const ExtendedError error{.code = 3,
                              .text = "a long text about a stale answer from a peer that is down"};
    const Query query = edns_query("q");
    Replier replier(query, 2000, body_limit(query, true));
    unsigned added = 0;
    while (replier.a(Section::answer, "q", added)) ++added;
    const Octets id(40, 'n');
    const ReplyOptions options{.keepalive_100ms = 9, .nsid = id};
    const auto reply = read_message(
        replier.finish(size_limit(query, true), {.error = &error, .options = &options}));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->count(1), added);
}

TEST(SizeLimit, FollowsTheClientWithin512And1232) {
    EXPECT_EQ(size_limit(plain_query("a"), true), 512u);
    EXPECT_EQ(size_limit(edns_query("a", type::a, 0), true), 512u);
    EXPECT_EQ(size_limit(edns_query("a", type::a, 511), true), 512u)
        << "less than 512 means 512 (RFC 6891 6.2.3)";
    EXPECT_EQ(size_limit(edns_query("a", type::a, 513), true), 513u);
    EXPECT_EQ(size_limit(edns_query("a", type::a, 1232), true), 1232u);
    EXPECT_EQ(size_limit(edns_query("a", type::a, 65535), true), 1232u);
    EXPECT_EQ(size_limit(plain_query("a"), false), 65535u);
    EXPECT_EQ(size_limit(edns_query("a", type::a, 512), false), 65535u) << "that size is for UDP";
}

TEST(SizeLimit, TheBodyLeavesRoomForOpt) {
    EXPECT_EQ(body_limit(plain_query("a"), true), 512u);
    EXPECT_EQ(body_limit(edns_query("a"), true), 1221u);
    EXPECT_EQ(body_limit(edns_query("a"), false), 65524u);
}

}  // namespace
}  // namespace peerzone::dns
