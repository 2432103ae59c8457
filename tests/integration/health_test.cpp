// What clients notice of probes and of the states of a peer: the whole server, and peers that die
// and return.
#include <gtest/gtest.h>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using upstream::ProbeResult;
using upstream::UpstreamState;

const std::string kZone = "westus.svc.cluster.local";

struct HealthIntegration : ::testing::Test {
    Peer one, two;
    std::unique_ptr<Server> server;

    HealthIntegration() {
        for (Peer* peer : {&one, &two}) come_back(*peer);
    }
    static void come_back(Peer& peer) {
        peer.on(kZone, type::ns, {.authorities = {soa(kZone)}});
        peer.otherwise({.answers = {}, .authorities = {soa(kZone)}});
    }
    static void fall_silent(Peer& peer) {
        peer.on(kZone, type::ns, silence());
        peer.otherwise(silence());
    }
    void serve() {
        server = std::make_unique<Server>("peers:\n  westus:\n    zones: [" + kZone +
                                              "]\n    endpoints: [\"" + one.address() + "\", \"" +
                                              two.address() + "\"]\n",
                                          "127.0.0.1", 2, Probes::on);
    }
    const upstream::Upstream& westus() { return server->upstream("peer=westus"); }
    upstream::Endpoint& endpoint(std::size_t i) { return *westus().set()->endpoints[i]; }
    UpstreamState state() { return westus().health->state(); }
    template <class Done>
    static bool wait_for(const Done& done, Duration limit = kPatience) {
        const Time end = Clock::now() + limit;
        while (!done() && Clock::now() < end) std::this_thread::sleep_for(Millis(1));
        return done();
    }
    bool wait_for(UpstreamState wanted) {
        return wait_for([&] { return state() == wanted; });
    }
    /// One query for a new name every 5 ms until `done`; how many failed.
    template <class Done>
    int ask_until(const Done& done, Duration limit = kPatience) {
        const Client client = server->client();
        const Time end = Clock::now() + limit;
        int sent = 0;
        while (!done() && Clock::now() < end) {
            client.send("n" + std::to_string(++names_) + "." + kZone, type::a);
            ++sent;
            std::this_thread::sleep_for(Millis(5));
        }
        int failed = 0;
        for (; sent > 0; --sent) failed += client.receive().rcode() == 0 ? 0 : 1;
        return failed;
    }

private:
    int names_ = 0;
};

TEST_F(HealthIntegration, EndpointsAreKnownBeforeTheFirstQuestion) {
    two.on(kZone, type::ns, no_such_name("svc.cluster.local"));
    serve();
    ASSERT_TRUE(wait_for([&] { return endpoint(0).probe_result() == ProbeResult::healthy; }));
    ASSERT_TRUE(wait_for([&] { return endpoint(1).probe_result() == ProbeResult::zone_absent; }));
    EXPECT_GT(endpoint(0).smoothed_rtt(), Duration::zero());
    EXPECT_TRUE(wait_for([&] { return state() == UpstreamState::healthy; }));
}

TEST_F(HealthIntegration, OneSilentEndpointOfTwoCostsNoAnswer) {
    serve();
    ASSERT_EQ(ask_until([&] { return one.asked() > 20; }), 0);
    fall_silent(one);
    EXPECT_EQ(ask_until([&] { return endpoint(0).is_suspect(); }), 0);
    EXPECT_EQ(state(), UpstreamState::healthy);
    come_back(one);
    EXPECT_EQ(ask_until([&] { return !endpoint(0).is_suspect(); }), 0);
}

TEST_F(HealthIntegration, BothSilentIsAPartitionWithinASecondAndAReturnIsNoticed) {
    serve();
    ASSERT_EQ(ask_until([&] { return one.asked() > 20 && two.asked() > 20; }), 0);
    fall_silent(one);
    fall_silent(two);
    const Time died = Clock::now();
    ask_until([&] { return state() == UpstreamState::partitioned; });
    ASSERT_EQ(state(), UpstreamState::partitioned);
    EXPECT_LT(westus().health->since() - died, Seconds(2))
        << "a second, and one for a busy machine";
    EXPECT_TRUE(endpoint(0).stats().last_error());
    westus().health->note_wanted(Clock::now());
    come_back(one);
    const Time back = Clock::now();
    ASSERT_TRUE(wait_for(UpstreamState::recovering));
    EXPECT_LT(westus().health->since() - back, Seconds(1));
    ASSERT_TRUE(wait_for(UpstreamState::healthy));
    EXPECT_EQ(server->client().ask("fresh." + kZone, type::a).rcode(), 0u);
}

TEST_F(HealthIntegration, WhatIsKnownOutlivesAReload) {
    serve();
    fall_silent(one);
    fall_silent(two);
    ASSERT_TRUE(wait_for(UpstreamState::partitioned));
    const auto since = westus().health->since();
    server->reload("peers:\n  westus:\n    zones: [" + kZone + "]\n    endpoints: [\"" +
                   one.address() + "\"]\n");
    std::this_thread::sleep_for(Millis(300));
    EXPECT_EQ(state(), UpstreamState::partitioned);
    EXPECT_EQ(westus().health->since(), since);
}

}  // namespace
}  // namespace peerzone::itest
