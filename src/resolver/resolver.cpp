// The order of things. answer_now reads as the list in src/README.md, "Order of things"; what must
// wait goes on in waiting.cpp.
#include "peerzone/resolver/resolver.hpp"

#include <algorithm>

#include "resolver/denial_text.hpp"
#include "resolver/impl.hpp"
#include "resolver/inquiry.hpp"
#include "resolver/last_known.hpp"

namespace peerzone::resolver {
namespace {

using dns::Rcode;
using metrics::Count;

constexpr dns::ExtendedError kNoView{dns::ede::prohibited,
                                     "no view for this client address (views[].clients)"};
constexpr dns::ExtendedError kNoViewOfSubnet{
    dns::ede::prohibited,
    "no view for the Client Subnet that this forwarder gives (views[].clients)"};
constexpr dns::ExtendedError kBadSubnet{dns::ede::other,
                                        "the Client Subnet option is malformed (RFC 7871 6)"};
constexpr dns::ExtendedError kNoTransfer{dns::ede::not_supported, "zone transfers are not served"};
constexpr dns::ExtendedError kNoClass{dns::ede::not_supported,
                                      "only class IN is served, and TXT in class CH"};
constexpr dns::ExtendedError kNoRoute{
    dns::ede::not_authoritative, "no zone, peer or forward for this name (peers, zones, forward)"};
constexpr dns::ExtendedError kNoRecursion{dns::ede::not_authoritative,
                                          "not known here, and RD=0 forbids to ask upstream"};
constexpr dns::ExtendedError kNotReady{dns::ede::not_ready, "this zone is not synced yet"};
constexpr dns::ExtendedError kLongChain{dns::ede::other, "alias chain longer than 16 links"};
constexpr dns::ExtendedError kAliasLoop{dns::ede::other, "aliases form a loop"};

// About this server: class CH, or a name of `_explain`.
bool is_inquiry(const dns::Query& query) noexcept {
    if (query.type != dns::type::txt) return false;
    return query.klass == dns::klass::ch ||
           (query.klass == dns::klass::in && is_explain_name(query.name()));
}

bool is_transfer(std::uint16_t type) noexcept {
    return type == dns::type::axfr || type == dns::type::ixfr;
}

}  // namespace

Resolver::Resolver(cache::Cache& cache, upstream::Client& client, metrics::Counters& counters)
    : impl_(std::make_unique<Impl>(cache, client, counters)) {}

Resolver::~Resolver() = default;

void Resolver::publish(std::shared_ptr<const Snapshot> snapshot) {
    impl_->snapshot = std::move(snapshot);
    impl_->writer.introduce(impl_->snapshot->identity.id());
    impl_->refreshes.clear();  // their routes are the old snapshot's
    std::size_t count = 0;
    for (const auto& upstream : impl_->snapshot->upstreams)
        count = std::max<std::size_t>(count, upstream->id + 1u);
    impl_->client.forget_endpoints(count);
}

std::size_t Resolver::in_flight() const noexcept {
    return impl_->admission.table().size();
}

void Resolver::admit(const Request& request, const ReplyTo& to, Time now) {
    impl_->admit(request, to, now);
}

void Resolver::observe(ReplyObserver* observer) noexcept {
    impl_->writer.observe(observer);
}

Disposition Resolver::answer_now(Bytes message, Time now, Request& request, MutableBytes out,
                                 std::size_t& size) noexcept {
    const Disposition done = impl_->answer_now(message, now, request, {out, size});
    if (done == Disposition::replied) impl_->writer.told(request, size);
    return done;
}

Disposition Resolver::Impl::answer_now(Bytes message, Time now, Request& request,
                                       ReplyWriter::Out out) noexcept {
    dns::Query& query = request.query;
    request.other_kinds_possible = true;
    request.last_known = false;
    writer.begin();
    const auto wrong = [&](Count what, Rcode rcode,
                           const dns::ExtendedError* why = nullptr) noexcept {
        counters.add(what);
        return writer.error(request, rcode, out, why);
    };

    // 1. Parse; drop what must be dropped, refuse what must be refused.
    switch (dns::parse_query(message, query)) {
        case dns::Verdict::ok: break;
        case dns::Verdict::drop:
            counters.add(Count::dropped_malformed);
            return Disposition::dropped;
        case dns::Verdict::formerr: return wrong(Count::formerr, Rcode::formerr);
        case dns::Verdict::notimp: return wrong(Count::notimp, Rcode::notimp);
        case dns::Verdict::badvers: return wrong(Count::badvers, Rcode::badvers);
    }
    const bool by_subnet = query.subnet_state != dns::SubnetState::none && heeds_subnet(request);
    if (by_subnet && query.subnet_state == dns::SubnetState::malformed)
        return wrong(Count::client_subnet_malformed, Rcode::formerr, &kBadSubnet);
    counters.add_question(query.type);

    // 2., 4. and 5. The view of the client, and the longest suffix in it; names that must not leak
    // have built-in zones.
    const Decision decision =
        by_subnet ? decide_by_subnet(request)
                  : decide(*snapshot, request.listener, request.client, query.name(), query.type);
    if (decision.view == nullptr)
        return wrong(Count::refused_client, Rcode::refused,
                     by_subnet && query.subnet.gives_address() ? &kNoViewOfSubnet : &kNoView);
    request.view = decision.view_id;
    request.view_group = decision.view->group.value_or(decision.view_id);
    request.route = decision.route;
    writer.note().view = decision.view;
    const auto refuse = [&](const dns::ExtendedError& why) noexcept {
        counters.add(Count::refused);
        return writer.error(request, Rcode::refused, out, &why, decision.view->recursion_available);
    };

    // 3. Questions about this server; classes and types that are not served.
    if (is_inquiry(query)) return introspect(decision, request, now, out);
    if (query.klass != dns::klass::in) return refuse(kNoClass);
    if (is_transfer(query.type)) return refuse(kNoTransfer);
    if (decision.route == nullptr) return refuse(*why_no_owner(decision, query));

    // 6. Our own zone answers; for the others the cache may.
    if (!is_upstream(*decision.route)) return from_zone(decision, request, out);
    if (const Disposition done = from_memory(decision, request, now, out);
        done != Disposition::deferred)
        return done;

    // 7. Not known here: an upstream must be asked, if the client lets us and it is not away.
    writer.note().source = Source::none;
    if (!query.recursion_desired()) return refuse(kNoRecursion);
    return fail_at_once(decision, request, out);
}

// The Client Subnet of other clients is as if it were not there, whatever is in it: with it they
// could choose a view.
bool Resolver::Impl::heeds_subnet(const Request& request) noexcept {
    const bool is_trusted = snapshot->trusted_forwarders.contains(request.client);
    if (!is_trusted) counters.add(Count::client_subnet_ignored);
    return is_trusted;
}

// From here on the reply echoes the option, whatever comes of the query (RFC 7871 7.2.1).
Decision Resolver::Impl::decide_by_subnet(Request& request) noexcept {
    dns::Query& query = request.query;
    const auto [decision, scope] = resolver::decide_by_subnet(
        *snapshot, request.listener, request.client, query.subnet, query.name(), query.type);
    query.subnet_state = dns::SubnetState::answered;
    query.subnet.scope_length = scope;
    counters.add(Count::client_subnet_used);
    return decision;
}

// No client waits for an upstream that is away, unless aliases may lead to another one.
Disposition Resolver::Impl::fail_at_once(const Decision& decision, const Request& request,
                                         ReplyWriter::Out out) noexcept {
    const upstream::Upstream& owner = upstream_of(*snapshot, *decision.route);
    if (request.other_kinds_possible || !owner.health->is_away()) return Disposition::deferred;
    counters.add(Count::failed_partitioned);
    if (!is_dry) owner.health->stats().note_failed_at_once();
    counters.add(Count::servfail);
    const dns::ExtendedError why =
        describe_unknown(writer.begin_text(), owner, client.endpoints_of(owner));
    return writer.error(request, Rcode::servfail, out, &writer.extended(why.code, why.text),
                        decision.view->recursion_available);
}

Disposition Resolver::Impl::from_zone(const Decision& decision, Request& request,
                                      ReplyWriter::Out out) noexcept {
    const dns::Query& query = request.query;
    dns::BodyWriter body(out.buffer, dns::body_limit(query, request.udp), query.name());
    writer.note().source = Source::zone;
    ZoneWalk walk(*snapshot, *decision.view, *decision.route,
                  dns::Name::from_checked(query.name()));
    const ZoneWalk::End end = walk.run(query.type, 0, writer.rotation(), body);
    if (end == ZoneWalk::End::broken) {
        counters.add(Count::servfail);
        const bool loops = ends_in_loop(out.buffer, query.name(), body.info());
        return writer.error(request, Rcode::servfail, out, loops ? &kAliasLoop : &kLongChain,
                            decision.view->recursion_available);
    }
    if (end == ZoneWalk::End::not_ready) {
        counters.add(Count::servfail);
        return writer.error(request, Rcode::servfail, out, &kNotReady,
                            decision.view->recursion_available);
    }
    // Aliases lead to an upstream, which takes a while.
    if (end == ZoneWalk::End::upstream && query.recursion_desired()) return Disposition::deferred;
    const dns::ExtendedError* why = end == ZoneWalk::End::no_owner ? &kNoRoute : nullptr;
    if (decision.route->built_in && body.info().counts[0] == 0) why = why_no_owner(decision, query);
    return writer.from_zone(request, *decision.view, body, walk.rcode(), walk.is_authoritative(),
                            why, out);
}

// Of a name that has no owner but a built-in zone, or none at all. It costs more than the rest of
// the reply, and a client without EDNS is not told.
const dns::ExtendedError* Resolver::Impl::why_no_owner(const Decision& decision,
                                                       const dns::Query& query) noexcept {
    const view::Route* special = decision.route;
    if (!query.has_edns) return special == nullptr ? &kNoRoute : nullptr;
    EdeText& text = writer.begin_text();
    return special == nullptr
               ? &writer.extended(dns::ede::not_authoritative,
                                  describe_unrouted(text, *decision.view, query.name()))
               : &writer.extended(dns::ede::other,
                                  describe_special(text, *decision.view, *special, query.name()));
}

// Of a name that is denied: that its whole zone is not where it is asked for.
const dns::ExtendedError* Resolver::Impl::why_absent(const upstream::Upstream& owner) noexcept {
    const std::string_view absent =
        describe_zone_absent(writer.begin_text(), owner, client.endpoints_of(owner));
    return absent.empty() ? nullptr : &writer.extended(dns::ede::other, absent);
}

// A lookup probes name and type, then the NXDOMAIN of the name, then what is past its TTL, and a
// failure that is still fresh (RFC 9520).
Disposition Resolver::Impl::from_memory(const Decision& decision, Request& request, Time now,
                                        ReplyWriter::Out out) noexcept {
    // Who said it is looked up only for those who want to know: a hit has no other use for it.
    const auto owner = [&]() noexcept -> const upstream::Upstream& {
        return upstream_of(*snapshot, *decision.route);
    };
    writer.note().source = Source::cache;
    if (writer.is_observed()) writer.note().upstream = &owner();
    using Words = Memory::Words;
    const Subject subject = subject_of(*snapshot, request);
    cache::Hit hit;
    const auto found = [&](cache::Kind kind) noexcept {
        return memory.find_fresh(subject, kind, now, out.buffer, hit);
    };
    const auto reply_fresh = [&](cache::Kind kind, Words words) noexcept {
        const dns::ExtendedError* why = nullptr;
        if (kind == cache::Kind::nxdomain && request.query.has_edns) why = why_absent(owner());
        writer.from_cache(request, *decision.view, hit, why, out);
        if (may_be_due(hit) && is_due(hit, request.query.name_hash))
            plan_refresh(request, subject, kind, words, now);
        return Disposition::replied;
    };
    const bool answered = found(cache::Kind::answer);
    request.other_kinds_possible = hit.other_kinds_possible;
    if (answered) return reply_fresh(cache::Kind::answer, Words::of_owner);
    const bool answer_expired = request.last_known = hit.expired;
    if (request.other_kinds_possible) {
        if (memory.find_assembled(subject, now, out.buffer, hit))
            return reply_fresh(cache::Kind::answer, Words::assembled);
        if (hit.expired) request.last_known = true;
    }
    // An NXDOMAIN of this type would have replaced what has expired: it is another type's.
    if (!answer_expired) {
        if (found(cache::Kind::nxdomain))
            return reply_fresh(cache::Kind::nxdomain, Words::of_owner);
        if (hit.expired) request.last_known = true;
    }
    return from_past(decision, request, owner(), now, out);
}

// Nothing fresh is known: what is past its TTL, or a failure that is remembered.
Disposition Resolver::Impl::from_past(const Decision& decision, Request& request,
                                      const upstream::Upstream& owner, Time now,
                                      ReplyWriter::Out out) noexcept {
    const Subject subject = subject_of(*snapshot, request);
    writer.note().upstream = &owner;
    cache::Hit hit;
    if (owner.health->is_away()) {
        const dns::Name name = dns::Name::from_checked(subject.name);
        if (const auto asked = name_at_owner(*decision.route, name); asked && !is_dry)
            client.send_canary(owner, copy_of(request.query, *asked), now);
        // Aliases whose end has another owner, who may be there.
        if (memory.find_last_known_chain(subject, now, out.buffer, hit)) {
            request.other_kinds_possible = true;
            return Disposition::deferred;
        }
        EdeText& why = writer.begin_text();
        describe_away(why, owner, client.endpoints_of(owner));
        if (!memory.find_last_known(subject, now, out.buffer, hit)) return Disposition::deferred;
        return writer.from_cache(request, *decision.view, hit, note_stale(owner, hit, why), out);
    }
    if (!request.other_kinds_possible || !memory.find_failure(subject, now, out.buffer, hit))
        return Disposition::deferred;
    const Rcode rcode = hit.rcode;
    EdeText& why = writer.begin_text();
    describe_cached_failure(why, hit.remaining,
                            Bytes(out.buffer).subspan(body_offset(subject.name), hit.info.size));
    if (request.last_known && memory.find_last_known(subject, now, out.buffer, hit))
        return writer.from_cache(request, *decision.view, hit, note_stale(owner, hit, why), out);
    counters.add(Count::answered_failure_cached);
    return writer.error(request, rcode, out, &writer.extended(dns::ede::cached_error, why.text()),
                        decision.view->recursion_available);
}

// The extended error of an answer past its TTL; null for one that is still fresh.
const dns::ExtendedError* Resolver::Impl::note_stale(const upstream::Upstream& owner,
                                                     const cache::Hit& hit, EdeText& why) noexcept {
    if (!hit.stale) return nullptr;
    if (!is_dry) owner.health->stats().note_stale_answer();
    writer.note().source = Source::stale;
    return &writer.extended(stale_code(hit), describe_stale(why, hit.age));
}

}  // namespace peerzone::resolver
