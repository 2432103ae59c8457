#include <gtest/gtest.h>

#include "support/dns_reply.hpp"

namespace peerzone::dns {
namespace {

using testing::edns_query;
using testing::exact;
using testing::name;
using testing::Octets;
using testing::plain_query;
using testing::read_message;
using testing::ReadMessage;
using testing::Replier;
using testing::Wire;

constexpr const char* kName = "cockroachdb.westus.svc.cluster.local";

// A reply with every section: 40 answers of SRV and A, an authority, and additional addresses.
void fill(Replier& replier) {
    for (unsigned i = 0; i < 20; ++i) {
        const std::string target = "cockroachdb-" + std::to_string(i) + "." + kName;
        replier.add(Section::answer, kName, type::srv,
                    Wire().u16(0).u16(0).u16(26257).raw(name(target).wire()).octets());
        replier.a(Section::answer, kName, i);
    }
    replier.add(Section::authority, "cluster.local", type::ns, name("ns.dns.cluster.local").wire());
    for (unsigned i = 0; i < 20; ++i)
        replier.a(Section::additional, "cockroachdb-" + std::to_string(i) + "." + kName, i);
}

constexpr std::size_t kAnswers = 40;
constexpr std::size_t kAdditionals = 20;

// What any cut of that reply must be: whole records from its beginning, TC exactly when answer or
// authority lack some.
void expect_cut_right(const Octets& message, const Query& query, std::size_t limit) {
    ASSERT_LE(message.size(), limit);
    ASSERT_TRUE(testing::points_backwards_only(message)) << limit;
    const auto reply = read_message(message);
    ASSERT_TRUE(reply.has_value()) << limit;
    ASSERT_EQ(reply->opt.has_value(), query.has_edns);
    ASSERT_EQ(testing::exact(reply->qname->wire()), testing::exact(query.asked_name()));
    const std::size_t answers = reply->count(1);
    const std::size_t authorities = reply->count(2);
    const std::size_t additionals = reply->count(3);
    ASSERT_EQ(reply->truncated(), answers < kAnswers || authorities < 1) << limit;
    if (answers < kAnswers) {
        ASSERT_EQ(authorities, 0u) << limit;
    }
    if (authorities == 0) {
        ASSERT_EQ(additionals, 0u) << limit;
    }
    for (std::size_t i = 0; i < reply->records.size(); ++i) {
        const testing::ReadRecord& record = reply->records[i];
        if (record.record.type == type::a) {
            const std::size_t number = i < kAnswers ? i / 2 : i - kAnswers - 1;
            ASSERT_EQ(record.rdata[3], number) << limit;
        }
    }
}

TEST(Truncation, EveryLimitCutsBehindAWholeRecord) {
    for (const Query& query : {plain_query(kName, type::srv), edns_query(kName, type::srv)}) {
        Replier replier(query);
        fill(replier);
        const std::size_t full = replier.finish().size();
        const std::size_t least =
            kHeaderSize + query.question_size() + (query.has_edns ? kOptSize : 0);
        std::size_t sizes = 0;
        std::size_t before = 0;
        for (std::size_t limit = least; limit <= full + 1; ++limit) {
            const Octets message = replier.finish(limit);
            expect_cut_right(message, query, limit);
            if (HasFatalFailure()) return;
            ASSERT_GE(message.size(), before) << "more room never gives less";
            sizes += message.size() != before ? 1 : 0;
            before = message.size();
        }
        EXPECT_EQ(before, full);
        EXPECT_EQ(sizes, 1 + kAnswers + 1 + kAdditionals) << "each record is a step";
    }
}

TEST(Truncation, TheWriterStopsWhereTheCutWouldBe) {
    const Query query = edns_query(kName, type::srv);
    Replier whole(query);
    fill(whole);
    const std::size_t full = whole.finish().size();
    for (std::size_t limit = 100; limit <= full; ++limit) {
        Replier bounded(query, kMessageMax, limit - kOptSize);
        fill(bounded);
        const Octets message = bounded.finish(limit);
        expect_cut_right(message, query, limit);
        if (HasFatalFailure()) return;
        ASSERT_EQ(message, whole.finish(limit)) << limit;
    }
}

TEST(Truncation, ABlockOfExactlyTheLimitIsEnough) {
    const Query query = edns_query(kName, type::srv);
    for (std::size_t limit = 512; limit <= kUdpEdnsMax; ++limit) {
        Replier replier(query, limit, limit - kOptSize);
        fill(replier);
        expect_cut_right(replier.finish(limit), query, limit);
        if (HasFatalFailure()) return;
    }
}

TEST(Truncation, ABodyOfWhichOnlyABeginningWasCopied) {
    // As the cache does it: the counts are those of the whole body, the octets end anywhere.
    const Query query = plain_query(kName, type::srv);
    Replier whole(query);
    fill(whole);
    const BodyInfo info = whole.writer().info();
    for (std::size_t copied = 0; copied < info.size; ++copied) {
        Octets message = exact(
            Bytes(whole.message()).first(std::max<std::size_t>(whole.body_offset() + copied, 512)));
        BodyInfo part = info;
        part.size = copied;
        part.truncated = true;
        const std::size_t size = finish_reply(message, query, part, {}, kMessageMax);
        expect_cut_right(exact(Bytes(message).first(size)), query,
                         whole.body_offset() + std::max(copied, std::size_t{1}));
        if (HasFatalFailure()) return;
    }
}

TEST(Truncation, AWriterThatGaveUpSetsTcAtAnyLimit) {
    const Query query = plain_query("q");
    Replier replier(query, 600, 100);
    for (unsigned i = 0; i < 10; ++i) replier.a(Section::answer, "q", i);
    ASSERT_TRUE(replier.writer().info().truncated);
    for (const std::size_t limit : {50u, 100u, 512u, 600u}) {
        const auto reply = read_message(replier.finish(limit));
        ASSERT_TRUE(reply);
        EXPECT_TRUE(reply->truncated());
        EXPECT_LT(reply->count(1), 10u);
    }
}

TEST(Truncation, WithoutEdns512OctetsAreTheEnd) {
    const Query query = plain_query("q");
    Replier replier(query);
    for (unsigned i = 0; i < 60; ++i) ASSERT_TRUE(replier.a(Section::answer, "q", i));
    const Octets message = replier.finish(size_limit(query, true));
    EXPECT_LE(message.size(), 512u);
    const auto reply = read_message(message);
    ASSERT_TRUE(reply);
    EXPECT_TRUE(reply->truncated());
    EXPECT_EQ(reply->count(1), (512 - replier.body_offset()) / 16);
    EXPECT_FALSE(read_message(replier.finish(size_limit(query, false)))->truncated())
        << "TCP has room";
}

TEST(Truncation, TheLongestQuestionFitsItsError) {
    std::string longest;
    for (int i = 0; i < 126; ++i) longest += "x.";
    longest += "y";
    const ExtendedError error{.code = 22, .text = "down"};
    Octets message(512, 0xee);
    const Query query = edns_query(longest, type::a, 512);
    const std::size_t size =
        write_empty_reply(message, query, {.rcode = Rcode::servfail, .error = &error}, 512);
    const auto reply = read_message(Bytes(message).first(size));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->qname->size(), 255u);
    EXPECT_TRUE(testing::find_option(reply->options, option::ede).has_value());
}

TEST(Truncation, AFullTcpMessageIsWholeUpTo64KiB) {
    const Query query = edns_query("q");
    Replier replier(query, kMessageMax, body_limit(query, false));
    std::size_t added = 0;
    while (replier.a(Section::answer, "q", added & 255)) ++added;
    EXPECT_TRUE(replier.writer().info().truncated);
    const Octets message = replier.finish(size_limit(query, false));
    EXPECT_LE(message.size(), kMessageMax);
    EXPECT_GT(message.size(), kMessageMax - 16);
    const auto reply = read_message(message);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->count(1), added);
    EXPECT_TRUE(reply->truncated());
}

}  // namespace
}  // namespace peerzone::dns
