#include "peerzone/base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace peerzone::log {
namespace {

using ::testing::EndsWith;
using ::testing::MatchesRegex;

// What one call writes, without the final line feed; the time in front is cut off unless `whole`.
std::string line_of(Level level, std::string_view event, std::initializer_list<Field> fields,
                    bool whole = false) {
    ::testing::internal::CaptureStderr();
    write(level, event, fields);
    std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), text.empty() ? 0 : 1) << text;
    if (text.empty()) return text;
    text.pop_back();
    return whole ? text : text.substr(text.find(' ') + 1);
}

std::string value_of(std::string_view value) {
    const std::string line = line_of(Level::info, "e", {{"k", std::string(value)}});
    return line.substr(std::string_view("info e k=").size());
}

TEST(Log, WritesTimeLevelEventAndFields) {
    EXPECT_THAT(line_of(Level::info, "peer.up", {{"peer", "westus"}, {"rtt", "4ms"}}, true),
                MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z info peer.up "
                             "peer=westus rtt=4ms"));
    EXPECT_EQ(line_of(Level::warning, "e", {}), "warning e");
    EXPECT_EQ(line_of(Level::error, "e", {}), "error e");
}

TEST(Log, QuotesWhatIsNotOnePlainWord) {
    EXPECT_EQ(value_of("plain-1.2:3/4"), "plain-1.2:3/4");
    EXPECT_EQ(value_of(""), "\"\"");
    EXPECT_EQ(value_of("two words"), "\"two words\"");
    EXPECT_EQ(value_of("a=b"), "\"a=b\"");
    EXPECT_EQ(value_of("say \"hi\""), "\"say \\\"hi\\\"\"");
    EXPECT_EQ(value_of("back\\slash"), "\"back\\\\slash\"");
}

TEST(Log, NoValueCanForgeALineOrAField) {
    EXPECT_EQ(value_of("x\n2026-01-01T00:00:00.000Z error forged"),
              "\"x\\x0a2026-01-01T00:00:00.000Z error forged\"");
    EXPECT_EQ(value_of("x\" level=\"y"), "\"x\\\" level=\\\"y\"");
    EXPECT_EQ(value_of("ends in \\"), "\"ends in \\\\\"");
    EXPECT_EQ(line_of(Level::info, "event\nforged", {}), "info \"event\\x0aforged\"");
}

TEST(Log, EveryOctetComesOutAsPrintableAscii) {
    for (unsigned octet = 0; octet < 256; ++octet) {
        const std::string value = value_of(std::string{'a', static_cast<char>(octet), 'b'});
        for (const unsigned char c : value) EXPECT_TRUE(c >= ' ' && c < 0x7f) << octet;
    }
    EXPECT_EQ(value_of(std::string_view("\0", 1)), "\"\\x00\"");
    EXPECT_EQ(value_of("\x1b[2J"), "\"\\x1b[2J\"");
    EXPECT_EQ(value_of("\xc2\x9b"), "\"\\xc2\\x9b\"")
        << "U+009B starts a terminal control sequence";
}

TEST(Log, FormatStringsAreJustText) {
    EXPECT_EQ(value_of("{}{0}%s%n"), "{}{0}%s%n");
    EXPECT_EQ(line_of(Level::info, "{}", {}), "info {}");
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
    configure({.level = Level::warning});
    EXPECT_FALSE(enabled(Level::info));
    EXPECT_TRUE(enabled(Level::warning));
    EXPECT_EQ(line_of(Level::info, "quiet", {}), "");
    EXPECT_THAT(line_of(Level::error, "loud", {}), EndsWith("loud"));
    configure({.level = Level::debug});
    EXPECT_EQ(line_of(Level::debug, "e", {}), "debug e");
    configure({});
    EXPECT_FALSE(enabled(Level::debug));
    EXPECT_TRUE(enabled(Level::info));
}

TEST(LogLimit, LetsOneThroughPerIntervalAndCountsTheRest) {
    LogLimit limit(Seconds(60));
    const Time start = Time{} + Seconds(5);
    std::uint64_t suppressed = 99;
    EXPECT_TRUE(limit.allow(start, suppressed));
    EXPECT_EQ(suppressed, 0u);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(limit.allow(start + Seconds(i), suppressed));
    EXPECT_FALSE(limit.allow(start + Seconds(60) - std::chrono::nanoseconds(1), suppressed));
    EXPECT_TRUE(limit.allow(start + Seconds(60), suppressed));
    EXPECT_EQ(suppressed, 11u);
    EXPECT_TRUE(limit.allow(start + Seconds(200), suppressed));
    EXPECT_EQ(suppressed, 0u);
}

TEST(LogLimit, TheFirstLinePassesWhateverTheClockSays) {
    std::uint64_t suppressed = 0;
    EXPECT_TRUE(LogLimit().allow(Time{}, suppressed));
    EXPECT_TRUE(LogLimit().allow(Time{} - std::chrono::hours(1), suppressed));
}

TEST(LogLimit, ThreadsTogetherGetOneLineAndLoseNoCount) {
    LogLimit limit(Seconds(60));
    std::atomic<int> allowed{0};
    std::atomic<std::uint64_t> told{0};  // held back before the first line took its count
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            std::uint64_t suppressed = 0;
            for (int i = 0; i < 1000; ++i) {
                if (!limit.allow(Time{}, suppressed)) continue;
                ++allowed;
                told += suppressed;
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(allowed.load(), 1);
    std::uint64_t suppressed = 0;
    EXPECT_TRUE(limit.allow(Time{} + Seconds(60), suppressed));
    EXPECT_EQ(told + suppressed, 3999u);
}

}  // namespace
}  // namespace peerzone::log
