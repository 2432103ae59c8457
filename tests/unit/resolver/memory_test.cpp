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
    Subject subject() const { return subject_of(*snapshot, asked); }
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
        memory.keep_end(subject(), checked(kind), value(lifetime, rcode), true, now);
    }
    bool fresh(cache::Kind kind) { return memory.find_fresh(subject(), kind, now, room, hit); }
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
    EXPECT_FALSE(memory.has_answer(subject(), now));
    --route.scope;
    EXPECT_TRUE(fresh(cache::Kind::answer));
}

TEST_F(Remembering, WhatIsPastItsTtlIsLastKnown) {
    keep(exchange::ReplyKind::data);
    now += Seconds(20);
    EXPECT_FALSE(fresh(cache::Kind::answer));
    EXPECT_TRUE(hit.expired);
    EXPECT_TRUE(memory.find_last_known(subject(), now, room, hit));
    EXPECT_TRUE(hit.stale);
    EXPECT_TRUE(memory.has_answer(subject(), now));
}

TEST_F(Remembering, AChainReplacesWhatWasKnown) {
    keep(exchange::ReplyKind::data);
    memory.keep_chain(subject(), value(Seconds(5)), true, now);
    EXPECT_FALSE(fresh(cache::Kind::answer));
    EXPECT_TRUE(memory.find_chain(subject(), now, room, hit));
    keep(exchange::ReplyKind::data);
    EXPECT_FALSE(memory.find_chain(subject(), now, room, hit)) << "it is none any more";
}

TEST_F(Remembering, AFailureFromBeforeAChangeOfStateIsForgotten) {
    memory.keep_failure(subject(), "peer=west timeout", west().id, now);
    EXPECT_TRUE(memory.find_failure(subject(), now, room, hit));
    west().health->enter(upstream::UpstreamState::healthy, now + Millis(1),
                         std::chrono::system_clock::now());
    EXPECT_FALSE(memory.find_failure(subject(), now + Millis(2), room, hit));
}

TEST_F(Remembering, OneCallerOfAllAsksAgain) {
    keep(exchange::ReplyKind::data);
    EXPECT_TRUE(memory.claim_refresh(subject(), cache::Kind::answer, Memory::Words::of_owner, now));
    EXPECT_FALSE(
        memory.claim_refresh(subject(), cache::Kind::answer, Memory::Words::of_owner, now));
}

// What one upstream said, for views of which only one gives the aliases' end to another one.
struct RememberingAliases : Remembering {
    RememberingAliases() {
        snapshot->views.push_back({.name = "office",
                                   .routes = snapshot->views[0].routes,
                                   .recursion_available = true,
                                   .chain_scope = kChainScope + 1});
        add_upstream("north.test", "peer=north");
        view::RouteTable only_west;
        only_west.add(route);
        snapshot->views[0].routes = std::move(only_west);
    }
    Subject in_view(view::ViewId view) {
        asked.view = view;
        return subject();
    }
    cache::Value aliased(const std::string& to, bool with_data, Seconds lifetime = Seconds(5)) {
        const dns::Name target = test::name(to);
        dns::BodyWriter writer(room, room.size(), name.wire());
        writer.add(dns::Section::answer, name.wire(), dns::type::cname, 60, target.wire());
        if (with_data)
            writer.add(dns::Section::answer, target.wire(), test::type::a, 60,
                       std::array<std::uint8_t, 4>{10, 2, 0, 1});
        return {.body = writer.body(),
                .info = writer.info(),
                .rcode = dns::Rcode::noerror,
                .source = west().id,
                .lifetime = lifetime};
    }
    void keep_alias(const std::string& to) {
        auto data = checked(exchange::ReplyKind::data);
        data.links = 1;
        memory.keep_end(in_view(0), data, aliased(to, true), true, now);
    }
};

TEST_F(RememberingAliases, TheEndThatHasAnotherOwnerIsThatOnesToAnswer) {
    keep_alias("db.north.test");
    EXPECT_TRUE(memory.find_fresh(in_view(0), cache::Kind::answer, now, room, hit));
    EXPECT_FALSE(memory.find_fresh(in_view(1), cache::Kind::answer, now, room, hit));
    EXPECT_TRUE(hit.other_kinds_possible);
    EXPECT_TRUE(memory.find_chain(in_view(1), now, room, hit));
    EXPECT_FALSE(memory.find_chain(in_view(0), now, room, hit)) << "it is an answer there";
    EXPECT_FALSE(memory.find_last_known(in_view(1), now, room, hit));
    EXPECT_TRUE(memory.find_last_known_chain(in_view(1), now, room, hit));
}

TEST_F(RememberingAliases, AChainThatWasCutIsFollowedOnlyWhereItsEndHasAnotherOwner) {
    memory.keep_chain(in_view(1), aliased("db.north.test", false), false, now);
    EXPECT_TRUE(memory.find_chain(in_view(1), now, room, hit));
    EXPECT_FALSE(memory.find_chain(in_view(0), now, room, hit)) << "the upstream knows the end";
    memory.keep_chain(in_view(1), aliased("db.north.test", false), true, now);
    EXPECT_TRUE(memory.find_chain(in_view(0), now, room, hit)) << "it does not";
    EXPECT_FALSE(hit.authentic_data);
}

TEST_F(RememberingAliases, WhatWasPutTogetherHoldsWhileItsAliasesDo) {
    memory.keep_chain(in_view(1), aliased("db.north.test", false), false, now);
    memory.keep_assembled(in_view(1), aliased("db.north.test", true), now);
    EXPECT_TRUE(memory.find_assembled(in_view(1), now, room, hit));
    EXPECT_EQ(hit.info.counts[0], 2);
    EXPECT_FALSE(memory.find_assembled(in_view(0), now, room, hit)) << "its routes are others";
    memory.keep_chain(in_view(1), aliased("two.north.test", false), false, now);
    EXPECT_FALSE(memory.find_assembled(in_view(1), now, room, hit));
    memory.keep_chain(in_view(1), aliased("db.north.test", false), false, now);
    EXPECT_TRUE(memory.find_assembled(in_view(1), now, room, hit));
    keep(exchange::ReplyKind::nxdomain);
    EXPECT_FALSE(memory.find_assembled(in_view(1), now, room, hit)) << "no alias any more";
}

TEST_F(RememberingAliases, WhatWasPutTogetherIsAskedAgainOnce) {
    memory.keep_chain(in_view(1), aliased("db.north.test", false), false, now);
    memory.keep_assembled(in_view(1), aliased("db.north.test", true), now);
    const auto claim = [&](Memory::Words words) {
        return memory.claim_refresh(in_view(1), cache::Kind::answer, words, now);
    };
    EXPECT_FALSE(claim(Memory::Words::of_owner)) << "there is none";
    EXPECT_TRUE(claim(Memory::Words::assembled));
    EXPECT_FALSE(claim(Memory::Words::assembled));
}

// Two views that differ for the end must not take each other's entries away.
TEST_F(RememberingAliases, AWholeAnswerStaysBesideTheChainThatItBeginsWith) {
    keep_alias("db.north.test");
    memory.keep_chain(in_view(1), aliased("db.north.test", false), false, now);
    EXPECT_TRUE(memory.find_fresh(in_view(0), cache::Kind::answer, now, room, hit));
    EXPECT_TRUE(memory.find_chain(in_view(1), now, room, hit));
    memory.keep_chain(in_view(1), aliased("two.north.test", false), false, now);
    EXPECT_FALSE(memory.find_fresh(in_view(0), cache::Kind::answer, now, room, hit))
        << "its alias has changed";
}

// RFC 8482: of ANY an alias is data.
TEST_F(RememberingAliases, AnAliasIsTheAnswerToAny) {
    asked.query.type = test::type::any;
    keep_alias("db.north.test");
    EXPECT_TRUE(memory.find_fresh(in_view(1), cache::Kind::answer, now, room, hit));
    EXPECT_FALSE(memory.find_chain(in_view(1), now, room, hit));
}

}  // namespace
}  // namespace peerzone::resolver
