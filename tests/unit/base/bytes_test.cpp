#include "peerzone/base/bytes.hpp"

#include <gtest/gtest.h>

#include <array>

#include "peerzone/base/result.hpp"

namespace peerzone {
namespace {

TEST(Bytes, NetworkOrderBothWays) {
    std::array<std::uint8_t, 6> octets{};
    store_u16(octets.data(), 0xfedc);
    store_u32(octets.data() + 2, 0x89abcdef);
    EXPECT_EQ(octets, (std::array<std::uint8_t, 6>{0xfe, 0xdc, 0x89, 0xab, 0xcd, 0xef}));
    EXPECT_EQ(load_u16(octets.data()), 0xfedc);
    EXPECT_EQ(load_u32(octets.data() + 2), 0x89abcdefu);
    EXPECT_EQ(load_u32(octets.data() + 1), 0xdc89abcdu) << "no alignment is asked for";
}

TEST(Bytes, StoreTakesTheLowBits) {
    std::array<std::uint8_t, 2> octets{};
    store_u16(octets.data(), 0x12345);
    EXPECT_EQ(load_u16(octets.data()), 0x2345);
}

TEST(Result, CarriesAValueOrAReason) {
    const auto half = [](int n) -> Result<int> {
        if (n % 2 != 0) return fail(std::to_string(n) + " is odd");
        return n / 2;
    };
    EXPECT_EQ(half(4).value(), 2);
    ASSERT_FALSE(half(3).has_value());
    EXPECT_EQ(half(3).error().message, "3 is odd");
    EXPECT_THROW(half(3).value(), std::runtime_error);
}

}  // namespace
}  // namespace peerzone
