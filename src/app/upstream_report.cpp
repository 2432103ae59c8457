#include "app/upstream_report.hpp"

#include "peerzone/base/text.hpp"
#include "peerzone/upstream/describe.hpp"

namespace peerzone::app {
namespace {

using upstream::Endpoint;
using upstream::Kind;
using upstream::Upstream;

std::string_view kind_text(Kind kind) {
    switch (kind) {
        case Kind::peer: return "peer";
        case Kind::local: return "local";
        case Kind::forward: return "forward";
    }
    return "";
}

template <class Count>
metrics::Tally tally_of(const Count& count_of) {
    metrics::Tally tally;
    for (std::size_t i = 0; i < upstream::kFailureNames.size(); ++i)
        if (const auto count = count_of(static_cast<upstream::FailureReason>(i)); count != 0)
            tally.emplace_back(upstream::kFailureNames[i], count);
    return tally;
}

metrics::EndpointReport report_on(const Upstream& upstream, const Endpoint& endpoint, Time now) {
    metrics::EndpointReport report;
    report.address = endpoint.address().to_text();
    report.state = upstream::state_text(endpoint);
    report.transport = upstream::transport_text(upstream.options, endpoint, now);
    report.reach = upstream::reach_text(endpoint.reach());
    report.probe = upstream::probe_text(endpoint.probe_result());
    report.identity = upstream::identity_text(endpoint.identity().state());
    report.up =
        !endpoint.is_suspect() && !endpoint.is_unusable() && !endpoint.identity().is_barred();
    report.mixed_case = endpoint.case_works(now);
    if (const auto since = endpoint.suspect_since()) report.since = upstream::wall_time(*since);
    if (const auto wrong = endpoint.identity().wrong()) {
        report.identity = wrong->why;
        report.since = wrong->since;
    }
    report.rtt = endpoint.smoothed_rtt();
    report.p95 = endpoint.p95();
    const upstream::EndpointStats& stats = endpoint.stats();
    report.questions = stats.questions();
    report.replies = stats.replies();
    report.probes = stats.probes();
    report.hedges = stats.hedges_sent();
    report.hedges_won = stats.hedges_won();
    report.failures = tally_of([&](upstream::FailureReason why) { return stats.failures(why); });
    report.probe_failures =
        tally_of([&](upstream::FailureReason why) { return stats.probe_failures(why); });
    if (const auto error = stats.last_error()) {
        report.last_error = printable(error->text);
        report.last_error_at = error->at;
    }
    if (const auto last = endpoint.last_reply()) report.last_reply = upstream::wall_time(*last);
    return report;
}

}  // namespace

std::string name_of(const Upstream& upstream) {
    switch (upstream.options.kind) {
        case Kind::peer: return upstream.options.name;
        case Kind::local: return "local";
        case Kind::forward:
            return (upstream.options.view.empty() ? "" : upstream.options.view + ":") +
                   upstream.options.zones.front().to_text();
    }
    return upstream.label;
}

metrics::UpstreamReport report_on(const Upstream& upstream, const discovery::SourceTable& sources,
                                  Time now) {
    const upstream::UpstreamHealth& health = *upstream.health;
    metrics::UpstreamReport report;
    report.name = name_of(upstream);
    report.kind = kind_text(upstream.options.kind);
    for (const dns::Name& zone : upstream.options.zones) report.zones.push_back(zone.to_text());
    if (upstream.options.alias) report.zones.push_back(upstream.options.alias->here.to_text());
    report.state = upstream::state_text(health.state());
    report.order = upstream.options.order == upstream::Order::listed ? "listed" : "fastest";
    report.held = health.is_held();
    report.since = health.since_wall();
    const auto set = upstream.set();
    report.pending = printable(set->pending);
    const upstream::UpstreamStats& stats = health.stats();
    report.in_flight = stats.in_flight();
    report.hedges = stats.hedges();
    report.stale_answers = stats.stale_answers();
    report.failed_at_once = stats.failed_at_once();
    report.shed = stats.shed();
    for (const upstream::EndpointSpec& spec : upstream.options.endpoints) {
        const auto found = sources.find(upstream::source_text(spec));
        if (found == sources.end()) continue;
        const discovery::Source& source = found->second;
        report.sources.push_back(
            {.source = found->first,
             .addresses = source.addresses.size(),
             .good_at = source.good_at ? upstream::wall_time(*source.good_at) : metrics::kNever,
             .error = printable(source.error)});
    }
    for (std::size_t i = 0; i < set->endpoints.size(); ++i) {
        report.endpoints.push_back(report_on(upstream, *set->endpoints[i], now));
        if (i < set->sources.size()) report.endpoints.back().source = set->sources[i];
    }
    return report;
}

}  // namespace peerzone::app
