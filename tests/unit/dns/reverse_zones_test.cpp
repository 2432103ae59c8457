#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "peerzone/dns/name.hpp"

namespace peerzone::dns {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> zones(std::string_view prefix) {
    std::vector<std::string> texts;
    for (const Name& zone : reverse_zones(IpPrefix::parse(prefix).value()))
        texts.push_back(zone.to_text());
    return texts;
}

// The name under which an address has its PTR record, made the long way.
Name pointer_name(const IpAddress& address) {
    std::string text;
    if (address.is_v4()) {
        for (std::size_t i = 16; i-- > 12;) text += std::to_string(address.bytes()[i]) + ".";
        return Name::from_text(text + "in-addr.arpa").value();
    }
    for (std::size_t i = 16; i-- > 0;) {
        text += "0123456789abcdef"[address.bytes()[i] & 15];
        text += '.';
        text += "0123456789abcdef"[address.bytes()[i] >> 4];
        text += '.';
    }
    return Name::from_text(text + "ip6.arpa").value();
}

TEST(ReverseZones, WholeOctetsAndNibblesGiveOneZone) {
    EXPECT_THAT(zones("10.1.0.0/16"), ElementsAre("1.10.in-addr.arpa"));
    EXPECT_THAT(zones("10.0.0.0/8"), ElementsAre("10.in-addr.arpa"));
    EXPECT_THAT(zones("0.0.0.0/0"), ElementsAre("in-addr.arpa"));
    EXPECT_THAT(zones("10.2.3.4"), ElementsAre("4.3.2.10.in-addr.arpa"));
    EXPECT_THAT(zones("::/0"), ElementsAre("ip6.arpa"));
    EXPECT_THAT(zones("fd00::/8"), ElementsAre("d.f.ip6.arpa"));
    EXPECT_THAT(zones("2001:db8::/32"), ElementsAre("8.b.d.0.1.0.0.2.ip6.arpa"));
}

TEST(ReverseZones, OddLengthsGiveAZonePerBlockInside) {
    EXPECT_THAT(zones("10.2.0.0/15"), ElementsAre("2.10.in-addr.arpa", "3.10.in-addr.arpa"));
    EXPECT_THAT(zones("fc00::/7"), ElementsAre("c.f.ip6.arpa", "d.f.ip6.arpa"));
    EXPECT_THAT(zones("fe80::/10"), ElementsAre("8.e.f.ip6.arpa", "9.e.f.ip6.arpa",
                                                "a.e.f.ip6.arpa", "b.e.f.ip6.arpa"));
    EXPECT_THAT(zones("10.0.0.2/31"),
                ElementsAre("2.0.0.10.in-addr.arpa", "3.0.0.10.in-addr.arpa"));
    const auto sixteen = zones("172.16.0.0/12");
    ASSERT_EQ(sixteen.size(), 16u);
    EXPECT_EQ(sixteen.front(), "16.172.in-addr.arpa");
    EXPECT_EQ(sixteen.back(), "31.172.in-addr.arpa");
    EXPECT_EQ(zones("128.0.0.0/1").size(), 128u);
    EXPECT_EQ(zones("128.0.0.0/1").back(), "255.in-addr.arpa");
    EXPECT_EQ(zones("8000::/1").size(), 8u);
}

// For every length: the zones cover the first and the last address of the block and neither
// neighbour.
TEST(ReverseZones, CoverExactlyTheBlock) {
    const auto covered = [](const std::vector<Name>& all, const IpAddress& address) {
        const Name pointer = pointer_name(address);
        int found = 0;
        for (const Name& zone : all) found += pointer.is_under(zone) ? 1 : 0;
        EXPECT_LE(found, 1);
        return found == 1;
    };
    for (unsigned front : {96u, 0u}) {
        for (unsigned length = front + 1; length <= 128; ++length) {
            std::array<std::uint8_t, 16> first =
                front == 96 ? IpAddress::v4(0).bytes() : std::array<std::uint8_t, 16>{};
            first[(length - 1) / 8] =
                static_cast<std::uint8_t>(first[(length - 1) / 8] | 0x80 >> (length - 1) % 8);
            if (front == 0 && length > 8) first[0] = 0x20;  // away from the mapped form of IPv4
            std::array<std::uint8_t, 16> last = first;
            std::array<std::uint8_t, 16> before =
                first;  // the sister block: the same with the prefix's last bit off
            before[(length - 1) / 8] =
                static_cast<std::uint8_t>(before[(length - 1) / 8] ^ 0x80 >> (length - 1) % 8);
            for (unsigned bit = length; bit < 128; ++bit) {
                last[bit / 8] = static_cast<std::uint8_t>(last[bit / 8] | 0x80 >> bit % 8);
                before[bit / 8] = static_cast<std::uint8_t>(before[bit / 8] | 0x80 >> bit % 8);
            }
            const auto all =
                reverse_zones({IpAddress::v6(first), static_cast<std::uint8_t>(length)});
            ASSERT_LE(all.size(), 256u);
            EXPECT_TRUE(covered(all, IpAddress::v6(first))) << length;
            EXPECT_TRUE(covered(all, IpAddress::v6(last))) << length;
            EXPECT_FALSE(covered(all, IpAddress::v6(before))) << length;
        }
    }
}

}  // namespace
}  // namespace peerzone::dns
