// Looks that leave no trace: they find what the others find, and the cache goes on as if nobody had
// looked.
#include <gtest/gtest.h>

#include "unit/cache/cache_support.hpp"

namespace peerzone::cache::testing {
namespace {

constexpr Stale kStale{.max_age = 60s, .answer_ttl = 30s, .negative_ttl = 5s};

struct PeekTest : Fixture {
    Hit other{};
    std::vector<std::uint8_t> other_out = std::vector<std::uint8_t>(65535);

    // Both looks at one moment say the same.
    void expect_the_same(const Key& key) {
        const bool peeked = cache.peek(key, now, other_out, other);
        const bool peeked_any = [&] {
            Hit any{};
            std::vector<std::uint8_t> octets(65535);
            const bool found = cache.peek_last_known(key, now, kStale, octets, any);
            Hit real{};
            EXPECT_EQ(cache.find_last_known(key, now, kStale, out, real), found);
            if (found) {
                EXPECT_EQ(any.stale, real.stale);
                EXPECT_EQ(any.age, real.age);
                EXPECT_EQ(octets, out);
            }
            return found;
        }();
        EXPECT_TRUE(peeked_any || !peeked);
        out.assign(out.size(), 0);
        EXPECT_EQ(find(key), peeked);
        EXPECT_EQ(hit.expired, other.expired);
        EXPECT_EQ(hit.other_kinds_possible, other.other_kinds_possible);
        if (!peeked) return;
        EXPECT_EQ(hit.remaining, other.remaining);
        EXPECT_EQ(hit.rcode, other.rcode);
        EXPECT_EQ(Bytes(out).first(hit.info.size).size(), other.info.size);
    }
};

TEST_F(PeekTest, FindsWhatTheOthersFind) {
    const Question question("db.westus");
    expect_the_same(question.key());
    cache.store(question.key(), PlainA().value(10s), now);
    expect_the_same(question.key());
    now += 4s;
    expect_the_same(question.key());
    expect_the_same(question.key(Kind::chain));
    now += 10s;
    expect_the_same(question.key());
    now += 100s;
    expect_the_same(question.key());
}

TEST_F(PeekTest, DoesNotCountAsUse) {
    const Question question("db.westus");
    cache.store(question.key(), PlainA().value(10s), now);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(cache.peek(question.key(), now, out, hit));
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(cache.peek_last_known(question.key(), now, kStale, out, hit));
    EXPECT_EQ(hit.uses, 0u);
    EXPECT_TRUE(find(question.key()));
    EXPECT_EQ(hit.uses, 0u) << "as it was before this one";
}

// What was asked for moves to the main queue when a flood comes; what was looked at goes with it.
TEST_F(PeekTest, KeepsNothingInTheCache) {
    Options options;
    options.size_bytes = 1u << 20;
    cache.configure(options);
    const Question asked("asked.westus");
    const Question looked("looked.westus");
    const Question gone("gone.westus");
    for (const Question* question : {&asked, &looked})
        cache.store(question->key(), PlainA().value(1h), now);
    cache.store(gone.key(), PlainA().value(1s), now);
    now += 2s;
    EXPECT_TRUE(find(asked.key()));
    EXPECT_TRUE(cache.peek(looked.key(), now, out, hit));
    EXPECT_TRUE(cache.peek_last_known(gone.key(), now, kStale, out, hit));
    EXPECT_FALSE(cache.peek(gone.key(), now, out, hit));
    for (std::uint64_t i = 0; i < 50'000; ++i)
        cache.store(Question(i).key(), PlainA().value(1h), now);
    EXPECT_TRUE(find(asked.key()));
    EXPECT_FALSE(find(looked.key()));
    EXPECT_FALSE(cache.find_last_known(gone.key(), now, kStale, out, hit));
}

TEST_F(PeekTest, ExaminesWhatIsKeptHoweverOld) {
    const Question question("db.westus");
    EXPECT_FALSE(cache.examine(question.key(), now));
    cache.store(question.key(), PlainA().value(10s), now);
    cache.store_failure(question.key(), "timeout", dns::Rcode::servfail, 0, now);
    now += 4s;
    EXPECT_TRUE(find(question.key()));
    now += 20s;
    const auto kept = cache.examine(question.key(), now);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->answers, 1u);
    EXPECT_EQ(kept->age, Duration(24s));
    EXPECT_EQ(kept->lifetime, Duration(10s));
    EXPECT_EQ(kept->uses, 1u);
    const auto failure = cache.examine(question.key(Kind::failure), now);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->rcode, dns::Rcode::servfail);
    EXPECT_FALSE(cache.examine(question.key(Kind::nxdomain), now));
}

}  // namespace
}  // namespace peerzone::cache::testing
