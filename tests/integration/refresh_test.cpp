// Hot names are asked again before they expire: no client waits for them, and what is new is seen.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
using metrics::Count;
constexpr const char* kDb = "db.westus.svc.cluster.local";

Says address(const std::string& ip, unsigned ttl) {
    return {{std::string(kDb) + " " + std::to_string(ttl) + " IN A " + ip}};
}

struct Hot : ::testing::Test {
    Peer peer;
    std::string yaml() const {
        return "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               peer.address() + "']}}\n";
    }
};

TEST_F(Hot, ANameNeverWaitsOnAnyWorker) {
    // With a TTL of 2 s a machine that is busy for half a second is early enough all the same.
    peer.on(kDb, type::a, address("10.2.0.1", 2));
    const Server server(yaml(), "127.0.0.1", 2);
    std::vector<Client> clients;
    for (int i = 0; i < 16; ++i) clients.push_back(server.client());
    EXPECT_EQ(clients[0].ask(kDb, type::a).rcode(), 0u);
    const int first = peer.asked();
    std::set<std::string> seen;
    const Time start = Clock::now();
    while (Clock::now() - start < Millis(4500)) {
        for (const Client& client : clients) {
            const Reply reply = client.ask(kDb, type::a);
            ASSERT_EQ(reply.answers().size(), 1u);
            EXPECT_EQ(reply.ede(), -1);
            EXPECT_LE(reply.ttl(), 2u) << "never raised";
            seen.insert(reply.answers().front());
        }
        std::this_thread::sleep_for(Millis(2));
        if (Clock::now() - start > Millis(1800)) peer.on(kDb, type::a, address("10.2.0.2", 2));
    }
    const auto refreshes = server.count(Count::refreshes);
    EXPECT_GE(refreshes, 2u);
    EXPECT_LE(refreshes, 4u) << "one for both workers";
    EXPECT_EQ(server.count(Count::answered_upstream), 1u) << "only the first one waited";
    EXPECT_EQ(peer.asked(), first + static_cast<int>(refreshes));
    EXPECT_EQ(seen.size(), 2u);
    EXPECT_EQ(clients[0].ask(kDb, type::a).answers(),
              Lines{"db.westus.svc.cluster.local A 10.2.0.2"});
}

TEST_F(Hot, ARefreshThatFailsHidesNothing) {
    peer.on(kDb, type::a, address("10.2.0.1", 2));
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 0u);
    peer.on(kDb, type::a, failing(2));
    const Time start = Clock::now();
    bool was_stale = false;
    while (Clock::now() - start < Millis(2600)) {
        const Reply reply = client.ask(kDb, type::a);
        ASSERT_EQ(reply.answers().size(), 1u) << reply.ede_text();
        if (Clock::now() - start < Millis(1800)) {
            EXPECT_EQ(reply.ede(), -1);
        }
        was_stale = was_stale || reply.ede() == 3;
        std::this_thread::sleep_for(Millis(2));
    }
    EXPECT_TRUE(was_stale);
    EXPECT_EQ(server.count(Count::refreshes), 1u);
    EXPECT_EQ(server.count(Count::servfail), 0u);
}

// A refresh that takes its time when the answer expires: a client that comes then waits as for any
// slow reply.
TEST_F(Hot, AClientThatMeetsASlowRefreshIsAnsweredFromMemory) {
    peer.on(kDb, type::a, address("10.2.0.1", 1));
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 0u);
    peer.hold();
    const Time start = Clock::now();
    int stale = 0;
    while (Clock::now() - start < Millis(1500)) {
        const Time asked = Clock::now();
        const Reply reply = client.ask(kDb, type::a);
        ASSERT_EQ(reply.answers().size(), 1u) << reply.ede_text();
        EXPECT_LT(Clock::now() - asked, Millis(400));
        if (reply.says("peer=westus not answering for ")) ++stale;
        std::this_thread::sleep_for(Millis(5));
    }
    EXPECT_EQ(server.count(Count::refreshes), 1u);
    EXPECT_GT(stale, 0);
    EXPECT_EQ(server.count(Count::servfail), 0u);
    peer.release();
}

// A peer that is back after a partition is not asked for everything at once.
TEST_F(Hot, AReturnIsNoStampede) {
    constexpr int kNames = 80;
    const auto name = [](int i) { return "n" + std::to_string(i) + ".westus.svc.cluster.local"; };
    for (int i = 0; i < kNames; ++i) peer.on(name(i), type::a, {{name(i) + " 0 IN A 10.2.0.1"}});
    Server server(yaml());
    const Client client = server.client();
    for (int i = 0; i < kNames; ++i) EXPECT_EQ(client.ask(name(i), type::a).rcode(), 0u);
    peer.hold();
    server.enter("peer=westus", upstream::UpstreamState::recovering);
    for (int i = 0; i < kNames; ++i)
        client.send(name(i), type::a, {.id = static_cast<std::uint16_t>(i)});
    int at_once = 0;
    for (int i = 0; i < kNames; ++i) {
        const Reply reply = client.receive();
        EXPECT_EQ(reply.ede(), 3);
        if (reply.says("peer=westus has just come back, answer is ")) ++at_once;
    }
    EXPECT_EQ(at_once, kNames - 64);
    EXPECT_TRUE(peer.wait_for(kNames + 64));
    peer.release();
}

}  // namespace
}  // namespace peerzone::itest
