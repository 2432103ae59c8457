// Which owner is asked for what: precedence, names that must not leak, and replies that say more
// than they were asked.
#include <gtest/gtest.h>

#include "support/integration_peer.hpp"
#include "support/integration_server.hpp"

namespace peerzone::itest {
namespace {

using Lines = std::vector<std::string>;

struct Routes : ::testing::Test {
    Peer west;
    Peer local;
    Peer forwarder;
    std::string yaml(const std::string& more = "") const {
        return "peers: {westus: {zones: [westus.svc.cluster.local], endpoints: ['" +
               west.address() +
               "'], reverse: [10.2.0.0/16]}}\n"
               "forward: {'.': {endpoints: ['" +
               forwarder.address() + "']}}\n" + more;
    }
    std::string with_local() const {
        return yaml("local: {forward: {endpoints: ['" + local.address() + "']}}\n");
    }
};

TEST_F(Routes, APeersZoneBeatsTheLocalAuthorityAndTheForwarder) {
    west.on("db.westus.svc.cluster.local", type::a,
            {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    local.on("db.eastus.svc.cluster.local", type::a,
             {{"db.eastus.svc.cluster.local 60 IN A 10.1.0.1"}});
    forwarder.on("www.example.com", type::a, {{"www.example.com 60 IN A 192.0.2.1"}});
    const Server server(with_local());
    const Client client = server.client();
    EXPECT_EQ(client.ask("db.westus.svc.cluster.local", type::a).answers(),
              Lines{"db.westus.svc.cluster.local A 10.2.0.1"});
    EXPECT_EQ(client.ask("db.eastus.svc.cluster.local", type::a).answers(),
              Lines{"db.eastus.svc.cluster.local A 10.1.0.1"});
    EXPECT_EQ(client.ask("www.example.com", type::a).answers(),
              Lines{"www.example.com A 192.0.2.1"});
    EXPECT_EQ(west.asked(), 1);
    EXPECT_EQ(local.asked(), 1);
    EXPECT_EQ(forwarder.asked(), 1);
}

TEST_F(Routes, ReverseNamesOfAPeerGoToThePeer) {
    west.on("5.0.2.10.in-addr.arpa", type::ptr,
            {{"5.0.2.10.in-addr.arpa 60 IN PTR db.westus.svc.cluster.local."}});
    const Server server(yaml());
    EXPECT_EQ(server.client().ask("5.0.2.10.in-addr.arpa", type::ptr).answers().size(), 1u);
    EXPECT_EQ(server.client().ask("5.0.3.10.in-addr.arpa", type::ptr).rcode(), 3u);
    EXPECT_EQ(forwarder.asked(), 0);
}

TEST_F(Routes, NamesThatMustNotLeakNeverReachTheForwarder) {
    const Server server(yaml());
    const Client client = server.client();
    const char* not_there[] = {
        "db.eastus.svc.cluster.local",
        "cluster.local.cluster.local",
        "x.invalid",
        "printer.local",
        "1.0.0.10.in-addr.arpa",
        "1.1.168.192.in-addr.arpa",
        "4.3.31.172.in-addr.arpa",
        "1.0.254.169.in-addr.arpa",
        "9.9.64.100.in-addr.arpa",
        "x.onion",
        "x.alt",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f.ip6.arpa"};
    for (const char* name : not_there) {
        const Reply reply = client.ask(name, type::ptr);
        EXPECT_EQ(reply.rcode(), 3u) << name;
        EXPECT_EQ(reply.section(2).size(), 1u) << name;
        EXPECT_TRUE(reply.flag(dns::kFlagAa)) << name;
        EXPECT_TRUE(reply.flag(dns::kFlagRa)) << name;
    }
    EXPECT_EQ(client.ask("localhost", type::a).answers(), Lines{"localhost A 127.0.0.1"});
    EXPECT_EQ(client.ask("a.b.LocalHost", type::aaaa).answers(), Lines{"a.b.LocalHost AAAA ::1"});
    EXPECT_EQ(client.ask("1.0.0.127.in-addr.arpa", type::ptr).answers(),
              Lines{"1.0.0.127.in-addr.arpa PTR localhost."});
    for (const char* apex : {"cluster.local", "local", "invalid", "10.in-addr.arpa", "localhost"})
        EXPECT_EQ(client.ask(apex, type::txt).rcode(), 0u) << apex;
    EXPECT_EQ(forwarder.asked(), 0);
    EXPECT_EQ(west.asked(), 0);
    // The neighbours of those names do go there.
    server.ask_in_plain_case();
    for (const char* name :
         {"localhost.example", "1.0.0.11.in-addr.arpa", "1.0.32.172.in-addr.arpa", "alocal", "."})
        client.ask(name, type::a);
    EXPECT_EQ(forwarder.asked(), 5);
}

TEST_F(Routes, ARouteOfTheConfigurationOpensASpecialName) {
    forwarder.on("1.0.0.10.in-addr.arpa", type::ptr, {{"1.0.0.10.in-addr.arpa 60 IN PTR a.corp."}});
    forwarder.on("printer.local", type::a, {{"printer.local 60 IN A 10.9.9.9"}});
    const std::string to = "{endpoints: ['" + forwarder.address() + "']}";
    const Server server("forward: {10.in-addr.arpa: " + to + ", local: " + to + "}\n");
    EXPECT_EQ(server.client().ask("1.0.0.10.in-addr.arpa", type::ptr).answers().size(), 1u);
    EXPECT_EQ(server.client().ask("printer.local", type::a).answers().size(), 1u);
    EXPECT_EQ(server.client().ask("x.cluster.local", type::a).rcode(), 3u)
        << "the cluster's own name stays here";
    EXPECT_EQ(server.client().ask("1.1.168.192.in-addr.arpa", type::ptr).rcode(), 3u);
    EXPECT_EQ(server.client().ask("www.example.com", type::a).rcode(), 5u);
}

TEST_F(Routes, RecordsThatWereNotAskedForAreDropped) {
    west.on("db.westus.svc.cluster.local", type::a,
            {.answers = {"db.westus.svc.cluster.local 60 IN A 10.2.0.1",
                         "www.bank.example 60 IN A 6.6.6.6",
                         "db.westus.svc.cluster.local 60 IN TXT poison"},
             .authorities = {"bank.example 60 IN NS ns.evil.example."},
             .additionals = {"ns.evil.example 60 IN A 6.6.6.6",
                             "other.westus.svc.cluster.local 60 IN A 6.6.6.6"}});
    forwarder.on("www.bank.example", type::a, {{"www.bank.example 60 IN A 192.0.2.80"}});
    west.on("other.westus.svc.cluster.local", type::a,
            {{"other.westus.svc.cluster.local 60 IN A 10.2.0.2"}});
    const Server server(yaml());
    const Client client = server.client();
    for (int i = 0; i < 2; ++i) {
        const Reply reply = client.ask("db.westus.svc.cluster.local", type::a);
        EXPECT_EQ(reply.answers(), Lines{"db.westus.svc.cluster.local A 10.2.0.1"});
        EXPECT_TRUE(reply.section(2).empty());
        EXPECT_TRUE(reply.section(3).empty());
    }
    EXPECT_EQ(client.ask("www.bank.example", type::a).answers(),
              Lines{"www.bank.example A 192.0.2.80"});
    EXPECT_EQ(client.ask("other.westus.svc.cluster.local", type::a).answers(),
              Lines{"other.westus.svc.cluster.local A 10.2.0.2"});
}

TEST_F(Routes, AReplyWithOnlyForeignRecordsIsNoData) {
    west.on("db.westus.svc.cluster.local", type::a,
            {.answers = {"www.bank.example 60 IN A 6.6.6.6"},
             .authorities = {soa("westus.svc.cluster.local")}});
    const Server server(yaml());
    const Reply reply = server.client().ask("db.westus.svc.cluster.local", type::a);
    EXPECT_EQ(reply.rcode(), 0u);
    EXPECT_TRUE(reply.answers().empty());
}

TEST_F(Routes, HttpsOfANameWithAddressesOnlyIsNoData) {
    forwarder.on("www.example.com", type::https, {.authorities = {soa("example.com")}});
    const Server server(yaml("zones: {corp.internal: {records: ['db 300 IN A 10.0.0.5']}}\n"));
    for (const char* name : {"www.example.com", "db.corp.internal"}) {
        const Reply reply = server.client().ask(name, type::https);
        EXPECT_EQ(reply.rcode(), 0u) << name;
        EXPECT_TRUE(reply.answers().empty()) << name;
        EXPECT_EQ(reply.section(2).size(), 1u) << name;
    }
}

TEST_F(Routes, WithoutRecursionOnlyWhatIsOwnedOrKnownIsAnswered) {
    west.on("db.westus.svc.cluster.local", type::a,
            {{"db.westus.svc.cluster.local 60 IN A 10.2.0.1"}});
    const Server server(
        yaml("zones: {corp.internal: {records: ['db 300 IN A 10.0.0.5', 'far IN CNAME "
             "x.westus.svc.cluster.local.']}}\n"));
    const Client client = server.client();
    const Asking iterative{.recursion = false};
    const Reply refused = client.ask("db.westus.svc.cluster.local", type::a, iterative);
    EXPECT_EQ(refused.rcode(), 5u);
    EXPECT_EQ(refused.ede(), 20);
    EXPECT_TRUE(refused.says("RD=0"));
    EXPECT_FALSE(refused.flag(dns::kFlagRd));
    EXPECT_EQ(client.ask("db.corp.internal", type::a, iterative).answers().size(), 1u);
    EXPECT_EQ(client.ask("far.corp.internal", type::a, iterative).answers(),
              Lines{"far.corp.internal CNAME x.westus.svc.cluster.local."});
    EXPECT_EQ(west.asked(), 0);
    EXPECT_EQ(client.ask("db.westus.svc.cluster.local", type::a).answers().size(), 1u);
    EXPECT_EQ(client.ask("db.westus.svc.cluster.local", type::a, iterative).answers().size(), 1u);
    EXPECT_EQ(west.asked(), 1);
}

TEST_F(Routes, AnyOfAnOwnedNameIsOneSet) {
    const Server server(
        "zones: {corp.internal: {records: ['db A 10.0.0.5', 'db TXT x', 'db AAAA fd00::5']}}\n");
    const Reply reply = server.client().ask("db.corp.internal", type::any);
    EXPECT_EQ(reply.answers().size(), 1u);
    EXPECT_FALSE(reply.flag(dns::kFlagRa)) << "there is nobody to ask";
}

TEST_F(Routes, TheLongestSuffixWinsAmongOwnedZonesAndForwards) {
    forwarder.on("a.sub.corp.internal", type::a, {{"a.sub.corp.internal 60 IN A 192.0.2.1"}});
    const Server server(
        "zones: {corp.internal: {records: ['*.sub A 10.0.0.5', 'a A 10.0.0.6']}}\n"
        "forward: {sub.corp.internal: {endpoints: ['" +
        forwarder.address() + "']}}\n");
    EXPECT_EQ(server.client().ask("a.sub.corp.internal", type::a).answers(),
              Lines{"a.sub.corp.internal A 192.0.2.1"});
    EXPECT_EQ(server.client().ask("a.corp.internal", type::a).answers(),
              Lines{"a.corp.internal A 10.0.0.6"});
}

}  // namespace
}  // namespace peerzone::itest
