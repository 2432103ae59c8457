// A name is answered by its owner, whichever alias leads there and whatever the one that told the
// alias says of it: a peer, a zone of ours, the local cluster, a forward other than ".".
#include <gtest/gtest.h>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
using metrics::Count;
using upstream::UpstreamState;
constexpr const char* kPub = "www.pub.example";
constexpr const char* kWest = "db.west.example";
constexpr const char* kWrong = "203.0.113.9";

std::string cname(const std::string& from, const std::string& to, unsigned ttl = 60) {
    return from + " " + std::to_string(ttl) + " IN CNAME " + to + ".";
}
std::string address(const std::string& name, const std::string& a, unsigned ttl = 60) {
    return name + " " + std::to_string(ttl) + " IN A " + a;
}

struct Crossing : ::testing::Test {
    Peer west;
    Peer north;
    Peer cluster;
    Peer office;
    Peer internet;

    Crossing() {
        west.on(kWest, type::a, {{address(kWest, "10.2.0.5")}});
        north.on("svc.north.example", type::a, {{address("svc.north.example", "10.3.0.5")}});
        office.on("www.office.example", type::a, {{address("www.office.example", "10.4.0.5")}});
        const std::string shop = "db.shop.svc.cluster.local";
        cluster.on(shop, type::a, {{address(shop, "10.1.0.5")}});
    }
    std::string yaml(const std::string& peers = "", const std::string& options = "") const {
        return "peers:\n"
               "  west: {zones: [west.example], endpoints: ['" +
               west.address() + "']" + options +
               "}\n"
               "  north: {zones: [north.example], endpoints: ['" +
               north.address() + "']" + options + "}\n" + peers +
               "local: {forward: {endpoints: ['" + cluster.address() +
               "']}}\n"
               "zones: {own.example: {records: ['www IN A 10.9.9.9', 'out IN CNAME "
               "db.west.example.']}}\n"
               "forward:\n"
               "  '.': {endpoints: ['" +
               internet.address() +
               "']}\n"
               "  office.example: {endpoints: ['" +
               office.address() + "']}\n";
    }
    /// The forwarder knows this chain, and an address of its own for the end.
    void internet_says(const Lines& names, unsigned ttl = 60) {
        Says says;
        for (std::size_t i = 0; i + 1 < names.size(); ++i)
            says.answers.push_back(cname(names[i], names[i + 1], ttl));
        says.answers.push_back(address(names.back(), kWrong, ttl));
        internet.on(names.front(), type::a, says);
    }
};

TEST_F(Crossing, AnEndThatSomebodyOwnsIsAskedThere) {
    const struct {
        const char* end;
        const char* address;
    } cases[] = {{kWest, "10.2.0.5"},
                 {"www.own.example", "10.9.9.9"},
                 {"www.office.example", "10.4.0.5"},
                 {"db.shop.svc.cluster.local", "10.1.0.5"},
                 {"a.localhost", "127.0.0.1"}};
    const Server server(yaml());
    for (const auto& [end, right] : cases) {
        internet_says({kPub, end}, 0);
        const Reply reply = server.client().ask(kPub, type::a);
        EXPECT_EQ(reply.answers(), (Lines{std::string(kPub) + " CNAME " + end + ".",
                                          std::string(end) + " A " + right}));
    }
}

TEST_F(Crossing, ALinkInTheMiddleIsAskedThereToo) {
    internet_says({kPub, "lb.west.example", "x.cdn.example"});
    west.on(
        "lb.west.example", type::a,
        {{cname("lb.west.example", "y.cdn.example"), address("y.cdn.example", "198.51.100.7")}});
    const Server server(yaml());
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(server.client().ask(kPub, type::a).answers(),
                  (Lines{"www.pub.example CNAME lb.west.example.",
                         "lb.west.example CNAME y.cdn.example.", "y.cdn.example A 198.51.100.7"}))
            << "of a name that nobody owns here the peer's word is taken";
    EXPECT_EQ(internet.asked(), 1) << "and kept";
    EXPECT_EQ(west.asked(), 1);
}

TEST_F(Crossing, PeersDoNotAnswerForEachOther) {
    west.on("a.west.example", type::a,
            {{cname("a.west.example", "svc.north.example"), address("svc.north.example", kWrong)}});
    cluster.on("b.svc.cluster.local", type::a,
               {{cname("b.svc.cluster.local", "svc.north.example"),
                 address("svc.north.example", kWrong)}});
    const Server server(yaml());
    for (const char* name : {"a.west.example", "b.svc.cluster.local"})
        EXPECT_EQ(server.client().ask(name, type::a).answers().back(),
                  "svc.north.example A 10.3.0.5");
}

TEST_F(Crossing, AChainThatComesBackIsAskedAtEachOwner) {
    west.on("a.west.example", type::a,
            {{cname("a.west.example", "b.north.example"), cname("b.north.example", kWest),
              address(kWest, kWrong)}});
    north.on("b.north.example", type::a,
             {{cname("b.north.example", kWest), address(kWest, kWrong)}});
    const Server server(yaml());
    EXPECT_EQ(server.client().ask("a.west.example", type::a).answers(),
              (Lines{"a.west.example CNAME b.north.example.",
                     "b.north.example CNAME db.west.example.", "db.west.example A 10.2.0.5"}));
    EXPECT_EQ(west.asked(kWest, type::a), 1);
}

TEST_F(Crossing, ALinkThatStaysIsNotCut) {
    west.on("a.west.example", type::a,
            {{cname("a.west.example", kWest), address(kWest, "10.2.0.77")}});
    const Server server(yaml());
    EXPECT_EQ(server.client().ask("a.west.example", type::a).answers().back(),
              "db.west.example A 10.2.0.77");
    EXPECT_EQ(west.asked(), 1);
}

TEST_F(Crossing, DnamesLeadThereAsWell) {
    internet.on("db.old.example", type::a,
                {{"old.example 60 IN DNAME west.example.", cname("db.old.example", kWest),
                  address(kWest, kWrong)}});
    const Server server(yaml());
    EXPECT_EQ(server.client().ask("db.old.example", type::a).answers(),
              (Lines{"old.example DNAME west.example.", "db.old.example CNAME db.west.example.",
                     "db.west.example A 10.2.0.5"}));
}

TEST_F(Crossing, DenialsOfOthersNamesAreNotBelieved) {
    const Server server(yaml());
    for (const char* zone : {"west.example", "example", "pub.example", "test"})
        for (const unsigned rcode : {0u, 3u}) {
            const std::string name =
                std::string(rcode ? "nx." : "no.") + zone + std::string(".pub.example");
            internet.on(
                name, type::a,
                {.answers = {cname(name, kWest)}, .authorities = {soa(zone)}, .rcode = rcode});
            const Reply reply = server.client().ask(name, type::a);
            EXPECT_EQ(reply.rcode(), 0u) << name;
            EXPECT_EQ(reply.answers().back(), "db.west.example A 10.2.0.5") << name;
        }
    // The owner's own denial counts.
    internet_says({"gone.pub.example", "gone.west.example"});
    west.on("gone.west.example", type::a, no_such_name("west.example"));
    const Reply gone = server.client().ask("gone.pub.example", type::a);
    EXPECT_EQ(gone.rcode(), 3u);
    EXPECT_EQ(gone.answers(), Lines{"gone.pub.example CNAME gone.west.example."});
}

// These have no owner here: a peer may see an Internet of its own.
TEST_F(Crossing, NamesOfTheCatchAllAreTakenAsThePeerSeesThem) {
    const std::string ext = "ext.west.example";
    west.on(ext, type::a,
            {{cname(ext, "db.rds.example.com"), address("db.rds.example.com", "10.2.7.7")}});
    west.on(ext, type::aaaa,
            {.answers = {cname(ext, "db.rds.example.com")}, .authorities = {soa("example.com")}});
    west.on(ext, type::txt,
            {.answers = {cname(ext, "db.rds.example.com")},
             .authorities = {soa("west.example")},
             .rcode = 3});
    internet.on("db.rds.example.com", type::txt, {{"db.rds.example.com 60 IN TXT x"}});
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(ext, type::a).answers().back(), "db.rds.example.com A 10.2.7.7");
    const Reply none = client.ask(ext, type::aaaa);
    EXPECT_EQ(none.rcode(), 0u);
    EXPECT_EQ(none.section(2).size(), 1u);
    EXPECT_EQ(internet.asked(), 0);
    // What does not show that it comes from there is asked again.
    EXPECT_EQ(client.ask(ext, type::txt).answers().size(), 2u);
    EXPECT_EQ(internet.asked(), 1);
}

TEST_F(Crossing, APeersOwnClusterIsItsOwn) {
    const std::string ext = "ext.west.example";
    const std::string shop = "db.shop.svc.cluster.local";
    west.on(ext, type::a, {{cname(ext, shop), address(shop, "10.2.8.8")}});
    const Server server(yaml());
    const Reply reply = server.client().ask(ext, type::a);
    EXPECT_EQ(reply.answers().back(), shop + " A 10.2.8.8");
    EXPECT_EQ(reply.ede(), 0);
    EXPECT_TRUE(reply.says(shop + " as peer=west sees it")) << reply.ede_text();
    EXPECT_EQ(server.client().ask(shop, type::a).answers(), Lines{shop + " A 10.1.0.5"})
        << "under its own name it is ours";
}

TEST_F(Crossing, ARefreshFollowsTheSameWay) {
    internet_says({kPub, kWest}, 0);
    const Server server(yaml());
    for (const char* now : {"10.2.0.5", "10.2.0.6"}) {
        west.on(kWest, type::a, {{address(kWest, now, 0)}});
        EXPECT_EQ(server.client().ask(kPub, type::a).answers().back(),
                  std::string(kWest) + " A " + now);
    }
}

// The alias is known, and the owner of its end is there to be asked.
TEST_F(Crossing, WhileTheAliasesOwnerIsAwayItsEndIsAskedAsEver) {
    internet_says({kPub, kWest}, 0);
    west.on(kWest, type::a, {{address(kWest, "10.2.0.5", 0)}});
    Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kPub, type::a).answers().size(), 2u);
    server.enter("forward=.", UpstreamState::partitioned);
    west.on(kWest, type::a, {{address(kWest, "10.2.0.6", 0)}});
    const Reply reply = client.ask(kPub, type::a);
    EXPECT_EQ(reply.answers(),
              (Lines{"www.pub.example CNAME db.west.example.", "db.west.example A 10.2.0.6"}));
    EXPECT_EQ(reply.ede(), 3);
    EXPECT_TRUE(reply.says("forward=.")) << reply.ede_text();
    // Where no upstream can be asked, what was known last does.
    server.enter("peer=west", UpstreamState::partitioned);
    EXPECT_EQ(client.ask(kPub, type::a).answers(), reply.answers());
}

TEST_F(Crossing, WhileTheOwnerOfItsEndIsAwayTheAliasIsAskedAsEver) {
    internet_says({kPub, kWest}, 0);
    west.on(kWest, type::a, {{address(kWest, "10.2.0.5", 0)}});
    Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kPub, type::a).answers().size(), 2u);
    server.enter("peer=west", UpstreamState::partitioned);
    const Reply stale = client.ask(kPub, type::a);
    EXPECT_EQ(stale.answers().back(), "db.west.example A 10.2.0.5") << "not what the other says";
    EXPECT_EQ(stale.ede(), 3);
    EXPECT_TRUE(stale.says("peer=west")) << stale.ede_text();
    internet_says({kPub, "svc.north.example"}, 0);
    EXPECT_EQ(client.ask(kPub, type::a).answers().back(), "svc.north.example A 10.3.0.5");
    internet_says({kPub, "unknown.west.example"}, 0);
    EXPECT_EQ(client.ask(kPub, type::a).ede(), 22);
}

TEST_F(Crossing, AReloadGivesWhatIsCachedToItsNewOwner) {
    internet_says({kPub, "lb.south.example", "x.cdn.example"}, 600);
    internet_says({"two.pub.example", "x.pub.example", "lb.south.example"}, 600);
    internet_says({"three.pub.example", "z.south.example", kWest}, 600);
    Peer south;
    south.otherwise({{address("lb.south.example", "10.5.0.5")}});
    south.on("z.south.example", type::a, {{address("z.south.example", "10.5.0.6")}});
    Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kPub, type::a).answers().back(), "x.cdn.example A 203.0.113.9");
    EXPECT_EQ(client.ask("two.pub.example", type::a).answers().size(), 3u);
    internet.on("lb.south.example", type::a, {{address("lb.south.example", "203.0.113.9")}});
    EXPECT_EQ(client.ask("lb.south.example", type::a).answers().back(),
              "lb.south.example A 203.0.113.9");
    EXPECT_EQ(client.ask("three.pub.example", type::a).answers().back(),
              "db.west.example A 10.2.0.5");
    const std::string more =
        "  south: {zones: [south.example], endpoints: ['" + south.address() + "']}\n";
    server.reload(yaml(more));
    EXPECT_EQ(client.ask("lb.south.example", type::a).answers(),
              Lines{"lb.south.example A 10.5.0.5"})
        << "what was known of the end itself is the old owner's";
    EXPECT_EQ(client.ask(kPub, type::a).answers(),
              (Lines{"www.pub.example CNAME lb.south.example.", "lb.south.example A 10.5.0.5"}));
    EXPECT_EQ(client.ask("two.pub.example", type::a).answers().back(),
              "lb.south.example A 10.5.0.5");
    EXPECT_EQ(client.ask("three.pub.example", type::a).answers().back(),
              "z.south.example A 10.5.0.6");
    EXPECT_EQ(client.ask("www.own.example", type::a).answers().size(), 1u);
    const int asked = internet.asked();
    server.reload(yaml(more));
    EXPECT_EQ(client.ask(kPub, type::a).answers().size(), 2u);
    EXPECT_EQ(internet.asked(), asked) << "a reload that moves nothing forgets nothing";
}

TEST_F(Crossing, InAPartitionTooAReloadGivesWhatIsKnownToItsNewOwner) {
    internet_says({kPub, "lb.south.example", "x.cdn.example"}, 0);
    internet_says({"two.pub.example", kWest}, 0);
    Peer south;
    south.otherwise({{address("lb.south.example", "10.5.0.5")}});
    Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kPub, type::a).answers().size(), 3u);
    EXPECT_EQ(client.ask("two.pub.example", type::a).answers().size(), 2u);
    server.reload(
        yaml("  south: {zones: [south.example], endpoints: ['" + south.address() + "']}\n"));
    server.enter("forward=.", UpstreamState::partitioned);
    const Reply reply = client.ask(kPub, type::a);
    EXPECT_EQ(reply.answers(),
              (Lines{"www.pub.example CNAME lb.south.example.", "lb.south.example A 10.5.0.5"}));
    EXPECT_EQ(reply.ede(), 3);
    EXPECT_EQ(client.ask("two.pub.example", type::a).answers().size(), 2u) << "did not move";
}

TEST_F(Crossing, OneDeadlineForAllOwners) {
    const Server server(yaml("", ", deadline: 1s"));
    west.on("a.west.example", type::a, {{cname("a.west.example", "slow.north.example")}});
    north.on("slow.north.example", type::a, silence());
    west.hold();
    const Client client = server.client();
    const Time start = Clock::now();
    client.send("a.west.example", type::a);
    EXPECT_TRUE(west.wait_for(1));
    std::this_thread::sleep_for(Millis(600));
    west.release();
    const Reply reply = client.receive();
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.says("peer=north")) << reply.ede_text();
    EXPECT_LT(Clock::now() - start, Millis(1500)) << "a second, not what is left and one more";
    // That it had little time says nothing of the name.
    north.on("slow.north.example", type::a, {{address("slow.north.example", "10.3.0.9")}});
    EXPECT_EQ(client.ask("slow.north.example", type::a).rcode(), 0u);
}

}  // namespace
}  // namespace peerzone::itest
