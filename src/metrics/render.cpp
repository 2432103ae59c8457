// The only file that knows prometheus-cpp, and of it only the core: the counters stay ours.
#include "peerzone/metrics/render.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/families.hpp"

namespace peerzone::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

double seconds(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}
double unix_seconds(WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// One family while its values are put together.
class Family {
public:
    Family(std::string name, MetricType type, std::string help) {
        family_.name = std::move(name);
        family_.help = std::move(help);
        family_.type = type;
    }
    void add(double value, Labels labels = {}) {
        ClientMetric metric;
        metric.label = std::move(labels);
        (family_.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
        family_.metric.push_back(std::move(metric));
    }
    void add(const ClientMetric& metric) { family_.metric.push_back(metric); }
    /// A family without values is left out.
    void move_to(std::vector<MetricFamily>& all) {
        if (!family_.metric.empty()) all.push_back(std::move(family_));
    }

private:
    MetricFamily family_;
};

Family counter(std::string name, std::string help) {
    return {std::move(name), MetricType::Counter, std::move(help)};
}
Family gauge(std::string name, std::string help) {
    return {std::move(name), MetricType::Gauge, std::move(help)};
}

class Collector final : public prometheus::Collectable {
public:
    explicit Collector(const Report& report) : report_(report) {}
    std::vector<MetricFamily> Collect() const override {
        std::vector<MetricFamily> all;
        add_process(all);
        add_counters(all);
        add_questions(all);
        add_responses(all);
        add_durations(all);
        add_cache(all);
        add_upstreams(all);
        add_sources(all);
        add_endpoints(all);
        return all;
    }

private:
    void add_process(std::vector<MetricFamily>& all) const;
    void add_counters(std::vector<MetricFamily>& all) const;
    void add_questions(std::vector<MetricFamily>& all) const;
    void add_responses(std::vector<MetricFamily>& all) const;
    void add_durations(std::vector<MetricFamily>& all) const;
    void add_cache(std::vector<MetricFamily>& all) const;
    void add_upstreams(std::vector<MetricFamily>& all) const;
    void add_sources(std::vector<MetricFamily>& all) const;
    void add_endpoints(std::vector<MetricFamily>& all) const;
    ClientMetric histogram(Histogram Counters::*which, const char* answered) const;
    double sum(Count what) const { return static_cast<double>(report_.sum(what)); }

    const Report& report_;
};

void Collector::add_process(std::vector<MetricFamily>& all) const {
    Family build = gauge("peerzone_build_info", "Always 1; the labels say what runs.");
    build.add(1, {{"version", report_.version}, {"node", report_.node}});
    build.move_to(all);
    Family start = gauge("process_start_time_seconds", "When the process started, Unix time.");
    start.add(unix_seconds(report_.started));
    start.move_to(all);
    Family ok = gauge("peerzone_config_ok",
                      "1: the configuration file as last read serves. 0: it "
                      "was refused, and the former one serves on.");
    ok.add(report_.config_ok ? 1 : 0);
    ok.move_to(all);
    Family loaded = gauge("peerzone_config_loaded_timestamp_seconds",
                          "When the configuration that serves was loaded, Unix time.");
    loaded.add(unix_seconds(report_.config_loaded));
    loaded.move_to(all);
    Family ready = gauge("peerzone_ready", "What /readyz says.");
    ready.add(report_.ready ? 1 : 0);
    ready.move_to(all);
}

void Collector::add_counters(std::vector<MetricFamily>& all) const {
    for (const CounterFamily& described : counter_families()) {
        Family family = counter(described.name, described.help);
        for (const auto& [count, value] : described.values)
            family.add(sum(count),
                       described.label.empty() ? Labels{} : Labels{{described.label, value}});
        family.move_to(all);
    }
    Family hits = counter("peerzone_cache_hits_total", "Questions answered from the cache.");
    hits.add(sum(Count::answered_cache), {{"type", "answer"}});
    hits.add(sum(Count::answered_failure_cached), {{"type", "failure"}});
    hits.move_to(all);
}

void Collector::add_questions(std::vector<MetricFamily>& all) const {
    Family types = counter("peerzone_dns_requests_by_type_total", "Questions understood, by type.");
    for (std::size_t i = 0; i < kCountedTypes.size(); ++i) {
        std::uint64_t count = 0;
        for (const Counters* each : report_.counters) count += each->questions(i);
        types.add(static_cast<double>(count), {{"type", std::string(kCountedTypes[i].second)}});
    }
    types.move_to(all);
}

void Collector::add_responses(std::vector<MetricFamily>& all) const {
    static constexpr std::array<const char*, 16> kRcodes = {
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
        "NXRRSET", "NOTAUTH", "NOTZONE",  "11",       "12",     "13",      "14",       "15"};
    Family responses = counter("peerzone_dns_responses_total", "Replies by RCODE.");
    const std::uint64_t badvers = report_.sum(Count::badvers);
    for (std::size_t rcode = 0; rcode < kRcodes.size(); ++rcode) {
        std::uint64_t count = 0;
        for (const Counters* each : report_.counters) count += each->replies(rcode);
        if (rcode == 0) count -= std::min(count, badvers);
        if (count != 0 || rcode <= 5)
            responses.add(static_cast<double>(count), {{"rcode", kRcodes[rcode]}});
    }
    responses.add(static_cast<double>(badvers), {{"rcode", "BADVERS"}});
    responses.move_to(all);
}

ClientMetric Collector::histogram(Histogram Counters::*which, const char* answered) const {
    ClientMetric metric;
    metric.label = {{"answered", answered}};
    std::chrono::nanoseconds total{};
    std::uint64_t count = 0;
    for (std::size_t bucket = 0; bucket <= Histogram::kBuckets; ++bucket) {
        for (const Counters* each : report_.counters) count += (each->*which).in_bucket(bucket);
        if (bucket < Histogram::kBuckets)
            metric.histogram.bucket.push_back(
                {.cumulative_count = count,
                 .upper_bound = seconds(Histogram::upper_bound(bucket))});
    }
    for (const Counters* each : report_.counters) total += (each->*which).sum();
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = seconds(total);
    return metric;
}

void Collector::add_durations(std::vector<MetricFamily>& all) const {
    Family durations("peerzone_dns_request_duration_seconds", MetricType::Histogram,
                     "From reading a question to its reply, by whether that had to wait.");
    durations.add(histogram(&Counters::at_once, "at_once"));
    durations.add(histogram(&Counters::waited, "waited"));
    durations.move_to(all);
}

void Collector::add_cache(std::vector<MetricFamily>& all) const {
    Family entries = gauge("peerzone_cache_entries", "Entries, expired ones included.");
    entries.add(static_cast<double>(report_.cache.entries));
    entries.move_to(all);
    Family bytes = gauge("peerzone_cache_bytes", "Memory of the cache.");
    bytes.add(static_cast<double>(report_.cache.bytes));
    bytes.move_to(all);
    Family stored = counter("peerzone_cache_stored_total", "Entries stored.");
    stored.add(static_cast<double>(report_.cache.stored));
    stored.move_to(all);
    Family evicted = counter("peerzone_cache_evicted_total", "Entries that gave way to others.");
    evicted.add(static_cast<double>(report_.cache.evicted));
    evicted.move_to(all);
}

void Collector::add_upstreams(std::vector<MetricFamily>& all) const {
    Family up =
        gauge("peerzone_peer_up", "1: at least one endpoint answers and nobody holds the peer.");
    Family state = gauge("peerzone_peer_state", "1 for the state the peer is in.");
    Family since =
        gauge("peerzone_peer_state_since_timestamp_seconds", "When that state began, Unix time.");
    Family held = gauge("peerzone_peer_held", "1: held by an operator.");
    Family endpoints = gauge("peerzone_peer_endpoints", "Endpoints known.");
    Family in_flight = gauge("peerzone_peer_in_flight", "Questions that wait for the peer.");
    Family hedges = counter("peerzone_peer_hedges_total",
                            "Second questions sent though nothing was wrong yet.");
    Family stale =
        counter("peerzone_peer_stale_answers_total", "Answers given from memory after their time.");
    Family failed = counter("peerzone_peer_failed_at_once_total",
                            "Questions not asked since the peer is partitioned or held.");
    Family shed =
        counter("peerzone_peer_shed_total", "Questions for the peer given up for a limit.");
    for (const UpstreamReport& peer : report_.upstreams) {
        const Labels labels = {{"peer", peer.name}, {"kind", peer.kind}};
        const auto with = [&](const char* name, const std::string& value) {
            Labels more = labels;
            more.push_back({name, value});
            return more;
        };
        up.add(peer.up() ? 1 : 0, labels);
        for (const std::string_view each : kUpstreamStates)
            state.add(each == peer.state ? 1 : 0, with("state", std::string(each)));
        if (peer.since != kNever) since.add(unix_seconds(peer.since), labels);
        held.add(peer.held ? 1 : 0, labels);
        endpoints.add(static_cast<double>(peer.endpoints.size()), labels);
        in_flight.add(static_cast<double>(peer.in_flight), labels);
        hedges.add(static_cast<double>(peer.hedges), labels);
        stale.add(static_cast<double>(peer.stale_answers), labels);
        failed.add(static_cast<double>(peer.failed_at_once), labels);
        shed.add(static_cast<double>(peer.shed), labels);
    }
    for (Family* each :
         {&up, &state, &since, &held, &endpoints, &in_flight, &hedges, &stale, &failed, &shed})
        each->move_to(all);
}

void Collector::add_sources(std::vector<MetricFamily>& all) const {
    Family up = gauge("peerzone_source_up",
                      "1: the last look at a host name, SRV name or file gave endpoints. 0: those "
                      "found before are used.");
    Family addresses = gauge("peerzone_source_addresses", "Addresses that it gave last.");
    Family confirmed = gauge("peerzone_source_confirmed_timestamp_seconds",
                             "When these were confirmed last, Unix time.");
    for (const UpstreamReport& peer : report_.upstreams) {
        for (const SourceReport& source : peer.sources) {
            const Labels labels = {
                {"peer", peer.name}, {"kind", peer.kind}, {"source", source.source}};
            up.add(source.error.empty() && source.good_at != kNever ? 1 : 0, labels);
            addresses.add(static_cast<double>(source.addresses), labels);
            if (source.good_at != kNever) confirmed.add(unix_seconds(source.good_at), labels);
        }
    }
    for (Family* each : {&up, &addresses, &confirmed}) each->move_to(all);
}

void Collector::add_endpoints(std::vector<MetricFamily>& all) const {
    Family up = gauge("peerzone_endpoint_up", "1: clients' questions are sent there.");
    Family state = gauge("peerzone_endpoint_state", "1 for the state the endpoint is in.");
    Family rtt = gauge("peerzone_endpoint_rtt_seconds", "Smoothed round trip.");
    Family questions = counter("peerzone_endpoint_questions_total", "Questions sent.");
    Family replies = counter("peerzone_endpoint_replies_total", "Replies believed.");
    Family probes = counter("peerzone_endpoint_probes_total", "Probes sent.");
    Family hedges = counter("peerzone_endpoint_hedges_total",
                            "Second questions sent there, and those that were answered first.");
    Family failures = counter("peerzone_endpoint_failures_total", "Questions that failed.");
    Family probe_failures =
        counter("peerzone_endpoint_probe_failures_total", "Probes without a usable reply.");
    Family mixed_case =
        gauge("peerzone_endpoint_mixed_case",
              "1: questions over UDP leave in mixed letter case. 0: it does not take that.");
    for (const UpstreamReport& peer : report_.upstreams) {
        for (const EndpointReport& endpoint : peer.endpoints) {
            const Labels labels = {
                {"peer", peer.name}, {"kind", peer.kind}, {"endpoint", endpoint.address}};
            const auto with = [&](const char* name, const std::string& value) {
                Labels more = labels;
                more.push_back({name, value});
                return more;
            };
            up.add(endpoint.up ? 1 : 0, labels);
            for (const std::string_view each : kEndpointStates)
                state.add(each == endpoint.state ? 1 : 0, with("state", std::string(each)));
            if (endpoint.rtt != Duration::zero()) rtt.add(seconds(endpoint.rtt), labels);
            questions.add(static_cast<double>(endpoint.questions), labels);
            replies.add(static_cast<double>(endpoint.replies), labels);
            probes.add(static_cast<double>(endpoint.probes), labels);
            hedges.add(static_cast<double>(endpoint.hedges), with("outcome", "sent"));
            hedges.add(static_cast<double>(endpoint.hedges_won), with("outcome", "won"));
            for (const auto& [reason, count] : endpoint.failures)
                failures.add(static_cast<double>(count), with("reason", reason));
            for (const auto& [reason, count] : endpoint.probe_failures)
                probe_failures.add(static_cast<double>(count), with("reason", reason));
            mixed_case.add(endpoint.mixed_case ? 1 : 0, labels);
        }
    }
    for (Family* each : {&up, &state, &rtt, &questions, &replies, &probes, &hedges, &failures,
                         &probe_failures, &mixed_case})
        each->move_to(all);
}

}  // namespace

std::string render(const Report& report) {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, Collector(report).Collect());
    return std::move(out).str();
}

}  // namespace peerzone::metrics
