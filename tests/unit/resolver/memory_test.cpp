// What is kept, under which key, and what of it may be used.
#include "resolver/memory.hpp"

#include "support/dns_reply.hpp"
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

struct Remembering : test::Setup, ::testing::Test {
    Memory memory{cache};
    std::vector<std::uint8_t> room = std::vector<std::uint8_t>(dns::kMessageMax);
    const dns::Name name = test::name("db.west.test");
    view::Route route;
    Request asked;
    cache::Hit hit;

    Remembering() {
        add_upstream("west.test", "peer=west");
        asked.query = testing::query_of(testing::question("db.west.test", test::type::a));
        route = *snapshot->views[0].routes.find(name.wire());
        asked.route = &route;
    }
    const upstream::Upstream& west() const { return *snapshot->upstreams[0]; }
    Subject subject() const { return subject_of(asked); }
    cache::Value value(Seconds lifetime, dns::Rcode rcode = dns::Rcode::noerror) {
        dns::BodyWriter writer(room, room.size(), name.wire());
        if (rcode == dns::Rcode::noerror)
            writer.add(dns::Section::answer, name.wire(), test::type::a, 60,
                       std::array<std::uint8_t, 4>{10, 2, 0, 1});
        return {.body = writer.body(),
                .info = writer.info(),
                .rcode = rcode,
                .source = west().id,
                .lifetime = lifetime};
    }
    static exchange::CheckedReply checked(exchange::ReplyKind kind) {
        exchange::CheckedReply made;
        made.kind = kind;
        made.has_soa = kind != exchange::ReplyKind::data;
        return made;
    }
    void keep(exchange::ReplyKind kind, Seconds lifetime = Seconds(5)) {
        const auto rcode =
            kind == exchange::ReplyKind::nxdomain ? dns::Rcode::nxdomain : dns::Rcode::noerror;
        memory.keep_end(subject(), checked(kind), value(lifetime, rcode), west(), true, now);
    }
    bool fresh(cache::Kind kind) {
        return memory.find_fresh(subject(), kind, *snapshot, now, room, hit);
    }
};

TEST_F(Remembering, AnAnswerAndADenialOfTheNameReplaceEachOther) {
    keep(exchange::ReplyKind::data);
    EXPECT_TRUE(fresh(cache::Kind::answer));
    keep(exchange::ReplyKind::nxdomain);
    EXPECT_FALSE(fresh(cache::Kind::answer));
    EXPECT_TRUE(fresh(cache::Kind::nxdomain));
    keep(exchange::ReplyKind::data);
    EXPECT_FALSE(fresh(cache::Kind::nxdomain));
}

TEST_F(Remembering, ANameOfAnotherScopeIsAnotherName) {
    keep(exchange::ReplyKind::data);
    ++route.scope;
    EXPECT_FALSE(fresh(cache::Kind::answer));
    EXPECT_FALSE(memory.has_answer(subject(), west(), now));
    --route.scope;
    EXPECT_TRUE(fresh(cache::Kind::answer));
}

TEST_F(Remembering, WhatIsPastItsTtlIsLastKnown) {
    keep(exchange::ReplyKind::data);
    now += Seconds(20);
    EXPECT_FALSE(fresh(cache::Kind::answer));
    EXPECT_TRUE(hit.expired);
    EXPECT_TRUE(memory.find_last_known(subject(), *snapshot, west(), now, room, hit));
    EXPECT_TRUE(hit.stale);
    EXPECT_TRUE(memory.has_answer(subject(), west(), now));
}

TEST_F(Remembering, AChainReplacesWhatWasKnown) {
    keep(exchange::ReplyKind::data);
    memory.keep_chain(subject(), value(Seconds(5)), now);
    EXPECT_FALSE(fresh(cache::Kind::answer));
    EXPECT_TRUE(memory.find_chain(subject(), now, room, hit));
    keep(exchange::ReplyKind::data);
    EXPECT_FALSE(memory.find_chain(subject(), now, room, hit)) << "it is none any more";
}

TEST_F(Remembering, AFailureFromBeforeAChangeOfStateIsForgotten) {
    memory.keep_failure(subject(), "peer=west timeout", west().id, now);
    EXPECT_TRUE(memory.find_failure(subject(), west(), now, room, hit));
    west().health->enter(upstream::UpstreamState::healthy, now + Millis(1),
                         std::chrono::system_clock::now());
    EXPECT_FALSE(memory.find_failure(subject(), west(), now + Millis(2), room, hit));
}

TEST_F(Remembering, OneCallerOfAllAsksAgain) {
    keep(exchange::ReplyKind::data);
    EXPECT_TRUE(memory.claim_refresh(subject(), cache::Kind::answer, now));
    EXPECT_FALSE(memory.claim_refresh(subject(), cache::Kind::answer, now));
}

}  // namespace
}  // namespace peerzone::resolver
