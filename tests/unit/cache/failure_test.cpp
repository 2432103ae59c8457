// Failures: RFC 9520 3.2 and the back-off of cache.hpp.
#include <string>

#include "cache_support.hpp"

namespace peerzone::cache::testing {
namespace {

struct FailureTest : Fixture {
    const Question question{"dead.westus.svc.cluster.local"};

    Duration fail(std::string_view text = "10.2.0.10: no answer") {
        return cache.store_failure(question.key(Kind::failure), text, dns::Rcode::servfail, 3, now);
    }
    /// The lifetimes of `count` failures, each coming as soon as the one before has expired.
    std::vector<Duration> row(int count) {
        std::vector<Duration> lifetimes;
        for (int i = 0; i < count; ++i) {
            lifetimes.push_back(fail());
            now += lifetimes.back();
        }
        return lifetimes;
    }
};

TEST_F(FailureTest, IsFoundWithItsTextUntilItExpires) {
    EXPECT_EQ(fail(), 1s);
    now += 300ms;
    ASSERT_TRUE(find(question.key(Kind::failure)));
    EXPECT_EQ(std::string(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(hit.info.size)),
              "10.2.0.10: no answer");
    EXPECT_EQ(hit.rcode, dns::Rcode::servfail);
    EXPECT_EQ(hit.source, 3);
    EXPECT_EQ(hit.remaining, 700ms);
    EXPECT_EQ(hit.uses, 1u);
    ASSERT_TRUE(find(question.key(Kind::failure)));
    EXPECT_EQ(hit.uses, 1u) << "how many failed, not how often it was asked";
    now += 700ms;
    EXPECT_FALSE(find(question.key(Kind::failure)));
}

TEST_F(FailureTest, AProbeForTheAnswerTellsWhetherThereIsAFailure) {
    EXPECT_FALSE(find(question.key(Kind::answer)));
    EXPECT_FALSE(hit.other_kinds_possible);
    fail();
    EXPECT_FALSE(find(question.key(Kind::answer)));
    EXPECT_TRUE(hit.other_kinds_possible);
}

TEST_F(FailureTest, StoringAnAnswerForgetsIt) {
    for (int round = 0; round < 2; ++round) {  // a new answer, then one that takes its place
        fail();
        cache.store(question.key(), PlainA().value(60s), now);
        EXPECT_FALSE(find(question.key(Kind::failure)));
        EXPECT_TRUE(find(question.key()));
    }
}

TEST_F(FailureTest, BacksOffToFiveSeconds) {
    EXPECT_EQ(row(6), (std::vector<Duration>{1s, 2s, 4s, 5s, 5s, 5s}));
    fail();
    ASSERT_TRUE(find(question.key(Kind::failure)));
    EXPECT_EQ(hit.uses, 7u);
}

TEST_F(FailureTest, ALongRowStaysAtFiveSeconds) {
    row(200);
    EXPECT_EQ(fail(), 5s);
}

TEST_F(FailureTest, ARowEndsTenSecondsAfterItsLastFailureExpired) {
    row(3);
    now += 10s;
    EXPECT_EQ(fail(), 5s);
    now += 5s + 10s + 1ms;
    EXPECT_EQ(fail(), 1s);
}

TEST_F(FailureTest, ARowEndsWhenItIsForgotten) {
    row(3);
    cache.forget_failure(question.key());  // whatever the key's kind
    EXPECT_EQ(row(2), (std::vector<Duration>{1s, 2s}));
}

TEST_F(FailureTest, WorkersThatFailTogetherCountOnce) {
    EXPECT_EQ(fail("first"), 1s);
    now += 400ms;
    EXPECT_EQ(fail("second"), 600ms);
    ASSERT_TRUE(find(question.key(Kind::failure)));
    EXPECT_EQ(hit.uses, 1u);
    now += 600ms;
    EXPECT_EQ(fail(), 2s);
}

TEST_F(FailureTest, NeverHidesAnAnswer) {
    cache.store(question.key(), PlainA().value(60s), now);
    EXPECT_EQ(row(1), std::vector<Duration>{1s});
    fail();
    EXPECT_TRUE(find(question.key()));
    cache.forget_failure(question.key(Kind::failure));
    EXPECT_TRUE(find(question.key()));
}

TEST_F(FailureTest, IsKeptByNameAndType) {
    fail();
    Question other = question;
    other.type = dns::type::aaaa;
    EXPECT_FALSE(find(other.key(Kind::failure)));
}

TEST_F(FailureTest, IsKeptThoughNothingElseIs) {
    cache.configure({.max_ttl = 0s});
    EXPECT_EQ(fail(), 1s);
    EXPECT_TRUE(find(question.key(Kind::failure)));
}

TEST_F(FailureTest, ALongTextIsCutBetweenCharacters) {
    fail(std::string(199, 'x') + "\xc3\xbc and more");
    ASSERT_TRUE(find(question.key(Kind::failure)));
    EXPECT_EQ(hit.info.size, 199u);
    now += 1s;
    fail(std::string(198, 'x') + "\xc3\xbc and more");
    ASSERT_TRUE(find(question.key(Kind::failure)));
    EXPECT_EQ(hit.info.size, 200u);
    now += 2s;
    fail("");
    ASSERT_TRUE(find(question.key(Kind::failure)));
    EXPECT_EQ(hit.info.size, 0u);
}

TEST_F(FailureTest, LeavesUnderPressureHoweverOftenItWasAsked) {
    Cache small({.size_bytes = 1u << 20});
    small.store_failure(question.key(Kind::failure), "down", dns::Rcode::servfail, 0, now);
    const Question answer("asked.example");
    small.store(answer.key(), PlainA().value(60s), now);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(small.find(question.key(Kind::failure), now, out, hit));
        ASSERT_TRUE(small.find(answer.key(), now, out, hit));
    }
    for (std::uint64_t i = 0; i < 20'000; ++i)
        small.store(Question(i).key(), PlainA().value(60s), now);
    EXPECT_FALSE(small.find(question.key(Kind::failure), now, out, hit));
    EXPECT_TRUE(small.find(answer.key(), now, out, hit));
}

}  // namespace
}  // namespace peerzone::cache::testing
