// The order of things. answer_now reads as the list in src/README.md, "Order of things"; what must
// wait goes on in alias_chase.cpp.
#include "peerzone/resolver/resolver.hpp"

#include "resolver/impl.hpp"

namespace peerzone::resolver {
namespace {

using dns::Rcode;
using metrics::Count;

constexpr dns::ExtendedError kNoView{dns::ede::prohibited,
                                     "no view for this client address (views[].clients)"};
constexpr dns::ExtendedError kNoTransfer{dns::ede::not_supported, "zone transfers are not served"};
constexpr dns::ExtendedError kNoClass{dns::ede::not_supported, "only class IN is served"};
constexpr dns::ExtendedError kNoRoute{
    dns::ede::not_authoritative, "no zone, peer or forward for this name (peers, zones, forward)"};
constexpr dns::ExtendedError kNoRecursion{dns::ede::not_authoritative,
                                          "not known here, and RD=0 forbids to ask upstream"};
constexpr dns::ExtendedError kLongChain{dns::ede::other, "alias chain longer than 16 links"};
constexpr dns::ExtendedError kAliasLoop{dns::ede::other, "aliases form a loop"};

std::size_t room_before_body(const dns::Query& query) noexcept {
    return dns::kHeaderSize + query.question_size();
}

}  // namespace

Resolver::Resolver(cache::Cache& cache, upstream::Client& client, metrics::Counters& counters)
    : impl_(std::make_unique<Impl>(cache, client, counters)) {}

Resolver::~Resolver() = default;

void Resolver::publish(std::shared_ptr<const Snapshot> snapshot) {
    impl_->snapshot = std::move(snapshot);
    impl_->refreshes.clear();  // their routes are the old snapshot's
}

std::size_t Resolver::in_flight() const noexcept {
    return impl_->table.size();
}

void Resolver::admit(const Request& request, const ReplyTo& to, Time now) {
    impl_->admit(request, to, now);
}

void Resolver::observe(ReplyObserver* observer) noexcept {
    impl_->observer = observer;
}

Disposition Resolver::answer_now(Bytes message, Time now, Request& request, MutableBytes out,
                                 std::size_t& size) noexcept {
    Impl& self = *impl_;
    const Disposition outcome = self.answer_now(message, now, request, out, size);
    if (outcome == Disposition::replied && self.observer != nullptr) {
        self.note.size = size;
        self.observer->on_reply(request, self.note);
    }
    return outcome;
}

Disposition Resolver::Impl::answer_now(Bytes message, Time now, Request& request,
                                       MutableBytes buffer, std::size_t& size) noexcept {
    dns::Query& query = request.query;
    request.other_kinds_possible = true;
    request.last_known = false;
    note = {};

    // 1. Parse; drop what must be dropped, refuse what must be refused.
    switch (dns::parse_query(message, query)) {
        case dns::Verdict::ok: break;
        case dns::Verdict::drop:
            counters.add(Count::dropped_malformed);
            return Disposition::dropped;
        case dns::Verdict::formerr:
            counters.add(Count::formerr);
            return error(request, Rcode::formerr, buffer, size);
        case dns::Verdict::notimp:
            counters.add(Count::notimp);
            return error(request, Rcode::notimp, buffer, size);
        case dns::Verdict::badvers:
            counters.add(Count::badvers);
            return error(request, Rcode::badvers, buffer, size);
    }
    counters.add_question(query.type);

    // 2. The view of the client address.
    const auto view_id = snapshot->clients.find(request.client);
    if (!view_id) {
        counters.add(Count::refused_client);
        return error(request, Rcode::refused, buffer, size, &kNoView);
    }
    request.view = *view_id;
    const view::View& view = snapshot->views[*view_id];
    note.view = &view;
    const auto refuse = [&](const dns::ExtendedError& why) noexcept {
        counters.add(Count::refused);
        return error(request, Rcode::refused, buffer, size, &why, view.recursion_available);
    };

    // 3. Classes and types that nobody is served.
    if (query.klass != dns::klass::in) return refuse(kNoClass);
    if (query.type == dns::type::axfr || query.type == dns::type::ixfr) return refuse(kNoTransfer);

    // 4. and 5. The longest suffix in this view; names that must not leak have built-in zones.
    const view::Route* route = request.route =
        find_route(*snapshot, view, query.name(), query.type);
    if (route == nullptr) return refuse(kNoRoute);

    // 6. Our own zone answers; for the others the cache may.
    if (route->kind == view::Route::Kind::zone)
        return from_zone(view, *route, request, buffer, size);
    if (const Disposition outcome = from_cache(view, request, now, buffer, size);
        outcome != Disposition::deferred)
        return outcome;

    // 7. Not known here: somebody must be asked, if the client lets us. Nobody waits for an
    // upstream that is away.
    note.source = Source::none;
    if (!query.recursion_desired()) return refuse(kNoRecursion);
    const upstream::Upstream& upstream = *snapshot->upstreams[route->index];
    if (request.other_kinds_possible || !upstream.health->is_away()) return Disposition::deferred;
    counters.add(Count::failed_partitioned);
    upstream.health->stats().note_failed_at_once();
    counters.add(Count::servfail);
    extended = describe_unknown(ede_text.begin(), upstream);
    return error(request, Rcode::servfail, buffer, size, &extended, view.recursion_available);
}

Disposition Resolver::Impl::error(const Request& request, Rcode rcode, MutableBytes buffer,
                                  std::size_t& size, const dns::ExtendedError* why,
                                  bool recursion) noexcept {
    dns::ReplyHead head;
    head.rcode = rcode;
    head.flags = recursion ? dns::kFlagRa : 0;
    head.error = why;
    note.rcode = rcode;
    note.error = why;
    if (request.query.tcp_keepalive) head.keepalive_100ms = request.keepalive_100ms;
    size = dns::write_empty_reply(buffer, request.query, head,
                                  dns::size_limit(request.query, request.udp));
    return Disposition::replied;
}

Disposition Resolver::Impl::from_zone(const view::View& view, const view::Route& route,
                                      Request& request, MutableBytes buffer,
                                      std::size_t& size) noexcept {
    const dns::Query& query = request.query;
    dns::BodyWriter writer(buffer, dns::body_limit(query, request.udp), query.name());
    dns::ReplyHead head;
    head.flags = view.recursion_available ? dns::kFlagRa : 0;
    if (query.tcp_keepalive) head.keepalive_100ms = request.keepalive_100ms;

    note.source = Source::zone;
    const view::Route* at = &route;
    dns::Name name = dns::Name::from_checked(query.name());
    for (unsigned links = 0;;) {
        const LongerRoutes elsewhere(view, *at);
        const zone::LookupResult found =
            snapshot->zones[at->index]->lookup(name, query.type, rotation++, writer, &elsewhere);
        links += found.links;
        // AA speaks for the first owner name in the answer section (RFC 1035 4.1.1): that one is
        // ours, but not below a cut.
        if (found.outcome != zone::Outcome::delegation || links != 0) head.flags |= dns::kFlagAa;
        if (const Rcode rcode = rcode_of(found.outcome); rcode != Rcode::noerror)
            head.rcode = rcode;
        if (found.outcome == zone::Outcome::broken || links > kLinksMax) {
            counters.add(Count::servfail);
            const bool loops = ends_in_loop(buffer, query.name(), writer.info());
            return error(request, Rcode::servfail, buffer, size, loops ? &kAliasLoop : &kLongChain,
                         view.recursion_available);
        }
        if (found.outcome != zone::Outcome::chain) break;
        // Aliases lead out of this zone: into another of ours, or to an upstream, which takes a
        // while.
        name = found.target.folded();
        at = find_route(*snapshot, view, name.wire(), query.type);
        if (at == nullptr) {
            head.error = &kNoRoute;
            break;
        }
        if (at->kind == view::Route::Kind::upstream) {
            if (query.recursion_desired()) return Disposition::deferred;
            break;
        }
    }
    counters.add(Count::answered_zone);
    size =
        dns::finish_reply(buffer, query, writer.info(), head, dns::size_limit(query, request.udp));
    note.rcode = head.rcode;
    note.error = head.error;
    note.truncated = buffer[2] & dns::kFlagTc >> 8;
    if (note.truncated) counters.add(Count::truncated);
    return Disposition::replied;
}

Disposition Resolver::Impl::from_cache(const view::View& view, Request& request, Time now,
                                       MutableBytes buffer, std::size_t& size) noexcept {
    const dns::Query& query = request.query;
    // Who said it is looked up only for those who want to know: a hit has no other use for it.
    const auto whose = [&]() noexcept -> const upstream::Upstream& {
        return *snapshot->upstreams[request.route->index];
    };
    note.source = Source::cache;
    if (observer != nullptr) note.upstream = &whose();
    cache::Hit hit;
    // A lookup probes name and type, then the NXDOMAIN of the name, then a failure that is still
    // fresh (RFC 9520).
    const auto found = [&](cache::Kind kind) noexcept {
        return find_fresh(*snapshot, whose(), key_of(query.name(), query.name_hash, request, kind),
                          now, buffer, hit);
    };
    const auto reply_fresh = [&](cache::Kind kind) noexcept {
        reply_kept(view, request, hit, buffer, size, nullptr);
        if (may_be_due(hit) && is_due(hit, query.name_hash))
            plan_refresh(request, whose(), kind, now);
        return Disposition::replied;
    };
    const bool answered = found(cache::Kind::answer);
    request.other_kinds_possible = hit.other_kinds_possible;
    if (answered) return reply_fresh(cache::Kind::answer);
    request.last_known = hit.expired;
    // An NXDOMAIN of this type would have replaced what has expired: it is another type's.
    if (!request.last_known && found(cache::Kind::nxdomain))
        return reply_fresh(cache::Kind::nxdomain);
    if (hit.expired) request.last_known = true;
    return from_memory(view, request, whose(), now, buffer, size);
}

// Nothing fresh is known: what is past its TTL, or a failure that is remembered.
Disposition Resolver::Impl::from_memory(const view::View& view, Request& request,
                                        const upstream::Upstream& upstream, Time now,
                                        MutableBytes buffer, std::size_t& size) noexcept {
    const dns::Query& query = request.query;
    const MutableBytes body = buffer.subspan(room_before_body(query));
    note.upstream = &upstream;
    cache::Hit hit;
    if (upstream.health->is_away()) {
        client.send_canary(upstream, copy_of(query, dns::Name::from_checked(query.name())), now);
        // Aliases whose end has another owner, who may be there.
        if (find_known_chain(query.name(), query.name_hash, request, upstream, now, buffer, hit)) {
            request.other_kinds_possible = true;
            return Disposition::deferred;
        }
        describe_away(ede_text.begin(), upstream);
        return stale_from_cache(request, upstream, now, buffer, hit)
                   ? reply_kept(view, request, hit, buffer, size, &extended)
                   : Disposition::deferred;
    }
    const bool failed =
        request.other_kinds_possible &&
        cache.find(key_of(query.name(), query.name_hash, request, cache::Kind::failure), now, body,
                   hit);
    if (!failed || is_outdated(upstream, hit, now)) return Disposition::deferred;
    const Rcode rcode = hit.rcode;
    describe_cached_failure(ede_text, hit.remaining, body.first(hit.info.size));
    if (stale_from_cache(request, upstream, now, buffer, hit))
        return reply_kept(view, request, hit, buffer, size, &extended);
    counters.add(Count::answered_failure_cached);
    extended = {dns::ede::cached_error, ede_text.text()};
    return error(request, rcode, buffer, size, &extended, view.recursion_available);
}

// An answer past its TTL, if one may be used, with the words that stand for why as its reason.
bool Resolver::Impl::stale_from_cache(Request& request, const upstream::Upstream& upstream,
                                      Time now, MutableBytes message, cache::Hit& hit) noexcept {
    const dns::Query& query = request.query;
    if ((!request.last_known && !upstream.health->is_away()) ||
        !last_known(query.name(), query.name_hash, request, upstream, now, message, hit))
        return false;
    if (hit.stale) {
        upstream.health->stats().note_stale_answer();
        note.source = Source::stale;
        extended = {stale_code(hit), describe_stale(ede_text, hit.age)};
    }
    return true;
}

Disposition Resolver::Impl::reply_kept(const view::View& view, const Request& request,
                                       const cache::Hit& hit, MutableBytes buffer,
                                       std::size_t& size, const dns::ExtendedError* why) noexcept {
    const dns::Query& query = request.query;
    dns::ReplyHead head;
    head.flags = view.recursion_available ? dns::kFlagRa : 0;
    if (query.tcp_keepalive) head.keepalive_100ms = request.keepalive_100ms;
    // Signatures may have expired as well: what is past its TTL is not said to be authentic.
    if (hit.authentic_data && !hit.stale && wants_ad(query)) head.flags |= dns::kFlagAd;
    head.rcode = note.rcode = hit.rcode;
    if (hit.stale) head.error = note.error = why;
    counters.add(hit.stale ? Count::answered_stale : Count::answered_cache);
    dns::rotate_addresses(buffer, room_before_body(query), hit.info, rotation++);
    size = dns::finish_reply(buffer, query, hit.info, head, dns::size_limit(query, request.udp));
    note.truncated = buffer[2] & dns::kFlagTc >> 8;
    if (note.truncated) counters.add(Count::truncated);
    return Disposition::replied;
}

}  // namespace peerzone::resolver
