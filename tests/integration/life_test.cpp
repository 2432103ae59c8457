// Stopping and reloading while queries are in flight.
#include <gtest/gtest.h>

#include <thread>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
constexpr const char* kDb = "db.westus.svc.cluster.local";

Says one_address(const std::string& name, const std::string& ip) {
    return {{name + " 60 IN A " + ip}};
}

std::string peers(const Peer& west, const std::string& more = "") {
    return "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" + west.address() +
           "'], deadline: 4s}}\n" + more;
}

TEST(Draining, WhatIsInFlightIsAnsweredAndThenTheWorkerEnds) {
    Peer peer;
    peer.on(kDb, type::a, one_address(kDb, "10.2.0.1"));
    peer.hold();
    Server server(peers(peer), "127.0.0.1", 2);
    const Client client = server.client();
    client.send(kDb, type::a, {.id = 1});
    Reply by_tcp;
    std::thread tcp([&] { by_tcp = ask_tcp(server.address(), kDb, type::a, {.id = 2}); });
    while (server.count(metrics::Count::tcp_queries) + server.count(metrics::Count::udp_queries) <
           2)
        std::this_thread::sleep_for(Millis(1));
    ASSERT_TRUE(peer.wait_for(1));
    server.drain(Seconds(10));
    peer.release();
    server.join();
    tcp.join();
    EXPECT_EQ(client.receive().answers(), Lines{"db.westus.svc.cluster.local A 10.2.0.1"});
    EXPECT_EQ(by_tcp.answers().size(), 1u);
}

TEST(Draining, EndsAtItsDeadlineWithAnAnswerForEverybody) {
    Peer peer;
    peer.hold();
    Server server(peers(peer));
    const Client client = server.client();
    client.send(kDb, type::a);
    ASSERT_TRUE(peer.wait_for(1));
    const Time start = Clock::now();
    server.drain(Millis(100));
    server.join();
    EXPECT_LT(Clock::now() - start, Seconds(2));
    const Reply reply = client.receive();
    EXPECT_EQ(reply.rcode(), 2u);
    EXPECT_TRUE(reply.says("shutting down")) << reply.ede_text();
}

TEST(Draining, WithNothingInFlightItEndsAtOnce) {
    Peer peer;
    Server server(peers(peer), "127.0.0.1", 2);
    const Time start = Clock::now();
    server.drain(Seconds(60));
    server.join();
    EXPECT_LT(Clock::now() - start, Seconds(5));
}

TEST(Draining, AWorkerThatNeverStartedCanGo) {
    cache::Cache cache(cache::Options{});
    server::Shared shared(cache, server::Limits{});
    {
        server::Worker worker(shared, upstream::ClientOptions{});
        auto socket = server::open_udp({IpAddress::v4(0x7f000001), 0, 0});
        ASSERT_TRUE(socket.has_value());
        worker.add_udp(std::move(*socket));
    }
    SUCCEED();
}

TEST(Reloading, TheCacheAndTheEndpointsStay) {
    Peer peer;
    peer.on(kDb, type::a, one_address(kDb, "10.2.0.1"));
    Server server(peers(peer));
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 0u);
    server.reload(peers(peer, "zones: {corp.internal: {records: ['db A 10.0.0.5']}}\n"));
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 0u);
    EXPECT_EQ(peer.asked(), 1);
    EXPECT_EQ(client.ask("db.corp.internal", type::a).answers().size(), 1u);
}

TEST(Reloading, RoutesChangeForTheNextQuestionsOnly) {
    Peer old_peer;
    Peer new_peer;
    old_peer.on(kDb, type::a, one_address(kDb, "10.2.0.1"));
    new_peer.on(kDb, type::a, one_address(kDb, "10.2.0.2"));
    old_peer.hold();
    Server server(peers(old_peer));
    const Client before = server.client();
    const Client after = server.client();
    before.send(kDb, type::a, {.id = 1});
    ASSERT_TRUE(old_peer.wait_for(1));
    server.reload(peers(new_peer));
    // The one in flight goes on with what it began with; the same query asked now does not join it.
    EXPECT_EQ(after.ask(kDb, type::a, {.id = 2}).answers(),
              Lines{"db.westus.svc.cluster.local A 10.2.0.2"});
    old_peer.release();
    EXPECT_EQ(before.receive().answers(), Lines{"db.westus.svc.cluster.local A 10.2.0.1"});
    EXPECT_EQ(new_peer.asked(), 1);
}

TEST(Reloading, APeerThatIsGoneIsAskedNoMoreWhileItsQuestionsEnd) {
    Peer peer;
    peer.on(kDb, type::a, one_address(kDb, "10.2.0.1"));
    peer.hold();
    Server server(peers(peer));
    const Client client = server.client();
    client.send(kDb, type::a, {.id = 1});
    ASSERT_TRUE(peer.wait_for(1));
    server.reload("zones: {corp.internal: {records: ['db A 10.0.0.5']}}\n");
    EXPECT_EQ(server.client().ask("other.westus.svc.cluster.local", type::a).rcode(), 3u)
        << "cluster.local has no such name";
    peer.release();
    EXPECT_EQ(client.receive().answers().size(), 1u);
    EXPECT_EQ(peer.asked(), 1);
}

TEST(Reloading, ManyTimesUnderLoadLosesNothing) {
    Peer peer;
    for (int i = 0; i < 200; ++i) {
        const std::string name = "n" + std::to_string(i) + ".westus.svc.cluster.local";
        peer.on(name, type::a, one_address(name, "10.2.0.1"));
    }
    Server server(peers(peer), "127.0.0.1", 2);
    std::thread asking([&] {
        for (int i = 0; i < 200; ++i) {
            const Reply reply =
                server.client().ask("n" + std::to_string(i) + ".westus.svc.cluster.local", type::a);
            EXPECT_EQ(reply.rcode(), 0u) << i;
        }
    });
    for (int i = 0; i < 20; ++i)
        server.reload(peers(peer, "zones: {corp.internal: {records: ['db A 10.0.0." +
                                      std::to_string(i) + "']}}\n"));
    asking.join();
    EXPECT_EQ(peer.asked(), 200);
    EXPECT_EQ(server.client().ask("db.corp.internal", type::a).answers(),
              Lines{"db.corp.internal A 10.0.0.19"});
}

TEST(Reloading, LimitsChange) {
    Peer peer;
    peer.hold();
    Server server(peers(peer, "limits: {in_flight_per_upstream_max: 1}\n"));
    const Client client = server.client();
    client.send(kDb, type::a, {.id = 1});
    ASSERT_TRUE(peer.wait_for(1));
    EXPECT_EQ(client.ask("b.westus.svc.cluster.local", type::a, {.id = 2}).rcode(), 2u);
    server.reload(peers(peer, "limits: {in_flight_per_upstream_max: 2}\n"));
    client.send("c.westus.svc.cluster.local", type::a, {.id = 3});
    EXPECT_TRUE(peer.wait_for(2));
    EXPECT_EQ(client.ask("d.westus.svc.cluster.local", type::a, {.id = 4}).rcode(), 2u);
}

}  // namespace
}  // namespace peerzone::itest
