// The status as JSON, as a table and as a page.
#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "admin/admin_json.hpp"
#include "admin/admin_page.hpp"
#include "admin/admin_text.hpp"
#include "unit/metrics/report_support.hpp"

namespace peerzone::admin {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

struct AdminStatus : ::testing::Test {
    metrics::Counters counters;
    metrics::Report report = metrics::testing::sample(counters);
};

TEST_F(AdminStatus, JsonSaysPerPeerAndEndpointWhatIsKnown) {
    counters.add(metrics::Count::answered_cache, 8);
    const auto json = boost::json::parse(status_json(report));
    EXPECT_EQ(json.at("version"), "0.1.0");
    EXPECT_EQ(json.at("node"), "00c0ffee00c0ffee");
    EXPECT_EQ(json.at("uptime_s"), 90061);
    EXPECT_EQ(json.at("ready"), true);
    EXPECT_EQ(json.at("config").at("file"), "/etc/peerzone.yaml");
    EXPECT_EQ(json.at("config").at("ok"), true);
    EXPECT_EQ(json.at("config").at("loaded"), "2023-11-14T23:13:20Z");
    EXPECT_EQ(json.at("cache").at("hits"), 8);
    const auto& peer = json.at("peers").at(0);
    EXPECT_EQ(peer.at("name"), "westus");
    EXPECT_EQ(peer.at("state"), "partitioned");
    EXPECT_EQ(peer.at("since"), "2023-11-15T23:12:18Z");
    EXPECT_EQ(peer.at("up"), false);
    EXPECT_EQ(peer.at("shed"), 6);
    EXPECT_EQ(peer.at("failed_at_once"), 9);
    const auto& silent = peer.at("endpoints").at(0);
    EXPECT_EQ(silent.at("address"), "10.2.0.10:53");
    EXPECT_EQ(silent.at("source"), "dns-lb.westus.example.com");
    EXPECT_EQ(silent.at("state"), "suspect");
    EXPECT_EQ(silent.at("transport"), "udp only");
    EXPECT_EQ(silent.at("rtt_ms"), 61.2);
    EXPECT_EQ(silent.at("p95_ms"), 80.0);
    EXPECT_EQ(silent.at("reach"), "udp only");
    EXPECT_EQ(silent.at("probe"), "no reply");
    EXPECT_EQ(silent.at("since"), "2023-11-15T23:12:51Z");
    EXPECT_EQ(silent.at("last_reply"), "2023-11-15T23:12:46Z");
    EXPECT_EQ(silent.at("hedges_won"), 2);
    EXPECT_EQ(silent.at("last_error").as_string(), report.upstreams[0].endpoints[0].last_error);
    EXPECT_EQ(silent.at("failures").at("timeout"), 10);
    EXPECT_EQ(peer.at("sources").at(0).at("addresses"), 1);
    EXPECT_EQ(peer.at("sources").at(0).at("good_at"), "2023-11-15T23:14:11Z");
    EXPECT_EQ(peer.at("sources").at(0).at("error"), "no reply");
    const auto& fresh = peer.at("endpoints").at(1);
    EXPECT_TRUE(fresh.at("rtt_ms").is_null());
    EXPECT_TRUE(fresh.at("last_error").is_null());
    EXPECT_TRUE(fresh.at("since").is_null());
    EXPECT_EQ(json.at("peers").at(1).at("held"), true);
}

TEST_F(AdminStatus, TheTableLinesUp) {
    EXPECT_EQ(
        status_table(report),
        "peerzone 0.1.0  node 00c0ffee00c0ffee  cluster eastus  up 1d 1h  ready\n"
        "config /etc/peerzone.yaml  loaded 2023-11-14T23:13:20Z  ok\n"
        "cache 12 entries, 3.3 MiB, 0 hits, 0 misses\n"
        "\n"
        "PEER    KIND     STATE           SINCE  UP   IN FLIGHT  STALE  HEDGES  SHED  ZONES\n"
        "westus  peer     partitioned     2m 3s  1/2  3          120    7       6     "
        "westus.svc.cluster.local a.test b.test +1\n"
        ".       forward  held (healthy)  -      0/0  0          0      0       0     .\n"
        "\n"
        "PEER    ENDPOINT         SOURCE                     STATE                SINCE   RTT      "
        "VIA       QUESTIONS  FAILED  LAST ERROR\n"
        "westus  10.2.0.10:53     dns-lb.westus.example.com  suspect              1m 30s  61.2 ms  "
        "udp only  1200       12      1m 1s ago: SERVFAIL: \"<script>alert(1)</script>\" \\ & "
        "more\n"
        "westus  [fd00:2::10]:53  [fd00:2::10]:53            unusable (SERVFAIL)  -       -        "
        "tls       0          0       -\n"
        "westus  -                dns-lb.westus.example.com  last good set        10s     -        "
        "-         -          -       no reply\n"
        ".       -                -                          pending              -       -        "
        "-         -          -       dns.example.com: not resolved yet\n");
}

TEST_F(AdminStatus, FailedCountsQuestionsAndPlainCaseIsShown) {
    metrics::EndpointReport& endpoint = report.upstreams[0].endpoints[1];
    endpoint.questions = 3;
    endpoint.failures = {{"timeout", 2}, {"mismatch", 40}};
    endpoint.probe_failures = {{"timeout", 86}};
    endpoint.mixed_case = false;
    EXPECT_THAT(status_table(report), HasSubstr("tls, plain case  3          2       -"));
    const auto json = boost::json::parse(status_json(report));
    const auto& shown = json.at("peers").at(0).at("endpoints").at(1);
    EXPECT_EQ(shown.at("mixed_case"), false);
    EXPECT_EQ(shown.at("probe_failures").at("timeout"), 86);
}

TEST_F(AdminStatus, AnotherClusterIsToldInPlaceOfTheLastError) {
    metrics::EndpointReport& endpoint = report.upstreams[0].endpoints[0];
    EXPECT_TRUE(boost::json::parse(status_json(report))
                    .at("peers")
                    .at(0)
                    .at("endpoints")
                    .at(0)
                    .at("identity")
                    .is_null());
    endpoint.state = "wrong cluster";
    endpoint.identity = "another cluster: id is east. not west.";
    EXPECT_THAT(status_table(report),
                HasSubstr("wrong cluster        1m 30s  61.2 ms  udp only  1200       12      "
                          "another cluster: id is east. not west.\n"));
    const auto json = boost::json::parse(status_json(report));
    const auto& shown = json.at("peers").at(0).at("endpoints").at(0);
    EXPECT_EQ(shown.at("state"), "wrong cluster");
    EXPECT_EQ(shown.at("identity"), "another cluster: id is east. not west.");
}

TEST_F(AdminStatus, WhatIsWrongIsInTheFirstLines) {
    report.ready = false;
    report.config_ok = false;
    report.config_problem = "pz.yaml:3:1: nonsense";
    report.upstreams.clear();
    EXPECT_THAT(status_table(report),
                ::testing::AllOf(HasSubstr("NOT READY"),
                                 HasSubstr("LAST RELOAD REFUSED: pz.yaml:3:1: nonsense"),
                                 HasSubstr("no peers, local or forward")));
}

TEST_F(AdminStatus, ThePageRunsNothingThatAPeerSaid) {
    const std::string page = status_page(report);
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
    EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST(AdminText, AgesTimesAndAmounts) {
    EXPECT_EQ(age_text(-5s), "0s");
    EXPECT_EQ(age_text(59s + 999ms), "59s");
    EXPECT_EQ(age_text(60s), "1m");
    EXPECT_EQ(age_text(3599s), "59m 59s");
    EXPECT_EQ(age_text(25h), "1d 1h");
    EXPECT_EQ(age_text(24h * 400), "400d");
    EXPECT_EQ(rtt_text(Duration::zero()), "-");
    EXPECT_EQ(rtt_text(420us), "0.4 ms");
    EXPECT_EQ(iso_time(metrics::WallTime(951782400s)), "2000-02-29T00:00:00Z");
    EXPECT_EQ(bytes_text(0), "0.0 KiB");
    EXPECT_EQ(bytes_text(5ull << 30), "5.0 GiB");
}

}  // namespace
}  // namespace peerzone::admin
