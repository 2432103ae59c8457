#include "app/upstream_report.hpp"

namespace peerzone::app {
namespace {

using upstream::Endpoint;
using upstream::Kind;
using upstream::Transport;
using upstream::Upstream;

std::string_view kind_text(Kind kind) {
    switch (kind) {
        case Kind::peer: return "peer";
        case Kind::local: return "local";
        case Kind::forward: return "forward";
    }
    return "";
}

// What a question would take now.
std::string_view transport_text(const Upstream& upstream, const Endpoint& endpoint, Time now) {
    switch (upstream.options.transport) {
        case Transport::udp: return "udp";
        case Transport::tcp: return "tcp";
        case Transport::tls: return "tls";
        case Transport::automatic: return endpoint.datagrams_work(now) ? "udp" : "tcp";
    }
    return "";
}

std::string_view state_text(const Endpoint& endpoint) {
    if (endpoint.is_suspect()) return "suspect";
    return endpoint.smoothed_rtt() == Duration::zero() ? "unknown" : "healthy";
}

metrics::EndpointReport report_on(const Upstream& upstream, const Endpoint& endpoint, Time now) {
    metrics::EndpointReport report;
    report.address = endpoint.address().to_text();
    report.state = state_text(endpoint);
    report.transport = transport_text(upstream, endpoint, now);
    report.up = !endpoint.is_suspect();
    report.rtt = endpoint.smoothed_rtt();
    return report;
}

}  // namespace

std::string name_of(const Upstream& upstream) {
    switch (upstream.options.kind) {
        case Kind::peer: return upstream.options.name;
        case Kind::local: return "local";
        case Kind::forward: return upstream.options.zones.front().to_text();
    }
    return upstream.label;
}

metrics::UpstreamReport report_on(const Upstream& upstream, Time now) {
    const upstream::UpstreamHealth& health = *upstream.health;
    metrics::UpstreamReport report;
    report.name = name_of(upstream);
    report.kind = kind_text(upstream.options.kind);
    for (const dns::Name& zone : upstream.options.zones) report.zones.push_back(zone.to_text());
    report.state = upstream::state_text(health.state());
    report.held = health.is_held();
    report.since = health.since_wall();
    report.pending = upstream.pending;
    for (std::size_t i = 0; i < upstream.endpoints.size(); ++i) {
        report.endpoints.push_back(report_on(upstream, *upstream.endpoints[i], now));
        if (i < upstream.sources.size()) report.endpoints.back().source = upstream.sources[i];
    }
    return report;
}

}  // namespace peerzone::app
