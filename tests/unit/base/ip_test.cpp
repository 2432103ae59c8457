#include "peerzone/base/ip.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace peerzone {
namespace {

using namespace std::string_view_literals;

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}
IpPrefix prefix(std::string_view text) {
    return IpPrefix::parse(text).value();
}

TEST(IpAddress, ReadsAndPrintsBothFamilies) {
    for (const char* text :
         {"0.0.0.0", "10.2.0.10", "255.255.255.255", "::", "::1", "fd00::1", "2001:db8::ff"})
        EXPECT_EQ(ip(text).to_text(), text);
    EXPECT_EQ(ip("FD00:0:0::1").to_text(), "fd00::1");
}

TEST(IpAddress, TellsTheFamiliesApart) {
    EXPECT_TRUE(ip("10.0.0.1").is_v4());
    EXPECT_EQ(ip("10.0.0.1").v4_value(), 0x0a000001u);
    EXPECT_FALSE(ip("::1").is_v4());
    EXPECT_FALSE(ip("::10.0.0.1").is_v4()) << "the compatible form is not the mapped form";
    EXPECT_EQ(IpAddress::v4(0x0a000001), ip("10.0.0.1"));
}

TEST(IpAddress, TakesTheMappedFormAsIpv4) {
    EXPECT_EQ(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
    EXPECT_EQ(ip("::ffff:10.0.0.1").to_text(), "10.0.0.1");
}

TEST(IpAddress, KnowsTheUnspecifiedAddresses) {
    EXPECT_TRUE(IpAddress().is_unspecified());
    EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
    EXPECT_FALSE(ip("0.0.0.1").is_unspecified());
    EXPECT_FALSE(ip("::1").is_unspecified());
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
    for (const auto text :
         {""sv, "10.0.0"sv, "10.0.0.256"sv, "10.0.0.1.2"sv, "010.0.0.1"sv, " 10.0.0.1"sv,
          "10.0.0.1 "sv, "::g"sv, ":::"sv, "[::1]"sv, "fe80::1%lo"sv, "1:2:3:4:5:6:7:8:9"sv,
          "host"sv, "10.0.0.1\0junk"sv, "::1\0"sv}) {
        EXPECT_FALSE(IpAddress::parse(text).has_value()) << text;
    }
    EXPECT_EQ(IpAddress::parse("10.0.0").error().message, "'10.0.0' is not an IP address");
}

TEST(IpPrefix, ReadsAndPrintsBothFamilies) {
    for (const char* text :
         {"0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "10.0.0.1/32", "::/0", "fc00::/7", "::1/128"})
        EXPECT_EQ(prefix(text).to_text(), text);
    EXPECT_EQ(prefix("10.0.0.1").to_text(), "10.0.0.1/32");
    EXPECT_EQ(prefix("fd00::1").to_text(), "fd00::1/128");
}

TEST(IpPrefix, CountsItsLengthFromTheFrontOf128Bits) {
    EXPECT_EQ(prefix("10.0.0.0/8").length, 104);
    EXPECT_EQ(prefix("10.0.0.0/8").family_length(), 8);
    EXPECT_EQ(prefix("0.0.0.0/0").length, 96);
    EXPECT_TRUE(prefix("0.0.0.0/0").is_v4());
    EXPECT_FALSE(prefix("::/0").is_v4());
    EXPECT_EQ(prefix("fd00::/8").family_length(), 8);
}

TEST(IpPrefix, RefusesBitsBehindItsLength) {
    for (const char* text :
         {"10.0.0.1/8", "10.128.0.0/8", "10.0.0.1/31", "0.0.0.1/0", "fd00::1/64", "8000::/0"}) {
        const auto result = IpPrefix::parse(text);
        ASSERT_FALSE(result.has_value()) << text;
        EXPECT_EQ(result.error().message,
                  "'" + std::string(text) + "' has bits set behind its prefix length");
    }
}

TEST(IpPrefix, RefusesBadLengths) {
    for (const char* text :
         {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8x", "10.0.0.0/ 8",
          "10.0.0.0/8/8", "::/129", "::/99999999999", "/8", ""})
        EXPECT_FALSE(IpPrefix::parse(text).has_value()) << text;
    EXPECT_EQ(IpPrefix::parse("10.0.0.0/33").error().message,
              "prefix length '33' is not a number from 0 to 32");
}

TEST(IpPrefix, ContainsExactlyItsBlock) {
    EXPECT_TRUE(prefix("172.16.0.0/12").contains(ip("172.16.0.0")));
    EXPECT_TRUE(prefix("172.16.0.0/12").contains(ip("172.31.255.255")));
    EXPECT_FALSE(prefix("172.16.0.0/12").contains(ip("172.15.255.255")));
    EXPECT_FALSE(prefix("172.16.0.0/12").contains(ip("172.32.0.0")));
    EXPECT_TRUE(prefix("10.0.0.1").contains(ip("10.0.0.1")));
    EXPECT_FALSE(prefix("10.0.0.1").contains(ip("10.0.0.0")));
    EXPECT_TRUE(prefix("fe80::/10").contains(ip("febf::1")));
    EXPECT_FALSE(prefix("fe80::/10").contains(ip("fec0::1")));
}

TEST(IpPrefix, EveryLengthSplitsItsNeighbours) {
    for (unsigned length = 1; length <= 32; ++length) {
        const std::uint32_t base =
            0x80000000u >> (length - 1);  // only the last bit of the prefix is set
        const IpPrefix block{IpAddress::v4(base), static_cast<std::uint8_t>(96 + length)};
        const std::uint32_t last = base | (length == 32 ? 0 : 0xffffffffu >> length);
        EXPECT_TRUE(block.contains(IpAddress::v4(base))) << length;
        EXPECT_TRUE(block.contains(IpAddress::v4(last))) << length;
        EXPECT_FALSE(block.contains(IpAddress::v4(base - 1))) << length;
        EXPECT_FALSE(block.contains(IpAddress::v4(last + 1))) << length;
    }
}

TEST(IpPrefix, KeepsTheFamiliesApart) {
    EXPECT_TRUE(prefix("0.0.0.0/0").contains(ip("8.8.8.8")));
    EXPECT_FALSE(prefix("0.0.0.0/0").contains(ip("2001:db8::1")));
    EXPECT_TRUE(prefix("::/0").contains(ip("2001:db8::1")));
    EXPECT_FALSE(prefix("::/0").contains(ip("8.8.8.8"))) << "a rule for IPv6 must not let IPv4 in";
    EXPECT_FALSE(prefix("::/1").contains(ip("8.8.8.8")));
}

TEST(SocketAddress, ReadsEveryForm) {
    const auto text = [](std::string_view in) {
        return SocketAddress::parse(in, 53).value().to_text();
    };
    EXPECT_EQ(text("10.2.0.10"), "10.2.0.10:53");
    EXPECT_EQ(text("10.2.0.10:5353"), "10.2.0.10:5353");
    EXPECT_EQ(text("fd00::1"), "[fd00::1]:53");
    EXPECT_EQ(text("[fd00::1]"), "[fd00::1]:53");
    EXPECT_EQ(text("[fd00::1]:65535"), "[fd00::1]:65535");
    EXPECT_EQ(text("::"), "[::]:53");
}

TEST(SocketAddress, RefusesWhatIsNone) {
    for (const char* text : {"", ":53", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:-1",
                             "10.0.0.1:5x", "10.0.0.1:53:53", "[fd00::1", "[fd00::1]53",
                             "[fd00::1]:", "[]:53", "host:53", "[", "fd00::1]:53"})
        EXPECT_FALSE(SocketAddress::parse(text, 53).has_value()) << text;
    EXPECT_FALSE(SocketAddress::parse("10.0.0.1", 0).has_value());
    EXPECT_EQ(SocketAddress::parse("10.0.0.1:0", 53).error().message, "'10.0.0.1:0' has port 0");
}

TEST(SocketAddress, SurvivesTheNativeForm) {
    for (const char* text : {"10.2.0.10:5353", "[fd00::1]:53", "0.0.0.0:1", "[::]:65535"}) {
        const SocketAddress address = SocketAddress::parse(text, 53).value();
        sockaddr_storage native;
        std::memset(&native, 0xff, sizeof native);
        const socklen_t size = address.to_native(native);
        EXPECT_EQ(native.ss_family, address.ip.is_v4() ? AF_INET : AF_INET6);
        EXPECT_EQ(size, address.ip.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
        EXPECT_EQ(SocketAddress::from_native(native), address) << text;
    }
}

TEST(SocketAddress, KeepsTheScopeOfALinkLocalAddress) {
    SocketAddress address = SocketAddress::parse("[fe80::1]:53", 53).value();
    address.scope = 7;
    sockaddr_storage native;
    address.to_native(native);
    EXPECT_EQ(SocketAddress::from_native(native).scope, 7u);
}

TEST(SocketAddress, MappedNativeAddressesAreIpv4) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(53);
    std::memcpy(&six.sin6_addr, ip("10.0.0.1").bytes().data(), 16);
    sockaddr_storage native{};
    std::memcpy(&native, &six, sizeof six);
    EXPECT_EQ(SocketAddress::from_native(native).to_text(), "10.0.0.1:53");
}

}  // namespace
}  // namespace peerzone
