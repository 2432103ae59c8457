#include <gtest/gtest.h>

#include "support/dns_wire.hpp"

namespace peerzone::dns {
namespace {

using testing::exact;
using testing::Octets;
using testing::Wire;

// A message with `a.b.c` at octet 12 and one record whose data is `rdata`; the data expanded, or
// nothing. What stands behind the record is there to be read by mistake: a name that runs past its
// data would find a good end in it.
std::optional<Octets> expand(std::uint16_t type, const Octets& rdata,
                             bool with_more_behind = false) {
    Wire wire;
    wire.header(1, 0x8000, 0).name("a.b.c").u8(0).record(type, 1, rdata);
    if (with_more_behind) wire.raw(Octets(300, 0));
    const Octets message = wire.octets();
    Reader reader(message, 19);
    Record record;
    EXPECT_TRUE(reader.read_record(record));
    Octets out(kRdataMax);
    bool ok = false;
    const std::size_t size = expand_rdata(message, record, out, ok);
    if (!ok) {
        EXPECT_EQ(size, 0u);
        return std::nullopt;
    }
    return exact(Bytes(out).first(size));
}

struct Layout {
    std::uint16_t type;
    std::size_t before;
    unsigned names;
    std::size_t after;
};

const Layout kLayouts[] = {{type::ns, 0, 1, 0},    {3, 0, 1, 0},         {4, 0, 1, 0},
                           {type::cname, 0, 1, 0}, {7, 0, 1, 0},         {8, 0, 1, 0},
                           {9, 0, 1, 0},           {type::ptr, 0, 1, 0}, {type::dname, 0, 1, 0},
                           {type::soa, 0, 2, 20},  {14, 0, 2, 0},        {17, 0, 2, 0},
                           {type::mx, 2, 1, 0},    {18, 2, 1, 0},        {21, 2, 1, 0},
                           {36, 2, 1, 0},          {26, 2, 2, 0},        {type::srv, 6, 1, 0}};

// Data of that layout, each name compressed or not.
Octets data_of(const Layout& layout, bool compressed) {
    Wire wire;
    for (std::size_t i = 0; i < layout.before; ++i) wire.u8(static_cast<unsigned>(0xf0 + i));
    for (unsigned i = 0; i < layout.names; ++i) {
        wire.u8(1).text(i == 0 ? "x" : "y");
        if (compressed) {
            wire.pointer(12);
        } else {
            wire.name("a.b.c");
        }
    }
    for (std::size_t i = 0; i < layout.after; ++i) wire.u8(static_cast<unsigned>(i + 1));
    return wire.octets();
}

TEST(ExpandRdata, EveryLayoutIsDecompressed) {
    for (const Layout& layout : kLayouts) {
        EXPECT_EQ(expand(layout.type, data_of(layout, true)), data_of(layout, false))
            << layout.type;
        EXPECT_EQ(expand(layout.type, data_of(layout, false)), data_of(layout, false))
            << layout.type;
    }
}

TEST(ExpandRdata, EveryLayoutCutAnywhereIsAnError) {
    for (const Layout& layout : kLayouts) {
        for (const bool compressed : {true, false}) {
            const Octets whole = data_of(layout, compressed);
            for (std::size_t size = 0; size < whole.size(); ++size) {
                const Octets part = exact(Bytes(whole).first(size));
                EXPECT_EQ(expand(layout.type, part), std::nullopt) << layout.type << " " << size;
                EXPECT_EQ(expand(layout.type, part, true), std::nullopt)
                    << layout.type << " " << size;
            }
        }
    }
}

TEST(ExpandRdata, OctetsBehindTheLastNameAreAnError) {
    for (const Layout& layout : kLayouts) {
        Octets longer = data_of(layout, true);
        longer.push_back(0);
        EXPECT_EQ(expand(layout.type, longer), std::nullopt) << layout.type;
    }
}

TEST(ExpandRdata, OnlyTypesOfRfc1035AreCompressedWhenWritten) {
    using Types = std::initializer_list<std::uint16_t>;
    for (const std::uint16_t type : Types{2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15})
        EXPECT_TRUE(rdata_layout(type).compress) << type;
    for (const std::uint16_t type :
         Types{1, 16, 17, 18, 21, 26, 28, 33, 35, 36, 39, 46, 64, 65, 1000})
        EXPECT_FALSE(rdata_layout(type).compress) << type;
}

TEST(ExpandRdata, AddressesHaveTheirSize) {
    EXPECT_EQ(expand(type::a, Octets(4, 7)), Octets(4, 7));
    EXPECT_EQ(expand(type::aaaa, Octets(16, 7)), Octets(16, 7));
    for (const std::size_t size : {0, 3, 5, 16})
        EXPECT_EQ(expand(type::a, Octets(size)), std::nullopt);
    for (const std::size_t size : {0, 4, 15, 17})
        EXPECT_EQ(expand(type::aaaa, Octets(size)), std::nullopt);
}

TEST(ExpandRdata, SoaNeedsItsFiveNumbers) {
    const auto soa = [](std::size_t after) {
        return Wire().u8(0).u8(0).raw(Octets(after, 1)).octets();
    };
    EXPECT_TRUE(expand(type::soa, soa(20)).has_value());
    for (const std::size_t after : {0, 4, 16, 19, 21, 24})
        EXPECT_EQ(expand(type::soa, soa(after)), std::nullopt);
}

TEST(ExpandRdata, NaptrHasThreeStringsBeforeItsName) {
    const auto naptr = [] { return Wire().u16(1).u16(2).u8(1).text("s").u8(3).text("SIP").u8(0); };
    EXPECT_EQ(expand(35, naptr().u8(1).text("x").pointer(12).octets()),
              naptr().name("x.a.b.c").octets());
    EXPECT_EQ(expand(35, naptr().u8(0).octets()), naptr().u8(0).octets());
    const Octets whole = naptr().name("x.y").octets();
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(expand(35, exact(Bytes(whole).first(size)), true), std::nullopt) << size;
    EXPECT_EQ(expand(35, Wire().u16(1).u16(2).u8(255).text("s").octets(), true), std::nullopt)
        << "a string that runs past the data";
}

TEST(ExpandRdata, NamesMayNotRunPastTheData) {
    // The data ends within the label; the message goes on with octets that would complete the name.
    EXPECT_EQ(expand(type::cname, Octets{5, 'a'}, true), std::nullopt);
    EXPECT_EQ(expand(type::cname, Octets{1, 'a'}, true), std::nullopt)
        << "the final root label is missing";
    EXPECT_EQ(expand(type::cname, Octets{0xc0}, true), std::nullopt);
    EXPECT_EQ(expand(type::srv, Octets{0, 0, 0, 0, 0, 53, 1, 'a'}, true), std::nullopt);
}

TEST(ExpandRdata, BadPointersAreErrors) {
    EXPECT_EQ(expand(type::cname, Wire().pointer(0).octets()), std::nullopt) << "into the header";
    EXPECT_EQ(expand(type::cname, Wire().pointer(30).octets()), std::nullopt) << "to itself";
    EXPECT_EQ(expand(type::cname, Wire().pointer(0x3fff).octets()), std::nullopt);
    EXPECT_EQ(expand(type::cname, Octets{0x40, 'a', 0}), std::nullopt);
    EXPECT_EQ(expand(type::mx, Octets{0}), std::nullopt);
    EXPECT_EQ(expand(type::srv, Octets{}), std::nullopt);
}

TEST(ExpandRdata, OtherTypesAreOctets) {
    // What looks like a pointer is data where the type has no names we know (RFC 3597 4).
    for (const std::uint16_t type :
         {type::txt, type::rrsig, type::nsec, type::svcb, std::uint16_t{1000}}) {
        EXPECT_EQ(expand(type, Octets{0xc0, 12}), (Octets{0xc0, 12}));
        EXPECT_EQ(expand(type, Octets{}), Octets{});
        EXPECT_EQ(expand(type, Octets(65535, 0xff)), Octets(65535, 0xff)) << "the largest there is";
    }
}

}  // namespace
}  // namespace peerzone::dns
