#include "peerzone/upstream/datagram_limit.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "peerzone/dns/name.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::upstream {
namespace {

using Permit = DatagramLimit::Permit;

struct DatagramLimitTest : testing::Test {
    std::unique_ptr<DatagramLimit> limit = std::make_unique<DatagramLimit>();

    static std::uint64_t key(const std::string& name, std::uint16_t type) {
        return DatagramLimit::key_of(dns::Name::from_text(name).value().folded().wire(), type);
    }
};

TEST_F(DatagramLimitTest, ThreeOfANameAndTypeAndNoMore) {
    const std::uint64_t db = key("db.example", 1);
    std::vector<Permit> permits;
    for (int i = 0; i < 3; ++i) permits.push_back(limit->claim(db));
    for (const Permit& permit : permits) EXPECT_TRUE(permit);
    EXPECT_FALSE(limit->claim(db));
    EXPECT_FALSE(limit->claim(key("DB.example", 1))) << "the same name";
    EXPECT_EQ(limit->held(), 3u);
    permits.pop_back();
    EXPECT_TRUE(limit->claim(db));
    permits.clear();
    EXPECT_EQ(limit->held(), 0u);
}

TEST_F(DatagramLimitTest, OtherNamesAndTypesHaveRoomOfTheirOwn) {
    // Few keys in many counters: that four of them share one is once in 60,000 runs.
    std::vector<Permit> permits;
    for (int i = 0; i < 100; ++i) {
        const std::string name = "n" + std::to_string(i) + ".example";
        permits.push_back(limit->claim(key(name, dns::type::a)));
        permits.push_back(limit->claim(key(name, dns::type::aaaa)));
    }
    EXPECT_EQ(limit->held(), 200u);
}

TEST_F(DatagramLimitTest, APermitIsGivenBackOnce) {
    Permit first = limit->claim(7);
    Permit second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(limit->held(), 1u);
    first.release();
    EXPECT_EQ(limit->held(), 1u);
    second.release();
    second.release();
    EXPECT_EQ(limit->held(), 0u);
    second = limit->claim(7);
    second = limit->claim(8);  // the former one ends
    EXPECT_EQ(limit->held(), 1u);
    Permit& itself = second;
    second = std::move(itself);
    second = {};
    EXPECT_EQ(limit->held(), 0u);
}

TEST_F(DatagramLimitTest, ACounterLeavesItsNeighboursAlone) {
    constexpr std::uint64_t kStep = ~std::uint64_t{0} / DatagramLimit::kCounters + 1;
    std::vector<Permit> permits;
    for (std::uint64_t i = 0; i < DatagramLimit::kCounters; ++i) {
        for (int n = 0; n < 3; ++n) {
            permits.push_back(limit->claim(i * kStep));
            ASSERT_TRUE(permits.back()) << i;
        }
        ASSERT_FALSE(limit->claim(i * kStep));
        ASSERT_FALSE(limit->claim(i * kStep + kStep - 1)) << "the same counter";
    }
    EXPECT_EQ(limit->held(), 3 * DatagramLimit::kCounters);
    for (std::size_t i = 0; i < permits.size(); i += 2) permits[i].release();
    EXPECT_EQ(limit->held(), permits.size() / 2);
    permits.clear();
    EXPECT_EQ(limit->held(), 0u);
}

TEST_F(DatagramLimitTest, ThreadsCountTogether) {
    constexpr std::uint64_t kNext = ~std::uint64_t{0} / DatagramLimit::kCounters + 1;
    std::array<std::atomic<int>, 2> in_flight{};
    std::atomic<int> most{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 4000; ++i) {
                const auto which = static_cast<std::size_t>((t + i) % 2);  // two of one word
                const Permit permit = limit->claim(which * kNext);
                if (!permit) continue;
                const int now = in_flight[which].fetch_add(1) + 1;
                int before = most.load();
                while (now > before && !most.compare_exchange_weak(before, now)) {
                }
                if (i % 16 == 0) std::this_thread::yield();
                in_flight[which].fetch_sub(1);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(most.load(), 3);
    EXPECT_GE(most.load(), 1);
    EXPECT_EQ(limit->held(), 0u);
}

}  // namespace
}  // namespace peerzone::upstream
