#include "resolver/explain.hpp"

#include "peerzone/base/text.hpp"
#include "peerzone/base/version.hpp"

namespace peerzone::resolver {
namespace {

std::string counted(std::size_t count, std::string_view what) {
    return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

// Below a second there is more to tell apart than age_text does.
std::string span_text(Duration span) {
    if (span < Seconds(1) && span > Duration::zero())
        return std::to_string(std::chrono::ceil<Millis>(span).count()) + "ms";
    return age_text(span);
}

std::string endpoint_text(const EndpointFacts& endpoint) {
    std::string text = endpoint.address + " " + std::string(endpoint.state);
    if (endpoint.since) text += " for " + age_text(*endpoint.since);
    text +=
        endpoint.rtt == Duration::zero() ? ", RTT not measured" : ", RTT " + rtt_text(endpoint.rtt);
    text += ", " + std::string(endpoint.transport);
    if (endpoint.losses != 0)
        text += ", " + std::to_string(endpoint.losses) +
                (endpoint.losses == 1 ? " loss" : " losses in a row");
    if (endpoint.is_next) text += ", asked next";
    if (!endpoint.last_error.empty()) text += ", last error: " + endpoint.last_error;
    return text;
}

std::string cache_text(const CacheFacts& entry) {
    std::string text = entry.what + ": " + entry.holds + ", " + span_text(entry.age) + " old, ";
    if (entry.age < entry.lifetime)
        return text + "fresh for " + span_text(entry.lifetime - entry.age);
    text += "past its TTL for " + span_text(entry.age - entry.lifetime);
    if (entry.is_failure) return text + ", no longer told";
    return text + (entry.usable ? ", of use for " + span_text(*entry.usable) + " more"
                                : ", no longer of use");
}

std::string told_text(const ExplainFacts& facts) {
    if (!facts.asks.empty()) return "what " + facts.asks + " says, which is not known yet";
    std::string text = dns::rcode_text(facts.rcode) + ", " + counted(facts.answers, "record");
    if (facts.ttl) text += ", TTL " + std::to_string(*facts.ttl);
    return text + ", from " + std::string(source_text(facts.source));
}

void explain_owner(const ExplainFacts& facts, Explanation& lines) {
    lines.push_back({"route", facts.route.empty() ? "none: no zone, peer or forward for this name"
                                                  : facts.route});
    if (facts.there) lines.push_back({"there", *facts.there});
    for (const UpstreamFacts& upstream : facts.upstreams) explain_upstream(upstream, lines);
    for (const CacheFacts& entry : facts.cache) lines.push_back({"cache", cache_text(entry)});
    if (facts.has_cache && facts.cache.empty())
        lines.push_back({"cache", "nothing is known of " + dns::type_text(facts.type)});
    for (const AliasFacts& alias : facts.aliases)
        lines.push_back({"alias", alias.from + " -> " + alias.to + " (" +
                                      (alias.owner.empty() ? "no owner here" : alias.owner) + ")"});
}

}  // namespace

ExplanationLine explain_head(WallTime at, const Identity& identity) {
    return {"at", iso_time(at) + " peerzone " + std::string(kVersion) + " " + identity.id()};
}

void explain_upstream(const UpstreamFacts& upstream, Explanation& lines) {
    std::string text = upstream.label + " " + upstream.state;
    if (upstream.since)
        text += " since " + iso_time(*upstream.since) + " (" + age_text(upstream.state_age) + ")";
    if (upstream.in_flight != 0)
        text += ", " + counted(upstream.in_flight, "question") + " in flight";
    if (!upstream.reason.empty()) text += ": " + upstream.reason;
    lines.push_back({"upstream", text});
    for (const EndpointFacts& endpoint : upstream.endpoints)
        lines.push_back({"endpoint", endpoint_text(endpoint)});
    if (upstream.more_endpoints != 0)
        lines.push_back({"endpoint", "and " + std::to_string(upstream.more_endpoints) + " more"});
}

std::string config_text(const ConfigStatus::Seen& config) {
    if (!config.problem.empty())
        return "the one on disk was refused at " + iso_time(config.refused) +
               ", the former one serves: " + config.problem;
    if (config.is_changing) return "the one on disk is newer, and about to be read";
    if (!config.restart.empty())
        return "in force as it is on disk, but for what takes a restart: " + config.restart;
    return "in force as it is on disk, since " + iso_time(config.loaded);
}

Explanation explain(const ExplainFacts& facts) {
    Explanation lines{explain_head(facts.at, facts.identity)};
    lines.push_back({"question", dns::type_text(facts.type) + " of " + facts.name + facts.flags});
    lines.push_back({"view", facts.view.empty() ? "none: this client is not served" : facts.view});
    if (!facts.view.empty()) explain_owner(facts, lines);
    lines.push_back({"policy", facts.policy});
    lines.push_back({"told", told_text(facts)});
    if (facts.error_code)
        lines.push_back({"ede", std::to_string(*facts.error_code) + ": " + facts.error_text});
    if (facts.config) lines.push_back({"config", config_text(*facts.config)});
    for (ExplanationLine& line : lines) line.text = printable(line.text);
    return lines;
}

}  // namespace peerzone::resolver
