// What is found, under which key, with which TTL.
#include "peerzone/cache/cache.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "cache_support.hpp"

namespace peerzone::cache::testing {
namespace {

using ::testing::ElementsAre;
struct CacheTest : Fixture {};

TEST_F(CacheTest, AnEmptyCacheFindsNothing) {
    EXPECT_FALSE(find(Question("a.example").key()));
    EXPECT_EQ(cache.stats().entries, 0u);
}

TEST_F(CacheTest, WhatWasStoredComesBackOctetForOctet) {
    const Question question("db.westus.svc.cluster.local");
    const dns::Name target = dns::Name::from_text("db-1.db.westus.svc.cluster.local").value();
    BodyText text(question.name);
    text.cname(30, target).a(30, 0x0a020001, &target).a(30, 0x0a020002, &target);
    Value value = text.value(30s);
    value.authentic_data = true;
    value.source = 517;
    cache.store(question.key(), value, now);

    ASSERT_TRUE(find(question.key()));
    EXPECT_EQ(hit.info.size, value.body.size());
    EXPECT_TRUE(std::equal(value.body.begin(), value.body.end(), out.begin()));
    EXPECT_THAT(hit.info.counts, ElementsAre(3, 0, 0));
    EXPECT_FALSE(hit.info.truncated);
    EXPECT_EQ(hit.rcode, dns::Rcode::noerror);
    EXPECT_TRUE(hit.authentic_data);
    EXPECT_EQ(hit.source, 517);
    EXPECT_EQ(hit.age, 0s);
    EXPECT_EQ(hit.remaining, 30s);
    EXPECT_EQ(hit.uses, 0u);
    ASSERT_TRUE(find(question.key()));
    EXPECT_EQ(hit.uses, 1u);
    EXPECT_EQ(cache.stats().stored, 1u);
    EXPECT_EQ(cache.stats().entries, 1u);
}

TEST_F(CacheTest, TheRootAndTheLongestNameCanBeKeys) {
    std::string longest;
    for (int i = 0; i < 3; ++i) longest += std::string(63, 'x') + ".";
    longest += std::string(61, 'y');
    const Question questions[] = {Question("."), Question(longest)};
    ASSERT_EQ(questions[1].name.size(), dns::kNameMax);
    for (const Question& question : questions) {
        cache.store(question.key(), PlainA().value(60s), now);
        EXPECT_TRUE(find(question.key()));
    }
}

// Sixteen entries share a tag at most, so tags must depend on every bit of the scope, and what has
// one tag must still be told apart by the whole scope.
TEST_F(CacheTest, EveryBitOfTheScopeSeparates) {
    std::vector<Question> questions(1, Question("a.example"));
    for (unsigned bit = 0; bit < 32; ++bit) {
        questions.push_back(questions.front());
        questions.back().scope = std::uint32_t{1} << bit;
    }
    questions.push_back(questions.front());
    questions.back().scope = ~std::uint32_t{0};
    for (std::uint32_t i = 0; i < questions.size(); ++i)
        cache.store(questions[i].key(), PlainA(60, i).value(60s), now);
    for (std::uint32_t i = 0; i < questions.size(); ++i) {
        ASSERT_TRUE(find(questions[i].key())) << questions[i].scope;
        EXPECT_EQ(load_u32(out.data() + 12), i) << questions[i].scope;
    }
}

TEST_F(CacheTest, EveryPartOfTheKeySeparates) {
    const Question plain("a.example");
    Question other_name("b.example"), other_type = plain, low_scope = plain, high_scope = plain,
                                      with_do = plain, with_cd = plain;
    other_type.type = dns::type::aaaa;
    low_scope.scope = 1;
    high_scope.scope = 0x10000;
    with_do.dnssec_ok = true;
    with_cd.checking_disabled = true;
    const std::vector<Key> keys = {plain.key(),
                                   other_name.key(),
                                   other_type.key(),
                                   low_scope.key(),
                                   with_do.key(),
                                   with_cd.key(),
                                   high_scope.key(),
                                   plain.key(Kind::nxdomain),
                                   plain.key(Kind::failure)};
    for (std::size_t i = 0; i < keys.size(); ++i) {
        for (std::size_t j = i; j < keys.size(); ++j) EXPECT_FALSE(find(keys[j])) << i << ' ' << j;
        cache.store(keys[i], PlainA(60, static_cast<std::uint32_t>(i)).value(60s), now);
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
        ASSERT_TRUE(find(keys[i])) << i;
        EXPECT_EQ(load_u32(out.data() + 12), i);
    }
}

TEST_F(CacheTest, KeysWhoseHashesAreEqualStillSeparate) {
    const Question a("a.example"), b("b.example");
    Key key_a = a.key(), key_b = b.key();
    key_b.name_hash = key_a.name_hash;
    cache.store(key_a, PlainA(60, 1).value(60s), now);
    EXPECT_FALSE(find(key_b));
    cache.store(key_b, PlainA(60, 2).value(60s), now);
    ASSERT_TRUE(find(key_a));
    EXPECT_EQ(load_u32(out.data() + 12), 1u);
    ASSERT_TRUE(find(key_b));
    EXPECT_EQ(load_u32(out.data() + 12), 2u);
}

TEST_F(CacheTest, EveryTtlIsLoweredByTheAgeAndNeverBelowZero) {
    const Question question("a.example");
    const dns::Name target = dns::Name::from_text("long.target.example").value();
    BodyText text(question.name);
    text.cname(100, target).a(7, 1, &target).soa(3600, target);
    cache.store(question.key(), text.value(20s), now);
    ASSERT_TRUE(find(question.key()));
    EXPECT_THAT(ttls(), ElementsAre(100, 7, 3600));
    now += 999ms;
    ASSERT_TRUE(find(question.key()));
    EXPECT_THAT(ttls(), ElementsAre(100, 7, 3600));
    now += 1ms;
    ASSERT_TRUE(find(question.key()));
    EXPECT_THAT(ttls(), ElementsAre(99, 6, 3599));
    now += 10s;
    ASSERT_TRUE(find(question.key()));
    EXPECT_THAT(ttls(), ElementsAre(89, 0, 3589));
    EXPECT_EQ(hit.age, 11s);
    EXPECT_EQ(hit.remaining, 9s);
}

TEST_F(CacheTest, ATtlOfOneComesBackAsOneOrNotAtAll) {
    const Question question("a.example");
    cache.store(question.key(), PlainA(1).value(1s), now);
    for (const auto age : {0ms, 500ms, 999ms}) {
        now = kStart + age;
        ASSERT_TRUE(find(question.key()));
        EXPECT_LE(ttls().at(0), 1u);
    }
    now = kStart + 1s;
    EXPECT_FALSE(find(question.key()));
}

TEST_F(CacheTest, TtlsAreNeverRaisedWhateverTheClockSays) {
    const Question question("a.example");
    cache.store(question.key(), PlainA(0xffffffff).value(50s), now);
    now -= 1h;  // a worker whose batch began before
    ASSERT_TRUE(find(question.key()));
    EXPECT_EQ(ttls().at(0), 0xffffffffu);
    EXPECT_EQ(hit.age, 0s);
    now = Time{} - 5s;
    EXPECT_TRUE(find(question.key()));
    now = kStart + 24h * 365 * 200;
    EXPECT_FALSE(find(question.key()));
}

TEST_F(CacheTest, YearsAfterTheClocksStartTimesAreStillExact) {
    now = Time{} + 24h * 365 * 100 + 1ms;
    const Question question("a.example");
    cache.store(question.key(), PlainA(10).value(10s), now);
    now += 9999ms;
    ASSERT_TRUE(find(question.key()));
    EXPECT_EQ(ttls().at(0), 1u);
    EXPECT_EQ(hit.remaining, 1ms);
    now += 1ms;
    EXPECT_FALSE(find(question.key()));
}

TEST_F(CacheTest, WithoutALifetimeNothingIsFresh) {
    const Question question("a.example");
    cache.store(question.key(), PlainA(0).value(-5s), now);
    EXPECT_EQ(cache.stats().stored, 0u);
    cache.store(question.key(), PlainA(0).value(0s), now);
    EXPECT_FALSE(find(question.key()));
    EXPECT_EQ(cache.stats().stored, 1u) << "it is what was known last";
}

TEST_F(CacheTest, ALifetimeIsCutToTheLongestTtl) {
    const Question question("a.example");
    cache.configure({.max_ttl = 5s});
    EXPECT_EQ(cache.max_ttl(), 5s);
    cache.store(question.key(), PlainA(60).value(60s), now);
    ASSERT_TRUE(find(question.key()));
    EXPECT_EQ(hit.remaining, 5s);
    cache.configure({.max_ttl = 0s});
    cache.store(question.key(), PlainA(60, 2).value(60s), now);
    ASSERT_TRUE(find(question.key()));
    EXPECT_EQ(load_u32(out.data() + 12), 0x0a000001u) << "a longest TTL of 0 keeps nothing new";
    cache.configure({.max_ttl = Seconds::max()});
    cache.store(question.key(), PlainA(60).value(Duration::max()), now);
    ASSERT_TRUE(find(question.key()));
    EXPECT_GT(hit.remaining, 49 * 24h);
}

TEST_F(CacheTest, ANewValueReplacesTheOldOne) {
    const Question question("a.example");
    cache.store(question.key(), PlainA(60, 1).value(60s), now);
    ASSERT_TRUE(find(question.key()));
    now += 10s;
    BodyText text(question.name);
    text.a(50, 2).a(50, 3);
    cache.store(question.key(), text.value(50s), now);
    ASSERT_TRUE(find(question.key()));
    EXPECT_THAT(ttls(), ElementsAre(50, 50));
    EXPECT_EQ(hit.uses, 0u) << "uses count from when the value was stored";
    EXPECT_EQ(cache.stats().entries, 1u);
    cache.erase(question.key());
    EXPECT_FALSE(find(question.key()));
    EXPECT_EQ(cache.stats().entries, 0u);
}

TEST_F(CacheTest, AnExpiredEntryIsAMissAndCanBeReplaced) {
    const Question question("a.example");
    cache.store(question.key(), PlainA(2).value(2s), now);
    now += 2s;
    EXPECT_FALSE(find(question.key()));
    cache.store(question.key(), PlainA(2).value(2s), now);
    EXPECT_TRUE(find(question.key()));
    EXPECT_EQ(cache.stats().entries, 1u);
}

TEST_F(CacheTest, NegativeAnswersKeepTheirRcodeAndSoa) {
    const Question question("missing.example");
    BodyText text(question.name);
    text.soa(30, dns::Name::from_text("example").value());
    cache.store(question.key(Kind::nxdomain), text.value(5s, dns::Rcode::nxdomain), now);
    now += 3s;
    ASSERT_TRUE(find(question.key(Kind::nxdomain)));
    EXPECT_EQ(hit.rcode, dns::Rcode::nxdomain);
    EXPECT_THAT(hit.info.counts, ElementsAre(0, 1, 0));
    EXPECT_THAT(ttls(), ElementsAre(27));
}

TEST_F(CacheTest, ASmallBufferGetsWhatFitsAndIsToldSo) {
    const Question question("a.example");
    BodyText text(question.name);
    text.a(60, 1).a(60, 2).a(60, 3);
    const Value value = text.value(60s);
    cache.store(question.key(), value, now);
    now += 10s;
    for (std::size_t size = 0; size <= value.body.size(); ++size) {
        std::vector<std::uint8_t> small(size + 4, 0xee);
        ASSERT_TRUE(cache.find(question.key(), now, MutableBytes(small).first(size), hit));
        EXPECT_EQ(hit.info.size, size);
        EXPECT_EQ(hit.info.truncated, size < value.body.size());
        EXPECT_EQ(load_u32(small.data() + size), 0xeeeeeeeeu) << "nothing behind the buffer";
        std::vector<std::uint8_t> expected(value.body.begin(), value.body.end());
        for (const std::size_t at : {6u, 22u, 38u})
            if (at + 4 <= size)
                store_u32(expected.data() + at, 50);  // a TTL cut in two stays as it is
        EXPECT_TRUE(std::equal(small.begin(), small.begin() + static_cast<std::ptrdiff_t>(size),
                               expected.begin()));
    }
}

TEST_F(CacheTest, ATruncatedBodyStaysMarked) {
    const Question question("a.example");
    const PlainA plain;
    Value value = plain.value(60s);
    value.info.truncated = true;
    cache.store(question.key(), value, now);
    ASSERT_TRUE(find(question.key()));
    EXPECT_TRUE(hit.info.truncated);
}

TEST_F(CacheTest, AnEmptyBodyCanBeKept) {
    const Question question("a.example");
    Value value;
    value.rcode = dns::Rcode::noerror;
    value.lifetime = 5s;
    cache.store(question.key(), value, now);
    ASSERT_TRUE(find(question.key()));
    EXPECT_EQ(hit.info.size, 0u);
}

TEST_F(CacheTest, ThousandsOfRecordsInEachSectionComeBackCounted) {
    const Question question("a.example");
    std::vector<std::uint8_t> body;
    for (int i = 0; i < 4500; ++i)  // the root, TXT without data
        body.insert(body.end(), {0, 0, 16, 0, 1, 0, 0, 0, 60, 0, 0});
    for (std::size_t section = 0; section < 3; ++section) {
        Value value;
        value.body = body;
        value.info.size = body.size();
        for (std::uint16_t& count : value.info.counts) count = 1;
        value.info.counts[section] = 4498;
        value.info.truncated = section == 1;
        value.rcode = static_cast<dns::Rcode>(15);
        value.lifetime = 60s;
        ASSERT_TRUE(cache.store(question.key(), value, now));
        ASSERT_TRUE(find(question.key()));
        for (std::size_t i = 0; i < 3; ++i)
            EXPECT_EQ(hit.info.counts[i], value.info.counts[i]) << section << i;
        EXPECT_EQ(hit.info.truncated, section == 1);
        EXPECT_EQ(hit.rcode, value.rcode);
        EXPECT_EQ(ttls().size(), 4500u);
    }
}

TEST_F(CacheTest, AnRcodeThatNeedsAnOptIsNotKept) {
    const Question question("a.example");
    EXPECT_FALSE(cache.store(question.key(), PlainA().value(60s, dns::Rcode::badvers), now));
    EXPECT_EQ(cache.store_failure(question.key(), "why", dns::Rcode::badvers, 0, now), 0s);
    EXPECT_EQ(cache.stats().entries, 0u);
}

TEST_F(CacheTest, ABodyThatIsNotWhatItSaysIsRefused) {
    const Question question("a.example");
    const PlainA plain;
    std::vector<std::uint8_t> body(plain.octets.begin(), plain.octets.end());
    const auto refused = [&](const std::vector<std::uint8_t>& octets, std::uint16_t count) {
        Value value = plain.value(60s);
        // A block of just its size, so that a read beyond the end is seen.
        const std::vector<std::uint8_t> exact(octets.begin(), octets.end());
        value.body = exact;
        value.info.size = exact.size();
        value.info.counts[0] = count;
        cache.store(question.key(), value, now);
        const bool kept = find(question.key());
        cache.erase(question.key());
        return !kept;
    };
    EXPECT_FALSE(refused(body, 1));
    EXPECT_TRUE(refused(body, 0)) << "octets behind the last record";
    EXPECT_TRUE(refused(body, 2)) << "fewer records than it says";
    EXPECT_TRUE(refused(body, 65535)) << "far fewer";
    for (std::size_t size = 0; size < body.size(); ++size)
        EXPECT_TRUE(refused({body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size)}, 1))
            << size;
    auto long_data = body, opt = body, odd_label = body, endless = body;
    store_u16(long_data.data() + 10, 65535);
    store_u16(opt.data() + 2, dns::type::opt);
    odd_label[0] = 0x80;
    std::fill(endless.begin(), endless.end(), std::uint8_t{1});
    EXPECT_TRUE(refused(long_data, 1));
    EXPECT_TRUE(refused(opt, 1));
    EXPECT_TRUE(refused(odd_label, 1));
    EXPECT_TRUE(refused(endless, 1));

    Value wrong_size = plain.value(60s);
    wrong_size.info.size = 15;
    cache.store(question.key(), wrong_size, now);
    EXPECT_FALSE(find(question.key()));
    EXPECT_EQ(cache.stats().stored, 1u);
}

TEST_F(CacheTest, ANameThatIsNoNameIsRefused) {
    Key key = Question("a.example").key();
    const std::vector<std::uint8_t> long_name(256, 1);
    for (const Bytes name : {Bytes(), Bytes(long_name)}) {
        key.name = name;
        cache.store(key, PlainA().value(60s), now);
        EXPECT_FALSE(find(key));
    }
}

TEST_F(CacheTest, ClearDropsEverythingAndTheCacheGoesOn) {
    for (std::uint64_t i = 0; i < 5000; ++i)
        cache.store(Question(i).key(), PlainA().value(60s), now);
    const std::uint64_t full = cache.stats().bytes;
    cache.clear();
    EXPECT_EQ(cache.stats().entries, 0u);
    EXPECT_LT(cache.stats().bytes, full / 10);
    EXPECT_FALSE(find(Question(std::uint64_t{7}).key()));
    cache.store(Question(std::uint64_t{7}).key(), PlainA().value(60s), now);
    EXPECT_TRUE(find(Question(std::uint64_t{7}).key()));
}

TEST_F(CacheTest, ErasingWhatIsNotThereChangesNothing) {
    const Question question("a.example");
    cache.store(question.key(), PlainA().value(60s), now);
    cache.erase(question.key(Kind::nxdomain));
    cache.erase(Question("b.example").key());
    EXPECT_TRUE(find(question.key()));
}

}  // namespace
}  // namespace peerzone::cache::testing
