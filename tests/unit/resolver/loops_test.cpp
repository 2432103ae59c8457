// Questions that went round in a circle: what is cut, and what is answered all the same.
#include <gmock/gmock.h>

#include <cctype>

#include "peerzone/upstream/hop_mark.hpp"
#include "support/resolver_fixture.hpp"

namespace peerzone::resolver {
namespace {

using metrics::Count;
using test::name;
using test::Octets;
using test::Reply;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace type = dns::type;

constexpr std::uint64_t kUs = 0x0123456789abcdef;

struct Loops : ::testing::Test, test::Setup {
    Loops() {
        add_zone("corp.internal", {"db A 10.0.0.5", "alias CNAME db.westus."});
        add_upstream("westus", "peer=westus");
        snapshot->node_id = kUs;
        publish();
    }
    static Octets marked(const std::string& qname, std::uint64_t node, std::uint8_t hops) {
        Octets option(13);
        store_u16(&option[0], dns::option::hop_mark);
        store_u16(&option[2], 9);
        store_u32(&option[4], static_cast<std::uint32_t>(node >> 32));
        store_u32(&option[8], static_cast<std::uint32_t>(node));
        option[12] = hops;
        testing::Wire wire;
        wire.header(1, dns::kFlagRd, 1, 0, 0, 1).name(qname).u16(type::a).u16(1);
        wire.opt(1232, 0, option);
        return wire.octets();
    }
    /// Asks, and waits if that is due.
    Reply ask_all(const Octets& message) {
        const Reply reply = ask(message);
        return outcome == Disposition::deferred ? ask_later() : reply;
    }
};

TEST_F(Loops, OurOwnQuestionIsNotAskedAgain) {
    const Reply reply = ask_all(marked("db.westus", kUs, 1));
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), 0);
    EXPECT_EQ(reply.ede_text(), "loop via peer=westus: our own question came back from 10.1.0.9");
    EXPECT_EQ(counters.value(Count::loops), 1u);
    ask_all(marked("alias.corp.internal", kUs, 1));
    EXPECT_EQ(counters.value(Count::loops), 2u) << "an alias of ours closes no circle either";
    EXPECT_FALSE(ask_all(itest::question("db.westus", type::a)).says("loop"))
        << "nothing of it is remembered";
}

TEST_F(Loops, FourHopsAreEnough) {
    EXPECT_FALSE(ask_all(marked("db.westus", 7, 3)).says("loop"));
    const Reply reply = ask_all(marked("db.westus", 7, 4));
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede_text(), "loop via peer=westus: 4 hops, the last one 10.1.0.9");
    EXPECT_TRUE(ask_all(marked("db.westus", 7, 255)).says("255 hops"));
    EXPECT_EQ(counters.value(Count::loops), 2u);
}

TEST_F(Loops, WhatComesBackAsItLeftIsOurs) {
    const std::string spelled = "dAtaBase-0.Cockroachdb.weStuS";
    client_options.sent->note(name(spelled).wire(), now);
    const auto ask_as = [&](const std::string& qname) {
        return ask_all(itest::question(qname, type::a)).says("our own question came back");
    };
    EXPECT_TRUE(ask_as(spelled));
    EXPECT_FALSE(ask_as("dAtaBase-0.Cockroachdb.westuS"));
    EXPECT_FALSE(ask_as("database-0.cockroachdb.westus"));
    EXPECT_TRUE(ask_all(itest::question(spelled, type::aaaa)).says("our own question"))
        << "whatever was asked for: nobody else knows it";
    now += Seconds(3);
    EXPECT_FALSE(ask_as(spelled));
}

// The cluster's own DNS does not have the name and falls through to us.
struct HandedBack : Loops {
    static constexpr std::uint64_t kReplica = kUs ^ 0xffff;  // of the same cluster
    static constexpr std::uint64_t kStranger = kUs ^ 1ull << 40;

    HandedBack() {
        add_upstream("cluster.local", "local", upstream::Kind::local);
        add_upstream("1.10.in-addr.arpa", "local", upstream::Kind::local);
        add_upstream("west.svc.cluster.local", "peer=west");
        snapshot->node_id = kUs;
        publish();
    }
    void expect_denied(const Octets& question, const std::string& zone) {
        const Reply reply = ask_all(question);
        EXPECT_EQ(reply.rcode(), 3u);
        EXPECT_THAT(reply.answers(), IsEmpty());
        ASSERT_EQ(reply.section(2).size(), 1u);
        std::string soa = reply.section(2).front();  // it echoes the question's letter case
        for (char& c : soa) c = static_cast<char>(std::tolower(c));
        EXPECT_EQ(soa, zone + " soa " + zone + ". " + zone + ". 1 7200 1800 86400 1");
        EXPECT_THAT(reply.ttls(2), ElementsAre(1u)) << "as local.negative_ttl has it";
        EXPECT_EQ(reply.ede(), 0);
        EXPECT_EQ(reply.ede_text(), "local does not have this name: it asked us, as 10.1.0.9");
    }
};

TEST_F(HandedBack, ANameOfOurClusterDoesNotExist) {
    expect_denied(marked("db.default.svc.cluster.local", kUs, 1), "cluster.local");
    expect_denied(marked("db.default.svc.cluster.local", kReplica, 2), "cluster.local");
    expect_denied(marked("9.0.1.10.in-addr.arpa", kReplica, 1), "1.10.in-addr.arpa");
    EXPECT_EQ(counters.value(Count::handed_back), 3u);
    EXPECT_EQ(counters.value(Count::loops), 0u);
}

TEST_F(HandedBack, NorDoesOneThatComesBackAsItLeftWithoutItsMark) {
    const std::string spelled = "dAtaBase-0.Default.svc.Cluster.loCal";
    client_options.sent->note(name(spelled).wire(), now);
    expect_denied(itest::question(spelled, type::a), "cluster.local");
}

TEST_F(HandedBack, TooManyHopsAreALoopAllTheSame) {
    EXPECT_TRUE(
        ask_all(marked("db.default.svc.cluster.local", kStranger, 4)).says("loop via local"));
}

TEST_F(HandedBack, WhatAnotherClusterAsksIsAsked) {
    EXPECT_NE(ask_all(marked("db.default.svc.cluster.local", kStranger, 1)).rcode(), 3u);
    // Of the same name, by mistake or since neither has one: it asks us as its peer.
    const std::uint64_t namesake = upstream::mark_for(upstream::Kind::peer, kReplica);
    const Reply reply = ask_all(marked("db.default.svc.cluster.local", namesake, 1));
    EXPECT_NE(reply.rcode(), 3u);
    EXPECT_FALSE(reply.says("loop"));
}

TEST_F(HandedBack, APeersNameIsALoop) {
    EXPECT_TRUE(ask_all(marked("db.west.svc.cluster.local", kUs, 1)).says("loop via peer=west"));
    EXPECT_FALSE(ask_all(marked("db.west.svc.cluster.local", kReplica, 1)).says("loop"))
        << "another replica may ask the peer";
    EXPECT_TRUE(ask_all(marked("db.west.svc.cluster.local",
                               upstream::mark_for(upstream::Kind::peer, kUs), 1))
                    .says("our own question"));
}

// Names of people's are found by chance.
TEST_F(Loops, OfAFewLettersTheSpellingSaysNothing) {
    client_options.sent->note(name("dB-0.weStuS").wire(), now);
    EXPECT_FALSE(ask_all(itest::question("dB-0.weStuS", type::a)).says("our own question"));
    EXPECT_TRUE(ask_all(itest::question("dB-0.weStuS", type::ns)).says("our own question"))
        << "our probe";
    client_options.sent->note(name("database-0.cockroachdb.westus").wire(), now);
    EXPECT_FALSE(ask_all(itest::question("database-0.cockroachdb.westus", type::a)).says("loop"));
}

TEST_F(Loops, AMarkWithoutHopsIsNoMark) {
    EXPECT_FALSE(ask_all(marked("db.westus", kUs, 0)).says("loop"));
}

TEST_F(Loops, OwnedAndKnownNamesAreAnsweredWhateverTheMarkSays) {
    know("db.westus", type::a, {"10.2.0.1"});
    for (const Octets& mark : {marked("db.westus", kUs, 1), marked("db.westus", 7, 200)})
        EXPECT_EQ(ask_all(mark).answers().size(), 1u);
    EXPECT_EQ(ask_all(marked("db.corp.internal", kUs, 9)).answers().size(), 1u);
    EXPECT_EQ(counters.value(Count::loops), 0u);
}

TEST_F(Loops, AnUpstreamThatIsAwaySaysSoFirst) {
    snapshot->upstreams[0]->health->enter(upstream::UpstreamState::partitioned, now,
                                          std::chrono::system_clock::now());
    EXPECT_EQ(ask_all(marked("db.westus", 7, 9)).ede(), 22) << "no edge is asked";
}

}  // namespace
}  // namespace peerzone::resolver
