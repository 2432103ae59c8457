// A peer whose host name resolves to other addresses all the time, while its names are asked for:
// that ends no wait and no refresh, and costs no question twice.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using metrics::Count;
constexpr const char* kYaml =
    "peers: {west: {zones: [west.test], endpoints: [{srv: _dns._udp.west.test}]}}\n";
constexpr const char* kSource = "srv:_dns._udp.west.test";
constexpr Millis kBetweenMoves{200};

std::string host(int i) {
    return "n" + std::to_string(i) + ".west.test";
}
Says address(const std::string& name, unsigned ttl = 60) {
    return {{name + " " + std::to_string(ttl) + " IN A 10.2.0.1"}};
}

struct Moving : ::testing::Test {
    std::array<Peer, 2> peers;
    Server server{kYaml};
    Client client = server.client();

    /// To the address of that peer, and away from the other one's.
    void move_to(std::size_t peer) {
        server.find(kSource, {peers[peer].address()});
        // Slow replies are usual there: a question that is held back is not asked again.
        server.upstream("peer=west").set()->endpoints[0]->note_reply(Millis(900));
    }
    int asked(const std::string& name) {
        return peers[0].asked(name, type::a) + peers[1].asked(name, type::a);
    }
};

TEST_F(Moving, ANameIsAskedOnceHoweverOftenTheAddressChanges) {
    constexpr int kRounds = 10;
    constexpr std::uint16_t kAskers = 20;
    for (int round = 0; round < kRounds; ++round) {
        for (Peer& peer : peers)
            for (const int i : {2 * round, 2 * round + 1})
                peer.on(host(i), type::a, address(host(i)));
        Peer& before = peers[round % 2];
        Peer& after = peers[(round + 1) % 2];
        if (round == 0) move_to(0);
        const Time start = Clock::now();
        for (Peer& peer : peers) peer.hold();
        for (std::uint16_t id = 0; id < kAskers; ++id) {
            if (id == kAskers / 2) {
                ASSERT_TRUE(before.wait_for(host(2 * round), type::a));
                move_to((round + 1) % 2);
            }
            client.send(host(2 * round), type::a, {.id = id});
        }
        client.send(host(2 * round + 1), type::a, {.id = kAskers});  // behind all the others
        ASSERT_TRUE(after.wait_for(host(2 * round + 1), type::a)) << "the new address is in use";
        for (Peer& peer : peers) peer.release();
        std::set<unsigned> ids;
        for (unsigned i = 0; i <= kAskers; ++i) {
            const Reply reply = client.receive();
            EXPECT_EQ(reply.answers().size(), 1u) << reply.ede_text();
            ids.insert(reply.id());
        }
        EXPECT_EQ(ids.size(), kAskers + 1u);
        std::this_thread::sleep_until(start + kBetweenMoves);
    }
    for (int i = 0; i < 2 * kRounds; ++i) EXPECT_EQ(asked(host(i)), 1) << host(i);
}

TEST_F(Moving, HotNamesAreRefreshedAllTheSame) {
    constexpr int kNames = 40;
    for (Peer& peer : peers)
        for (int i = 0; i < kNames; ++i) peer.on(host(i), type::a, address(host(i), 2));
    move_to(0);
    for (int i = 0; i < kNames; ++i) EXPECT_EQ(client.ask(host(i), type::a).rcode(), 0u);
    const Time start = Clock::now();
    std::size_t moves = 0;
    while (Clock::now() - start < Millis(4500)) {
        if (Clock::now() - start > kBetweenMoves * static_cast<int>(moves)) move_to(++moves % 2);
        for (std::uint16_t i = 0; i < kNames; ++i) client.send(host(i), type::a, {.id = i});
        for (int i = 0; i < kNames; ++i) ASSERT_EQ(client.receive().answers().size(), 1u);
        std::this_thread::sleep_for(Millis(5));
    }
    EXPECT_GE(moves, 20u);
    EXPECT_EQ(server.count(Count::answered_upstream), std::uint64_t{kNames})
        << "only the first ones waited";
    const auto refreshes = server.count(Count::refreshes);
    EXPECT_GE(refreshes, 2u * kNames);
    EXPECT_LE(refreshes, 4u * kNames);
    EXPECT_EQ(peers[0].asked() + peers[1].asked(), static_cast<int>(kNames + refreshes));
    EXPECT_GT(peers[1].asked(), kNames / 2);
}

TEST_F(Moving, ProbesFollow) {
    Server probing(kYaml, "127.0.0.1", 1, Probes::on);
    for (Peer& peer : peers) peer.otherwise({.authorities = {soa("west.test")}});
    for (std::size_t i : {0, 1, 0}) {
        const int before = peers[i].asked("west.test", type::ns);
        probing.find(kSource, {peers[i].address()});
        const Time end = Clock::now() + kPatience;
        while (peers[i].asked("west.test", type::ns) == before && Clock::now() < end)
            std::this_thread::sleep_for(Millis(1));
        EXPECT_GT(peers[i].asked("west.test", type::ns), before) << "at once";
    }
}

}  // namespace
}  // namespace peerzone::itest
