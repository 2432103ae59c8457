#include <gtest/gtest.h>

#include <random>

#include "support/dns_reply.hpp"

namespace peerzone::dns {
namespace {

using testing::edns_query;
using testing::exact;
using testing::name;
using testing::Octets;
using testing::owner_text;
using testing::plain_query;
using testing::read_message;
using testing::Replier;
using testing::Wire;

TEST(BodyWriter, OwnersPointToTheQuestion) {
    Replier replier(plain_query("www.westus.local"));
    ASSERT_TRUE(replier.a(Section::answer, "www.westus.local", 1));
    ASSERT_TRUE(replier.a(Section::answer, "www.westus.local", 2));
    EXPECT_EQ(replier.writer().info().size, 2 * 16u);
    EXPECT_EQ(replier.writer().body().size(), 32u);
    EXPECT_EQ(load_u16(replier.writer().body().data()), kQnamePointer);
    const auto reply = read_message(replier.finish());
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->count(1), 2u);
    EXPECT_EQ(owner_text(reply->records[1]), "www.westus.local");
    EXPECT_EQ(reply->records[1].rdata, (Octets{10, 0, 0, 2}));
    EXPECT_EQ(reply->records[1].record.ttl, 5u);
}

TEST(BodyWriter, SuffixesAreShared) {
    Replier replier(plain_query("www.westus.local"));
    ASSERT_TRUE(replier.cname("www.westus.local", "db.westus.local"));
    EXPECT_EQ(replier.writer().info().size, 2 + 10 + 3 + 2u)
        << "the target is its first label and a pointer";
    ASSERT_TRUE(replier.a(Section::answer, "db.westus.local", 1));
    EXPECT_EQ(replier.writer().info().size, 17 + 16u) << "the owner is a pointer to that target";
    ASSERT_TRUE(
        replier.add(Section::authority, "local", type::ns, name("ns.db.westus.local").wire()));
    const Octets message = replier.finish();
    EXPECT_TRUE(testing::points_backwards_only(message));
    const auto reply = read_message(message);
    ASSERT_TRUE(reply);
    EXPECT_EQ(owner_text(reply->records[1]), "db.westus.local");
    EXPECT_EQ(owner_text(reply->records[2]), "local");
    EXPECT_EQ(Name::from_wire(reply->records[2].rdata), name("ns.db.westus.local"));
}

TEST(BodyWriter, KeepsTheCaseOfWhatItWrites) {
    Replier replier(plain_query("wWw.WestUS.local"));
    ASSERT_TRUE(replier.cname("www.westus.local", "Db.Other.Example"));
    ASSERT_TRUE(replier.a(Section::answer, "db.OTHER.example", 1));
    const auto reply = read_message(replier.finish());
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->qname->to_text(), "wWw.WestUS.local");
    EXPECT_EQ(owner_text(reply->records[0]), "wWw.WestUS.local") << "as the client wrote it";
    EXPECT_EQ(Name::from_wire(reply->records[0].rdata)->to_text(), "Db.Other.Example");
    EXPECT_EQ(owner_text(reply->records[1]), "Db.Other.Example") << "the same name is written once";
}

TEST(BodyWriter, NewerTypesAreNotCompressed) {
    const Octets target = Wire().u16(1).u16(2).u16(53).name("www.westus.local").octets();
    Replier replier(plain_query("www.westus.local"));
    ASSERT_TRUE(replier.add(Section::answer, "www.westus.local", type::srv, target));
    EXPECT_EQ(replier.writer().info().size, 2 + 10 + target.size());
    ASSERT_TRUE(replier.add(Section::answer, "www.westus.local", type::dname,
                            name("www.westus.local").wire()));
    EXPECT_EQ(replier.writer().info().size, 2 + 10 + target.size() + 2 + 10 + 18);
    const auto reply = read_message(replier.finish());
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->records[0].rdata, target);
}

TEST(BodyWriter, EveryLayoutReadsBackAsWritten) {
    const Octets soa =
        Wire().name("ns.westus.local").name("admin.ns.westus.local").raw(Octets(20, 3)).octets();
    const Octets mx = Wire().u16(10).name("mail.westus.local").octets();
    const Octets naptr =
        Wire().u16(1).u16(2).u8(1).text("s").u8(0).u8(2).text("ab").name("x.westus.local").octets();
    const Octets minfo = Wire().name("a.westus.local").name("b.a.westus.local").octets();
    const Octets px = Wire().u16(1).name("c.westus.local").name("d.c.westus.local").octets();
    const std::vector<std::pair<unsigned, Octets>> all = {
        {type::soa, soa}, {type::mx, mx},
        {35, naptr},      {14, minfo},
        {26, px},         {type::txt, Octets(300, 7)},
        {1000, Octets{}}, {type::ptr, exact(name(".").wire())}};
    Replier replier(plain_query("www.westus.local"));
    for (const auto& [type, rdata] : all)
        ASSERT_TRUE(replier.add(Section::answer, "x.westus.local", type, rdata));
    const Octets message = replier.finish();
    EXPECT_TRUE(testing::points_backwards_only(message));
    const auto reply = read_message(message);
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->records.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(reply->records[i].record.type, all[i].first);
        EXPECT_EQ(reply->records[i].rdata, all[i].second);
    }
}

TEST(BodyWriter, RootQuestionAndRootOwners) {
    Replier replier(plain_query(".", type::ns));
    ASSERT_TRUE(replier.add(Section::answer, ".", type::ns, name("a.root").wire()));
    ASSERT_TRUE(replier.a(Section::additional, "a.root", 1));
    const auto reply = read_message(replier.finish());
    ASSERT_TRUE(reply);
    EXPECT_EQ(owner_text(reply->records[0]), ".");
    EXPECT_EQ(owner_text(reply->records[1]), "a.root");
}

TEST(BodyWriter, MoreNamesThanItRemembersStillReadBack) {
    Replier replier(plain_query("www.westus.local"));
    std::vector<std::string> owners;
    for (int i = 0; i < 300; ++i)
        owners.push_back("h" + std::to_string(i % 150) + ".z" + std::to_string(i % 70) +
                         ".example");
    for (std::size_t i = 0; i < owners.size(); ++i)
        ASSERT_TRUE(replier.a(Section::answer, owners[i], i & 255));
    const Octets message = replier.finish();
    EXPECT_TRUE(testing::points_backwards_only(message));
    const auto reply = read_message(message);
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->records.size(), owners.size());
    for (std::size_t i = 0; i < owners.size(); ++i) {
        EXPECT_EQ(owner_text(reply->records[i]), owners[i]);
        EXPECT_EQ(reply->records[i].rdata[3], i & 255);
    }
}

TEST(BodyWriter, AQuestionWithMoreLabelsThanItRemembers) {
    std::string deep;
    for (int i = 0; i < 120; ++i) deep += "a.";
    deep += "b";
    Replier replier(plain_query(deep));
    ASSERT_TRUE(replier.a(Section::answer, deep, 1));
    EXPECT_EQ(replier.writer().info().size, 16u);
    ASSERT_TRUE(replier.a(Section::answer, "x." + deep, 2));
    ASSERT_TRUE(replier.a(Section::answer, "b", 3));
    const auto reply = read_message(replier.finish());
    ASSERT_TRUE(reply);
    EXPECT_EQ(owner_text(reply->records[1]), "x." + deep);
    EXPECT_EQ(owner_text(reply->records[2]), "b");
}

TEST(BodyWriter, NothingPointsBeyond16KiB) {
    Replier replier(plain_query("www.westus.local"));
    for (int i = 0; i < 70; ++i)
        ASSERT_TRUE(replier.add(Section::answer, "www.westus.local", type::txt, Octets(250, 7)));
    ASSERT_GT(replier.writer().info().size, 0x4000u);
    const std::size_t before = replier.writer().info().size;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(replier.a(Section::answer, "far.away.example", 1));
    EXPECT_EQ(replier.writer().info().size, before + 100 * (18 + 14))
        << "a name first written there cannot be pointed to";
    ASSERT_TRUE(replier.a(Section::answer, "www.westus.local", 2));
    EXPECT_EQ(replier.writer().info().size, before + 100 * (18 + 14) + 16);
    const Octets message = replier.finish();
    EXPECT_TRUE(testing::points_backwards_only(message));
    const auto reply = read_message(message);
    ASSERT_TRUE(reply);
    EXPECT_EQ(owner_text(reply->records[80]), "far.away.example");
    EXPECT_EQ(owner_text(reply->records.back()), "www.westus.local");
}

TEST(BodyWriter, APointerCanReachTheLastPlaceBelow16KiB) {
    // The name lands on each octet around 0x3fff in turn; it is read back either way.
    for (std::size_t shift = 0; shift < 40; ++shift) {
        Replier replier(plain_query("q"));
        const std::size_t filler = 0x3fff - replier.body_offset() - 12 - 20 + shift;
        ASSERT_TRUE(replier.add(Section::answer, "q", type::txt, Octets(filler, 7)));
        const std::size_t owner_at = replier.body_offset() + replier.writer().info().size;
        ASSERT_TRUE(replier.a(Section::answer, "abc.de.fghij", 1));
        const std::size_t size = replier.writer().info().size;
        for (unsigned i = 2; i < 4; ++i) ASSERT_TRUE(replier.a(Section::answer, "abc.de.fghij", i));
        if (owner_at <= 0x3fff) {
            EXPECT_EQ(replier.writer().info().size, size + 2 * 16u) << shift;
        }
        const Octets message = replier.finish();
        EXPECT_TRUE(testing::points_backwards_only(message)) << shift;
        const auto reply = read_message(message);
        ASSERT_TRUE(reply) << shift;
        for (std::size_t i = 1; i < 4; ++i)
            EXPECT_EQ(owner_text(reply->records[i]), "abc.de.fghij");
    }
}

TEST(BodyWriter, WhatDoesNotFitIsLeftOutAndNothingFollows) {
    const Query query = plain_query("q");
    Replier replier(query, 200, 12 + 7 + 16 + 20);
    EXPECT_TRUE(replier.a(Section::answer, "q", 1));
    EXPECT_FALSE(replier.add(Section::answer, "q", type::txt, Octets(100)));
    EXPECT_TRUE(replier.writer().info().truncated);
    EXPECT_FALSE(replier.a(Section::answer, "q", 2)) << "it would fit, but an answer has no holes";
    EXPECT_FALSE(replier.a(Section::additional, "q", 3));
    EXPECT_EQ(replier.writer().info().counts[0], 1);
    EXPECT_EQ(replier.writer().info().size, 16u);
}

TEST(BodyWriter, AdditionalRecordsThatDoNotFitAreNotMissed) {
    Replier replier(plain_query("q"), 200, 12 + 7 + 16 + 20);
    EXPECT_TRUE(replier.a(Section::answer, "q", 1));
    EXPECT_FALSE(replier.add(Section::additional, "q", type::txt, Octets(100)));
    EXPECT_FALSE(replier.writer().info().truncated);
    EXPECT_FALSE(replier.a(Section::additional, "q", 2));
    EXPECT_EQ(replier.writer().info().counts[2], 0);
}

TEST(BodyWriter, ARecordLeftOutLeavesNothingToPointTo) {
    // The owner fits and is remembered, the data does not: a later name must not point to what was
    // taken back.
    for (std::size_t limit = 19; limit < 80; ++limit) {
        Replier replier(plain_query("q"), 200, limit);
        replier.add(Section::additional, "abc.def", type::cname, name("ghi.jkl").wire());
        EXPECT_LE(replier.body_offset() + replier.writer().info().size, limit);
        replier.writer().reset();
        EXPECT_EQ(replier.writer().info().size, 0u);
        if (replier.a(Section::answer, "ghi.jkl", 1)) {
            const auto reply = read_message(replier.finish(200));
            ASSERT_TRUE(reply);
            EXPECT_EQ(owner_text(reply->records.at(0)), "ghi.jkl");
        }
    }
}

TEST(BodyWriter, ResetStartsOver) {
    Replier replier(plain_query("q"), 200, 60);
    EXPECT_FALSE(replier.add(Section::answer, "q", type::txt, Octets(100)));
    replier.writer().reset();
    EXPECT_FALSE(replier.writer().info().truncated);
    EXPECT_TRUE(replier.a(Section::answer, "q", 1));
}

TEST(BodyWriter, AddFromDecompressesAndRefusesBadData) {
    const Octets source =
        Wire()
            .header(1, 0x8000, 1, 2)
            .name("db.westus.local")
            .u16(type::srv)
            .u16(klass::in)
            .pointer(12)
            .record(type::srv, 99, Wire().u16(1).u16(2).u16(3).pointer(15).octets())
            .pointer(12)
            .record(type::cname, 99, Wire().pointer(0x3fff).octets())
            .octets();
    Reader reader(source, 12 + 17 + 4);
    Record good;
    Record bad;
    ASSERT_TRUE(reader.read_record(good) && reader.read_record(bad));
    Replier replier(plain_query("db.eastus.local"));
    EXPECT_TRUE(replier.writer().add_from(source, good, Section::answer, 7));
    EXPECT_FALSE(replier.writer().add_from(source, bad, Section::answer, 7));
    EXPECT_EQ(replier.writer().info().counts[0], 1);
    const auto reply = read_message(replier.finish());
    ASSERT_TRUE(reply);
    EXPECT_EQ(owner_text(reply->records[0]), "db.westus.local");
    EXPECT_EQ(reply->records[0].rdata, Wire().u16(1).u16(2).u16(3).name("westus.local").octets());
    EXPECT_EQ(reply->records[0].record.ttl, 7u);
}

TEST(BodyWriter, ABodyFitsBehindAnotherCaseOfTheQuestion) {
    Replier first(plain_query("www.westus.local"));
    ASSERT_TRUE(first.cname("www.westus.local", "db.westus.local"));
    const Octets body = exact(first.writer().body());
    const Query other = edns_query("WWW.westus.LOCAL");
    Octets message(600);
    std::copy(body.begin(), body.end(),
              message.begin() + 12 + static_cast<std::ptrdiff_t>(other.question_size()));
    const std::size_t size = finish_reply(message, other, first.writer().info(), {}, 600);
    const auto reply = read_message(Bytes(message).first(size));
    ASSERT_TRUE(reply);
    EXPECT_EQ(owner_text(reply->records[0]), "WWW.westus.LOCAL");
    EXPECT_EQ(Name::from_wire(reply->records[0].rdata), name("db.westus.local"));
}

TEST(BodyWriter, RandomRecordsReadBackAsWritten) {
    std::mt19937 random(3);
    const auto any_name = [&] {
        Name result;
        for (auto labels = random() % 6; labels > 0; --labels) {
            const Octets label(1 + random() % 3, static_cast<std::uint8_t>('a' + random() % 2));
            result = *result.child(label);
        }
        return result;
    };
    for (int round = 0; round < 300; ++round) {
        Replier replier(plain_query(any_name().to_text()), 4096);
        std::vector<std::pair<Name, Name>> written;
        for (int i = 0; i < 60; ++i) {
            const Name owner = any_name();
            const Name target = any_name();
            const std::uint16_t type = random() % 2 ? type::cname : type::dname;
            if (replier.writer().add(Section::answer, owner.wire(), type, 1, target.wire()))
                written.emplace_back(owner, target);
        }
        const Octets message = replier.finish(4096);
        ASSERT_TRUE(testing::points_backwards_only(message)) << round;
        const auto reply = read_message(message);
        ASSERT_TRUE(reply) << round;
        ASSERT_EQ(reply->records.size(), written.size());
        for (std::size_t i = 0; i < written.size(); ++i) {
            ASSERT_EQ(reply->records[i].record.owner, written[i].first);
            ASSERT_EQ(Name::from_wire(reply->records[i].rdata), written[i].second);
        }
    }
}

}  // namespace
}  // namespace peerzone::dns
