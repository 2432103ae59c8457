// The way of a question over its aliases, with scripted replies: nothing is sent, no time passes
// but what the test says.
#include "resolver/alias_chase.hpp"

#include <gmock/gmock.h>

#include "support/resolver_fixture.hpp"
#include "support/upstream_reply.hpp"

namespace peerzone::resolver {
namespace {

using itest::Reply;
using peerzone::test::address;
using peerzone::test::CNAME;
using peerzone::test::kReply;
using peerzone::test::MessageBuilder;
using peerzone::test::wire;
using test::Delivered;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using upstream::Upstream;
namespace type = dns::type;
using peerzone::test::A;

struct Chasing : test::Setup, ::testing::Test {
    Memory memory{cache};
    std::uint32_t rotation = 0;
    std::vector<std::uint8_t> scratch = std::vector<std::uint8_t>(dns::kMessageMax);
    std::unique_ptr<PendingQuery> pending;
    exchange::ReplyIndex index;
    itest::Octets octets;
    std::optional<AliasChase> chase;

    Chasing() {
        add_zone("corp.internal", {"db CNAME db.west.test.", "loop CNAME loop.west.test."});
        add_upstream("west.test", "peer=west");
        add_upstream("north.test", "peer=north");
        add_upstream(".", "forward .", upstream::Kind::forward);
    }
    const Upstream& west() const { return *snapshot->upstreams[0]; }
    const Upstream& north() const { return *snapshot->upstreams[1]; }
    const Upstream& forward() const { return *snapshot->upstreams[2]; }

    void begin(const std::string& qname, std::optional<std::string_view> memory_only = {}) {
        Request asked;
        ASSERT_EQ(dns::parse_query(itest::question(qname, type::a), asked.query), dns::Verdict::ok);
        asked.client = IpAddress::parse(client_ip).value();
        const Decision decision =
            decide(*snapshot, 0, asked.client, asked.query.name(), asked.query.type);
        asked.route = decision.route;
        pending = std::make_unique<PendingQuery>();
        pending->snapshot = snapshot;
        pending->waiters.push_back({.to = {}, .request = asked, .since = now});
        chase.emplace(AliasChase::Context{memory, counters, rotation, scratch}, *pending, now,
                      memory_only);
    }
    const Upstream* next() { return chase->next(now); }
    std::string asked() const { return chase->question().name.to_text(); }

    void reply(const MessageBuilder& message, const Upstream& owner) {
        octets = message.octets();
        const upstream::Question question = chase->question();
        const OtherOwners others = chase->other_owners();
        upstream::Asked asked;
        asked.ok = true;
        asked.message = octets;
        asked.checked = exchange::check_reply(octets, question.name.wire(), question.type, true,
                                              index, {.others = &others});
        asked.index = &index;
        chase->on_reply(owner, asked, now);
    }
    void alias(const std::string& from, const std::string& to, const Upstream& owner) {
        reply(peerzone::test::reply(from, A).answer(from, CNAME, 60, wire(to)), owner);
    }
    void data(const std::string& of, const std::string& ip, const Upstream& owner) {
        reply(peerzone::test::reply(of, A).answer(of, A, 60, address(ip)), owner);
    }
    void fail(const Upstream& owner) {
        upstream::Asked asked;
        asked.error_code = 22;
        asked.error_text = owner.label + " no endpoint answered";
        chase->on_reply(owner, asked, now);
    }
    /// What a client would be told.
    Reply told() {
        Delivered sink;
        Waiter waiter = pending->waiters.front();
        waiter.to.sink = &sink;
        ReplyWriter(counters).deliver(waiter, chase->view(), chase->answer(), scratch, now);
        return sink.replies.at(0);
    }
    void partition(const Upstream& upstream) {
        upstream.health->enter(upstream::UpstreamState::partitioned, now,
                               std::chrono::system_clock::now());
    }
};

TEST_F(Chasing, DataEndIt) {
    begin("db.west.test");
    ASSERT_EQ(next(), &west());
    EXPECT_EQ(asked(), "db.west.test");
    data("db.west.test", "10.2.0.1", west());
    EXPECT_EQ(next(), nullptr);
    EXPECT_THAT(told().answers(), ElementsAre("db.west.test A 10.2.0.1"));
    begin("db.west.test", "not asked");
    EXPECT_EQ(next(), nullptr) << "it was kept";
}

TEST_F(Chasing, AliasesAreOlderByTheWaitForTheirEnd) {
    begin("www.example");
    ASSERT_EQ(next(), &forward());
    alias("www.example", "db.west.test", forward());
    ASSERT_EQ(next(), &west());
    now += Millis(4500);
    data("db.west.test", "10.2.0.1", west());
    ASSERT_EQ(next(), nullptr);
    EXPECT_THAT(told().ttls(), ElementsAre(56, 60));
    chase->keep(now);
    const auto is_kept = [&] {
        cache::Hit hit;
        return memory.find_assembled(subject_of(*snapshot, pending->question()), now, scratch, hit);
    };
    now += Seconds(54);
    EXPECT_TRUE(is_kept());
    now += Seconds(3);
    EXPECT_FALSE(is_kept()) << "it was kept longer than its first alias";
}

TEST_F(Chasing, AnAliasToAnotherOwnerIsAskedThere) {
    begin("www.example");
    ASSERT_EQ(next(), &forward());
    alias("www.example", "db.west.test", forward());
    ASSERT_EQ(next(), &west());
    EXPECT_EQ(asked(), "db.west.test");
    alias("db.west.test", "db.north.test", west());
    ASSERT_EQ(next(), &north());
    data("db.north.test", "10.3.0.1", north());
    ASSERT_EQ(next(), nullptr);
    chase->keep(now);
    const auto whole = ElementsAre("www.example CNAME db.west.test.",
                                   "db.west.test CNAME db.north.test.", "db.north.test A 10.3.0.1");
    EXPECT_THAT(told().answers(), whole);
    publish();
    EXPECT_THAT(Setup::ask("www.example", type::a).answers(), whole) << "kept under the first name";
}

TEST_F(Chasing, AZoneOfOursLeadsOnAndIsNotKept) {
    begin("db.corp.internal");
    ASSERT_EQ(next(), &west());
    data("db.west.test", "10.2.0.1", west());
    ASSERT_EQ(next(), nullptr);
    chase->keep(now);
    const Reply got = told();
    EXPECT_THAT(got.answers(),
                ElementsAre("db.corp.internal CNAME db.west.test.", "db.west.test A 10.2.0.1"));
    EXPECT_TRUE(got.flag(dns::kFlagAa));
    EXPECT_EQ(cache.stats().stored, 1u) << "what west said, and nothing else";
}

TEST_F(Chasing, AFailureAtAnyStepEndsItWithItsReason) {
    for (int good = 0; good < 3; ++good) {
        const std::string name = "f" + std::to_string(good) + ".example";
        begin(name);
        const Upstream* owner = next();
        if (good > 0) {
            alias(name, "a.west.test", *owner);
            owner = next();
        }
        if (good > 1) {
            alias("a.west.test", "a.north.test", *owner);
            owner = next();
        }
        ASSERT_NE(owner, nullptr) << good;
        fail(*owner);
        EXPECT_EQ(next(), nullptr);
        EXPECT_EQ(told().rcode(), 2u);
        EXPECT_EQ(chase->answer().error_text, owner->label + " no endpoint answered");
    }
}

TEST_F(Chasing, LoopsEnd) {
    begin("a.west.test");
    ASSERT_EQ(next(), &west());
    alias("a.west.test", "b.north.test", west());
    ASSERT_EQ(next(), &north());
    alias("b.north.test", "a.west.test", north());
    EXPECT_EQ(next(), nullptr);
    EXPECT_THAT(chase->answer().error_text, HasSubstr("loop"));

    begin("loop.corp.internal");
    ASSERT_EQ(next(), &west());
    alias("loop.west.test", "loop.corp.internal", west());
    EXPECT_EQ(next(), nullptr);
    EXPECT_THAT(chase->answer().error_text, HasSubstr("loop"));
}

TEST_F(Chasing, SixteenLinksAreEnough) {
    const auto named = [](int i) {
        return "n" + std::to_string(i) + (i % 2 == 0 ? ".west.test" : ".north.test");
    };
    begin(named(0));
    int links = 0;
    while (const Upstream* owner = next()) {
        ASSERT_LE(links, 20);
        alias(named(links), named(links + 1), *owner);
        ++links;
    }
    EXPECT_EQ(links, 17);
    EXPECT_EQ(told().rcode(), 2u);
    EXPECT_THAT(chase->answer().error_text, HasSubstr("longer than 16 links"));
}

TEST_F(Chasing, AllOwnersTogetherHaveOneDeadline) {
    begin("www.example");
    const Time began = now;
    ASSERT_EQ(next(), &forward());
    const Time until = chase->deadline(forward(), now);
    EXPECT_EQ(until, began + forward().options.deadline);
    now += Millis(700);
    alias("www.example", "db.west.test", forward());
    ASSERT_EQ(next(), &west());
    EXPECT_EQ(chase->deadline(west(), now), until) << "no longer than it was";
}

TEST_F(Chasing, WithMemoryOnlyNothingIsAsked) {
    begin("db.west.test", "too busy");
    EXPECT_EQ(next(), &west()) << "not known";
    know("db.west.test", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(20);
    begin("db.west.test", "too busy");
    EXPECT_EQ(next(), nullptr);
    EXPECT_TRUE(chase->is_stale());
    EXPECT_THAT(told().answers(), ElementsAre("db.west.test A 10.2.0.1"));
    EXPECT_THAT(chase->answer().error_text, HasSubstr("too busy"));
}

// The first name is ours: under it no failure is kept.
TEST_F(Chasing, AFailureBehindAZoneOfOursAndAnotherOwnerIsTold) {
    begin("db.corp.internal");
    ASSERT_EQ(next(), &west());
    EXPECT_EQ(chase->deadline(west(), now), now + Millis(1800));
    now += Millis(300);
    alias("db.west.test", "db.north.test", west());
    ASSERT_EQ(next(), &north());
    EXPECT_EQ(chase->deadline(north(), now), now + Millis(1500));
    fail(north());
    EXPECT_EQ(next(), nullptr);
    EXPECT_EQ(told().rcode(), 2u);
    EXPECT_THAT(chase->answer().error_text, HasSubstr("peer=north"));
}

// That it is past its TTL matters more than that its end has no owner here.
TEST_F(Chasing, AStaleAliasToNowhereIsToldAsStale) {
    snapshot->views[0].routes = {};
    view::Route route{.suffix = test::name("west.test"),
                      .kind = view::Route::Kind::upstream,
                      .index = 0,
                      .scope = 0};
    snapshot->views[0].routes.add(route);
    begin("db.west.test");
    ASSERT_EQ(next(), &west());
    alias("db.west.test", "db.nowhere.example", west());
    EXPECT_EQ(next(), nullptr);
    EXPECT_EQ(told().ede(), dns::ede::not_authoritative);
    now += Seconds(1000);
    partition(west());
    begin("db.west.test");
    EXPECT_EQ(next(), nullptr);
    EXPECT_THAT(told().answers(), ElementsAre("db.west.test CNAME db.nowhere.example."));
    EXPECT_EQ(told().ede(), dns::ede::stale);
}

TEST_F(Chasing, WhereThereIsNoRoomWhatIsKnownEndsIt) {
    begin("db.west.test");
    ASSERT_EQ(next(), &west());
    EXPECT_FALSE(chase->on_refused(west(), "no room", now));
    EXPECT_EQ(next(), nullptr);
    EXPECT_EQ(chase->answer().error_text, "no room");

    know("db.west.test", type::a, {"10.2.0.1"}, {.lifetime = Seconds(5)});
    now += Seconds(20);
    begin("db.west.test");
    ASSERT_EQ(next(), &west());
    EXPECT_TRUE(chase->on_refused(west(), "no room", now));
    EXPECT_EQ(next(), nullptr);
    EXPECT_THAT(told().answers(), ElementsAre("db.west.test A 10.2.0.1"));
}

TEST_F(Chasing, AnUpstreamThatIsAwayIsNotAskedButHasACanary) {
    partition(west());
    begin("db.corp.internal");
    EXPECT_EQ(next(), nullptr);
    EXPECT_EQ(told().ede(), 22);
    const auto canaries = chase->take_canaries();
    ASSERT_EQ(canaries.size(), 1u);
    EXPECT_EQ(canaries[0].upstream, &west());
    EXPECT_EQ(canaries[0].name.to_text(), "db.west.test");
    EXPECT_TRUE(chase->take_canaries().empty());
}

TEST_F(Chasing, ADenialWithoutSoaIsPassedOnAndNotKept) {
    begin("nix.west.test");
    ASSERT_EQ(next(), &west());
    reply(peerzone::test::reply("nix.west.test", A, kReply | 3), west());
    EXPECT_EQ(next(), nullptr);
    EXPECT_EQ(told().rcode(), 3u);
    EXPECT_THAT(chase->answer().error_text, HasSubstr("without SOA"));
    EXPECT_EQ(cache.stats().stored, 0u);
}

}  // namespace
}  // namespace peerzone::resolver
