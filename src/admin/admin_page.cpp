#include "admin/admin_page.hpp"

#include <algorithm>
#include <vector>

#include "admin/admin_text.hpp"

namespace peerzone::admin {
namespace {

using metrics::EndpointReport;
using metrics::Report;
using metrics::UpstreamReport;

/// Columns as wide as their widest cell, two spaces between them.
class Table {
public:
    explicit Table(std::vector<std::string> heading) { rows_.push_back(std::move(heading)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

    std::string text() const {
        std::vector<std::size_t> widths(rows_.front().size());
        for (const auto& row : rows_)
            for (std::size_t i = 0; i < row.size(); ++i)
                widths[i] = std::max(widths[i], row[i].size());
        std::string out;
        for (const auto& row : rows_) {
            for (std::size_t i = 0; i + 1 < row.size(); ++i)
                out += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
            out += row.back();
            out.erase(out.find_last_not_of(' ') + 1);
            out += '\n';
        }
        return out;
    }

private:
    std::vector<std::vector<std::string>> rows_;
};

Duration since(const Report& report, metrics::WallTime then) {
    return std::chrono::duration_cast<Duration>(report.now - then);
}

std::string age_or_dash(const Report& report, metrics::WallTime then) {
    return then == metrics::kNever ? "-" : age_text(since(report, then));
}

/// Of questions: what answers none is told elsewhere.
std::uint64_t total(const metrics::Tally& failures) {
    std::uint64_t sum = 0;
    for (const auto& [reason, count] : failures) sum += reason == "mismatch" ? 0 : count;
    return sum;
}

std::string via(const EndpointReport& endpoint) {
    return endpoint.mixed_case ? endpoint.transport : endpoint.transport + ", plain case";
}

std::string state_of(const UpstreamReport& upstream) {
    if (upstream.held) return "held (" + upstream.state + ")";
    return upstream.state;
}

std::string state_of(const EndpointReport& endpoint) {
    if (endpoint.state == "unusable") return "unusable (" + endpoint.probe + ")";
    return endpoint.state;
}

std::string zones_of(const UpstreamReport& upstream) {
    constexpr std::size_t kShown = 3;
    std::string text;
    for (std::size_t i = 0; i < std::min(kShown, upstream.zones.size()); ++i)
        text += (i == 0 ? "" : " ") + upstream.zones[i];
    if (upstream.zones.size() > kShown)
        text += " +" + std::to_string(upstream.zones.size() - kShown);
    return text;
}

std::string head_text(const Report& report) {
    const std::uint64_t hits = report.sum(metrics::Count::answered_cache) +
                               report.sum(metrics::Count::answered_failure_cached);
    const std::uint64_t misses = report.sum(metrics::Count::cache_misses);
    std::string text = "peerzone " + report.version + "  node " + report.node + "  cluster " +
                       report.cluster + "  up " + age_text(since(report, report.started)) + "  " +
                       (report.ready ? "ready" : "NOT READY") + "\n";
    text += "config " + report.config_file + "  loaded " + iso_time(report.config_loaded) +
            (report.config_ok ? "  ok" : "  LAST RELOAD REFUSED: " + report.config_problem) + "\n";
    text += "cache " + std::to_string(report.cache.entries) + " entries, " +
            bytes_text(report.cache.bytes) + ", " + std::to_string(hits) + " hits, " +
            std::to_string(misses) + " misses\n";
    return text;
}

std::string last_error_text(const Report& report, const EndpointReport& endpoint) {
    if (endpoint.state == "wrong cluster") return endpoint.identity;
    if (endpoint.last_error.empty()) return "-";
    return age_or_dash(report, endpoint.last_error_at) + " ago: " + endpoint.last_error;
}

}  // namespace

std::string status_table(const Report& report) {
    std::string text = head_text(report);
    if (report.upstreams.empty()) return text + "\nno peers, local or forward\n";
    Table peers(
        {"PEER", "KIND", "STATE", "SINCE", "UP", "IN FLIGHT", "STALE", "HEDGES", "SHED", "ZONES"});
    Table endpoints({"PEER", "ENDPOINT", "SOURCE", "STATE", "SINCE", "RTT", "VIA", "QUESTIONS",
                     "FAILED", "LAST ERROR"});
    for (const UpstreamReport& peer : report.upstreams) {
        peers.add({peer.name, peer.kind, state_of(peer), age_or_dash(report, peer.since),
                   std::to_string(peer.up_count()) + "/" + std::to_string(peer.endpoints.size()),
                   std::to_string(peer.in_flight), std::to_string(peer.stale_answers),
                   std::to_string(peer.hedges), std::to_string(peer.shed), zones_of(peer)});
        for (const EndpointReport& endpoint : peer.endpoints)
            endpoints.add({peer.name, endpoint.address, endpoint.source, state_of(endpoint),
                           age_or_dash(report, endpoint.since), rtt_text(endpoint.rtt),
                           via(endpoint), std::to_string(endpoint.questions),
                           std::to_string(total(endpoint.failures)),
                           last_error_text(report, endpoint)});
        // A source that fails while its last good set is used, or before there was one.
        for (const metrics::SourceReport& source : peer.sources)
            if (!source.error.empty())
                endpoints.add(
                    {peer.name, "-", source.source,
                     source.good_at == metrics::kNever ? "not found yet" : "last good set",
                     age_or_dash(report, source.good_at), "-", "-", "-", "-", source.error});
        if (peer.endpoints.empty() && !peer.pending.empty())
            endpoints.add({peer.name, "-", "-", "pending", "-", "-", "-", "-", "-", peer.pending});
    }
    return text + "\n" + peers.text() + "\n" + endpoints.text();
}

std::string status_page(const Report& report) {
    std::string out =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<title>peerzone</title><meta http-equiv=\"refresh\" content=\"5\">"
        "<style>body{font-family:sans-serif;margin:2em}pre{overflow-x:auto}</style></head>\n"
        "<body><pre>";
    for (const char c : status_table(report)) {
        switch (c) {
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '&': out += "&amp;"; break;
            default: out += c;
        }
    }
    out +=
        "</pre><p><a href=\"/metrics\">/metrics</a> <a href=\"/status\">/status</a> "
        "<a href=\"/healthz\">/healthz</a> <a href=\"/readyz\">/readyz</a></p></body></html>\n";
    return out;
}

}  // namespace peerzone::admin
