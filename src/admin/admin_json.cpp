#include "admin/admin_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>

#include "admin/admin_text.hpp"

namespace peerzone::admin {
namespace {

namespace json = boost::json;

json::value time_value(metrics::WallTime time) {
    return time == metrics::kNever ? json::value(nullptr) : json::value(iso_time(time));
}

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value millis_value(Duration duration) {
    if (duration == Duration::zero()) return nullptr;
    return std::chrono::duration<double, std::milli>(duration).count();
}

json::object tally_object(const metrics::Tally& tally) {
    json::object object;
    for (const auto& [reason, count] : tally) object[reason] = count;
    return object;
}

json::object source_object(const metrics::SourceReport& source) {
    json::object object;
    object["source"] = source.source;
    object["addresses"] = source.addresses;
    object["good_at"] = time_value(source.good_at);
    object["error"] = text_or_null(source.error);
    return object;
}

json::object endpoint_object(const metrics::EndpointReport& endpoint) {
    json::object object;
    object["address"] = endpoint.address;
    object["source"] = endpoint.source;
    object["state"] = endpoint.state;
    object["up"] = endpoint.up;
    object["since"] = time_value(endpoint.since);
    object["transport"] = endpoint.transport;
    object["reach"] = text_or_null(endpoint.reach);
    object["probe"] = text_or_null(endpoint.probe);
    object["identity"] = text_or_null(endpoint.identity);
    object["mixed_case"] = endpoint.mixed_case;
    object["rtt_ms"] = millis_value(endpoint.rtt);
    object["p95_ms"] = millis_value(endpoint.p95);
    object["questions"] = endpoint.questions;
    object["replies"] = endpoint.replies;
    object["probes"] = endpoint.probes;
    object["hedges"] = endpoint.hedges;
    object["hedges_won"] = endpoint.hedges_won;
    object["failures"] = tally_object(endpoint.failures);
    object["probe_failures"] = tally_object(endpoint.probe_failures);
    object["last_error"] = text_or_null(endpoint.last_error);
    object["last_error_at"] = time_value(endpoint.last_error_at);
    object["last_reply"] = time_value(endpoint.last_reply);
    return object;
}

json::object upstream_object(const metrics::UpstreamReport& upstream) {
    json::object object;
    object["name"] = upstream.name;
    object["kind"] = upstream.kind;
    object["zones"] = json::array(upstream.zones.begin(), upstream.zones.end());
    object["state"] = upstream.state;
    object["since"] = time_value(upstream.since);
    object["up"] = upstream.up();
    object["order"] = upstream.order;
    object["held"] = upstream.held;
    object["pending"] = text_or_null(upstream.pending);
    object["in_flight"] = upstream.in_flight;
    object["hedges"] = upstream.hedges;
    object["stale_answers"] = upstream.stale_answers;
    object["failed_at_once"] = upstream.failed_at_once;
    object["shed"] = upstream.shed;
    json::array sources;
    for (const metrics::SourceReport& source : upstream.sources)
        sources.push_back(source_object(source));
    object["sources"] = std::move(sources);
    json::array endpoints;
    for (const metrics::EndpointReport& endpoint : upstream.endpoints)
        endpoints.push_back(endpoint_object(endpoint));
    object["endpoints"] = std::move(endpoints);
    return object;
}

json::object config_object(const metrics::Report& report) {
    json::object object;
    object["file"] = report.config_file;
    object["ok"] = report.config_ok;
    object["problem"] = text_or_null(report.config_problem);
    object["loaded"] = time_value(report.config_loaded);
    return object;
}

json::object cache_object(const metrics::Report& report) {
    json::object object;
    object["entries"] = report.cache.entries;
    object["bytes"] = report.cache.bytes;
    object["hits"] = report.sum(metrics::Count::answered_cache) +
                     report.sum(metrics::Count::answered_failure_cached);
    object["misses"] = report.sum(metrics::Count::cache_misses);
    return object;
}

}  // namespace

std::string status_json(const metrics::Report& report) {
    json::object object;
    object["version"] = report.version;
    object["node"] = report.node;
    object["cluster"] = report.cluster;
    object["ready"] = report.ready;
    object["started"] = time_value(report.started);
    object["uptime_s"] = std::chrono::duration_cast<Seconds>(report.now - report.started).count();
    object["config"] = config_object(report);
    object["cache"] = cache_object(report);
    json::array upstreams;
    for (const metrics::UpstreamReport& upstream : report.upstreams)
        upstreams.push_back(upstream_object(upstream));
    object["peers"] = std::move(upstreams);
    return json::serialize(object) + "\n";
}

}  // namespace peerzone::admin
