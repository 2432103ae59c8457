// What was known last: while a peer is slow, while it fails, while it is away, and when it is back.
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
using metrics::Count;
using upstream::UpstreamState;
constexpr const char* kDb = "db.westus.svc.cluster.local";
const Lines kOld{"db.westus.svc.cluster.local A 10.2.0.1"};
const Lines kNew{"db.westus.svc.cluster.local A 10.2.0.2"};

Says addresses(const std::string& address, unsigned ttl) {
    return {{std::string(kDb) + " " + std::to_string(ttl) + " IN A " + address}};
}

struct LastKnown : ::testing::Test {
    Peer peer;
    std::string yaml(const std::string& deadline = "600ms", const std::string& more = "") const {
        return "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               peer.address() + "'], deadline: " + deadline + more + "}}\n";
    }
    // A TTL of 0 is known and expired at once.
    void know(const Client& client, const Says& says) {
        peer.on(kDb, type::a, says);
        EXPECT_EQ(client.ask(kDb, type::a).rcode(), says.rcode);
    }
    bool wait_until_asked(int count) { return peer.wait_for(count); }
};

TEST_F(LastKnown, ASlowPeerIsNotWaitedForLong) {
    const Server server(yaml("4s"));
    const Client client = server.client();
    know(client, addresses("10.2.0.1", 0));
    peer.on(kDb, type::a, addresses("10.2.0.2", 60));
    peer.hold();
    const Time start = Clock::now();
    const Reply reply = client.ask(kDb, type::a);
    const Duration waited = Clock::now() - start;
    EXPECT_GE(waited, Millis(50));
    EXPECT_LT(waited, Seconds(2)) << "half of the deadline";
    EXPECT_EQ(reply.answers(), kOld);
    EXPECT_EQ(reply.ttl(), 30u);
    EXPECT_EQ(reply.ede(), 3);
    EXPECT_TRUE(reply.says("peer=westus not answering for ")) << reply.ede_text();
    EXPECT_TRUE(reply.says(", answer is 0s old")) << reply.ede_text();
    // The exchange goes on: a client that asks meanwhile waits no longer, and its end is kept.
    Duration fastest = Seconds(1);
    for (int i = 0; i < 10; ++i) {  // the machine may be busy for a moment, not all the time
        const Time again = Clock::now();
        EXPECT_EQ(client.ask(kDb, type::a).ede(), 3);
        fastest = std::min(fastest, Clock::now() - again);
    }
    EXPECT_LT(fastest, Millis(50));
    EXPECT_EQ(server.count(Count::answered_stale), 11u);
    peer.release();
    Reply fresh;
    const Time end = Clock::now() + Seconds(5);
    while (fresh.answers() != kNew && Clock::now() < end) fresh = client.ask(kDb, type::a);
    EXPECT_EQ(fresh.answers(), kNew);
    EXPECT_EQ(fresh.ede(), -1);
    EXPECT_GT(fresh.ttl(), 50u);
}

// Slow is not gone: the pod may be there by now.
TEST_F(LastKnown, ASlowPeerIsWaitedForWhenTheNameDidNotExist) {
    const Server server(yaml("4s", ", negative_ttl: 0s"));
    const Client client = server.client();
    for (const Says& denial :
         {no_such_name("westus.svc.cluster.local"),
          Says{.answers = {}, .authorities = {soa("westus.svc.cluster.local")}}}) {
        know(client, denial);
        peer.on(kDb, type::a, addresses("10.2.0.1", 0));
        peer.hold();
        client.send(kDb, type::a);
        EXPECT_FALSE(client.receive(Millis(150)).came);
        peer.release();
        EXPECT_EQ(client.receive().answers(), kOld);
    }
    EXPECT_EQ(server.count(Count::answered_stale), 0u);
}

TEST_F(LastKnown, EveryWaiterIsAnsweredOnce) {
    const Server server(yaml());
    const Client client = server.client();
    know(client, addresses("10.2.0.1", 0));
    peer.hold();
    for (std::uint16_t id = 1; id <= 20; ++id) client.send(kDb, type::a, {.id = id});
    std::vector<bool> seen(21);
    for (int i = 0; i < 20; ++i) {
        const Reply reply = client.receive();
        ASSERT_LE(reply.id(), 20u);
        EXPECT_FALSE(seen[reply.id()]);
        seen[reply.id()] = true;
        EXPECT_EQ(reply.ede(), 3);
    }
    peer.release();
    EXPECT_FALSE(client.receive(Millis(300)).came);
    EXPECT_EQ(server.count(Count::answered_stale), 20u);
}

TEST_F(LastKnown, AnUnknownNameWaitsForTheDeadline) {
    const Server server(yaml());
    const Client client = server.client();
    know(client, addresses("10.2.0.1", 0));
    peer.otherwise(silence());
    const Reply reply = client.ask("new.westus.svc.cluster.local", type::a);
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), 22);
}

TEST_F(LastKnown, AServfailOfThePeerEndsInWhatIsKnown) {
    const Server server(yaml());
    const Client client = server.client();
    know(client, addresses("10.2.0.1", 0));
    peer.on(kDb, type::a, failing(2));
    for (int i = 0; i < 2; ++i) {  // from the exchange, then with the failure that is remembered
        const Reply reply = client.ask(kDb, type::a);
        EXPECT_EQ(reply.answers(), kOld) << i;
        EXPECT_EQ(reply.ede(), 3) << i;
        EXPECT_TRUE(reply.says("SERVFAIL")) << reply.ede_text();
    }
}

// It may exist a moment later, and a client that was told otherwise must not keep that for long.
TEST_F(LastKnown, WhileThePeerIsThereNoSuchNameKeepsItsOwnTtl) {
    const Server server(yaml("600ms", ", negative_ttl: 2s"));
    const Client client = server.client();
    know(client, no_such_name("westus.svc.cluster.local", 0));
    peer.on(kDb, type::a, failing(2));
    const Reply reply = client.ask(kDb, type::a);
    EXPECT_EQ(reply.rcode(), 3u);
    EXPECT_EQ(reply.ede(), 19);
    EXPECT_EQ(reply.ttls(2), std::vector<std::uint32_t>{2});
}

TEST_F(LastKnown, NoSuchNameDeletesIt) {
    const Server server(yaml("600ms", ", negative_ttl: 0s"));
    const Client client = server.client();
    know(client, addresses("10.2.0.1", 0));
    know(client, no_such_name("westus.svc.cluster.local"));
    peer.on(kDb, type::a, failing(2));
    const Reply reply = client.ask(kDb, type::a);
    EXPECT_EQ(reply.rcode(), 3u);
    EXPECT_EQ(reply.ede(), 19);
    EXPECT_TRUE(reply.answers().empty());
}

TEST_F(LastKnown, ADenialWithoutSoaDeletesNothing) {
    const Server server(yaml());
    const Client client = server.client();
    know(client, addresses("10.2.0.1", 0));
    for (const unsigned rcode : {3u, 0u}) know(client, {.rcode = rcode});
    peer.on(kDb, type::a, failing(2));
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kOld);
}

TEST_F(LastKnown, NoSuchNameForOneAddressFamilyLeavesTheOther) {
    const Server server(yaml());
    const Client client = server.client();
    know(client, addresses("10.2.0.1", 0));
    peer.on(kDb, type::aaaa, no_such_name("westus.svc.cluster.local"));
    EXPECT_EQ(client.ask(kDb, type::aaaa).rcode(), 3u);
    peer.on(kDb, type::a, failing(2));
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kOld);
}

TEST_F(LastKnown, StaleOffFailsAsBefore) {
    const Server server(yaml("600ms", ", stale: {max_age: 0s}"));
    const Client client = server.client();
    know(client, addresses("10.2.0.1", 0));
    peer.on(kDb, type::a, failing(2));
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 2u);
    EXPECT_EQ(client.ask(kDb, type::a).ede(), 13);
}

TEST_F(LastKnown, APartitionIsAnsweredFromMemoryAndItsEndIsFresh) {
    Server server(yaml());
    const Client client = server.client();
    know(client, addresses("10.2.0.1", 0));
    server.enter("peer=westus", UpstreamState::partitioned);
    const int before = peer.asked();
    const Reply known = client.ask(kDb, type::a);
    EXPECT_EQ(known.answers(), kOld);
    EXPECT_EQ(known.ttl(), 30u);
    EXPECT_EQ(known.ede(), 3);
    EXPECT_TRUE(known.says("peer=westus 1 of 1 endpoints up since 20")) << known.ede_text();
    const Reply unknown = client.ask("new.westus.svc.cluster.local", type::a);
    EXPECT_EQ(unknown.rcode(), 2u);
    EXPECT_EQ(unknown.ede(), 22);
    EXPECT_TRUE(unknown.says("peer=westus partitioned:")) << unknown.ede_text();
    EXPECT_LE(peer.asked(), before + 1);  // a copy goes there now and then: no client waits for it
    EXPECT_EQ(server.count(Count::failed_partitioned), 1u);

    peer.on(kDb, type::a, addresses("10.2.0.2", 60));
    peer.on("new.westus.svc.cluster.local", type::a,
            {{"new.westus.svc.cluster.local 60 IN A 10.2.0.3"}});
    server.enter("peer=westus", UpstreamState::recovering);
    EXPECT_EQ(client.ask(kDb, type::a).answers(), kNew);
    EXPECT_EQ(client.ask("new.westus.svc.cluster.local", type::a).answers().size(), 1u);
}

// A StatefulSet's pod: its name is asked for a second too early.
TEST_F(LastKnown, ANameThatComesIntoBeingIsSeenByEveryWorkerWithinTheNegativeTtl) {
    const Server server(yaml(), "127.0.0.1", 2);
    peer.on(kDb, type::a, no_such_name("westus.svc.cluster.local"));
    std::vector<Client> clients;  // many source ports: both workers are asked
    for (int i = 0; i < 16; ++i) clients.push_back(server.client());
    for (int round = 0; round < 5; ++round)
        for (const Client& client : clients) EXPECT_EQ(client.ask(kDb, type::a).rcode(), 3u);
    peer.on(kDb, type::a, addresses("10.2.0.1", 60));
    const Time there = Clock::now();
    std::size_t resolved = 0;
    while (resolved < clients.size() && Clock::now() - there < Seconds(10)) {
        resolved = 0;
        for (const Client& client : clients) {
            const Time asked = Clock::now();
            const Reply reply = client.ask(kDb, type::a);
            if (reply.answers() == kOld) ++resolved;
            // What was asked then may have been on its way already.
            if (reply.rcode() == 3) {
                EXPECT_LT(asked - there, Millis(1500));
            }
        }
    }
    EXPECT_EQ(resolved, clients.size());
}

}  // namespace
}  // namespace peerzone::itest
