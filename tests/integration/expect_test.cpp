// Clusters that all call themselves cluster.local, and an endpoint list with an address of another
// one: clients get the data of the right cluster and of no other.
#include <gtest/gtest.h>

#include <thread>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using upstream::Identity;
using upstream::UpstreamState;

const std::string kZone = "westus.svc.cluster.local";
const std::string kId = "cluster-id.kube-system.svc.cluster.local";
constexpr const char* kRight = "10.2.0.1";
constexpr const char* kWrong = "10.3.0.1";

struct RightCluster : ::testing::Test {
    Peer one, two;
    std::unique_ptr<Server> server;
    int names = 0;

    /// It is of this cluster from now on: whatever is asked, it has an answer of its own.
    static void become(Peer& peer, const std::string& cluster, const std::string& address) {
        peer.on(kId, type::cname, {.answers = {kId + " 5 IN CNAME " + cluster + "."}});
        peer.on(kZone, type::ns, {.authorities = {soa("cluster.local")}});
        for (int i = 0; i < 200; ++i)
            peer.on(host(i), type::a, {.answers = {host(i) + " 1 IN A " + address}});
    }
    static std::string host(int i) { return "n" + std::to_string(i) + "." + kZone; }
    void serve() {
        server = std::make_unique<Server>("peers:\n  westus:\n    zones: [" + kZone +
                                              "]\n    endpoints: [\"" + one.address() + "\", \"" +
                                              two.address() +
                                              "\"]\n    expect: {cluster-id.kube-system.svc: "
                                              "westus.}\n",
                                          "127.0.0.1", 2, Probes::on);
    }
    const upstream::Upstream& westus() { return server->upstream("peer=westus"); }
    Identity identity(std::size_t i) { return westus().set()->endpoints[i]->identity().state(); }
    template <class Done>
    static bool wait_for(const Done& done) {
        const Time end = Clock::now() + Seconds(25);
        while (!done() && Clock::now() < end) std::this_thread::sleep_for(Millis(1));
        return done();
    }
    Reply ask_new() { return server->client().ask(host(names++), type::a); }
    static int asked_by_clients(Peer& peer) {
        int sum = 0;
        for (int i = 0; i < 200; ++i) sum += peer.asked(host(i), type::a);
        return sum;
    }
    std::string failure(const Peer& peer) {
        return "peer=westus: " + peer.address() + " is another cluster: " + kId +
               " is eastus. not westus.";
    }
};

TEST_F(RightCluster, ClientsGetItsDataOnlyFromTheFirstQuestionOn) {
    become(one, "eastus", kWrong);
    become(two, "westus", kRight);
    serve();
    for (int i = 0; i < 100; ++i) {
        const Reply reply = ask_new();
        ASSERT_EQ(reply.rcode(), 0u) << reply.ede_text();
        ASSERT_EQ(reply.answers(), std::vector<std::string>{host(i) + " A " + kRight});
    }
    EXPECT_EQ(asked_by_clients(one), 0);
    ASSERT_TRUE(wait_for([&] { return identity(0) == Identity::wrong; }));
    EXPECT_EQ(identity(1), Identity::right);
    EXPECT_TRUE(wait_for([&] { return westus().health->state() == UpstreamState::healthy; }));
}

TEST_F(RightCluster, WhereAllAreOfAnotherOneClientsAreToldWhich) {
    become(one, "eastus", kWrong);
    become(two, "eastus", kWrong);
    serve();
    ASSERT_TRUE(
        wait_for([&] { return identity(0) == Identity::wrong && identity(1) == Identity::wrong; }));
    const Reply reply = ask_new();
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_EQ(reply.ede(), 20);
    EXPECT_EQ(reply.ede_text(), failure(one));
    EXPECT_EQ(asked_by_clients(one) + asked_by_clients(two), 0);
    become(two, "westus", kRight);
    westus().health->note_wanted(Clock::now());
    ASSERT_TRUE(wait_for([&] { return identity(1) == Identity::right; }));
    EXPECT_EQ(server->client().ask(host(0), type::a).answers(),
              std::vector<std::string>{host(0) + " A " + kRight})
        << "no failure is remembered";
}

TEST_F(RightCluster, AnAddressThatMovesToAnotherOneIsLeftAndWhatWasKnownIsStale) {
    become(one, "westus", kRight);
    become(two, "westus", kRight);
    serve();
    ASSERT_TRUE(
        wait_for([&] { return identity(0) == Identity::right && identity(1) == Identity::right; }));
    ASSERT_EQ(ask_new().answers(), std::vector<std::string>{host(0) + " A " + kRight});
    for (Peer* peer : {&one, &two})
        peer->on(kId, type::cname, {.answers = {kId + " 5 IN CNAME eastus."}});
    ASSERT_TRUE(
        wait_for([&] { return identity(0) == Identity::wrong && identity(1) == Identity::wrong; }));
    const Reply known = server->client().ask(host(0), type::a);
    EXPECT_EQ(known.answers(), std::vector<std::string>{host(0) + " A " + kRight});
    EXPECT_EQ(known.ede(), 3);
    EXPECT_TRUE(known.says(failure(one))) << known.ede_text();
    EXPECT_EQ(ask_new().ede(), 20);
}

TEST_F(RightCluster, AnEndpointThatDoesNotSayIsAskedAllTheSame) {
    for (Peer* peer : {&one, &two}) {
        become(*peer, "westus", kRight);
        peer->on(kId, type::cname, failing(2));
    }
    serve();
    EXPECT_EQ(ask_new().answers(), std::vector<std::string>{host(0) + " A " + kRight});
    EXPECT_TRUE(wait_for([&] { return identity(0) == Identity::unproven; }));
    EXPECT_TRUE(wait_for([&] { return westus().health->state() == UpstreamState::healthy; }));
}

}  // namespace
}  // namespace peerzone::itest
