// Discovery with real sockets: between scripted servers on loopback and files.
#include "app/discovery.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "peerzone/dns/types.hpp"
#include "support/integration_peer.hpp"

namespace peerzone::app {
namespace {

namespace fs = std::filesystem;
namespace type = peerzone::dns::type;
using itest::Peer;
using itest::Says;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Discovering : ::testing::Test {
    boost::asio::io_context io{1};
    int changes = 0;
    Discovery discovery{io, [this] { ++changes; }};
    Peer server;
    fs::path folder = fs::temp_directory_path() / ("peerzone-find-" + std::to_string(::getpid()));

    Discovering() { fs::create_directories(folder); }
    ~Discovering() override { fs::remove_all(folder); }

    config::Config load(const std::string& yaml) const {
        config::Loaded loaded = config::load_text(yaml, (folder / "test.yaml").string());
        for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.to_text();
        return std::move(loaded.config).value();
    }
    void want(const std::string& endpoints, const std::string& bootstrap) {
        discovery.want(load("bootstrap: [" + bootstrap +
                            "]\npeers: {west: {zones: [west.test], endpoints: [" + endpoints +
                            "]}}\n"));
    }
    void want(const std::string& endpoints) { want(endpoints, quoted(server)); }
    static std::string quoted(const Peer& peer) { return "'" + peer.address() + "'"; }
    static Says a(const std::string& name, const std::string& ip, unsigned ttl = 1) {
        return {.answers = {name + " " + std::to_string(ttl) + " IN A " + ip}};
    }
    std::vector<std::string> addresses(const std::string& source) const {
        std::vector<std::string> texts;
        for (const auto& address : discovery.sources().at(source).addresses)
            texts.push_back(address.to_text());
        return texts;
    }
    template <class Done>
    void run_until(const Done& is_done, Duration patience = Seconds(20)) {
        const Time end = Clock::now() + patience;
        io.restart();
        while (!is_done() && Clock::now() < end) io.run_one_for(Millis(100));
        EXPECT_TRUE(is_done());
    }
    void wait_for(const std::string& source, const std::vector<std::string>& expected) {
        run_until([&] { return addresses(source) == expected; });
        EXPECT_EQ(addresses(source), expected) << discovery.sources().at(source).error;
    }
    void put(const std::string& file, const std::string& text) const {
        std::ofstream(folder / file) << text;
    }
};

constexpr char kHost[] = "dns.example.com:53";

TEST_F(Discovering, AChangedRecordIsInUseASecondAfterItsTtl) {
    server.otherwise({.authorities = {itest::soa("example.com")}});
    server.on("dns.example.com", type::a, a("dns.example.com", "10.2.0.1"));
    want("dns.example.com");
    wait_for(kHost, {"10.2.0.1:53"});
    run_until([&] { return changes == 1; });
    // Right behind an answer: the record lives its whole TTL.
    const int asked = server.asked("dns.example.com", type::a);
    run_until([&] { return server.asked("dns.example.com", type::a) > asked; });
    server.on("dns.example.com", type::a, a("dns.example.com", "10.2.0.2"));
    const Time changed = Clock::now();
    run_until([&] { return changes == 2; });
    EXPECT_THAT(addresses(kHost), ElementsAre("10.2.0.2:53"));
    EXPECT_LT(Clock::now() - changed, Seconds(4))
        << "the TTL, a second, and time for a busy machine";
    EXPECT_EQ(discovery.sources().at(kHost).error, "");
}

TEST_F(Discovering, ASilentServerInFrontDoesNotCostTheDeadline) {
    Peer silent;
    silent.otherwise(itest::silence());
    server.otherwise({.authorities = {itest::soa("example.com")}});
    server.on("dns.example.com", type::a, a("dns.example.com", "10.2.0.1"));
    const Time start = Clock::now();
    want("dns.example.com", quoted(silent) + ", " + quoted(server));
    wait_for(kHost, {"10.2.0.1:53"});
    EXPECT_LT(Clock::now() - start, Millis(1800));
}

TEST_F(Discovering, ServersThatFailAreLeftForOthers) {
    Peer garbage;  // c-ares takes its reply for one
    garbage.otherwise({.answers = {"dns.example.com 60 IN CNAME dns.example.com"}});
    server.otherwise({.authorities = {itest::soa("example.com")}});
    server.on("dns.example.com", type::a, a("dns.example.com", "10.2.0.1", 60));
    want("dns.example.com", quoted(garbage) + ", " + quoted(server));
    wait_for(kHost, {"10.2.0.1:53"});
    EXPECT_GT(garbage.asked(), 0);
}

TEST_F(Discovering, WhatFailsIsAskedAgainAndKeepsItsSet) {
    server.otherwise({.authorities = {itest::soa("example.com")}});
    server.on("dns.example.com", type::a, a("dns.example.com", "10.2.0.1"));
    want("dns.example.com");
    wait_for(kHost, {"10.2.0.1:53"});
    for (const Says& bad : {itest::no_such_name("example.com"), itest::failing(2),
                            Says{.authorities = {itest::soa("example.com")}}, itest::silence()}) {
        server.on("dns.example.com", type::a, bad);
        run_until([&] { return !discovery.sources().at(kHost).error.empty(); });
        EXPECT_THAT(addresses(kHost), ElementsAre("10.2.0.1:53"));
        server.on("dns.example.com", type::a, a("dns.example.com", "10.2.0.1"));
        run_until([&] { return discovery.sources().at(kHost).error.empty(); });
    }
}

TEST_F(Discovering, AServiceLeadsToAddresses) {
    server.otherwise({.authorities = {itest::soa("example.com")}});
    server.on("_dns._udp.example.com", type::srv,
              {.answers = {"_dns._udp.example.com 60 IN SRV 10 0 5353 a.example.com",
                           "_dns._udp.example.com 60 IN SRV 20 0 53 b.example.com"}});
    server.on("a.example.com", type::a, a("a.example.com", "10.2.0.1", 60));
    server.on("a.example.com", type::aaaa, {.answers = {"a.example.com 60 IN AAAA fd00::1"}});
    server.on("b.example.com", type::a, a("b.example.com", "10.2.0.2", 60));
    want("{srv: _dns._udp.example.com}");
    wait_for("srv:_dns._udp.example.com", {"10.2.0.1:5353", "[fd00::1]:5353"});
}

TEST_F(Discovering, FiftyAddressesAreUsed) {
    Says many;
    for (int i = 0; i < 50; ++i)
        many.answers.push_back("dns.example.com 60 IN A 10.2.0." + std::to_string(i + 10));
    server.otherwise({.authorities = {itest::soa("example.com")}});
    server.on("dns.example.com", type::a, many);
    want("dns.example.com");
    run_until([&] { return !addresses(kHost).empty(); });
    EXPECT_EQ(addresses(kHost).size(), 50u);
}

TEST_F(Discovering, ManyNamesThatNobodyAnswersDoNotHoldUpAnother) {
    server.otherwise(itest::silence());
    server.on("zz.example.com", type::a, a("zz.example.com", "10.2.0.1", 60));
    std::string endpoints = "zz.example.com";
    for (int i = 0; i < 30; ++i) endpoints += ", n" + std::to_string(i) + ".example.com";
    const Time start = Clock::now();
    want(endpoints);
    wait_for("zz.example.com:53", {"10.2.0.1:53"});
    EXPECT_LT(Clock::now() - start, Seconds(2)) << "before any of the others was given up";
}

TEST_F(Discovering, AReloadFollowsOtherNames) {
    server.otherwise({.authorities = {itest::soa("example.com")}});
    server.on("a.example.com", type::a, a("a.example.com", "10.2.0.1"));
    server.on("b.example.com", type::a, a("b.example.com", "10.2.0.2"));
    want("a.example.com");
    wait_for("a.example.com:53", {"10.2.0.1:53"});
    want("b.example.com");
    EXPECT_EQ(discovery.sources().count("a.example.com:53"), 0u);
    wait_for("b.example.com:53", {"10.2.0.2:53"});
    want("10.2.0.3");
    EXPECT_EQ(discovery.sources().count("b.example.com:53"), 0u);
}

// A load balancer with a TTL of minutes has moved: no client waits for the TTL.
TEST_F(Discovering, ThePeersNamesAreAskedEarlyWhileNoEndpointReplies) {
    server.otherwise({.authorities = {itest::soa("example.com")}});
    server.on("dns.example.com", type::a, a("dns.example.com", "10.2.0.1", 300));
    want("dns.example.com");
    wait_for(kHost, {"10.2.0.1:53"});
    const auto west = std::make_shared<upstream::Upstream>();
    west->options =
        load("peers: {west: {zones: [west.test], endpoints: [dns.example.com]}}\n").peers.front();
    discovery.watch({west});
    server.on("dns.example.com", type::a, a("dns.example.com", "10.2.0.2", 300));
    const int before = server.asked("dns.example.com", type::a);
    io.restart();
    io.run_for(Millis(2500));
    EXPECT_EQ(server.asked("dns.example.com", type::a), before);
    west->health->enter(upstream::UpstreamState::suspect, Clock::now(), {});
    wait_for(kHost, {"10.2.0.2:53"});
    EXPECT_EQ(server.asked("dns.example.com", type::a), before + 1);
}

// A ConfigMap swaps a link: resolv.conf -> ..data/resolv.conf, ..data -> a folder with a date.
TEST_F(Discovering, AFileIsFollowedThroughSwappedLinks) {
    fs::create_directories(folder / "..1");
    fs::create_directories(folder / "..2");
    put("..1/resolv.conf", "nameserver 192.0.2.1\n");
    put("..2/resolv.conf", "nameserver 192.0.2.2\n");
    fs::create_symlink("..1", folder / "..data");
    fs::create_symlink("..data/resolv.conf", folder / "resolv.conf");
    const std::string source = "resolv.conf:" + (folder / "resolv.conf").string();
    discovery.want(load("forward: {.: {endpoints: ['resolv.conf:resolv.conf']}}\n"));
    EXPECT_THAT(addresses(source), ElementsAre("192.0.2.1:53")) << "known before it returns";
    EXPECT_EQ(changes, 0);
    fs::create_symlink("..2", folder / "..data_tmp");
    fs::rename(folder / "..data_tmp", folder / "..data");
    run_until([&] { return changes == 1; });
    EXPECT_THAT(addresses(source), ElementsAre("192.0.2.2:53"));
    // Written in place, half of it for a moment.
    put("..2/resolv.conf", "");
    run_until([&] { return !discovery.sources().at(source).error.empty(); });
    EXPECT_THAT(addresses(source), ElementsAre("192.0.2.2:53"));
    put("..2/resolv.conf", "nameserver 192.0.2.2\nnameserver 192.0.2.3\n");
    run_until([&] { return changes == 2; });
    EXPECT_THAT(addresses(source), ElementsAre("192.0.2.2:53", "192.0.2.3:53"));
    fs::remove(folder / "..data");
    run_until([&] { return !discovery.sources().at(source).error.empty(); });
    EXPECT_THAT(addresses(source), ElementsAre("192.0.2.2:53", "192.0.2.3:53"));
}

TEST_F(Discovering, OtherServersInTheBootstrapFileAreAskedAtOnce) {
    server.otherwise({.authorities = {itest::soa("example.com")}});
    server.on("dns.example.com", type::a, a("dns.example.com", "10.2.0.1", 60));
    want("dns.example.com", "'resolv.conf:boot.conf'");
    run_until([&] { return !discovery.sources().at(kHost).error.empty(); });
    EXPECT_THAT(discovery.sources().at(kHost).error, HasSubstr("no nameserver to ask"));
    // A file that names no port cannot name the scripted server: what counts is which server was
    // asked.
    put("boot.conf", "nameserver 127.0.0.254\n");
    run_until([&] {
        return discovery.sources().at(kHost).error.find("127.0.0.254:53") != std::string::npos;
    });
}

TEST_F(Discovering, ItsEndIsSilent) {
    server.otherwise(itest::silence());
    int told = 0;
    {
        Discovery other(io, [&] { ++told; });
        other.want(load("bootstrap: [" + quoted(server) +
                        "]\npeers: {west: {zones: [west.test], endpoints: [dns.example.com]}}\n"));
        ASSERT_TRUE(server.wait_for(1));
    }
    io.restart();
    io.run_for(Millis(100));
    EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace peerzone::app
