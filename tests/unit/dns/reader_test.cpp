#include <gtest/gtest.h>

#include "support/dns_wire.hpp"

namespace peerzone::dns {
namespace {

using testing::exact;
using testing::name;
using testing::Octets;
using testing::Wire;

// Reads a name at `at` of a block of exactly its size.
std::optional<Name> name_at(const Octets& message, std::size_t at, std::size_t* after = nullptr) {
    const Octets copy = exact(message);
    Reader reader(copy, at);
    Name result;
    if (!reader.read_name(result)) {
        EXPECT_EQ(reader.offset(), at) << "a step that fails goes nowhere";
        return std::nullopt;
    }
    if (after != nullptr) *after = reader.offset();
    return result;
}

Wire header() {
    return Wire().header(1, 0x8000, 0);
}

TEST(Reader, ReadsTheHeader) {
    const Octets message = Wire().header(0xabcd, 0xfedc, 1, 2, 3, 0xffff).octets();
    Reader reader(message);
    Header h;
    ASSERT_TRUE(reader.read_header(h));
    EXPECT_EQ(h.id, 0xabcd);
    EXPECT_EQ(h.flags, 0xfedc);
    EXPECT_EQ(h.counts[0], 1);
    EXPECT_EQ(h.counts[1], 2);
    EXPECT_EQ(h.counts[2], 3);
    EXPECT_EQ(h.counts[3], 0xffff);
    EXPECT_TRUE(reader.at_end());
    EXPECT_FALSE(reader.read_header(h)) << "there is only one";
    Header opcode_and_rcode{.id = 0, .flags = 0x2803};
    EXPECT_EQ(opcode_and_rcode.opcode(), 5);
    EXPECT_EQ(opcode_and_rcode.rcode(), Rcode::nxdomain);
}

TEST(Reader, AShortHeaderIsNone) {
    const Octets whole = header().octets();
    for (std::size_t size = 0; size < kHeaderSize; ++size) {
        const Octets part = exact(Bytes(whole).first(size));
        Header h;
        EXPECT_FALSE(Reader(part).read_header(h));
    }
}

TEST(ReaderName, FollowsPointersBackwards) {
    const Octets message =
        header().name("b.c").u8(1).text("a").pointer(12).u16(0xbeef).pointer(17).octets();
    std::size_t after = 0;
    EXPECT_EQ(name_at(message, 12, &after), name("b.c"));
    EXPECT_EQ(after, 17u);
    EXPECT_EQ(name_at(message, 17, &after), name("a.b.c"));
    EXPECT_EQ(after, 21u) << "reading goes on behind the first pointer";
    EXPECT_EQ(name_at(message, 23, &after), name("a.b.c")) << "a pointer to a pointer";
    EXPECT_EQ(after, 25u);
}

TEST(ReaderName, CaseComesThrough) {
    EXPECT_EQ(name_at(header().name("WwW.x").octets(), 12)->to_text(), "WwW.x");
}

TEST(ReaderName, RefusesForwardPointersAndLoops) {
    EXPECT_FALSE(name_at(header().pointer(14).name("a").octets(), 12)) << "forwards";
    EXPECT_FALSE(name_at(header().pointer(12).octets(), 12)) << "to itself";
    EXPECT_FALSE(name_at(header().u8(1).text("a").pointer(12).octets(), 12)) << "to its own start";
    EXPECT_FALSE(name_at(header().u8(1).text("a").pointer(12).octets(), 14))
        << "a name that runs into itself";
    EXPECT_FALSE(name_at(header().pointer(14).pointer(12).octets(), 14))
        << "two that point to each other";
    EXPECT_FALSE(name_at(header().pointer(14).name("a").pointer(12).octets(), 17))
        << "back first, then forwards";
    EXPECT_FALSE(name_at(header().u8(2).text("ab").pointer(13).octets(), 12))
        << "into its own label";
}

TEST(ReaderName, RefusesPointersIntoTheHeader) {
    for (std::size_t target = 0; target < 12; ++target)
        EXPECT_FALSE(name_at(Wire().header(0, 0, 0).name("a").pointer(target).octets(), 15))
            << target;
    EXPECT_TRUE(name_at(Wire().header(0, 0, 0).name("a").pointer(12).octets(), 15));
}

TEST(ReaderName, RefusesPointersOutsideTheMessage) {
    EXPECT_FALSE(name_at(header().name("a").pointer(0x3fff).octets(), 15));
    EXPECT_FALSE(name_at(header().name("a").pointer(17).octets(), 15));
    EXPECT_FALSE(name_at(header().name("a").u8(0xc0).octets(), 15)) << "half a pointer at the end";
}

TEST(ReaderName, RefusesOtherLabelTypes) {
    for (const unsigned octet : {0x40u, 0x41u, 0x7fu, 0x80u, 0xbfu}) {
        const Octets message = header().u8(octet).raw(Octets(200, 0)).octets();
        EXPECT_FALSE(name_at(message, 12)) << octet;
        Reader reader(message, 12);
        EXPECT_FALSE(reader.skip_name()) << octet;
        EXPECT_EQ(reader.offset(), 12u);
    }
}

TEST(ReaderName, RefusesMoreThan255OctetsHoweverTheyCome) {
    std::string text;
    for (int i = 0; i < 126; ++i) text += "x.";
    const Octets longest = header().name(text + "y").u8(1).text("z").pointer(12).octets();
    EXPECT_EQ(name_at(longest, 12)->size(), 255u);
    EXPECT_FALSE(name_at(longest, 12 + 255)) << "257 octets when put together";
    EXPECT_EQ(name_at(header().name(text).u8(1).text("z").pointer(12).octets(), 12 + 253)->size(),
              255u);
    Wire plain = header();
    for (int i = 0; i < 127; ++i) plain.u8(1).text("x");
    EXPECT_TRUE(name_at(Wire(plain).u8(0).octets(), 12));
    EXPECT_FALSE(name_at(Wire(plain).u8(1).text("x").u8(0).octets(), 12));
}

TEST(ReaderName, LongChainsOfPointersAreCutOff) {
    Wire wire = header().name("a");
    std::size_t last = 12;
    for (int i = 0; i < 8000; ++i) {
        const std::size_t at = wire.size();
        wire.pointer(last);
        last = at;
    }
    const Octets message = wire.octets();
    EXPECT_EQ(name_at(message, 15 + 2 * 126), name("a"))
        << "127 pointers are as many as a name can use";
    EXPECT_FALSE(name_at(message, 15 + 2 * 127));
    EXPECT_FALSE(name_at(message, last));
}

TEST(ReaderName, EveryDeepCompressionIsReadWhole) {
    // 127 labels, each behind a pointer to the rest: what an honest compressor can write at most.
    Wire wire = header().u8(1).text("x").u8(0);
    std::size_t last = 12;
    for (int i = 1; i < 127; ++i) {
        const std::size_t at = wire.size();
        wire.u8(1).text("x").pointer(last);
        last = at;
    }
    EXPECT_EQ(name_at(wire.octets(), last)->label_count(), 127u);
}

TEST(Reader, SkipNameChecksBoundsAndGoesNowhereWhenItFails) {
    const auto skip = [](const Octets& message, std::size_t at) -> std::optional<std::size_t> {
        Reader reader(message, at);
        if (reader.skip_name()) return reader.offset();
        EXPECT_EQ(reader.offset(), at);
        std::uint16_t value = 0;
        reader.read_u16(value);  // must not read outside either
        return std::nullopt;
    };
    EXPECT_EQ(skip(header().name("ab.c").octets(), 12), 18u);
    EXPECT_EQ(skip(header().u8(0).octets(), 12), 13u);
    EXPECT_EQ(skip(header().pointer(0x3fff).octets(), 12), 14u) << "pointers are not followed";
    EXPECT_EQ(skip(header().u8(1).text("a").pointer(12).octets(), 12), 16u);
    EXPECT_EQ(skip(header().octets(), 12), std::nullopt);
    EXPECT_EQ(skip(header().u8(0xc0).octets(), 12), std::nullopt);
    EXPECT_EQ(skip(header().u8(63).text("abc").octets(), 12), std::nullopt);
    EXPECT_EQ(skip(header().u8(3).text("abc").octets(), 12), std::nullopt);
}

Octets whole_message() {
    return Wire()
        .header(7, 0x8180, 1, 2, 1, 1)
        .name("www.westus.local")
        .u16(type::a)
        .u16(klass::in)
        .pointer(12)
        .record(type::cname, 5, Wire().u8(1).text("b").pointer(16).octets())
        .u8(1)
        .text("b")
        .pointer(16)
        .record(type::a, 5, Octets{10, 0, 0, 1})
        .pointer(16)
        .record(type::soa, 5,
                Wire()
                    .u8(2)
                    .text("ns")
                    .pointer(16)
                    .u8(1)
                    .text("h")
                    .pointer(16)
                    .raw(Octets(20, 9))
                    .octets())
        .opt(1232, 0, Octets{0, 10, 0, 2, 1, 2})
        .octets();
}

// Walks as far as it gets; true when everything was read.
bool walk(const Octets& message) {
    Reader reader(message);
    Header h;
    if (!reader.read_header(h)) return false;
    Name qname;
    std::uint16_t qtype = 0;
    std::uint16_t qclass = 0;
    for (unsigned i = 0; i < h.counts[0]; ++i)
        if (!reader.read_question(qname, qtype, qclass)) return false;
    Octets out(kRdataMax);
    for (int i = 0; i < h.counts[1] + h.counts[2] + h.counts[3]; ++i) {
        Record record;
        if (!reader.read_record(record)) return false;
        bool ok = false;
        expand_rdata(message, record, out, ok);
        if (!ok) return false;
    }
    return reader.at_end();
}

TEST(Reader, ReadsRecordsWithTheirPlaces) {
    const Octets message = whole_message();
    Reader reader(message);
    Header h;
    Name qname;
    std::uint16_t qtype = 0;
    std::uint16_t qclass = 0;
    Record record;
    ASSERT_TRUE(reader.read_header(h) && reader.read_question(qname, qtype, qclass) &&
                reader.read_record(record));
    EXPECT_EQ(qname, name("www.westus.local"));
    EXPECT_EQ(record.owner, qname);
    EXPECT_EQ(record.type, type::cname);
    EXPECT_EQ(record.klass, klass::in);
    EXPECT_EQ(record.ttl, 5u);
    EXPECT_EQ(load_u32(&message[record.ttl_offset]), 5u);
    EXPECT_EQ(record.rdata_size, 4);
    EXPECT_EQ(reader.offset(), record.rdata_offset + record.rdata_size);
    ASSERT_TRUE(reader.read_record(record));
    EXPECT_EQ(record.owner, name("b.westus.local"));
}

TEST(Reader, NoPrefixOfAMessageIsReadOutside) {
    const Octets message = whole_message();
    ASSERT_TRUE(walk(message));
    for (std::size_t size = 0; size < message.size(); ++size) {
        EXPECT_FALSE(walk(exact(Bytes(message).first(size)))) << size;
    }
}

TEST(Reader, NoOctetChangedLeadsOutside) {
    const Octets message = whole_message();
    std::size_t read_whole = 0;
    for (std::size_t at = 0; at < message.size(); ++at) {
        for (const unsigned octet :
             {0x00u, 0x01u, 0x3fu, 0x40u, 0x7fu, 0x80u, 0xbfu, 0xc0u, 0xc1u, 0xffu}) {
            Octets changed = exact(message);
            changed[at] = static_cast<std::uint8_t>(octet);
            read_whole += walk(changed) ? 1 : 0;
        }
    }
    EXPECT_GT(read_whole, 0u) << "some octets are only data";
}

TEST(Reader, RecordsEndWithTheMessage) {
    const Octets longer =
        header().u8(0).u16(type::txt).u16(klass::in).u32(1).u16(5).text("abcd").octets();
    Record record;
    EXPECT_FALSE(Reader(longer, 12).read_record(record));
    const Octets fits =
        header().u8(0).u16(type::txt).u16(klass::in).u32(1).u16(4).text("abcd").octets();
    EXPECT_TRUE(Reader(fits, 12).read_record(record));
    const Octets none = header().u8(0).u16(type::txt).u16(klass::in).u32(1).u16(0).octets();
    EXPECT_TRUE(Reader(none, 12).read_record(record));
}

}  // namespace
}  // namespace peerzone::dns
