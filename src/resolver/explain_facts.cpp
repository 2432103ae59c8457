#include "resolver/explain_facts.hpp"

#include <algorithm>

#include "peerzone/upstream/describe.hpp"
#include "resolver/impl.hpp"
#include "resolver/last_known.hpp"

namespace peerzone::resolver {
namespace {

using upstream::Upstream;
using upstream::UpstreamState;

constexpr std::size_t kEndpointsShown = 16;

EndpointFacts endpoint_facts(const Upstream& upstream, const upstream::Endpoint& endpoint,
                             bool is_next, Time now) {
    EndpointFacts facts{.address = endpoint.address().to_text(),
                        .state = upstream::state_text(endpoint),
                        .since = {},
                        .rtt = endpoint.smoothed_rtt(),
                        .transport = upstream::transport_text(upstream.options, endpoint, now),
                        .losses = endpoint.losses(),
                        .is_next = is_next,
                        .last_error = {}};
    if (const auto since = endpoint.suspect_since()) facts.since = now - *since;
    if (const auto wrong = endpoint.identity().wrong()) {
        facts.last_error = wrong->why;
        return facts;
    }
    // What went wrong before the last good reply is history.
    if (facts.losses == 0 && facts.state != "unusable") return facts;
    if (const auto error = endpoint.stats().last_error()) facts.last_error = error->text;
    return facts;
}

std::string reason_of(const Upstream& upstream, const upstream::EndpointSet& set) {
    if (set.endpoints.empty()) return set.pending.empty() ? "no endpoints" : set.pending;
    const UpstreamState state = upstream.health->state();
    if (upstream.health->is_held() ||
        (state != UpstreamState::suspect && state != UpstreamState::unusable &&
         state != UpstreamState::partitioned))
        return "";
    EdeText text;
    return std::string(describe_outage(text, set));
}

std::string owner_text(const Snapshot& snapshot, const view::Route& route) {
    if (is_upstream(route)) return upstream_of(snapshot, route).label;
    return route.built_in ? "a special-use name, which is never forwarded" : "a zone of ours";
}

std::string view_text(const Snapshot& snapshot, const view::View& view, const Asker& asker) {
    const std::string client = asker.client.to_text();
    std::string text = view.name + ": " + client;
    const IpPrefix* longest = nullptr;
    for (const IpPrefix& prefix : view.clients)
        if (prefix.contains(asker.client) && (!longest || prefix.length > longest->length))
            longest = &prefix;
    text += longest != nullptr ? " is in " + longest->to_text() : " is a client of it";
    if (!asker.forwarder.empty()) text += ", as " + asker.forwarder + " says by Client Subnet";
    if (asker.listener != 0 && asker.listener <= snapshot.listeners.size())
        text += ", asked at " + snapshot.listeners[asker.listener - 1u].to_text();
    return text;
}

std::string flags_text(const Asker& asker) {
    std::string text;
    if (asker.dnssec_ok) text += ", with DO";
    if (asker.checking_disabled) text += ", with CD";
    if (!asker.recursion_desired) text += ", without RD";
    return text;
}

std::string records_text(const cache::Kept& kept) {
    if (kept.rcode == dns::Rcode::nxdomain) return "no such name";
    if (kept.answers == 0) return "no such type";
    return std::to_string(kept.answers) + (kept.answers == 1 ? " record" : " records");
}

// Everything under the keys of a question.
class CacheLook {
public:
    CacheLook(const Memory& memory, const Subject& subject, Time now)
        : memory_(memory), subject_(subject), now_(now), type_(dns::type_text(subject.type)) {}

    std::vector<CacheFacts> look() {
        using Words = Memory::Words;
        add(cache::Kind::answer, Words::of_owner, type_);
        add(cache::Kind::nxdomain, Words::of_owner, "any type");
        add(cache::Kind::chain, Words::of_owner, type_ + " alias");
        add(cache::Kind::answer, Words::assembled, type_ + " put together of several owners");
        add(cache::Kind::failure, Words::of_owner, type_ + " failure");
        return std::move(found_);
    }

private:
    void add(cache::Kind kind, Memory::Words words, const std::string& what) {
        const auto kept = memory_.examine(subject_, kind, words, now_);
        if (!kept) return;
        const Duration max_age = subject_.owner().options.stale.max_age;
        const Duration past = kept->age - kept->lifetime;
        CacheFacts facts{.what = what,
                         .holds = kind == cache::Kind::failure
                                      ? std::to_string(kept->uses) + " in a row"
                                      : records_text(*kept),
                         .age = kept->age,
                         .lifetime = kept->lifetime,
                         .usable = {},
                         .is_failure = kind == cache::Kind::failure};
        if (past < max_age && words == Memory::Words::of_owner) facts.usable = max_age - past;
        found_.push_back(std::move(facts));
    }

    const Memory& memory_;
    const Subject& subject_;
    const Time now_;
    const std::string type_;
    std::vector<CacheFacts> found_;
};

std::string asking_text(const Outlook& outlook) {
    const Upstream& owner = *outlook.asks;
    std::string text = owner.label + " is asked for ";
    text +=
        outlook.joins ? "it already, and the answer comes with that" : outlook.asked_name.to_text();
    text += ", " + std::to_string(owner.options.deadline.count()) + "ms at most";
    if (outlook.has_last_known)
        text += "; what was known last is told after " +
                std::to_string(std::chrono::ceil<Millis>(usual_wait(owner)).count()) + "ms";
    return text;
}

std::string zone_text(const Outlook& outlook) {
    if (outlook.rcode == dns::Rcode::nxdomain) return "our zone has no such name";
    if (outlook.rcode != dns::Rcode::noerror) return "our zone fails";
    if (outlook.answers != 0) return "our zone has the answer";
    return outlook.is_referral ? "our zone delegates the name" : "our zone has no such type";
}

// Which rule decides what is told.
std::string policy_of(const Outlook& outlook) {
    if (outlook.asks != nullptr) return asking_text(outlook);
    if (outlook.rcode == dns::Rcode::refused || outlook.rcode == dns::Rcode::formerr)
        return "refused, nothing is looked up";
    if (outlook.rcode == dns::Rcode::yxdomain)
        return "renamed, the name is too long to be asked for";
    switch (outlook.source) {
        case Source::zone: return zone_text(outlook);
        case Source::stale: return "what was known last is told, past its TTL";
        case Source::cache:
            return outlook.error_code == dns::ede::cached_error
                       ? "a failure is remembered, and nothing is asked before it ends"
                       : "it is fresh in the cache, nothing is asked";
        case Source::upstream: return "there is no endpoint to ask: it fails at once";
        case Source::none: break;
    }
    return "nothing is known, and its upstream is not asked: it fails at once";
}

void add_owner(const Memory& memory, const Outlook& outlook, const Asker& asker,
               const dns::Name& name, Time now, ExplainFacts& facts) {
    const Snapshot& snapshot = *outlook.snapshot;
    const view::Route& route = *outlook.route;
    facts.route = route.suffix.to_text() + ": " + owner_text(snapshot, route);
    if (!is_upstream(route)) return;
    if (route.renaming != nullptr) {
        const auto there = name_at_owner(route, name);
        if (!there) facts.there = "too long: more than 255 octets there";
        if (there && *there != name) facts.there = there->to_text();
    }
    Subject subject{.snapshot = &snapshot,
                    .view = outlook.view,
                    .route = &route,
                    .name = name.wire(),
                    .name_hash = dns::hash_folded(name.wire()),
                    .type = facts.type,
                    .dnssec_ok = asker.dnssec_ok,
                    .checking_disabled = asker.checking_disabled};
    facts.has_cache = true;
    facts.cache = CacheLook(memory, subject, now).look();
    facts.upstreams.push_back(facts_of(upstream_of(snapshot, route), now));
}

void add_aliases(const Outlook& outlook, std::uint16_t type, ExplainFacts& facts) {
    for (const auto& [from, to] : outlook.aliases) {
        const dns::Name folded = to.folded();
        const view::Route* route =
            find_route(*outlook.snapshot, *outlook.view, folded.wire(), type);
        facts.aliases.push_back({from.to_text(), to.to_text(),
                                 route != nullptr ? owner_text(*outlook.snapshot, *route) : ""});
    }
}

}  // namespace

UpstreamFacts facts_of(const Upstream& upstream, Time now) {
    const upstream::UpstreamHealth& health = *upstream.health;
    const auto set = upstream.set();
    UpstreamFacts facts{
        .label = upstream.label,
        .state = health.is_held() ? "held by an operator" : std::string(state_text(health.state())),
        .since = {},
        .state_age = now - health.since(),
        .reason = reason_of(upstream, *set),
        .in_flight = health.stats().in_flight(),
        .endpoints = {},
        .more_endpoints = 0};
    if (!health.is_held() && health.since_wall() != WallTime()) facts.since = health.since_wall();
    const std::vector<std::size_t> next = health.is_away()
                                              ? std::vector<std::size_t>()
                                              : upstream::first_choices(upstream, *set, now);
    const std::size_t shown = std::min(set->endpoints.size(), kEndpointsShown);
    for (std::size_t i = 0; i < shown; ++i)
        facts.endpoints.push_back(
            endpoint_facts(upstream, *set->endpoints[i], std::ranges::count(next, i) != 0, now));
    facts.more_endpoints = set->endpoints.size() - shown;
    return facts;
}

ExplainFacts facts_of(Resolver::Impl& worker, const Outlook& outlook, const Asker& asker,
                      const dns::Name& name, std::uint16_t type, const std::string& view_why,
                      Time now) {
    const Snapshot& snapshot = *outlook.snapshot;
    ExplainFacts facts;
    facts.at = upstream::wall_time(now);
    facts.identity = snapshot.identity;
    facts.name = name.to_text();
    facts.type = type;
    facts.flags = flags_text(asker);
    if (outlook.view != nullptr)
        facts.view = view_why.empty() ? view_text(snapshot, *outlook.view, asker)
                                      : outlook.view->name + ": " + view_why;
    if (outlook.route != nullptr) add_owner(worker.memory, outlook, asker, name, now, facts);
    if (outlook.view != nullptr) add_aliases(outlook, type, facts);
    const Upstream* last = outlook.asks != nullptr ? outlook.asks : outlook.upstream;
    if (last != nullptr &&
        (facts.upstreams.empty() || facts.upstreams.front().label != last->label))
        facts.upstreams.push_back(facts_of(*last, now));
    facts.policy = policy_of(outlook);
    if (outlook.asks != nullptr) facts.asks = outlook.asks->label;
    facts.rcode = outlook.rcode;
    facts.answers = outlook.answers;
    facts.ttl = outlook.ttl;
    facts.source = outlook.source;
    facts.error_code = outlook.error_code;
    facts.error_text = outlook.error_text;
    if (snapshot.config_status != nullptr) facts.config = snapshot.config_status->seen();
    return facts;
}

}  // namespace peerzone::resolver
