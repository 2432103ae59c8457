#include <gtest/gtest.h>

#include <set>

#include "support/dns_reply.hpp"

namespace peerzone::dns {
namespace {

using testing::exact;
using testing::name;
using testing::Octets;
using testing::plain_query;
using testing::read_message;
using testing::Replier;

// Type and last octet of each record's data, in order, after turning by `steps`.
std::vector<std::pair<unsigned, unsigned>> turned(Replier& replier, std::uint32_t steps) {
    const Octets before = exact(replier.message());
    rotate_addresses(replier.message(), replier.body_offset(), replier.writer().info(), steps);
    const Octets message = replier.finish();
    EXPECT_TRUE(testing::points_backwards_only(message));
    const auto reply = read_message(message);
    EXPECT_TRUE(reply.has_value());
    std::vector<std::pair<unsigned, unsigned>> result;
    for (const auto& record : reply->records)
        result.emplace_back(record.record.type, record.rdata.back());
    std::copy(before.begin(), before.end(), replier.message().begin());
    return result;
}

Octets v6(unsigned last) {
    Octets address(16, 0xfd);
    address.back() = static_cast<std::uint8_t>(last);
    return address;
}

TEST(Rotate, EveryRotationOccurs) {
    for (unsigned count = 2; count <= 7; ++count) {
        Replier replier(plain_query("q"));
        for (unsigned i = 0; i < count; ++i) ASSERT_TRUE(replier.a(Section::answer, "q", i));
        for (std::uint32_t steps = 0; steps < 3 * count; ++steps) {
            const auto order = turned(replier, steps);
            ASSERT_EQ(order.size(), count);
            for (unsigned i = 0; i < count; ++i) EXPECT_EQ(order[i].second, (steps + i) % count);
        }
        EXPECT_EQ(turned(replier, 0xffffffff).front().second, 0xffffffffu % count);
    }
}

TEST(Rotate, OneAddressOrNoneStays) {
    Replier none(plain_query("q"));
    EXPECT_TRUE(turned(none, 5).empty());
    Replier one(plain_query("q"));
    ASSERT_TRUE(one.a(Section::answer, "q", 9));
    EXPECT_EQ(turned(one, 5).front().second, 9u);
}

TEST(Rotate, OnlyTheAddressesBehindACnameMove) {
    Replier replier(plain_query("www.westus.local"));
    ASSERT_TRUE(replier.cname("www.westus.local", "db.westus.local"));
    for (unsigned i = 1; i <= 3; ++i) ASSERT_TRUE(replier.a(Section::answer, "db.westus.local", i));
    ASSERT_TRUE(
        replier.add(Section::authority, "local", type::ns, name("ns.db.westus.local").wire()));
    for (unsigned i = 7; i <= 8; ++i)
        ASSERT_TRUE(replier.a(Section::additional, "ns.db.westus.local", i));
    const auto order = turned(replier, 1);
    const std::vector<std::pair<unsigned, unsigned>> wanted = {
        {type::cname, 0}, {type::a, 2}, {type::a, 3}, {type::a, 1},
        {type::ns, 0},    {type::a, 7}, {type::a, 8}};
    EXPECT_EQ(order, wanted);
}

TEST(Rotate, FamiliesDoNotMix) {
    Replier replier(plain_query("q", type::any));
    for (unsigned i = 1; i <= 2; ++i) ASSERT_TRUE(replier.a(Section::answer, "q", i));
    for (unsigned i = 11; i <= 13; ++i)
        ASSERT_TRUE(replier.add(Section::answer, "q", type::aaaa, v6(i)));
    const auto order = turned(replier, 1);
    const std::vector<std::pair<unsigned, unsigned>> wanted = {
        {type::a, 1}, {type::a, 2}, {type::aaaa, 12}, {type::aaaa, 13}, {type::aaaa, 11}};
    EXPECT_EQ(order, wanted);
}

TEST(Rotate, AlternatingFamiliesStay) {
    Replier replier(plain_query("q", type::any));
    for (unsigned i = 0; i < 4; ++i) {
        ASSERT_TRUE(replier.a(Section::answer, "q", 2 * i));
        ASSERT_TRUE(replier.add(Section::answer, "q", type::aaaa, v6(2 * i + 1)));
    }
    const auto order = turned(replier, 1);
    for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(order[i].second, i);
}

TEST(Rotate, OwnersOfOneSizeAreNotMistakenForOne) {
    // Written out in full, with the same size and the same first octets; what comes later points
    // into them.
    Replier replier(plain_query("q.example"));
    ASSERT_TRUE(replier.a(Section::answer, "abcd1.example", 1));
    ASSERT_TRUE(replier.a(Section::answer, "abcd2.example", 2));
    ASSERT_TRUE(
        replier.add(Section::authority, "abcd1.example", type::ns, name("x.abcd2.example").wire()));
    rotate_addresses(replier.message(), replier.body_offset(), replier.writer().info(), 1);
    const auto reply = read_message(replier.finish());
    ASSERT_TRUE(reply);
    EXPECT_EQ(testing::owner_text(reply->records[0]), "abcd1.example");
    EXPECT_EQ(testing::owner_text(reply->records[2]), "abcd1.example");
    EXPECT_EQ(Name::from_wire(reply->records[2].rdata), name("x.abcd2.example"));
}

TEST(Rotate, OtherRecordsBehindTheAddressesHoldThemInPlace) {
    Replier replier(plain_query("q", type::any));
    for (unsigned i = 0; i < 3; ++i) ASSERT_TRUE(replier.a(Section::answer, "q", i));
    ASSERT_TRUE(replier.add(Section::answer, "q", type::txt, Octets{1, 'x'}));
    EXPECT_EQ(turned(replier, 1).front().second, 0u);
}

TEST(Rotate, TtlsTravelWithTheirRecords) {
    Replier replier(plain_query("q"));
    for (unsigned i = 0; i < 3; ++i)
        ASSERT_TRUE(replier.add(Section::answer, "q", type::a,
                                Octets{1, 2, 3, static_cast<std::uint8_t>(i)}, 100 + i));
    rotate_addresses(replier.message(), replier.body_offset(), replier.writer().info(), 2);
    const auto reply = read_message(replier.finish());
    ASSERT_TRUE(reply);
    for (const auto& record : reply->records) EXPECT_EQ(record.record.ttl, 100u + record.rdata[3]);
}

TEST(Rotate, ATruncatedBodyIsLeftAlone) {
    Replier replier(plain_query("q"), 600, 80);
    for (unsigned i = 0; i < 10; ++i) replier.a(Section::answer, "q", i);
    ASSERT_TRUE(replier.writer().info().truncated);
    const Octets before = exact(replier.message());
    rotate_addresses(replier.message(), replier.body_offset(), replier.writer().info(), 1);
    EXPECT_EQ(replier.message(), before);
}

TEST(Rotate, RecordsOfAnotherSizeAreNoPartOfTheRun) {
    Replier replier(plain_query("q"));
    ASSERT_TRUE(replier.add(Section::answer, "q", type::a, Octets(9)));
    for (unsigned i = 1; i < 4; ++i) ASSERT_TRUE(replier.a(Section::answer, "q", i));
    const Octets before = exact(replier.message());
    rotate_addresses(replier.message(), replier.body_offset(), replier.writer().info(), 1);
    const std::size_t odd = replier.body_offset() + 12 + 9;
    EXPECT_TRUE(std::equal(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(odd),
                           replier.message().begin()));
    EXPECT_EQ(replier.message()[odd + 15], 2);
    EXPECT_EQ(replier.message()[odd + 47], 1);
}

TEST(Rotate, CountsThatPromiseTooMuchDoNoHarm) {
    Replier replier(plain_query("q"), 19 + 32);
    for (unsigned i = 0; i < 2; ++i) ASSERT_TRUE(replier.a(Section::answer, "q", i));
    BodyInfo info = replier.writer().info();
    info.counts[0] = 50;
    const Octets before = exact(replier.message());
    rotate_addresses(replier.message(), replier.body_offset(), info, 1);
    EXPECT_EQ(replier.message(), before);
}

}  // namespace
}  // namespace peerzone::dns
