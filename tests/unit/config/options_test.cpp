// What options become when they are set, beyond the one value of each in option_table.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// A configuration that must be right.
Config loaded(const std::string& yaml, const std::string& file = "conf/pz.yaml") {
    Loaded result = load_text(yaml, file);
    EXPECT_THAT(problem_lines(result), IsEmpty());
    return result.config.value_or(Config{});
}

// The least that is a configuration.
Config defaults() {
    return loaded("{}\n");
}

std::vector<std::string> texts(const std::vector<upstream::EndpointSpec>& endpoints) {
    std::vector<std::string> result;
    for (const auto& endpoint : endpoints) {
        if (endpoint.address) {
            result.push_back(endpoint.address->to_text());
        } else if (!endpoint.resolv_conf.empty()) {
            result.push_back("file " + endpoint.resolv_conf);
        } else if (!endpoint.srv.empty()) {
            result.push_back("srv " + endpoint.srv);
        } else {
            result.push_back("host " + endpoint.host + " " + std::to_string(endpoint.port));
        }
    }
    return result;
}

template <class T>
std::vector<std::string> texts(const std::vector<T>& values) {
    std::vector<std::string> result;
    for (const auto& value : values) result.push_back(value.to_text());
    return result;
}

TEST(Options, Cluster) {
    EXPECT_EQ(defaults().cluster_name, "local");
    EXPECT_EQ(defaults().cluster_zone.to_text(), "cluster.local");
    const Config config = loaded("cluster: {name: eastus, zone: k8s.corp.}\n");
    EXPECT_EQ(config.cluster_name, "eastus");
    EXPECT_EQ(config.cluster_zone.to_text(), "k8s.corp");
}

TEST(Options, Workers) {
    EXPECT_EQ(defaults().workers, 0u);
    EXPECT_EQ(loaded("workers: auto\n").workers, 0u);
    EXPECT_EQ(loaded("workers: 1\n").workers, 1u);
    EXPECT_EQ(loaded("workers: \"64\"\n").workers, 64u);
}

TEST(Options, Bootstrap) {
    EXPECT_THAT(texts(defaults().bootstrap), ElementsAre("file /etc/resolv.conf"));
    EXPECT_THAT(
        texts(loaded("bootstrap: [192.0.2.1, \"resolv.conf:run/resolv.conf\"]\n").bootstrap),
        ElementsAre("192.0.2.1:53", "file conf/run/resolv.conf"));
}

TEST(Options, Listen) {
    EXPECT_THAT(texts(defaults().listen.dns), ElementsAre("0.0.0.0:53", "[::]:53"));
    EXPECT_THAT(
        texts(loaded("listen: {dns: [127.0.0.1:5300, \"[::1]:5301\", 10.0.0.1]}\n").listen.dns),
        ElementsAre("127.0.0.1:5300", "[::1]:5301", "10.0.0.1:53"));
}

TEST(Options, ListenAdmin) {
    const auto listen = [](const std::string& admin) {
        return loaded("listen: {admin: " + admin + "}\n").listen;
    };
    EXPECT_EQ(defaults().listen.admin->to_text(), "127.0.0.1:9153");
    EXPECT_FALSE(defaults().listen.admin_is_given);
    EXPECT_EQ(listen("127.0.0.1:9153").admin->to_text(), "127.0.0.1:9153");
    EXPECT_TRUE(listen("127.0.0.1:9153").admin_is_given);
    EXPECT_EQ(listen("10.1.2.3").admin->to_text(), "10.1.2.3:9153");
    EXPECT_EQ(listen("\"[::]:80\"").admin->to_text(), "[::]:80");
    EXPECT_FALSE(listen("off").admin.has_value());
}

TEST(Options, ListenTls) {
    EXPECT_THAT(defaults().listen.tls, IsEmpty());
    EXPECT_THAT(loaded("listen: {tls: []}\n").listen.tls, IsEmpty());
    // The port alone is looked at here; what a certificate must be like is in tls_test.cpp.
    const Loaded result = load_text("listen: {tls: [127.0.0.1, \"[::1]:8853\"]}\n", "pz.yaml");
    EXPECT_EQ(result.problems.size(), 1u);
}

TEST(Options, Tls) {
    EXPECT_EQ(defaults().tls, server::TlsOptions{});
    const server::TlsOptions tls =
        loaded("tls: {certificate: tls.crt, key: /etc/tls.key, client_ca: ../ca.crt}\n").tls;
    EXPECT_EQ(tls.certificate, "conf/tls.crt");
    EXPECT_EQ(tls.key, "/etc/tls.key");
    EXPECT_EQ(tls.client_ca, "ca.crt");
}

TEST(Options, LocalForward) {
    EXPECT_FALSE(defaults().local.has_value());
    EXPECT_FALSE(loaded("local: {}\n").local.has_value());
    const Config config = loaded(
        "cluster: {zone: k8s.corp}\n"
        "local:\n"
        "  forward:\n"
        "    endpoints: [10.96.0.10, resolv.conf:/etc/resolv.conf, kube-dns.test:5353]\n"
        "    reverse: [10.1.0.0/16, fd00:1::/64]\n"
        "    transport: tcp\n"
        "    deadline: 500ms\n"
        "    negative_ttl: 5s\n");
    ASSERT_TRUE(config.local.has_value());
    const upstream::Options& local = *config.local;
    EXPECT_EQ(local.name, "local");
    EXPECT_EQ(local.kind, upstream::Kind::local);
    EXPECT_THAT(texts(local.zones), ElementsAre("k8s.corp"));
    EXPECT_THAT(texts(local.endpoints),
                ElementsAre("10.96.0.10:53", "file /etc/resolv.conf", "host kube-dns.test 5353"));
    EXPECT_THAT(texts(local.reverse), ElementsAre("10.1.0.0/16", "fd00:1::/64"));
    EXPECT_EQ(local.transport, upstream::Protocol::tcp);
    EXPECT_EQ(local.deadline, 500ms);
    EXPECT_EQ(local.negative_ttl, 5s);
}

TEST(Options, StaleAnswersOfEveryKindOfUpstream) {
    const Config config = loaded(
        "local: {forward: {endpoints: [10.96.0.10], stale: {max_age: 0s}}}\n"
        "peers: {westus: {zones: [w.test], endpoints: [10.2.0.10], stale: {max_age: 7d, "
        "answer_ttl: 1s}}}\n"
        "forward: {'.': {endpoints: [10.0.0.1], stale: {answer_ttl: 1h}}}\n");
    EXPECT_EQ(config.local.value().stale.max_age, 0s);
    EXPECT_EQ(config.local.value().stale.answer_ttl, 30s);
    EXPECT_EQ(config.peers[0].stale.max_age, 168h);
    EXPECT_EQ(config.peers[0].stale.answer_ttl, 1s);
    EXPECT_EQ(config.forwards[0].stale.max_age, 24h);
    EXPECT_EQ(config.forwards[0].stale.answer_ttl, 1h);
}

// The file may name the cluster's zone behind what depends on it.
TEST(Options, TheClustersZoneMayComeLast) {
    const Config config =
        loaded("local: {forward: {endpoints: [10.96.0.10]}}\ncluster: {zone: k8s.corp}\n");
    EXPECT_THAT(texts(config.local.value().zones), ElementsAre("k8s.corp"));
}

TEST(Options, PeerDefaults) {
    EXPECT_THAT(defaults().peers, IsEmpty());
    const Config config = loaded("peers: {westus: {zones: [w.test], endpoints: [10.2.0.10]}}\n");
    ASSERT_EQ(config.peers.size(), 1u);
    const upstream::Options& peer = config.peers[0];
    EXPECT_EQ(peer.name, "westus");
    EXPECT_EQ(peer.kind, upstream::Kind::peer);
    EXPECT_EQ(peer.transport, std::nullopt);
    EXPECT_EQ(peer.deadline, 1800ms);
    EXPECT_EQ(peer.order, upstream::Order::fastest);
    EXPECT_TRUE(peer.hedge);
    EXPECT_EQ(peer.negative_ttl, std::nullopt);
    EXPECT_EQ(peer.stale.max_age, 24h);
    EXPECT_EQ(peer.stale.answer_ttl, 30s);
    EXPECT_THAT(peer.reverse, IsEmpty());
}

TEST(Options, PeersInTheFilesOrder) {
    const Config config = loaded(
        "peers:\n"
        "  westus:\n"
        "    zones: [westus.svc.cluster.local, W2.test]\n"
        "    endpoints: [10.2.0.10, 10.2.0.10:5353, \"[fd00::1]:54\", \"fd00::2\", "
        "dns.example.com, "
        "dns.example.com:54, {srv: _dns._udp.westus.example.com.}]\n"
        "    transport: udp\n"
        "    reverse: [10.2.0.0/16]\n"
        "    deadline: 4500ms\n"
        "    order: listed\n"
        "    hedge: off\n"
        "    negative_ttl: 0s\n"
        "  eastus: {zones: [e.test], endpoints: [10.3.0.10], transport: auto, deadline: 1s}\n");
    ASSERT_EQ(config.peers.size(), 2u);
    const upstream::Options& peer = config.peers[0];
    EXPECT_THAT(texts(peer.zones), ElementsAre("westus.svc.cluster.local", "W2.test"));
    EXPECT_THAT(texts(peer.endpoints),
                ElementsAre("10.2.0.10:53", "10.2.0.10:5353", "[fd00::1]:54", "[fd00::2]:53",
                            "host dns.example.com 53", "host dns.example.com 54",
                            "srv _dns._udp.westus.example.com"));
    EXPECT_EQ(peer.transport, upstream::Protocol::udp);
    EXPECT_THAT(texts(peer.reverse), ElementsAre("10.2.0.0/16"));
    EXPECT_EQ(peer.deadline, 4500ms);
    EXPECT_EQ(peer.order, upstream::Order::listed);
    EXPECT_FALSE(peer.hedge);
    EXPECT_EQ(peer.negative_ttl, 0s);
    EXPECT_EQ(config.peers[1].name, "eastus");
    EXPECT_EQ(config.peers[1].order, upstream::Order::fastest);
    EXPECT_EQ(config.peers[1].deadline, 1s);
}

TEST(Options, Forward) {
    EXPECT_THAT(defaults().forwards, IsEmpty());
    const Config config = loaded(
        "forward:\n"
        "  .: {endpoints: [resolv.conf:resolv.conf]}\n"
        "  Example.com.: {endpoints: [192.0.2.1], transport: tcp, deadline: 2s}\n");
    ASSERT_EQ(config.forwards.size(), 2u);
    EXPECT_EQ(config.forwards[0].name, "forward .");
    EXPECT_EQ(config.forwards[0].kind, upstream::Kind::forward);
    EXPECT_TRUE(config.forwards[0].zones.at(0).is_root());
    EXPECT_THAT(texts(config.forwards[0].endpoints), ElementsAre("file conf/resolv.conf"));
    EXPECT_EQ(config.forwards[0].transport, std::nullopt);
    EXPECT_EQ(config.forwards[0].deadline, 1800ms);
    EXPECT_EQ(config.forwards[1].name, "forward Example.com");
    EXPECT_THAT(texts(config.forwards[1].zones), ElementsAre("Example.com"));
    EXPECT_EQ(config.forwards[1].transport, upstream::Protocol::tcp);
    EXPECT_EQ(config.forwards[1].deadline, 2s);
}

TEST(Options, Views) {
    const Config plain = defaults();
    ASSERT_EQ(plain.views.size(), 1u);
    EXPECT_EQ(plain.views[0].name, "default");
    EXPECT_EQ(plain.views[0].clients, view::default_clients());
    const Config named = loaded("views: [{name: pods, clients: [10.1.0.0/16, \"::1\"]}]\n");
    ASSERT_EQ(named.views.size(), 1u);
    EXPECT_EQ(named.views[0].name, "pods");
    EXPECT_THAT(texts(named.views[0].clients), ElementsAre("10.1.0.0/16", "::1/128"));
    EXPECT_EQ(loaded("views: [{clients: [0.0.0.0/0]}]\n").views.at(0).name, "default");
}

TEST(Options, Cache) {
    EXPECT_EQ(defaults().cache.size_bytes, 64u << 20);
    EXPECT_EQ(defaults().cache.max_ttl, 1h);
    EXPECT_EQ(defaults().cache.negative_max_ttl, 30s);
    const cache::Options set =
        loaded("cache: {size: 1GiB, max_ttl: 0s, negative_max_ttl: 1m}\n").cache;
    EXPECT_EQ(set.size_bytes, std::size_t{1} << 30);
    EXPECT_EQ(set.max_ttl, 0s);
    EXPECT_EQ(set.negative_max_ttl, 60s);
    EXPECT_EQ(loaded("cache: {size: 1MiB, max_ttl: 7d}\n").cache.max_ttl, 168h);
}

TEST(Options, ADefaultGivesWayToTheLimitItIsAShareOf) {
    const Config few =
        loaded("limits: {tcp_connections_max: 20, waiters_per_question_max: 9000}\n");
    EXPECT_EQ(few.server_limits.tcp_connections_per_client_max, 20u);
    EXPECT_EQ(few.resolver_limits.waiters_per_upstream_max, 9000u);
}

TEST(Options, Log) {
    EXPECT_EQ(defaults().log.level, log::Level::info);
    EXPECT_EQ(loaded("log: {level: debug}\n").log.level, log::Level::debug);
    EXPECT_EQ(loaded("log: {level: warning}\n").log.level, log::Level::warning);
    EXPECT_EQ(loaded("log: {level: error}\n").log.level, log::Level::error);
    EXPECT_EQ(defaults().log.queries, log::Queries::off);
    EXPECT_EQ(loaded("log: {queries: errors}\n").log.queries, log::Queries::errors);
    EXPECT_EQ(loaded("log: {queries: all}\n").log.queries, log::Queries::all);
}

TEST(Options, SectionsWithNothingBelowThemAreLeftOut) {
    const Config config = loaded(
        "cluster:\nlisten:\nlocal:\npeers:\nzones:\nforward:\nviews:\ncache:\nlimits:\nlog:\n");
    EXPECT_EQ(config.cluster_name, "local");
    EXPECT_EQ(config.listen.dns.size(), 2u);
    EXPECT_EQ(config.views.size(), 1u);
    EXPECT_FALSE(config.local.has_value());
}

TEST(Options, EnvironmentVariablesStandInTexts) {
    ASSERT_EQ(setenv("PEERZONE_TEST_REGION", "westus", 1), 0);
    ASSERT_EQ(setenv("PEERZONE_TEST_EMPTY", "", 1), 0);
    const Config config = loaded(
        "cluster: {name: \"a-${PEERZONE_TEST_REGION}${PEERZONE_TEST_EMPTY}-b\"}\n"
        "peers: {p: {zones: [\"${PEERZONE_TEST_REGION}.test\"], endpoints: [10.2.0.10]}}\n"
        "zones: {x.test: {records: ['t TXT \"$5 $${HOME}\"']}}\n");
    EXPECT_EQ(config.cluster_name, "a-westus-b");
    EXPECT_THAT(texts(config.peers.at(0).zones), ElementsAre("westus.test"));
    EXPECT_THAT(config.zones.at(0).records, ElementsAre("t TXT \"$5 ${HOME}\""));
}

TEST(Options, AnchorsShareValues) {
    const Config config = loaded(
        "peers:\n"
        "  a: {zones: [a.test], endpoints: &both [10.2.0.10, 10.2.0.11]}\n"
        "  b: {zones: [b.test], endpoints: *both}\n");
    EXPECT_THAT(texts(config.peers.at(1).endpoints), ElementsAre("10.2.0.10:53", "10.2.0.11:53"));
}

TEST(Options, AByteOrderMarkAndWindowsLineEndsDoNotMatter) {
    EXPECT_EQ(loaded("\xef\xbb\xbf"
                     "cluster:\r\n  name: eastus\r\nworkers: 2\r\n")
                  .cluster_name,
              "eastus");
    EXPECT_THAT(
        problem_lines("\xef\xbb\xbf"
                      "cluster:\r\n  nam: eastus\r\n"),
        ElementsAre("pz.yaml:2:3: cluster.nam: unknown key 'nam' (hint: did you mean 'name'?)"));
}

}  // namespace
}  // namespace peerzone::config
