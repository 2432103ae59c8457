// The index against a plain map, with tags chosen to crowd.
#include "cache/index.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <set>

namespace peerzone::cache {
namespace {

constexpr std::uint32_t kTagMax = (1u << kTagBits) - 1;

/// The index beside a model of it.
struct Pair {
    Index index;
    std::multimap<std::uint32_t, Entry*> model;
    std::deque<EntryPtr> entries;

    bool insert(std::uint32_t tag) {
        entries.emplace_back(static_cast<Entry*>(std::calloc(1, sizeof(Entry))));
        if (index.growth_due()) index.grow();
        if (!index.insert(tag, entries.back().get())) return false;
        model.emplace(tag, entries.back().get());
        return true;
    }
    void erase(std::multimap<std::uint32_t, Entry*>::iterator at) {
        index.erase(at->first, at->second);
        model.erase(at);
    }
    std::set<const Entry*> of(std::uint32_t tag) const {
        std::set<const Entry*> found;
        for (std::size_t i = index.first(tag); const Entry* e = index.at(i, tag); ++i)
            found.insert(e);
        return found;
    }
    void check() const {
        ASSERT_EQ(index.count(), model.size());
        for (auto at = model.begin(); at != model.end(); at = model.upper_bound(at->first)) {
            std::set<const Entry*> expected;
            for (auto [i, end] = model.equal_range(at->first); i != end; ++i)
                expected.insert(i->second);
            ASSERT_EQ(of(at->first), expected) << "tag " << at->first;
        }
    }
};

TEST(IndexTest, AnEmptyOneFindsNothingAndIsFull) {
    const Index index;
    EXPECT_EQ(index.at(index.first(0), 0), nullptr);
    EXPECT_EQ(index.at(index.first(kTagMax), kTagMax), nullptr);
    EXPECT_TRUE(index.full());
    EXPECT_EQ(index.cost(), 0u);
}

TEST(IndexTest, AgreesWithAMapThroughInsertsAndErasures) {
    for (const std::uint32_t spread :
         {0u, 40u, 5000u, kTagMax}) {  // from one tag for all to all different
        std::mt19937 random(spread);
        const auto any = [&] {
            return static_cast<std::uint32_t>(random() % (spread + std::uint64_t{1}));
        };
        Pair pair;
        const int steps = spread == 0 ? 100 : 6000;
        for (int i = 0; i < steps; ++i) {
            if (!pair.model.empty() && random() % 5 < 2) {
                auto at = pair.model.lower_bound(kTagMax - any());
                pair.erase(at == pair.model.end() ? pair.model.begin() : at);
            } else {
                pair.insert(kTagMax - any());
            }
            if (i % 500 == 0) pair.check();
        }
        pair.check();
        EXPECT_FALSE(pair.model.empty());
        while (!pair.model.empty()) pair.erase(pair.model.begin());
        EXPECT_EQ(pair.index.count(), 0u);
        EXPECT_TRUE(pair.of(kTagMax).empty());
    }
}

TEST(IndexTest, ReplacesAnEntryInItsPlace) {
    Pair pair;
    for (int i = 0; i < 3; ++i) pair.insert(9);
    Entry other{};
    Entry* old = pair.entries[1].get();
    pair.index.replace(9, old, &other);
    EXPECT_EQ(pair.of(9).count(&other), 1u);
    EXPECT_EQ(pair.of(9).count(old), 0u);
    EXPECT_EQ(pair.index.count(), 3u);
}

TEST(IndexTest, RefusesWhatItsEndCannotHold) {
    Index index;
    ASSERT_TRUE(index.grow());
    std::deque<EntryPtr> entries;
    std::size_t kept = 0;
    while (!index.full()) {
        entries.emplace_back(static_cast<Entry*>(std::calloc(1, sizeof(Entry))));
        if (!index.insert(kTagMax, entries.back().get())) break;
        ++kept;
    }
    EXPECT_EQ(index.count(), kept);
    std::size_t found = 0;
    for (std::size_t i = index.first(kTagMax); index.at(i, kTagMax) != nullptr; ++i) ++found;
    EXPECT_EQ(found, kept);
}

TEST(IndexTest, KeepsItsTableWhenALargerOneCannotHoldTheCrowd) {
    // Everything under the last tag: the tail ends it, and a larger table has no more of a tail
    // than this one.
    Pair pair;
    std::size_t refused = 0;
    for (int i = 0; i < 200; ++i) {
        pair.entries.emplace_back(static_cast<Entry*>(std::calloc(1, sizeof(Entry))));
        if (pair.index.growth_due()) pair.index.grow();
        if (pair.index.insert(kTagMax, pair.entries.back().get())) {
            pair.model.emplace(kTagMax, pair.entries.back().get());
        } else {
            ++refused;
        }
    }
    EXPECT_GT(refused, 0u);
    EXPECT_GT(pair.index.count(), 32u);
    pair.check();
}

TEST(IndexTest, GivesMemoryBackWhenEntriesWent) {
    Pair pair;
    std::mt19937 random(1);
    for (int i = 0; i < 5000; ++i)
        ASSERT_TRUE(pair.insert(static_cast<std::uint32_t>(random() & kTagMax)));
    const std::size_t full = pair.index.cost();
    EXPECT_LT(full, 5000 * 8 / 0.70 + 1024) << "from 70 % load on";
    while (pair.model.size() > 1000) {
        const auto at = pair.model.lower_bound(static_cast<std::uint32_t>(random() & kTagMax));
        if (at != pair.model.end()) pair.erase(at);
    }
    pair.index.shrink();
    pair.check();
    EXPECT_LT(pair.index.cost(), full / 3);
    while (!pair.model.empty()) pair.erase(pair.model.begin());
    pair.index.shrink();
    EXPECT_EQ(pair.index.cost(), 0u);
    EXPECT_TRUE(pair.insert(3));
}

}  // namespace
}  // namespace peerzone::cache
