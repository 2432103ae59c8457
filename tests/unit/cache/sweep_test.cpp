// What `peerzone flush` drops, while others store.
#include <gmock/gmock.h>

#include <thread>
#include <vector>

#include "cache/index.hpp"
#include "cache_support.hpp"

namespace peerzone::cache::testing {
namespace {

struct SweepTest : Fixture {
    void store(const Question& question, std::uint16_t source = 0, Kind kind = Kind::answer) {
        if (kind == Kind::failure) {
            cache.store_failure(question.key(), "peer=westus timeout", dns::Rcode::servfail, source,
                                now);
            return;
        }
        const PlainA plain;  // the value refers to it
        Value value = plain.value(60s);
        value.source = source;
        cache.store(question.key(kind), value, now);
    }
    std::size_t sweep(const Selection& selection) {
        Sweep progress;
        while (!cache.sweep(selection, progress)) {
        }
        return progress.dropped;
    }
    bool has(const Question& question, Kind kind = Kind::answer) {
        return find(question.key(kind));
    }
};

TEST_F(SweepTest, ANameGoesWithAllItsTypesScopesAndKinds) {
    const Question plain("db.westus.example");
    Question other_type = plain, other_scope = plain, with_do = plain, with_cd = plain;
    other_type.type = dns::type::aaaa;
    other_scope.scope = 3;
    with_do.dnssec_ok = true;
    with_cd.checking_disabled = true;
    const std::vector<const Question*> same_name = {&plain, &other_type, &other_scope, &with_do,
                                                    &with_cd};
    for (const Question* question : same_name) store(*question);
    store(plain, 0, Kind::nxdomain);
    store(plain, 0, Kind::chain);
    store(other_type, 0, Kind::failure);
    const Question below("a.db.westus.example"), above("westus.example"),
        like("xdb.westus.example");
    for (const Question* question : {&below, &above, &like}) store(*question);

    const std::size_t before = cache.stats().entries;
    EXPECT_EQ(sweep({.name = plain.name.wire()}), before - 3);
    for (const Question* question : same_name) EXPECT_FALSE(has(*question));
    EXPECT_FALSE(has(plain, Kind::nxdomain));
    EXPECT_FALSE(has(other_type, Kind::failure));
    for (const Question* question : {&below, &above, &like}) EXPECT_TRUE(has(*question));
}

TEST_F(SweepTest, AZoneGoesWithWhatIsBelowItAndNothingElse) {
    const Question zone("westus.example"), below("db.westus.example"),
        deep("a.b.c.d.db.westus.example"), like("dbwestus.example"), above("example"),
        other("db.eastus.example");
    // The zone's octets, but not at the beginning of a label.
    std::vector<std::uint8_t> odd = {10, 'a', 'b', 'c', 6, 'w', 'e', 's', 't', 'u', 's'};
    for (const std::uint8_t octet : above.name.wire()) odd.push_back(octet);
    Question made("trap.example");
    made.name = dns::Name::from_checked(odd);
    const Question trap = made;
    for (const Question* question : {&zone, &below, &deep, &like, &above, &other, &trap})
        store(*question);
    EXPECT_EQ(sweep({.name = zone.name.wire(), .below = true}), 3u);
    for (const Question* question : {&zone, &below, &deep}) EXPECT_FALSE(has(*question));
    for (const Question* question : {&like, &above, &other, &trap}) EXPECT_TRUE(has(*question));
    EXPECT_EQ(sweep({.name = Question(".").name.wire(), .below = true}), 4u);
    EXPECT_EQ(cache.stats().entries, 0u);
}

TEST_F(SweepTest, WhatOnePeerSaidGoesItsFailuresToo) {
    const Question mine("a.westus.example"), failed("b.westus.example"), other("a.eastus.example");
    store(mine, 7);
    store(failed, 7, Kind::failure);
    store(other, 8);
    EXPECT_EQ(sweep({.source = 7}), 2u);
    EXPECT_FALSE(has(mine));
    EXPECT_FALSE(has(failed, Kind::failure));
    EXPECT_TRUE(has(other));
}

TEST_F(SweepTest, AFullCacheIsSweptInManyStepsAndStaysWhole) {
    constexpr std::uint64_t kNames = 30'000;
    for (std::uint64_t i = 0; i < kNames; ++i)
        store(Question(i), static_cast<std::uint16_t>(i % 3));
    ASSERT_EQ(cache.stats().entries, kNames);
    Sweep progress;
    const Selection second{.source = 1};
    std::size_t steps = 1;
    while (!cache.sweep(second, progress)) ++steps;
    EXPECT_GT(steps, kNames / 8192);
    EXPECT_EQ(progress.dropped, kNames / 3);
    for (std::uint64_t i = 0; i < kNames; ++i) ASSERT_EQ(has(Question(i)), i % 3 != 1) << i;
    EXPECT_EQ(sweep({}), kNames - kNames / 3);
    EXPECT_EQ(cache.stats().entries, 0u);
}

// Tables grow and entries move while the sweep stands between two steps.
TEST_F(SweepTest, NothingOldEscapesWhileOthersStore) {
    constexpr std::uint64_t kNames = 20'000;
    for (std::uint64_t i = 0; i < kNames; ++i) store(Question(i), 1);
    Sweep progress;
    const Selection old{.source = 1};
    std::uint64_t next = kNames;
    while (!cache.sweep(old, progress))
        for (int i = 0; i < 10'000; ++i) store(Question(next++), 2);
    EXPECT_EQ(progress.dropped, kNames);
    for (std::uint64_t i = 0; i < kNames; ++i) ASSERT_FALSE(has(Question(i))) << i;
    EXPECT_EQ(cache.stats().entries, next - kNames);
}

TEST_F(SweepTest, RunsBesideWorkers) {
    std::thread worker([this] {
        Cache& shared = cache;
        std::vector<std::uint8_t> buffer(512);
        Hit found{};
        for (std::uint64_t i = 0; i < 20'000; ++i) {
            const Question question(i % 5'000);
            const PlainA plain;
            shared.store(question.key(), plain.value(60s), now);
            shared.find(question.key(), now, buffer, found);
        }
    });
    for (int i = 0; i < 20; ++i) sweep({});
    worker.join();
    sweep({});
    EXPECT_EQ(cache.stats().entries, 0u);
}

TEST_F(SweepTest, AnEmptyCacheIsDoneAtOnce) {
    Sweep progress;
    EXPECT_TRUE(cache.sweep({}, progress));
    EXPECT_EQ(progress.dropped, 0u);
}

}  // namespace
}  // namespace peerzone::cache::testing
