// Peers that fail: what the client is told, for how long it is remembered, and what it does not
// touch.
#include <gtest/gtest.h>

#include <thread>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
constexpr const char* kDb = "db.westus.svc.cluster.local";

struct Failing : ::testing::Test {
    Peer one;
    Peer two;
    Peer north;
    std::string yaml(const std::string& more = "") const {
        return "peers:\n"
               "  westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               one.address() + "', '" + two.address() +
               "'], deadline: 400ms}\n"
               "  north: {zones: [north.svc.cluster.local], endpoints: ['" +
               north.address() + "']}\n" + more;
    }
};

TEST_F(Failing, AllEndpointsSayingServfailIsServfailThatNamesThePeer) {
    one.otherwise(failing(2));
    two.otherwise(failing(2));
    const Server server(yaml());
    server.ask_in_plain_case();
    const Client client = server.client();
    const Reply first = client.ask(kDb, type::a);
    EXPECT_EQ(first.rcode(), 2u);
    EXPECT_TRUE(first.says("peer=westus")) << first.ede_text();
    EXPECT_TRUE(first.says("SERVFAIL")) << first.ede_text();
    EXPECT_TRUE(first.says(one.address()) || first.says(two.address())) << first.ede_text();
    EXPECT_EQ(one.asked(), 1);
    EXPECT_EQ(two.asked(), 1);

    const Reply second = client.ask(kDb, type::a);
    EXPECT_EQ(second.rcode(), 2u);
    EXPECT_EQ(second.ede(), 13);
    EXPECT_TRUE(second.says("retry in 1s: peer=westus")) << second.ede_text();
    EXPECT_EQ(one.asked() + two.asked(), 2);
    EXPECT_EQ(server.count(metrics::Count::answered_failure_cached), 1u);
}

TEST_F(Failing, ItIsAskedAgainWhenTheFailureIsOld) {
    one.otherwise(failing(2));
    two.otherwise(failing(2));
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 2u);
    one.on(kDb, type::a, {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    two.on(kDb, type::a, {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    const Time end = Clock::now() + Seconds(3);
    Reply reply;
    while (reply.rcode() != 0 && Clock::now() < end) {
        std::this_thread::sleep_for(Millis(20));
        reply = client.ask(kDb, type::a);
    }
    EXPECT_EQ(reply.answers(), Lines{"db.westus.svc.cluster.local A 10.2.0.1"});
    EXPECT_EQ(reply.ede(), -1);
}

TEST_F(Failing, AFailureOfOneTypeDoesNotHideWhatIsKnownOfAnother) {
    one.on(kDb, type::a, {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    two.on(kDb, type::a, {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 0u);
    EXPECT_EQ(client.ask(kDb, type::aaaa).rcode(), 2u);
    EXPECT_EQ(client.ask(kDb, type::aaaa).ede(), 13);
    EXPECT_EQ(client.ask(kDb, type::a).answers().size(), 1u);
}

TEST_F(Failing, OneBadEndpointIsNotSeenByClients) {
    one.otherwise(failing(5));
    two.otherwise({{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    const Server server(yaml());
    for (int i = 0; i < 8; ++i) {
        const std::string name = "n" + std::to_string(i) + ".westus.svc.cluster.local";
        two.on(name, type::a, {{name + " 60 IN A 10.2.0.1"}});
        EXPECT_EQ(server.client().ask(name, type::a).rcode(), 0u) << i;
    }
}

TEST_F(Failing, ASilentPeerIsServfailWithinItsDeadlineAndMovesNobodyElse) {
    one.otherwise(silence());
    two.otherwise(silence());
    north.on("db.north.svc.cluster.local", type::a,
             {{"db.north.svc.cluster.local 60 IN A 10.3.0.1"}});
    const Server server(yaml());
    const Client waiting = server.client();
    const Time start = Clock::now();
    waiting.send(kDb, type::a);
    EXPECT_EQ(server.client().ask("db.north.svc.cluster.local", type::a).answers().size(), 1u);
    const Reply reply = waiting.receive();
    EXPECT_LT(Clock::now() - start, Seconds(2));
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), 22);
    EXPECT_TRUE(reply.says("peer=westus")) << reply.ede_text();
    EXPECT_EQ(server.client().ask(kDb, type::a).ede(), 13);
}

TEST_F(Failing, AClientWithoutEdnsGetsTheRcodeAlone) {
    one.otherwise(failing(2));
    two.otherwise(failing(2));
    const Server server(yaml());
    for (int i = 0; i < 2; ++i) {
        const Reply reply = server.client().ask(kDb, type::a, {.edns = std::nullopt});
        EXPECT_EQ(reply.rcode(), 2u);
        EXPECT_FALSE(reply.message.opt);
        EXPECT_LE(reply.raw.size(), 12u + 29 + 4 + 2);
    }
}

TEST_F(Failing, AFailureAskedWithRdOffIsRefusedBeforeItIsKnown) {
    one.otherwise(failing(2));
    two.otherwise(failing(2));
    const Server server(yaml());
    const Reply reply = server.client().ask(kDb, type::a, {.recursion = false});
    EXPECT_EQ(reply.rcode(), 5u);
    EXPECT_EQ(one.asked() + two.asked(), 0);
}

// A peer whose endpoints are not known yet costs nothing to ask, so its failure is not remembered:
// the name resolves at once when they are.
TEST_F(Failing, NoEndpointsYetIsNotRemembered) {
    const std::string yaml =
        "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: "
        "[dns.westus.example.com]}}\n";
    Server server(yaml);
    const Client client = server.client();
    for (int i = 0; i < 2; ++i) {
        const Reply reply = client.ask(kDb, type::a);
        EXPECT_EQ(reply.rcode(), 2u);
        EXPECT_EQ(reply.ede(), 22);
        EXPECT_TRUE(reply.says("peer=westus dns.westus.example.com:53: not resolved yet"))
            << reply.ede_text();
    }
    one.on(kDb, type::a, {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    server.reload("peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
                  one.address() + "']}}\n");
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 0u);
}

}  // namespace
}  // namespace peerzone::itest
