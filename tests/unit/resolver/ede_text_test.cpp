#include "resolver/ede_text.hpp"

#include <gtest/gtest.h>

namespace peerzone::resolver {
namespace {

using namespace std::chrono_literals;

TEST(EdeText, ArePutTogether) {
    EdeText ede_text;
    EXPECT_EQ(ede_text.begin().add("peer=").add("westus ").add(0u).add(" of ").add(12u).text(),
              "peer=westus 0 of 12");
    EXPECT_EQ(ede_text.add("!").text(), "peer=westus 0 of 12!");
    EXPECT_EQ(ede_text.begin().text(), "");
}

TEST(EdeText, WhatDoesNotFitIsCut) {
    EdeText ede_text;
    const std::string large(300, 'x');
    EXPECT_EQ(ede_text.begin().add("a").add(large).add(7u).text(), "a" + large.substr(0, 255));
}

TEST(EdeText, AgesGrowCoarser) {
    EdeText ede_text;
    const auto text = [&](Duration age) {
        return std::string(ede_text.begin().add_age(age).text());
    };
    EXPECT_EQ(text(0s), "0s");
    EXPECT_EQ(text(1999ms), "1s");
    EXPECT_EQ(text(599s), "599s");
    EXPECT_EQ(text(10min), "10m");
    EXPECT_EQ(text(9h), "540m");
    EXPECT_EQ(text(30h), "30h");
}

TEST(EdeText, TimesAreUtc) {
    EdeText ede_text;
    using std::chrono::sys_days;
    const auto day = sys_days(std::chrono::year(2026) / 1 / 31);
    EXPECT_EQ(ede_text.begin().add_time(day + 10h).text(), "2026-01-31T10:00:00Z");
    EXPECT_EQ(ede_text.begin().add_time(day + 23h + 59min + 7s + 900ms).text(),
              "2026-01-31T23:59:07Z");
}

TEST(EdeText, ACachedFailureSaysWhenItIsTriedAgain) {
    EdeText ede_text;
    const std::string text = "peer=westus down";
    const Bytes octets(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    EXPECT_EQ(describe_cached_failure(ede_text, 2100ms, octets), "retry in 3s: peer=westus down");
    EXPECT_EQ(describe_cached_failure(ede_text, 1s, {}), "retry in 1s: ");
}

}  // namespace
}  // namespace peerzone::resolver
