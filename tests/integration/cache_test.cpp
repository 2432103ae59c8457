// What is kept, for how long, and what of it comes back.
#include <gtest/gtest.h>

#include <thread>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;
constexpr const char* kDb = "db.westus.svc.cluster.local";
constexpr const char* kZone = "westus.svc.cluster.local";

struct Keeping : ::testing::Test {
    Peer peer;
    std::string yaml(const std::string& more = "", const std::string& of_peer = "") const {
        return "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               peer.address() + "']" + of_peer + "}}\n" + more;
    }
    // Asks until the peer was asked `count` times; false when that takes over three seconds. Every
    // reply on the way is looked at.
    template <class Look>
    bool ask_until_asked(const Client& client, const std::string& name, unsigned type, int count,
                         Look look) {
        const Time end = Clock::now() + Seconds(4);
        while (peer.asked(name, type) < count) {
            if (Clock::now() > end) return false;
            look(client.ask(name, type));
            std::this_thread::sleep_for(Millis(20));
        }
        return true;
    }
};

TEST_F(Keeping, AMissIsAskedAndThenAHit) {
    peer.on(kDb, type::a, {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    const Server server(yaml());
    const Client client = server.client();
    for (int i = 0; i < 3; ++i) {
        const Reply reply = client.ask("DB.westus.SVC.cluster.local", type::a);
        EXPECT_EQ(reply.rcode(), 0u);
        EXPECT_EQ(reply.answers(), Lines{"DB.westus.SVC.cluster.local A 10.2.0.1"});
        EXPECT_EQ(reply.asked(), "DB.westus.SVC.cluster.local");
        EXPECT_LE(reply.ttl(), 60u);
        EXPECT_TRUE(reply.flag(dns::kFlagRa));
        EXPECT_FALSE(reply.flag(dns::kFlagAa));
    }
    EXPECT_EQ(peer.asked(), 1);
    EXPECT_EQ(server.count(metrics::Count::answered_cache), 2u);
    EXPECT_EQ(server.count(metrics::Count::answered_upstream), 1u);
}

TEST_F(Keeping, AnotherTypeOrFlagIsAnotherEntry) {
    peer.on(kDb, type::a, {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    peer.on(kDb, type::aaaa, {{"db.westus.svc.cluster.local 60 IN AAAA fd00::1"}});
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).answers().size(), 1u);
    EXPECT_EQ(client.ask(kDb, type::aaaa).answers(),
              Lines{"db.westus.svc.cluster.local AAAA fd00::1"});
    EXPECT_EQ(peer.asked(kDb, type::a), 1);
    EXPECT_EQ(client.ask(kDb, type::a, {.dnssec_ok = true}).answers().size(), 1u);
    EXPECT_EQ(peer.asked(kDb, type::a), 2);
    EXPECT_EQ(client.ask(kDb, type::a, {.flags = dns::kFlagCd}).answers().size(), 1u);
    EXPECT_EQ(peer.asked(kDb, type::a), 3);
    EXPECT_EQ(client.ask(kDb, type::a).answers().size(), 1u);
    EXPECT_EQ(peer.asked(kDb, type::a), 3);
}

TEST_F(Keeping, TtlZeroIsNotServedTwice) {
    peer.on(kDb, type::a, {{"db.westus.svc.cluster.local 0 IN A 10.2.0.1"}});
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).ttl(), 0u);
    EXPECT_EQ(client.ask(kDb, type::a).ttl(), 0u);
    EXPECT_EQ(peer.asked(), 2);
}

TEST_F(Keeping, TtlOneIsNotRaised) {
    peer.on(kDb, type::a, {{"db.westus.svc.cluster.local 1 IN A 10.2.0.1"}});
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).ttl(), 1u);
    EXPECT_TRUE(
        ask_until_asked(client, kDb, type::a, 3, [](const Reply& r) { EXPECT_LE(r.ttl(), 1u); }));
}

TEST_F(Keeping, TtlsAreCutToTheCap) {
    peer.on(kDb, type::a, {{"db.westus.svc.cluster.local 86400 IN A 10.2.0.1"}});
    const Server server(yaml("cache: {max_ttl: 1s}\n"));
    const Client client = server.client();
    EXPECT_LE(client.ask(kDb, type::a).ttl(), 1u);
    EXPECT_TRUE(
        ask_until_asked(client, kDb, type::a, 2, [](const Reply& r) { EXPECT_LE(r.ttl(), 1u); }));
}

TEST_F(Keeping, NoSuchNameIsKeptForTheCapOfThePeer) {
    peer.otherwise(no_such_name(kZone, 3600));
    const Server server(yaml());
    server.ask_in_plain_case();
    const Client client = server.client();
    const Reply first = client.ask(kDb, type::a);
    EXPECT_EQ(first.rcode(), 3u);
    EXPECT_EQ(first.ttls(2), std::vector<std::uint32_t>{1});
    EXPECT_EQ(client.ask(kDb, type::aaaa).rcode(), 3u);
    EXPECT_EQ(peer.asked(), 1) << "no such name holds for all types";
    // The pod is there now: within the second of negative_ttl it resolves.
    peer.on(kDb, type::a, {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    EXPECT_TRUE(ask_until_asked(client, kDb, type::a, 2, [](const Reply&) {}));
    EXPECT_EQ(client.ask(kDb, type::a).answers().size(), 1u);
}

TEST_F(Keeping, TheNegativeCapIsTheLeastOfSoaPeerAndCache) {
    peer.otherwise(no_such_name(kZone, 50));
    const auto soa_ttl = [&](const Server& server) {
        return server.client().ask(kDb, type::a).ttls(2);
    };
    EXPECT_EQ(soa_ttl(Server(yaml("", ", negative_ttl: 20s"))), std::vector<std::uint32_t>{20});
    EXPECT_EQ(soa_ttl(Server(yaml("", ", negative_ttl: 1h"))), std::vector<std::uint32_t>{30});
    EXPECT_EQ(soa_ttl(Server(yaml("cache: {negative_max_ttl: 10m}\n", ", negative_ttl: 1h"))),
              std::vector<std::uint32_t>{50});
}

TEST_F(Keeping, AForwarderMayBeBelievedLonger) {
    peer.otherwise(no_such_name("example.com", 3600));
    const Server server("forward: {'.': {endpoints: ['" + peer.address() + "']}}\n");
    EXPECT_EQ(server.client().ask("x.example.com", type::a).ttls(2),
              std::vector<std::uint32_t>{30});
}

TEST_F(Keeping, NegativeAnswersWithoutSoaAreNotKept) {
    peer.otherwise({.rcode = 3, .flags = dns::kFlagAa});
    const Server server(yaml());
    server.ask_in_plain_case();
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 3u);
    EXPECT_EQ(client.ask(kDb, type::a).rcode(), 3u);
    EXPECT_EQ(peer.asked(), 2);
}

TEST_F(Keeping, NoDataIsKeptByType) {
    peer.otherwise({.authorities = {soa(kZone)}});
    const Server server(yaml("", ", negative_ttl: 30s"));
    server.ask_in_plain_case();
    const Client client = server.client();
    for (int i = 0; i < 2; ++i) {
        const Reply reply = client.ask(kDb, type::https);
        EXPECT_EQ(reply.rcode(), 0u);
        EXPECT_TRUE(reply.answers().empty());
        EXPECT_EQ(reply.section(2).size(), 1u);
    }
    EXPECT_EQ(peer.asked(), 1);
    EXPECT_EQ(client.ask(kDb, type::aaaa).rcode(), 0u);
    EXPECT_EQ(peer.asked(), 2);
}

// Older than the cut of RFC 8020: CoreDNS says NXDOMAIN for the empty _tcp below a service.
TEST_F(Keeping, NoSuchNameSaysNothingOfTheNamesBelow) {
    peer.otherwise(no_such_name(kZone));
    peer.on("_grpc._tcp.db.westus.svc.cluster.local", type::srv,
            {{"_grpc._tcp.db.westus.svc.cluster.local 60 IN SRV 0 0 26257 "
              "db.westus.svc.cluster.local."}});
    const Server server(yaml("", ", negative_ttl: 30s"));
    const Client client = server.client();
    EXPECT_EQ(client.ask("_tcp.db.westus.svc.cluster.local", type::srv).rcode(), 3u);
    EXPECT_EQ(client.ask("_grpc._tcp.db.westus.svc.cluster.local", type::srv).answers().size(), 1u);
}

TEST_F(Keeping, AnyIsForwardedAndServesNoOtherType) {
    peer.on(kDb, type::any,
            {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1",
              "db.westus.svc.cluster.local 60 IN TXT x"}});
    peer.on(kDb, type::a, {{"db.westus.svc.cluster.local 60 IN A 10.2.0.2"}});
    const Server server(yaml());
    const Client client = server.client();
    EXPECT_EQ(client.ask(kDb, type::any).answers().size(), 2u);
    EXPECT_EQ(client.ask(kDb, type::a).answers(), Lines{"db.westus.svc.cluster.local A 10.2.0.2"});
}

TEST_F(Keeping, TheAuthenticBitOfAPeerIsNotPassedOn) {
    const Says says{.answers = {"db.westus.svc.cluster.local 60 IN A 10.2.0.1"},
                    .flags = dns::kFlagAd};
    peer.on(kDb, type::a, says);
    const Server server(yaml());
    EXPECT_FALSE(server.client().ask(kDb, type::a, {.dnssec_ok = true}).flag(dns::kFlagAd));

    const Server forward("forward: {'.': {endpoints: ['" + peer.address() +
                         "']}}\nlocal: {forward: {endpoints: ['" + peer.address() + "']}}\n");
    peer.on("www.example.com", type::a,
            {.answers = {"www.example.com 60 IN A 10.2.0.1"}, .flags = dns::kFlagAd});
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(forward.client()
                        .ask("www.example.com", type::a, {.flags = dns::kFlagAd})
                        .flag(dns::kFlagAd))
            << i;
        EXPECT_FALSE(forward.client().ask("www.example.com", type::a).flag(dns::kFlagAd)) << i;
    }
    EXPECT_FALSE(forward.client().ask(kDb, type::a, {.dnssec_ok = true}).flag(dns::kFlagAd));
}

}  // namespace
}  // namespace peerzone::itest
