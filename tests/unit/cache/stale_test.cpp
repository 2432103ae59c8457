// What was known last: found past its TTL by callers that ask for it, and never as fresh.
#include <gmock/gmock.h>

#include "cache_support.hpp"

namespace peerzone::cache::testing {
namespace {

using ::testing::ElementsAre;

struct StaleTest : Fixture {
    Stale stale{.max_age = 1h, .answer_ttl = 30s};
    bool find_last_known(const Key& key) {
        return cache.find_last_known(key, now, stale, out, hit);
    }
};

TEST_F(StaleTest, AnExpiredAnswerIsStillThereWithTheTtlOfStaleOnes) {
    const Question question("db.westus");
    const dns::Name target = dns::Name::from_text("db-1.westus").value();
    BodyText text(question.name);
    text.cname(5, target).a(3600, 0x0a020001, &target);
    cache.store(question.key(), text.value(5s), now);
    now += 42s;
    EXPECT_FALSE(find(question.key()));
    EXPECT_TRUE(hit.expired);
    EXPECT_TRUE(hit.other_kinds_possible);
    ASSERT_TRUE(find_last_known(question.key()));
    EXPECT_TRUE(hit.stale);
    EXPECT_EQ(hit.age, 42s);
    EXPECT_EQ(hit.remaining, 0s);
    EXPECT_THAT(ttls(), ElementsAre(30, 30));
    EXPECT_THAT(hit.info.counts, ElementsAre(2, 0, 0));
    EXPECT_FALSE(find(question.key())) << "looking does not refresh it";
}

TEST_F(StaleTest, AFreshAnswerIsFoundAsItIs) {
    const Question question("db.westus");
    cache.store(question.key(), PlainA(60).value(60s), now);
    now += 10s;
    ASSERT_TRUE(find_last_known(question.key()));
    EXPECT_FALSE(hit.stale);
    EXPECT_THAT(ttls(), ElementsAre(50));
    EXPECT_EQ(hit.remaining, 50s);
    ASSERT_TRUE(find(question.key()));
    EXPECT_FALSE(hit.expired);
}

TEST_F(StaleTest, TheBoundCountsFromTheExpiry) {
    const Question question("db.westus");
    cache.store(question.key(), PlainA().value(60s), now);
    now += 60s + 1h - 1ms;
    EXPECT_TRUE(find_last_known(question.key()));
    now += 1ms;
    EXPECT_FALSE(find_last_known(question.key()));
    stale.max_age = 2h;
    EXPECT_TRUE(find_last_known(question.key())) << "the bound is the asker's";
    stale.max_age = 0s;
    EXPECT_FALSE(find_last_known(question.key()));
    stale.max_age = -1s;
    EXPECT_FALSE(find_last_known(question.key()));
}

TEST_F(StaleTest, WithoutLifetimeItIsLastKnownAndNeverFresh) {
    const Question question("db.westus");
    ASSERT_TRUE(cache.store(question.key(), PlainA(0).value(0s), now));
    EXPECT_FALSE(find(question.key()));
    EXPECT_TRUE(hit.expired);
    ASSERT_TRUE(find_last_known(question.key()));
    EXPECT_TRUE(hit.stale);
    EXPECT_THAT(ttls(), ElementsAre(30));
    EXPECT_FALSE(cache.store(question.key(), PlainA(0).value(-1s), now));
}

TEST_F(StaleTest, ACacheThatKeepsNothingKeepsNoLastKnownEither) {
    Options options;
    options.max_ttl = 0s;
    cache.configure(options);
    const Question question("db.westus");
    EXPECT_FALSE(cache.store(question.key(), PlainA().value(60s), now));
    EXPECT_FALSE(cache.store(question.key(), PlainA().value(0s), now));
    EXPECT_FALSE(find_last_known(question.key()));
}

TEST_F(StaleTest, WhatComesNewTakesItsPlace) {
    const Question question("db.westus");
    cache.store(question.key(), PlainA(60, 0x0a000001).value(1s), now);
    now += 5s;
    cache.store(question.key(), PlainA(60, 0x0a000002).value(1s), now);
    now += 5s;
    ASSERT_TRUE(find_last_known(question.key()));
    EXPECT_EQ(load_u32(out.data() + 12), 0x0a000002u);
    EXPECT_EQ(hit.age, 5s);
    EXPECT_EQ(cache.stats().entries, 1u);
    cache.erase(question.key());
    EXPECT_FALSE(find_last_known(question.key()));
}

TEST_F(StaleTest, EveryKindOfAnswerStays) {
    const Question question("db.westus");
    BodyText negative(question.name);
    negative.soa(1, dns::Name::from_text("westus").value());
    for (const Kind kind : {Kind::answer, Kind::nxdomain, Kind::chain})
        cache.store(question.key(kind), negative.value(1s, dns::Rcode::nxdomain), now);
    now += 10s;
    for (const Kind kind : {Kind::answer, Kind::nxdomain, Kind::chain}) {
        ASSERT_TRUE(find_last_known(question.key(kind)));
        EXPECT_EQ(hit.rcode, dns::Rcode::nxdomain);
        EXPECT_THAT(ttls(), ElementsAre(30));
    }
}

TEST_F(StaleTest, TellsWhetherDataOfATypeIsHeld) {
    const Question question("db.westus");
    const dns::Name target = dns::Name::from_text("db.north").value();
    BodyText negative(question.name);
    negative.soa(1, dns::Name::from_text("westus").value());
    BodyText alias(question.name);
    alias.cname(5, target);
    const auto held = [&] { return cache.holds(question.key(), now, 10s); };
    EXPECT_EQ(held(), Held::nothing);
    cache.store(question.key(), negative.value(60s), now);
    EXPECT_EQ(held(), Held::nothing) << "a denial is no data";
    cache.store(question.key(Kind::nxdomain), negative.value(60s, dns::Rcode::nxdomain), now);
    cache.store_failure(question.key(), "down", dns::Rcode::servfail, 0, now);
    EXPECT_EQ(held(), Held::nothing);
    cache.store(question.key(), PlainA().value(5s), now);
    EXPECT_EQ(held(), Held::fresh);
    now += 14s;
    EXPECT_EQ(held(), Held::last_known);
    now += 2s;
    EXPECT_EQ(held(), Held::nothing) << "too old to be of use";
    cache.store(question.key(Kind::chain), alias.value(5s), now);
    EXPECT_EQ(held(), Held::fresh) << "an alias to its end";
    Question other("db.westus");
    other.type = dns::type::aaaa;
    EXPECT_EQ(cache.holds(other.key(), now, 10s), Held::nothing);
}

TEST_F(StaleTest, NegativeOnesHaveATtlOfTheirOwn) {
    stale.negative_ttl = 1s;
    const Question question("db.westus");
    BodyText negative(question.name);
    negative.soa(1, dns::Name::from_text("westus").value());
    cache.store(question.key(), negative.value(1s), now);
    cache.store(question.key(Kind::nxdomain), negative.value(1s, dns::Rcode::nxdomain), now);
    now += 10s;
    for (const Kind kind : {Kind::answer, Kind::nxdomain}) {
        ASSERT_TRUE(find_last_known(question.key(kind)));
        EXPECT_THAT(ttls(), ElementsAre(1));
    }
    cache.store(question.key(), PlainA().value(1s), now);
    now += 10s;
    ASSERT_TRUE(find_last_known(question.key()));
    EXPECT_THAT(ttls(), ElementsAre(30));
}

TEST_F(StaleTest, AShortBufferGetsWholeTtlsOnly) {
    const Question question("db.westus");
    cache.store(question.key(), PlainA().value(1s), now);
    now += 10s;
    ASSERT_TRUE(cache.find_last_known(question.key(), now, stale, {}, hit));
    EXPECT_EQ(hit.info.size, 0u);
    EXPECT_TRUE(hit.info.truncated);
    std::array<std::uint8_t, 9> few{};
    ASSERT_TRUE(cache.find_last_known(question.key(), now, stale, few, hit));
    EXPECT_EQ(hit.info.size, 9u);
}

TEST_F(StaleTest, ARefreshIsClaimedOncePerAnswer) {
    const Question question("db.westus");
    EXPECT_FALSE(cache.claim_refresh(question.key(), now));
    cache.store(question.key(), PlainA().value(10s), now);
    EXPECT_TRUE(cache.claim_refresh(question.key(), now));
    EXPECT_FALSE(cache.claim_refresh(question.key(), now));
    cache.store(question.key(), PlainA().value(10s), now);
    EXPECT_TRUE(cache.claim_refresh(question.key(), now));
    cache.store(question.key(), PlainA().value(10s), now);
    now += 10s;
    EXPECT_FALSE(cache.claim_refresh(question.key(), now)) << "what has expired is asked anyway";
}

TEST_F(StaleTest, MemoryStaysBoundedWhenEverythingHasExpired) {
    Options options;
    options.size_bytes = 1u << 20;
    cache.configure(options);
    for (std::uint64_t i = 0; i < 50'000; ++i) {
        cache.store(Question(i).key(), PlainA().value(i % 2 == 0 ? 0s : 1s), now);
        if (i % 100 == 0) now += 1s;
    }
    EXPECT_LE(cache.stats().bytes, options.size_bytes);
    EXPECT_GT(cache.stats().entries, 4'000u);
}

}  // namespace
}  // namespace peerzone::cache::testing
