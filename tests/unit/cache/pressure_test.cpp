// Memory and eviction: what the cache takes, and what has to go.
#include <cstdio>
#include <memory>

#include "cache_support.hpp"

namespace peerzone::cache::testing {
namespace {

constexpr std::uint64_t kFlood = kSanitized ? 200'000 : 1'000'000;
constexpr std::uint64_t kFloodBase = 1'000'000'000;

struct PressureTest : Fixture {
    PlainA plain;

    /// Asks for `count` names from `first` on as a server would: what is not there is fetched.
    /// Returns the share of hits.
    double ask(Cache& target, std::uint64_t first, std::uint64_t count) {
        std::uint64_t hits = 0;
        for (std::uint64_t i = first; i < first + count; ++i) {
            const Question question(i);
            if (target.find(question.key(), now, out, hit)) {
                ++hits;
            } else {
                target.store(question.key(), plain.value(300s), now);
            }
        }
        return static_cast<double>(hits) / static_cast<double>(count);
    }
};

TEST_F(PressureTest, ANameTakesAtMost124Octets) {
    const std::uint64_t count = kSanitized ? 100'000 : 500'000;
    ASSERT_EQ(Question(count).name.size(), 41u);
    const std::size_t heap_before = heap_in_use();
    Cache large({.size_bytes = 256u << 20});
    for (std::uint64_t i = 0; i < count; ++i)
        large.store(Question(i).key(), plain.value(300s), now);
    const std::size_t heap = heap_in_use() - heap_before;
    const Stats stats = large.stats();
    ASSERT_EQ(stats.entries, count);
    const double per_name = static_cast<double>(stats.bytes) / static_cast<double>(count);
    std::printf("%llu names: %.1f octets each by our books, %.1f by the allocator's\n",
                static_cast<unsigned long long>(count), per_name,
                static_cast<double>(heap) / static_cast<double>(count));
    EXPECT_LE(per_name, kSanitized ? 126 : 124);
    EXPECT_LE(heap, stats.bytes + stats.bytes / 50) << "our books leave nothing out";
    EXPECT_GE(heap, stats.bytes * 3 / 4);
    EXPECT_GT(ask(large, 0, count), 0.9999);
}

TEST_F(PressureTest, AFloodStaysWithinTheSize) {
    constexpr std::size_t kSize = 4u << 20;
    const std::size_t heap_before = heap_in_use();
    Cache small({.size_bytes = kSize});
    std::size_t heap_most = 0;
    for (std::uint64_t i = 0; i < kFlood; ++i) {
        small.store(Question(i).key(), plain.value(300s), now);
        if (i % 10'000 != 0) continue;
        ASSERT_LE(small.stats().bytes, kSize);
        heap_most = std::max(heap_most, heap_in_use() - heap_before);
    }
    const Stats stats = small.stats();
    EXPECT_LE(heap_most, kSize + kSize / 20);
    EXPECT_GT(stats.bytes, kSize * 95 / 100) << "and uses what it may";
    EXPECT_EQ(stats.stored, kFlood);
    EXPECT_EQ(stats.entries + stats.evicted_probation + stats.evicted_main, kFlood);
}

TEST_F(PressureTest, ValuesOfAllSizesStayWithinTheSize) {
    constexpr std::size_t kSize = 1u << 20;
    std::vector<std::unique_ptr<BodyText>> texts;
    for (const std::uint32_t count : {1u, 5u, 60u, 900u, 2000u}) {
        texts.push_back(std::make_unique<BodyText>(Question("x").name));
        for (std::uint32_t i = 0; i < count; ++i) texts.back()->a(60, i);
    }
    const std::size_t heap_before = heap_in_use();
    Cache small({.size_bytes = kSize});
    std::uint64_t random = 1;
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const Question question(random >> 33 & 0xfff);
        small.store(question.key(), texts[random >> 50 & 3]->value(60s), now);
        if (random >> 60 == 0) small.erase(Question(random >> 40 & 0xfff).key());
        if (i % 100 != 0) continue;
        ASSERT_LE(small.stats().bytes, kSize);
        ASSERT_LE(heap_in_use() - heap_before, kSize + kSize / 20);
    }
    EXPECT_EQ(small.stats().refused_too_large, 0u);
    EXPECT_GT(small.stats().bytes, kSize / 2);
    small.store(Question("big.example").key(), texts[4]->value(60s), now);
    EXPECT_FALSE(small.find(Question("big.example").key(), now, out, hit));
    EXPECT_EQ(small.stats().refused_too_large, 1u);
}

TEST_F(PressureTest, AValueThatIsTooLargeTakesTheOldOneWithIt) {
    Cache small({.size_bytes = 1u << 20});
    const Question question("grows.example");
    small.store(question.key(), plain.value(60s), now);
    BodyText text(question.name);
    for (std::uint32_t i = 0; i < 2000; ++i) text.a(60, i);
    small.store(question.key(), text.value(60s), now);
    EXPECT_FALSE(small.find(question.key(), now, out, hit));
    EXPECT_EQ(small.stats().entries, 0u);
}

TEST_F(PressureTest, AFloodOfRandomNamesLeavesTheHotSetAlone) {
    constexpr std::uint64_t kHot = 2000;
    Cache small({.size_bytes = 4u << 20});  // room for about 34,000 names
    ask(small, 0, kHot);
    EXPECT_EQ(ask(small, 0, kHot), 1.0) << "before";
    std::uint64_t during = 0;
    for (std::uint64_t i = 0; i < kFlood; ++i) {
        small.store(Question(kFloodBase + i).key(), plain.value(300s), now);
        // One question in eleven is for a hot name.
        if (i % 10 == 0 && ask(small, i / 10 % kHot, 1) == 1.0) ++during;
    }
    EXPECT_GE(during * 100, kFlood / 10 * 99);
    EXPECT_GE(ask(small, 0, kHot), 0.99) << "after";
    const Stats stats = small.stats();
    EXPECT_GT(stats.evicted_probation, kFlood / 2);
    EXPECT_LT(stats.evicted_main, kFlood / 100);
}

TEST_F(PressureTest, AHotSetWithShortTtlsSurvivesAFloodToo) {
    constexpr std::uint64_t kHot = 500;
    Cache small({.size_bytes = 4u << 20});
    const PlainA short_lived(1);
    std::uint64_t kept = 0, asked = 0;
    for (std::uint64_t i = 0; i < kFlood / 4; ++i) {
        small.store(Question(kFloodBase + i).key(), plain.value(300s), now);
        if (i % 4 != 0) continue;
        now +=
            1ms;  // a thousand hot questions a second: each hot name twice, one of them a refresh
        const Question question(i / 4 % kHot);
        const std::uint64_t entries = small.stats().entries;
        if (!small.find(question.key(), now, out, hit))
            small.store(question.key(), short_lived.value(1s), now);
        if (i / 4 < 10 * kHot) continue;
        ++asked;
        kept += small.stats().entries <=
                entries;  // replaced in place, or found: it had not been evicted
    }
    EXPECT_GT(asked, 1000u);
    EXPECT_GE(static_cast<double>(kept), 0.99 * static_cast<double>(asked));
}

// Each question for such a name is a miss, so no hit says that it is in use.
TEST_F(PressureTest, NamesAskedForLessOftenThanTheirTtlSurviveAFlood) {
    constexpr std::uint64_t kAskedAgain = 500;
    Cache small({.size_bytes = 4u << 20});
    const auto ask_all = [&](std::uint64_t first) {
        std::uint64_t found = 0;
        for (std::uint64_t i = first; i < first + kAskedAgain; ++i) {
            const Question question(i);
            found += small.find(question.key(), now, out, hit);
            small.store(question.key(), plain.value(1s), now);
        }
        return found;
    };
    EXPECT_EQ(ask_all(0), 0u);
    now += 1500ms;
    EXPECT_EQ(ask_all(0), 0u);
    EXPECT_EQ(ask_all(1000), 0u);
    for (std::uint64_t i = 0; i < 50'000; ++i)
        small.store(Question(kFloodBase + i).key(), plain.value(300s), now);
    EXPECT_EQ(ask_all(0), kAskedAgain);
    EXPECT_EQ(ask_all(1000), 0u) << "asked for once only";
}

TEST_F(PressureTest, ANewHotSetReplacesAnOldOne) {
    Cache small({.size_bytes = 1u << 20});
    // 5,000 names fit whatever shards they fall into; 6,000 are more than the fullest shard may
    // hold.
    for (int round = 0; round < 5; ++round) ask(small, 0, 5000);
    for (int round = 0; round < 20; ++round) ask(small, 100'000, 5000);
    EXPECT_GE(ask(small, 100'000, 5000), 0.95);
    EXPECT_LE(small.stats().bytes, 1u << 20);
}

TEST_F(PressureTest, ExpiredEntriesGoBeforeUsedOnes) {
    Cache small({.size_bytes = 1u << 20});
    for (int round = 0; round < 4; ++round)
        for (std::uint64_t i = 0; i < 7000; ++i) {
            const Question question(i);
            if (!small.find(question.key(), now, out, hit))
                small.store(question.key(), plain.value(i % 2 == 0 ? 1s : 300s), now);
        }
    now += 2s;
    for (int round = 0; round < 4; ++round) ask(small, 500'000, 3000);
    std::uint64_t lasting = 0;
    for (std::uint64_t i = 1; i < 7000; i += 2)
        lasting += small.find(Question(i).key(), now, out, hit);
    EXPECT_GE(lasting, 3300u) << "of 3500";
    EXPECT_GE(ask(small, 500'000, 3000), 0.95);
}

// A peer is away, what is known of it has expired, and a client asks other upstreams for random
// names.
TEST_F(PressureTest, AFloodLeavesExpiredEntriesThatAreStillAskedFor) {
    constexpr std::uint64_t kHot = 500;
    Cache small({.size_bytes = 4u << 20});
    const Stale stale{.max_age = 1h};
    for (std::uint64_t i = 0; i < kHot; ++i)
        small.store(Question(i).key(), PlainA(1).value(1s), now);
    now += 10s;
    std::uint64_t found = 0;
    std::uint64_t asked = 0;
    for (std::uint64_t i = 0; i < kFlood; ++i) {
        small.store(Question(kFloodBase + i).key(), plain.value(300s), now);
        if (i % 4 != 0) continue;
        ++asked;
        found += small.find_last_known(Question(asked % kHot).key(), now, stale, out, hit);
    }
    EXPECT_GT(small.stats().evicted_probation, kFlood / 2);
    EXPECT_EQ(found, asked);
}

TEST_F(PressureTest, ASmallerSizeHoldsAtOnceAndKeepsWhatIsUsed) {
    Cache shrinking({.size_bytes = 16u << 20});
    ask(shrinking, 0, 1000);
    ask(shrinking, 0, 1000);
    ask(shrinking, kFloodBase, 100'000);
    const std::size_t heap_before = heap_in_use();
    const std::uint64_t before = shrinking.stats().bytes;
    ASSERT_GT(before, 10u << 20);
    shrinking.configure({.size_bytes = 1u << 20});
    const Stats stats = shrinking.stats();
    EXPECT_LE(stats.bytes, 1u << 20);
    EXPECT_GE(stats.bytes, 700u << 10);
    EXPECT_LE(heap_in_use() + (before - stats.bytes) * 3 / 4, heap_before);
    EXPECT_GE(ask(shrinking, 0, 1000), 0.99);
    shrinking.configure({.size_bytes = 16u << 20});
    ask(shrinking, kFloodBase, 50'000);
    EXPECT_GE(ask(shrinking, kFloodBase, 50'000), 0.99) << "and it grows again";
}

TEST_F(PressureTest, NamesOfOneHashCannotMakeAProbeLong) {
    for (std::uint64_t i = 0; i < 1000; ++i) {
        const Question question(i);
        Key key = question.key();
        key.name_hash = 42;
        cache.store(key, plain.value(60s), now);
        ASSERT_TRUE(find(key));
    }
    EXPECT_LE(cache.stats().entries, 16u);
    EXPECT_EQ(cache.stats().entries + cache.stats().evicted_probation + cache.stats().evicted_main,
              1000u);
}

TEST_F(PressureTest, EverySizeMakesACache) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1} << 20, std::size_t{3} << 20, std::size_t{1} << 33}) {
        Cache any({.size_bytes = size});
        EXPECT_LE(any.stats().bytes, 1u << 20);
        ask(any, 0, 500);
        EXPECT_GE(ask(any, 0, 500), 0.99) << size;
    }
}

}  // namespace
}  // namespace peerzone::cache::testing
