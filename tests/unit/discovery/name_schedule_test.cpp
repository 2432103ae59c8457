#include "peerzone/discovery/name_schedule.hpp"

#include <gtest/gtest.h>

namespace peerzone::discovery {
namespace {

using discovery::LookupReply;
using discovery::LookupType;
using Kind = LookupReply::Kind;

constexpr std::uint32_t kLeast = 0, kMost = ~0u;  // random
const NameQuestion kA{"a.example.com", LookupType::a};
const NameQuestion kB{"b.example.com", LookupType::a};

struct Schedule : ::testing::Test {
    Time now{};
    NameSchedule schedule;

    static LookupReply found(Seconds ttl, std::uint32_t address = 0x0a000001) {
        LookupReply reply;
        reply.kind = Kind::found;
        reply.addresses = {IpAddress::v4(address)};
        reply.ttl = ttl;
        return reply;
    }
    static LookupReply nothing(Kind kind) {
        LookupReply reply;
        reply.kind = kind;
        reply.why = "because";
        return reply;
    }
    // Takes what is due, which must be this question, and ends it.
    void answer(const NameQuestion& question, const LookupReply& reply,
                std::uint32_t random = kLeast) {
        const auto due = schedule.take(now);
        ASSERT_TRUE(due);
        ASSERT_EQ(due->question, question);
        schedule.done(question, reply, now, random);
    }
    Duration wait() const { return schedule.next() - now; }
};

TEST_F(Schedule, EveryWantedNameIsDueAtOnceAndUnderWayOnce) {
    EXPECT_EQ(schedule.next(), Time::max());
    schedule.want({kA, kB}, now);
    EXPECT_EQ(schedule.next(), now);
    EXPECT_EQ(schedule.take(now)->question, kA);
    EXPECT_EQ(schedule.take(now)->question, kB);
    EXPECT_FALSE(schedule.take(now));
    EXPECT_EQ(schedule.next(), Time::max());
    schedule.want({kA, kB}, now);  // a reload
    EXPECT_FALSE(schedule.take(now));
}

TEST_F(Schedule, AnAnswerIsAskedAgainWhenItsTtlIsOver) {
    schedule.want({kA}, now);
    answer(kA, found(Seconds(60)), kLeast);
    EXPECT_EQ(wait(), Seconds(60));
    now += Seconds(60) - Millis(1);
    EXPECT_FALSE(schedule.take(now));
    now += Millis(1);
    answer(kA, found(Seconds(60)), kMost);
    EXPECT_GT(wait(), Seconds(60) + Millis(240));
    EXPECT_LE(wait(), Seconds(60) + NameSchedule::kJitterMax);
}

TEST_F(Schedule, TtlsAreKeptWithinBounds) {
    schedule.want({kA}, now);
    answer(kA, found(Seconds(0)));
    EXPECT_EQ(wait(), Seconds(1));
    now += wait();
    answer(kA, found(Seconds(0x7fffffff)));
    EXPECT_EQ(wait(), std::chrono::hours(1));
}

TEST_F(Schedule, FailuresBackOffWithJitterAndKeepWhatIsKnown) {
    schedule.want({kA}, now);
    answer(kA, found(Seconds(5)));
    const Time good_at = now;
    for (const Kind kind : {Kind::failed, Kind::empty}) {
        Duration expected = Seconds(1);
        for (std::size_t i = 0; i < 10; ++i) {
            now += wait();
            const auto due = schedule.take(now);
            ASSERT_TRUE(due);
            EXPECT_EQ(due->failures, i) << "so that another server is asked first";
            schedule.done(kA, nothing(kind), now, i % 2 == 0 ? kLeast : kMost);
            EXPECT_GE(wait(), expected * 3 / 4);
            EXPECT_LE(wait(), expected * 5 / 4);
            EXPECT_TRUE(i % 2 == 0 ? wait() == expected * 3 / 4 : wait() > expected * 6 / 5);
            expected = std::min<Duration>(expected * 2, NameSchedule::kBackOffMax);
        }
        const NameAnswer& known = *schedule.find(kA);
        EXPECT_EQ(known.addresses.size(), 1u);
        EXPECT_EQ(known.error, "because");
        EXPECT_EQ(known.empty_since.has_value(), kind == Kind::empty);
        if (kind == Kind::failed) {
            EXPECT_EQ(known.good_at, good_at);
            now += wait();
            answer(kA, found(Seconds(5)));
            EXPECT_EQ(schedule.find(kA)->error, "");
        }
    }
    now += wait();
    answer(kA, found(Seconds(5), 0x0a000002));
    EXPECT_EQ(schedule.find(kA)->addresses, std::vector<IpAddress>{IpAddress::v4(0x0a000002)});
    EXPECT_FALSE(schedule.find(kA)->empty_since);
}

TEST_F(Schedule, NewsAboutServersLetsThoseAskAgainThatFailed) {
    schedule.want({kA, kB}, now);
    answer(kA, nothing(Kind::failed));
    answer(kB, found(Seconds(60)));
    schedule.retry_failed(now);
    EXPECT_EQ(schedule.take(now)->question, kA);
    schedule.retry_failed(now);
    EXPECT_FALSE(schedule.take(now)) << "kA is under way";
}

TEST_F(Schedule, DoubtBringsATurnForwardButNotTooOften) {
    schedule.want({kA}, now);
    answer(kA, found(Seconds(300)));
    now += Seconds(4);
    schedule.recheck(kA, now);
    EXPECT_EQ(wait(), Seconds(296));
    now += Seconds(1);
    schedule.recheck(kA, now);
    answer(kA, found(Seconds(300)));
    schedule.recheck(kA, now);
    schedule.recheck(kB, now);
    EXPECT_EQ(wait(), Seconds(300));
    now += Seconds(300);
    ASSERT_TRUE(schedule.take(now));
    schedule.recheck(kA, now);
    EXPECT_FALSE(schedule.take(now)) << "it is under way";
}

TEST_F(Schedule, NamesNoLongerWantedAreForgotten) {
    schedule.want({kA, kB}, now);
    answer(kA, found(Seconds(60)));
    ASSERT_TRUE(schedule.take(now));  // kB
    schedule.want({}, now);
    EXPECT_EQ(schedule.find(kA), nullptr);
    EXPECT_EQ(schedule.next(), Time::max());
    schedule.done(kB, found(Seconds(60)), now, kLeast);
    EXPECT_EQ(schedule.find(kB), nullptr);
}

TEST_F(Schedule, ANameThatIsWantedAgainWhileItsOldQuestionIsUnderWay) {
    schedule.want({kA}, now);
    ASSERT_TRUE(schedule.take(now));
    schedule.want({}, now);
    schedule.want({kA}, now);
    ASSERT_TRUE(schedule.take(now));
    schedule.done(kA, found(Seconds(60), 0x0a000001), now, kLeast);
    schedule.done(kA, found(Seconds(5), 0x0a000002), now, kLeast);
    EXPECT_EQ(wait(), Seconds(5));
    now += wait();
    ASSERT_TRUE(schedule.take(now));
    EXPECT_FALSE(schedule.take(now + std::chrono::hours(2))) << "it stands there once";
}

TEST_F(Schedule, OnlySoManyAreUnderWay) {
    std::set<NameQuestion> many;
    for (std::size_t i = 0; i < NameSchedule::kUnderWayMax + 3; ++i)
        many.insert({"n" + std::to_string(i) + ".example.com", LookupType::aaaa});
    schedule.want(many, now);
    std::vector<NameQuestion> taken;
    while (const auto due = schedule.take(now)) taken.push_back(due->question);
    EXPECT_EQ(taken.size(), NameSchedule::kUnderWayMax);
    EXPECT_EQ(schedule.next(), Time::max());
    schedule.done(taken.front(), found(Seconds(60)), now, kLeast);
    EXPECT_EQ(schedule.next(), now);
    EXPECT_TRUE(schedule.take(now));
    EXPECT_FALSE(schedule.take(now));
}

}  // namespace
}  // namespace peerzone::discovery
