// What of a reply must be whole, and its extended error.
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

TEST(CheckReply, HandsOverTheExtendedError) {
    Octets options = edns_option(3, {'n', 's'});
    append(options, extended_error(22,
                                   "no\x01 \xc2\x85"
                                   "peer \xff"
                                   "d\xc3\xb6"
                                   "wn\n"));
    append(options, extended_error(3, "second"));
    const CheckedReply checked =
        check(reply("a.example", A, kReply | 2).opt(0, options), "a.example", A);
    EXPECT_EQ(checked.kind, ReplyKind::failure);
    EXPECT_TRUE(checked.error.present);
    EXPECT_EQ(checked.error.code, 22u);
    EXPECT_EQ(checked.error.text, "no   peer ?d\xc3\xb6wn");
}

TEST(CheckReply, KeepsExtendedErrorsShortAndWhole) {
    const auto text = [](const std::string& sent) {
        return check(reply("a.example", A, kReply | 2).opt(0, extended_error(0, sent)), "a.example",
                     A)
            .error.text;
    };
    EXPECT_EQ(text(std::string(500, 'x')), std::string(240, 'x'));
    EXPECT_EQ(text(std::string(239, 'x') + "\xc3\xb6"), std::string(239, 'x'))
        << "no half a character";
    EXPECT_EQ(text(""), "");
    EXPECT_EQ(text(std::string("nul\0", 4)), "nul");
    EXPECT_EQ(text("\xe2\x82"), "??") << "a character that is cut";
    EXPECT_EQ(text("\xed\xa0\x80"), "???") << "a surrogate";
}

// What does not parse.

TEST(CheckReply, RejectsWhatIsNotThisReply) {
    ReplyIndex index;
    EXPECT_EQ(check_reply({}, wire("a.example"), A, true, index).kind, ReplyKind::invalid);
    EXPECT_EQ(check(reply("a.example", A, 0), "a.example", A).kind, ReplyKind::invalid);
    EXPECT_EQ(check(reply("b.example", A), "a.example", A).kind, ReplyKind::invalid);
    EXPECT_EQ(check(reply("a.example", AAAA), "a.example", A).kind, ReplyKind::invalid);
    EXPECT_EQ(check(MessageBuilder(77, kReply), "a.example", A).kind, ReplyKind::invalid);
}

TEST(CheckReply, JudgesCountsOnlyWhereTheAnswerRestsOnThem) {
    const auto good = reply("a.example", A).answer("a.example", A, 60, address("10.0.0.1"));
    ASSERT_EQ(check(good, "a.example", A).kind, ReplyKind::data);
    const auto with_one_more = [&](std::size_t section) {
        return check(MessageBuilder(good).count(section), "a.example", A).kind;
    };
    EXPECT_EQ(with_one_more(1), ReplyKind::invalid) << "perhaps an address of the set is missing";
    EXPECT_EQ(with_one_more(2), ReplyKind::data);
    EXPECT_EQ(with_one_more(3), ReplyKind::data);
}

TEST(CheckReply, TakesWhatIsCutBehindTheAnswers) {
    ReplyIndex index;
    const auto answers = reply("a.example", A).answer("a.example", A, 60, address("10.0.0.1"));
    const std::size_t end = answers.octets().size();
    const Octets whole =
        MessageBuilder(answers).authority("example", NS, 60, wire("ns.example")).opt().octets();
    for (std::size_t size = 0; size <= whole.size(); ++size)
        EXPECT_EQ(check_reply(Bytes(whole).first(size), wire("a.example"), A, true, index).kind,
                  size < end ? ReplyKind::invalid : ReplyKind::data)
            << size;
}

TEST(CheckReply, ADenialRestsOnAWholeAuthoritySection) {
    ReplyIndex index;
    const auto denial =
        reply("a.example", A, kReply | 3).authority("example", SOA, 60, soa("example", 20));
    const std::size_t end = denial.octets().size();
    const Octets whole = MessageBuilder(denial).opt().octets();
    for (std::size_t size = 0; size <= whole.size(); ++size)
        EXPECT_EQ(check_reply(Bytes(whole).first(size), wire("a.example"), A, true, index).kind,
                  size < end ? ReplyKind::invalid : ReplyKind::nxdomain)
            << size;
    EXPECT_EQ(check(MessageBuilder(denial).count(2), "a.example", A).kind, ReplyKind::invalid);
}

TEST(CheckReply, DoesNotMindOctetsBehindTheReply) {
    const std::vector<Octets> rests = {
        {0}, {0xc0, 12}, Octets(500, 0xff), {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}};  // an OPT
    for (const Octets& rest : rests) {
        const auto data = reply("a.example", A).answer("a.example", A, 60, address("10.0.0.1"));
        EXPECT_EQ(check(MessageBuilder(data).raw(rest), "a.example", A).kind, ReplyKind::data);
        EXPECT_THAT(kept(MessageBuilder(data).raw(rest), "a.example", A),
                    ElementsAre("a.example 60 A 10.0.0.1"));
        const auto denial =
            reply("a.example", A, kReply | 3).authority("example", SOA, 60, soa("example", 20));
        const CheckedReply checked = check(MessageBuilder(denial).raw(rest), "a.example", A);
        EXPECT_EQ(checked.kind, ReplyKind::nxdomain);
        EXPECT_TRUE(checked.has_soa);
    }
}

TEST(CheckReply, DoesNotMindABrokenAdditionalRecord) {
    const std::vector<Octets> broken = {{10, 0, 0}, {}, address("fd00::1")};
    for (const Octets& data : broken) {
        const auto message = reply("a.example", A)
                                 .answer("a.example", A, 60, address("10.0.0.1"))
                                 .additional("ns.example", A, 60, data)
                                 .opt(0, extended_error(3, "kept for long"));
        const CheckedReply checked = check(message, "a.example", A);
        EXPECT_EQ(checked.kind, ReplyKind::data);
        EXPECT_EQ(checked.error.text, "kept for long") << "what stands behind it is read";
    }
    for (const Octets& owner : std::vector<Octets>{{0xc0, 0xff}, {0x80}, {63, 'a'}}) {
        const auto message = reply("a.example", A)
                                 .answer("a.example", A, 60, address("10.0.0.1"))
                                 .record(3, owner, A, 1, 60, address("10.0.0.2"));
        EXPECT_EQ(check(message, "a.example", A).kind, ReplyKind::data);
    }
}

TEST(CheckReply, RejectsDataThatDoesNotFitItsType) {
    const auto kind = [](unsigned type, const Octets& data) {
        return check(reply("a.example", A).answer("b.example", type, 60, data), "a.example", A)
            .kind;
    };
    EXPECT_EQ(kind(A, {10, 0, 0}), ReplyKind::invalid);
    EXPECT_EQ(kind(A, {}), ReplyKind::invalid);
    EXPECT_EQ(kind(AAAA, address("10.0.0.1")), ReplyKind::invalid);
    EXPECT_EQ(kind(CNAME, {}), ReplyKind::invalid);
    EXPECT_EQ(kind(CNAME, {1, 'a', 0, 0}), ReplyKind::invalid) << "more than the name";
    EXPECT_EQ(kind(CNAME, {1, 'a'}), ReplyKind::invalid) << "a name without its end";
    EXPECT_EQ(kind(DNAME, {0xc0, 0xff}), ReplyKind::invalid) << "a pointer forwards";
    EXPECT_EQ(kind(SRV, {0, 1, 0, 1, 0}), ReplyKind::invalid);
    EXPECT_EQ(kind(SOA, wire("ns.example")), ReplyKind::invalid);
    EXPECT_EQ(kind(RRSIG, {0, 1, 2}), ReplyKind::invalid);
    EXPECT_EQ(kind(TXT, {2, 'h', 'i'}), ReplyKind::nodata);
    EXPECT_EQ(kind(65280, {}), ReplyKind::nodata);
}

// No answer rests on it.
TEST(CheckReply, TakesOfBrokenEdnsWhatIsWhole) {
    const auto check_data = [](const MessageBuilder& more) {
        const CheckedReply checked = check(more, "a.example", A);
        EXPECT_EQ(checked.kind, ReplyKind::data);
        EXPECT_THAT(kept(more, "a.example", A), ElementsAre("a.example 60 A 10.0.0.1"));
        return checked.error.text;
    };
    const auto data = reply("a.example", A).answer("a.example", A, 60, address("10.0.0.1"));
    const auto with = [&](const Octets& options) { return MessageBuilder(data).opt(0, options); };
    EXPECT_EQ(check_data(with({}).opt(0, extended_error(3, "two"))), "");
    EXPECT_EQ(check_data(MessageBuilder(data)
                             .additional("a.example", 41, 0, {})
                             .opt(0, extended_error(3, "the root's"))),
              "the root's");
    EXPECT_EQ(check_data(with({0, 15, 0})), "") << "half an option";
    EXPECT_EQ(check_data(with({0, 15, 0, 9, 0, 1})), "") << "longer than its record";
    EXPECT_EQ(check_data(with(edns_option(15, {1}))), "") << "EDE without a code";
    Octets options = extended_error(3, "first");
    append(options, {0, 99, 0, 200, 1});
    EXPECT_EQ(check_data(with(options)), "first") << "damage behind it";
}

// As a home router's DNS proxy was seen to send it, and as servers do that count it where it is.
TEST(CheckReply, AnOptAmongTheAnswersIsNoAnswer) {
    const Octets root{0};
    const auto not_counted = reply("a.example", A)
                                 .record(1, root, 41, 1232, 0, {})
                                 .record(3, {0xc0, 12}, A, 1, 60, address("10.0.0.1"));
    const auto counted = reply("a.example", A)
                             .answer("a.example", A, 60, address("10.0.0.1"))
                             .record(1, root, 41, 1232, 0, {});
    const auto in_authority = reply("a.example", A)
                                  .answer("a.example", A, 60, address("10.0.0.1"))
                                  .record(2, root, 41, 1232, 0, {});
    for (const auto& message : {not_counted, counted, in_authority}) {
        EXPECT_EQ(check(message, "a.example", A).kind, ReplyKind::data);
        EXPECT_THAT(kept(message, "a.example", A), ElementsAre("a.example 60 A 10.0.0.1"));
    }
    const auto alone = reply("a.example", A).record(1, root, 41, 1232, 0, {});
    EXPECT_EQ(check(alone, "a.example", A).kind, ReplyKind::nodata);
}

TEST(WriteKept, SaysWhenItDoesNotFit) {
    const auto message = reply("a.example", A).answer("a.example", A, 60, address("10.0.0.1"));
    const Octets name = wire("a.example");
    ReplyIndex index;
    const CheckedReply checked = check_reply(message.octets(), name, A, true, index);
    Octets out(512);
    const std::size_t needed = dns::kHeaderSize + name.size() + 4 + 16;
    dns::BodyWriter enough(out, needed, name);
    EXPECT_EQ(write_kept(index, name, A, checked, {}, enough), exchange::KeptResult::written);
    dns::BodyWriter small(out, needed - 1, name);
    EXPECT_EQ(write_kept(index, name, A, checked, {}, small), exchange::KeptResult::too_large);
}

}  // namespace
}  // namespace peerzone::exchange
