// The text for Prometheus: what is in it, and that Prometheus's own tool finds nothing wrong.
#include "peerzone/metrics/render.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "metrics/families.hpp"
#include "unit/metrics/report_support.hpp"

namespace peerzone::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct RenderTest : ::testing::Test {
    Counters counters;
    Report report = testing::sample(counters);

    bool has_line(const std::string& wanted) const {
        std::istringstream lines(render(report));
        for (std::string line; std::getline(lines, line);)
            if (line == wanted) return true;
        return false;
    }
};

TEST_F(RenderTest, EveryCounterHasOnePlace) {
    std::multiset<Count> placed;
    std::set<std::string> names;
    for (const CounterFamily& family : counter_families()) {
        EXPECT_TRUE(names.insert(family.name).second) << family.name << " twice";
        EXPECT_TRUE(family.name.starts_with("peerzone_") && family.name.ends_with("_total"));
        EXPECT_EQ(family.values.size() > 1, !family.label.empty()) << family.name;
        for (const auto& [count, label] : family.values) placed.insert(count);
    }
    for (std::size_t i = 0; i < kCountNames.size(); ++i)
        EXPECT_EQ(placed.count(static_cast<Count>(i)), 1u) << kCountNames[i];
}

TEST_F(RenderTest, CountersAreSummedOverThreads) {
    Counters other;
    report.counters.push_back(&other);
    counters.add(Count::udp_queries, 3);
    other.add(Count::udp_queries, 4);
    other.add(Count::tcp_queries, 5);
    EXPECT_TRUE(has_line("peerzone_dns_requests_total{proto=\"udp\"} 7"));
    EXPECT_TRUE(has_line("peerzone_dns_requests_total{proto=\"tcp\"} 5"));
}

TEST_F(RenderTest, RepliesByRcodeAndBadversIsNotNoerror) {
    const std::array<std::uint8_t, 12> noerror{0, 1, 0x80, 0x00};
    const std::array<std::uint8_t, 12> nxdomain{0, 1, 0x80, 0x83};
    for (int i = 0; i < 5; ++i) counters.add_reply(noerror);
    counters.add_reply(nxdomain);
    counters.add_reply(Bytes(nxdomain).first(3));  // no header: not counted, not read
    counters.add(Count::badvers, 2);               // their header says 0 (RFC 6891 6.1.3)
    EXPECT_TRUE(has_line("peerzone_dns_responses_total{rcode=\"NOERROR\"} 3"));
    EXPECT_TRUE(has_line("peerzone_dns_responses_total{rcode=\"BADVERS\"} 2"));
    EXPECT_TRUE(has_line("peerzone_dns_responses_total{rcode=\"NXDOMAIN\"} 1"));
    EXPECT_TRUE(has_line("peerzone_dns_responses_total{rcode=\"SERVFAIL\"} 0"));
}

TEST_F(RenderTest, QuestionsByType) {
    for (const unsigned type : {1u, 1u, 28u, 33u, 255u, 47u, 0u, 256u, 65'535u})
        counters.add_question(static_cast<std::uint16_t>(type));
    const std::string name = "peerzone_dns_requests_by_type_total{type=\"";
    EXPECT_TRUE(has_line(name + "A\"} 2"));
    EXPECT_TRUE(has_line(name + "AAAA\"} 1"));
    EXPECT_TRUE(has_line(name + "SRV\"} 1"));
    EXPECT_TRUE(has_line(name + "ANY\"} 1"));
    EXPECT_TRUE(has_line(name + "other\"} 4"));
    EXPECT_TRUE(has_line(name + "PTR\"} 0"));
}

TEST_F(RenderTest, SourcesThatAreFollowed) {
    const std::string lost =
        "{peer=\"westus\",kind=\"peer\",source=\"dns-lb.westus.example.com\"} ";
    EXPECT_TRUE(has_line("peerzone_source_up" + lost + "0"));
    EXPECT_TRUE(has_line("peerzone_source_addresses" + lost + "1"));
    EXPECT_TRUE(has_line("peerzone_source_confirmed_timestamp_seconds" + lost + "1700090051"));
    report.upstreams[0].sources[0].error.clear();
    EXPECT_TRUE(has_line("peerzone_source_up" + lost + "1"));
    report.upstreams[0].sources[0].good_at = kNever;
    EXPECT_TRUE(has_line("peerzone_source_up" + lost + "0")) << "not looked up yet";
    EXPECT_THAT(render(report), Not(HasSubstr("peerzone_source_confirmed")));
}

TEST_F(RenderTest, DurationsAreCumulative) {
    counters.at_once.add(Micros(20), 10);
    counters.waited.add(Millis(60));
    counters.waited.add(Seconds(60));
    const std::string name = "peerzone_dns_request_duration_seconds";
    EXPECT_TRUE(has_line(name + "_count{answered=\"at_once\"} 10"));
    EXPECT_TRUE(has_line(name + "_bucket{answered=\"at_once\",le=\"1.5625e-05\"} 0"));
    EXPECT_TRUE(has_line(name + "_bucket{answered=\"at_once\",le=\"3.125e-05\"} 10"));
    EXPECT_TRUE(has_line(name + "_bucket{answered=\"waited\",le=\"0.032\"} 0"));
    EXPECT_TRUE(has_line(name + "_bucket{answered=\"waited\",le=\"0.064\"} 1"));
    EXPECT_TRUE(has_line(name + "_bucket{answered=\"waited\",le=\"8.192\"} 1"));
    EXPECT_TRUE(has_line(name + "_bucket{answered=\"waited\",le=\"+Inf\"} 2"));
    EXPECT_TRUE(has_line(name + "_sum{answered=\"waited\"} 60.06"));
}

TEST_F(RenderTest, PeersAndEndpoints) {
    const std::string west = "{peer=\"westus\",kind=\"peer\"";
    EXPECT_TRUE(has_line("peerzone_peer_up" + west + "} 0"));
    EXPECT_TRUE(has_line("peerzone_peer_state" + west + ",state=\"partitioned\"} 1"));
    EXPECT_TRUE(has_line("peerzone_peer_state" + west + ",state=\"healthy\"} 0"));
    EXPECT_TRUE(has_line("peerzone_peer_held{peer=\".\",kind=\"forward\"} 1"));
    EXPECT_TRUE(has_line("peerzone_peer_in_flight" + west + "} 3"));
    EXPECT_TRUE(has_line("peerzone_peer_stale_answers_total" + west + "} 120"));
    EXPECT_TRUE(has_line("peerzone_peer_hedges_total" + west + "} 7"));
    EXPECT_TRUE(has_line("peerzone_peer_shed_total" + west + "} 6"));
    EXPECT_TRUE(has_line("peerzone_peer_failed_at_once_total" + west + "} 9"));
    const std::string silent = west + ",endpoint=\"10.2.0.10:53\"";
    EXPECT_TRUE(has_line("peerzone_endpoint_up" + silent + "} 0"));
    EXPECT_TRUE(has_line("peerzone_endpoint_state" + silent + ",state=\"suspect\"} 1"));
    EXPECT_TRUE(has_line("peerzone_endpoint_rtt_seconds" + silent + "} 0.0612"));
    EXPECT_TRUE(has_line("peerzone_endpoint_questions_total" + silent + "} 1200"));
    EXPECT_TRUE(has_line("peerzone_endpoint_probes_total" + silent + "} 40"));
    EXPECT_TRUE(has_line("peerzone_endpoint_hedges_total" + silent + ",outcome=\"won\"} 2"));
    EXPECT_TRUE(has_line("peerzone_endpoint_failures_total" + silent + ",reason=\"timeout\"} 10"));
    EXPECT_TRUE(
        has_line("peerzone_endpoint_probe_failures_total" + silent + ",reason=\"timeout\"} 4"));
    EXPECT_TRUE(has_line("peerzone_endpoint_mixed_case" + silent + "} 1"));
    // Nothing was measured there, so there is no RTT, rather than one of zero.
    EXPECT_THAT(render(report),
                Not(HasSubstr("rtt_seconds{peer=\"westus\",kind=\"peer\",endpoint=\"[fd00")));
}

TEST_F(RenderTest, ConfigurationAndProcess) {
    EXPECT_TRUE(has_line("peerzone_config_ok 1"));
    EXPECT_TRUE(has_line("peerzone_build_info{version=\"0.1.0\",node=\"00c0ffee00c0ffee\"} 1"));
    EXPECT_TRUE(has_line("process_start_time_seconds 1700000000"));
    EXPECT_TRUE(has_line("peerzone_cache_entries 12"));
    report.config_ok = false;
    EXPECT_TRUE(has_line("peerzone_config_ok 0"));
}

TEST_F(RenderTest, PromtoolFindsNothing) {
    if (std::system("command -v promtool > /dev/null 2>&1") != 0)
        GTEST_SKIP() << "SKIPPED: no promtool here (Debian package prometheus)";
    const auto file =
        std::filesystem::temp_directory_path() / ("peerzone-metrics-" + std::to_string(::getpid()));
    counters.waited.add(Millis(60));
    for (const bool empty : {false, true}) {
        std::ofstream(file) << render(empty ? Report{} : report);
        std::FILE* tool = ::popen(("promtool check metrics 2>&1 < " + file.string()).c_str(), "r");
        ASSERT_NE(tool, nullptr);
        std::string said;
        for (int c = std::fgetc(tool); c != EOF; c = std::fgetc(tool)) said += static_cast<char>(c);
        EXPECT_EQ(::pclose(tool), 0) << said;
        EXPECT_EQ(said, "");
    }
    std::filesystem::remove(file);
}

}  // namespace
}  // namespace peerzone::metrics
