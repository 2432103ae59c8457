// Identical queries in flight share one exchange, and each waiter gets its own reply.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
constexpr const char* kDb = "db.westus.svc.cluster.local";

std::string yaml(const Peer& peer) {
    return "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" + peer.address() +
           "']}}\n";
}

Says addresses(unsigned count) {
    Says says;
    for (unsigned i = 1; i <= count; ++i)
        says.answers.push_back(std::string(kDb) + " 60 IN A 10.2.0." + std::to_string(i));
    return says;
}

TEST(Sharing, IdenticalQuestionsInFlightAreAskedOnce) {
    Peer peer;
    peer.on(kDb, type::a, addresses(1));
    peer.hold();
    const Server server(yaml(peer));
    const Client client = server.client();
    for (std::uint16_t id = 1; id <= 50; ++id) client.send(kDb, type::a, {.id = id});
    ASSERT_TRUE(peer.wait_for(1));
    client.send("other.westus.svc.cluster.local", type::a, {.id = 51});  // arrives behind the fifty
    ASSERT_TRUE(peer.wait_for(2));
    EXPECT_EQ(peer.asked(kDb, type::a), 1);
    peer.release();
    std::map<unsigned, int> ids;
    for (int i = 0; i < 51; ++i) {
        const Reply reply = client.receive();
        ASSERT_TRUE(reply.came);
        ++ids[reply.id()];
        if (reply.id() <= 50) {
            EXPECT_EQ(reply.answers().size(), 1u);
        }
    }
    EXPECT_EQ(ids.size(), 51u);
    EXPECT_EQ(peer.asked(kDb, type::a), 1);
}

TEST(Sharing, QuestionsThatDifferInFlagsAreNotIdentical) {
    Peer peer;
    peer.on(kDb, type::a, addresses(1));
    peer.hold();
    const Server server(yaml(peer));
    const Client client = server.client();
    client.send(kDb, type::a, {.id = 1});
    client.send(kDb, type::a, {.id = 2, .dnssec_ok = true});
    client.send(kDb, type::a, {.id = 3, .flags = dns::kFlagCd});
    EXPECT_TRUE(peer.wait_for(3));
    peer.release();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.receive().answers().size(), 1u);
}

TEST(Sharing, OfThoseThatDifferInFlagsTheFourthGoesOverTcp) {
    Peer peer;
    std::atomic<int> datagrams{0};
    peer.in_octets([&](const test::Received& q) -> test::FakeServer::Reaction {
        const bool is_probe = load_u16(&q.message[q.question_end() - 4]) == type::ns;
        if (q.tcp || is_probe) return {.messages = {is_probe ? q.empty() : q.answer()}};
        ++datagrams;
        return {};
    });
    const Server server(yaml(peer));
    const Client client = server.client();
    client.send(kDb, type::a, {.id = 1});
    client.send(kDb, type::a, {.id = 2, .dnssec_ok = true});
    client.send(kDb, type::a, {.id = 3, .flags = dns::kFlagCd});
    client.send(kDb, type::a, {.id = 4, .dnssec_ok = true, .flags = dns::kFlagCd});
    const Reply first = client.receive();
    EXPECT_EQ(first.id(), 4u) << "no datagram was answered";
    EXPECT_EQ(first.answers().size(), 1u);
    EXPECT_EQ(datagrams, 3);
    EXPECT_EQ(server.count(metrics::Count::upstream_udp_limited), 1u);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.receive().answers().size(), 1u);
}

TEST(Sharing, EachWaiterHasItsOwnCaseFlagsAndEdns) {
    Peer peer;
    peer.on(kDb, type::a, addresses(1));
    peer.hold();
    const Server server(yaml(peer));
    const Client plain = server.client();
    const Client edns = server.client();
    plain.send("DB.WESTUS.svc.cluster.local", type::a, {.id = 7, .edns = std::nullopt});
    ASSERT_TRUE(peer.wait_for(1));
    edns.send("db.westus.SVC.cluster.local", type::a, {.id = 8});
    // The second one has arrived when a later query of the same socket has.
    edns.send("late.westus.svc.cluster.local", type::a, {.id = 9});
    ASSERT_TRUE(peer.wait_for(2));
    peer.release();
    const Reply first = plain.receive();
    EXPECT_EQ(first.id(), 7);
    EXPECT_EQ(first.asked(), "DB.WESTUS.svc.cluster.local");
    EXPECT_EQ(first.answers(), Lines{"DB.WESTUS.svc.cluster.local A 10.2.0.1"});
    EXPECT_FALSE(first.message.opt);
    Reply second = edns.receive();
    if (second.id() == 9) second = edns.receive();
    EXPECT_EQ(second.id(), 8);
    EXPECT_EQ(second.asked(), "db.westus.SVC.cluster.local");
    EXPECT_EQ(second.answers(), Lines{"db.westus.SVC.cluster.local A 10.2.0.1"});
    EXPECT_TRUE(second.message.opt);
    EXPECT_EQ(peer.asked(kDb, type::a), 1);
}

TEST(Sharing, EachWaiterHasItsOwnSize) {
    Peer peer;
    peer.on(kDb, type::a, addresses(60));
    peer.hold();
    const Server server(yaml(peer));
    const Client plain = server.client();
    const Client edns = server.client();
    plain.send(kDb, type::a, {.edns = std::nullopt});
    ASSERT_TRUE(peer.wait_for(1));
    edns.send(kDb, type::a, {.edns = 1232});
    Reply tcp;
    std::thread by_tcp(
        [&] { tcp = ask_tcp(server.address(), kDb, type::a, {.edns = std::nullopt}); });
    while (server.count(metrics::Count::tcp_queries) + server.count(metrics::Count::udp_queries) <
           3)
        std::this_thread::sleep_for(Millis(1));
    peer.release();
    by_tcp.join();

    const Reply small = plain.receive();
    EXPECT_TRUE(small.truncated());
    EXPECT_LE(small.raw.size(), 512u);
    EXPECT_GT(small.answers().size(), 20u);
    const Reply large = edns.receive();
    EXPECT_FALSE(large.truncated());
    EXPECT_EQ(large.answers().size(), 60u);
    EXPECT_FALSE(tcp.truncated());
    EXPECT_EQ(tcp.answers().size(), 60u);
    EXPECT_EQ(peer.asked(), 1);

    // From the cache it is the same.
    EXPECT_TRUE(plain.ask(kDb, type::a, {.edns = std::nullopt}).truncated());
    EXPECT_TRUE(plain.ask(kDb, type::a, {.edns = 600}).truncated());
    EXPECT_FALSE(plain.ask(kDb, type::a, {.edns = 4096}).truncated());
    EXPECT_EQ(peer.asked(), 1);
}

TEST(Sharing, MoreThanFitsInOneDatagramComesWholeOverTcp) {
    Peer peer;
    peer.on(kDb, type::a, addresses(120));
    const Server server(yaml(peer));
    const Client client = server.client();
    for (int i = 0; i < 2; ++i) {  // from the peer, then from the cache
        const Reply cut = client.ask(kDb, type::a, {.edns = 4096});
        EXPECT_TRUE(cut.truncated());
        EXPECT_LE(cut.raw.size(), 1232u);
        const Reply whole = ask_tcp(server.address(), kDb, type::a);
        EXPECT_FALSE(whole.truncated());
        EXPECT_EQ(whole.answers().size(), 120u);
    }
    EXPECT_EQ(peer.asked(), 1);
}

TEST(Sharing, AddressesTakeTurnsAtTheFront) {
    Peer peer;
    peer.on(kDb, type::a, addresses(3));
    const Server server(yaml(peer));
    const Client client = server.client();
    std::map<std::string, int> first;
    for (int i = 0; i < 30; ++i) {
        const Reply reply = client.ask(kDb, type::a);
        ASSERT_EQ(reply.answers().size(), 3u);
        ++first[reply.answers().front()];
    }
    EXPECT_EQ(first.size(), 3u);
    for (const auto& [line, times] : first) EXPECT_NEAR(times, 10, 2) << line;
}

TEST(Sharing, WhatThePeerSeesIsNotTheClients) {
    Peer peer;
    peer.on(kDb, type::a, addresses(1));
    const Server server(yaml(peer));
    // ECS and a cookie, which must stay here.
    const Octets options{0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    testing::Wire wire;
    wire.header(0x4242, dns::kFlagRd | dns::kFlagAd, 1, 0, 0, 1).name(kDb).u16(type::a).u16(1);
    wire.opt(4096, 0, options);
    const Client client = server.client();
    client.send(wire.octets());
    EXPECT_EQ(client.receive().answers().size(), 1u);
    const auto seen = testing::read_message(peer.last());
    ASSERT_TRUE(seen);
    EXPECT_TRUE(testing::find_option(seen->options, dns::option::hop_mark)) << "our own";
    EXPECT_EQ(seen->options.size(), 4u + 9) << "and nothing else";
    ASSERT_TRUE(seen->opt);
    EXPECT_EQ(seen->opt->klass, 1232);
    EXPECT_EQ(seen->header.flags, dns::kFlagRd);
}

}  // namespace
}  // namespace peerzone::itest
