// Answers that must wait. A flight walks from its question over aliases, through zones, the cache
// and upstreams, until data, a negative answer or a failure ends it; then every waiter gets its
// reply. Between two waits the current stop's message stands in Impl::scratch; nothing there
// survives a wait, so aliases passed are copied into the Walk.
#include <algorithm>
#include <cstring>

#include "resolver/impl.hpp"

namespace peerzone::resolver {
namespace {

using dns::Rcode;
using metrics::Count;
using upstream::ReplyKind;

std::size_t body_offset(Bytes name) noexcept {
    return dns::kHeaderSize + name.size() + 4;
}

Seconds negative_cap(const upstream::Upstream& upstream, const cache::Cache& cache) {
    const Seconds most = cache.negative_max_ttl();
    const Seconds unset = upstream.options.kind == upstream::Kind::forward ? most : Seconds(1);
    return std::min(most, upstream.options.negative_ttl.value_or(unset));
}

// Whether the chain of an answer that ends without data goes on through our own routes: always
// where somebody else answers for its end; with the same upstream, or where nobody answers, when it
// was not said that the end has nothing.
bool goes_on(const view::View& view, const Snapshot& snapshot, const upstream::Upstream& upstream,
             const upstream::CheckedReply& checked) {
    if (checked.kind == ReplyKind::data || checked.links == 0) return false;
    const view::Route* route = view.routes.find(checked.target.folded().wire());
    const bool elsewhere =
        route != nullptr && (route->kind == view::Route::Kind::zone ||
                             snapshot.upstreams[route->index].get() != &upstream);
    return elsewhere || (checked.kind == ReplyKind::nodata && !checked.has_soa);
}

}  // namespace

void Resolver::Impl::answer_later(const Request& request, const ReplyTo& to, Time now) {
    const upstream::Upstream* first = first_upstream(request);
    if (first == nullptr) return;  // answer_now would not have sent it here
    Flight* flight = nullptr;
    const Waiter waiter{to, request, now};
    switch (const Join joined = table.join(waiter, first->id, snapshot, flight)) {
        case Join::started: run(*flight, now); break;
        case Join::joined: break;
        case Join::too_many_flights:
        case Join::too_many_waiters:
            if (!answer_from_memory(request, to, now)) shed(request, to, *first, joined, now);
            break;
    }
}

// Whose share a new flight counts against. A chain that begins in our own zone counts for the
// upstream that it leads to.
const upstream::Upstream* Resolver::Impl::first_upstream(const Request& request) {
    const view::View& view = snapshot->views[request.view];
    dns::Name name = dns::Name::from_checked(request.query.name());
    for (unsigned stop = 0; stop <= kLinksMax; ++stop) {
        const view::Route* route = stop == 0 ? request.route : view.routes.find(name.wire());
        if (route == nullptr) return nullptr;
        if (route->kind == view::Route::Kind::upstream)
            return snapshot->upstreams[route->index].get();
        dns::BodyWriter writer(scratch, scratch.size(), name.wire());
        const LongerRoutes elsewhere(view, *route);
        name = snapshot->zones[route->index]
                   ->lookup(name, request.query.type, 0, writer, &elsewhere)
                   .target.folded();
    }
    return nullptr;
}

// An alias of our own to a name that the cache knows needs nobody, so no bound may refuse it
// (DESIGN section 8).
bool Resolver::Impl::answer_from_memory(const Request& request, const ReplyTo& to, Time now) {
    Flight alone;
    alone.snapshot = snapshot;
    alone.waiters.push_back({to, request, now});
    Walk walk{.flight = &alone,
              .view = &snapshot->views[request.view],
              .name = dns::Name::from_checked(request.query.name())};
    if (visit(walk, now) != nullptr) return false;
    finish(alone, walk, now);
    return true;
}

void Resolver::Impl::shed(const Request& request, const ReplyTo& to,
                          const upstream::Upstream& upstream, Join why, Time now) {
    const bool flights = why == Join::too_many_flights;
    counters.add(flights ? Count::shed_in_flight : Count::shed_waiters);
    const std::string text =
        upstream.label + (flights
                              ? " too many questions in flight (limits.in_flight_per_upstream_max)"
                              : " too many clients waiting (limits.waiters_per_upstream_max)");
    std::uint64_t suppressed = 0;
    if (failure_log.allow(now, suppressed))
        log::warning("question shed", {{"why", text}, {"suppressed", std::to_string(suppressed)}});
    Answer answer;
    answer.failed = true;
    answer.rcode = Rcode::servfail;
    answer.error_code = dns::ede::other;
    answer.error_text = text;
    answer.upstream = &upstream;
    reply_to({to, request, now}, snapshot->views[request.view], answer, now);
}

upstream::Detached Resolver::Impl::run(Flight& flight, Time now) {
    Walk walk{.flight = &flight,
              .view = &flight.snapshot->views[flight.question().view],
              .name = dns::Name::from_checked(flight.question().query.name())};
    for (;;) {
        const upstream::Upstream* next = visit(walk, now);
        if (next == nullptr) break;
        walk.answer.source = Source::upstream;
        if (!table.move(flight, next->id)) {
            counters.add(Count::shed_in_flight);
            fail(walk, dns::ede::other, next->label + " too many questions in flight");
            break;
        }
        const upstream::Question question{
            .name = walk.name,
            .type = walk.type(),
            .dnssec_ok = flight.question().query.dnssec_ok,
            .checking_disabled = flight.question().query.checking_disabled()};
        upstream::Task<upstream::Asked> asking = client.ask(*next, question, now);
        const upstream::Asked asked = co_await asking;
        now = asked.ended_at;
        if (take(walk, *next, asked, now)) break;
    }
    std::unique_ptr<Flight> landed = table.finish(flight);
    finish(*landed, walk, now);
    table.recycle(std::move(landed));
}

// Goes on from walk.name as far as that needs no waiting. Returns whom to ask, or null when the
// walk is over.
const upstream::Upstream* Resolver::Impl::visit(Walk& walk, Time now) {
    const Snapshot& snap = *walk.flight->snapshot;
    for (;;) {
        if (walk.links > kLinksMax) {
            fail_chain(walk);
            return nullptr;
        }
        const view::Route* route = walk.stops == 0 ? walk.flight->question().route
                                                   : walk.view->routes.find(walk.name.wire());
        if (route == nullptr) {  // the chain ends where nobody is known: the client gets the chain
            walk.cacheable = false;
            walk.answer.error_code = dns::ede::not_authoritative;
            walk.answer.error_text = "no zone, peer or forward for " + walk.name.to_text();
            walk.answer.info = {};
            assemble(walk);
            return nullptr;
        }
        if (route->kind == view::Route::Kind::upstream) {
            const upstream::Upstream& next = *snap.upstreams[route->index];
            walk.answer.upstream = &next;
            if (walk.stops == 0) {
                walk.first_is_upstream = true;
                walk.first_source = next.id;
            } else if (visit_cache(walk, now)) {
                return nullptr;
            }
            if (!visit_chain(walk, now)) return &next;
            continue;
        }
        const unsigned stops = walk.stops;
        visit_zone(walk, *route);
        if (walk.stops == stops) return nullptr;
    }
}

// Looks walk.name up in a zone of ours: the walk is over then, or it stands at another name and has
// one stop more.
void Resolver::Impl::visit_zone(Walk& walk, const view::Route& route) {
    const zone::Zone& zone = *walk.flight->snapshot->zones[route.index];
    const LongerRoutes elsewhere(*walk.view, route);
    dns::BodyWriter writer(scratch, scratch.size(), walk.name.wire());
    const zone::LookupResult found =
        zone.lookup(walk.name, walk.type(), rotation++, writer, &elsewhere);
    walk.answer.source = Source::zone;
    walk.answer.upstream = nullptr;
    if (walk.stops == 0 && found.outcome != zone::Outcome::delegation)
        walk.answer.authoritative = true;
    walk.links += found.links;
    // An answer that rests on our own zone must change with it, so it is put together anew each
    // time.
    walk.cacheable = false;
    if (found.outcome == zone::Outcome::broken) {
        fail(walk, dns::ede::other,
             "aliases in zone " + zone.origin().to_text() + " form a loop or more than 8 links");
    } else if (found.outcome == zone::Outcome::chain) {
        pass(walk, writer.info(), true);
        walk.name = found.target.folded();
        ++walk.stops;
    } else {
        if (found.outcome == zone::Outcome::nxdomain) walk.answer.rcode = Rcode::nxdomain;
        walk.answer.info = writer.info();
        assemble(walk);
    }
}

// The end of a chain that is known already. What the cache holds is always the whole way to an end.
bool Resolver::Impl::visit_cache(Walk& walk, Time now) {
    const std::uint64_t hash = dns::hash_folded(walk.name.wire());
    const std::size_t start = body_offset(walk.name.wire());
    const MutableBytes body = MutableBytes(scratch).subspan(start);
    cache::Hit hit;
    const auto found = [&](cache::Kind kind) {
        return cache.find(key_of(walk.name.wire(), hash, walk.flight->question(), kind), now, body,
                          hit);
    };
    walk.answer.source = Source::cache;
    if (found(cache::Kind::answer) || found(cache::Kind::nxdomain)) {
        std::memcpy(&scratch[dns::kHeaderSize], walk.name.wire().data(), walk.name.size());
        walk.answer.rcode = hit.rcode;
        walk.answer.authentic_data = walk.answer.authentic_data && hit.authentic_data;
        walk.answer.info = hit.info;
        walk.lifetime = std::min(walk.lifetime, hit.remaining);
        assemble(walk);
        return true;
    }
    if (!found(cache::Kind::failure)) return false;
    fail(walk, dns::ede::cached_error,
         std::string(say_cached_failure(words, hit.remaining, body.first(hit.info.size))));
    walk.answer.rcode = hit.rcode;
    return true;
}

// Aliases that an upstream told before, whose end lies elsewhere. True when the walk stands there
// now.
bool Resolver::Impl::visit_chain(Walk& walk, Time now) {
    if (walk.stops == 0 && !walk.flight->question().kin) return false;
    const std::uint64_t hash = dns::hash_folded(walk.name.wire());
    const std::size_t start = body_offset(walk.name.wire());
    cache::Hit hit;
    if (!cache.find(key_of(walk.name.wire(), hash, walk.flight->question(), cache::Kind::chain),
                    now, MutableBytes(scratch).subspan(start), hit))
        return false;
    std::memcpy(&scratch[dns::kHeaderSize], walk.name.wire().data(), walk.name.size());
    const std::size_t before = walk.passed.size();
    const unsigned links = walk.links;
    pass(walk, hit.info, true);
    for (std::size_t i = before; i < walk.passed.size(); ++i) {
        const dns::ResourceRecord& record = walk.passed[i].record;
        if (record.type != dns::type::cname) continue;
        walk.name = dns::Name::from_checked(record.rdata).folded();
        ++walk.links;
    }
    if (walk.links == links) {  // no alias in it: it leads nowhere
        walk.passed.resize(before);
        return false;
    }
    walk.lifetime = std::min(walk.lifetime, hit.remaining);
    ++walk.stops;
    return true;
}

// Judges what an upstream said (DESIGN section 2, step 8) and keeps it. True when the walk is over.
bool Resolver::Impl::take(Walk& walk, const upstream::Upstream& upstream,
                          const upstream::Asked& asked, Time now) {
    const Request& request = walk.flight->question();
    const std::uint64_t hash =
        walk.stops == 0 ? request.query.name_hash : dns::hash_folded(walk.name.wire());
    const auto key = [&](cache::Kind kind) {
        return key_of(walk.name.wire(), hash, request, kind);
    };
    if (!asked.ok) {
        // Without endpoints nobody was asked: the next question costs nothing and sees at once when
        // there are some.
        if (asked.cacheable && !upstream.endpoints.empty())
            cache.store_failure(key(cache::Kind::failure), asked.error_text, Rcode::servfail,
                                upstream.id, now);
        fail(walk, asked.error_code, asked.error_text);
        return true;
    }
    const upstream::CheckedReply& checked = asked.checked;
    const bool on = goes_on(*walk.view, *walk.flight->snapshot, upstream, checked);
    const bool negative = checked.kind != ReplyKind::data;
    const Seconds cap = negative_cap(upstream, cache);
    const upstream::TtlCaps caps{.positive = static_cast<std::uint32_t>(cache.max_ttl().count()),
                                 .negative = static_cast<std::uint32_t>(cap.count())};
    dns::BodyWriter writer(scratch, scratch.size(), walk.name.wire());
    if (!upstream::write_kept(*asked.index, walk.name.wire(), walk.type(), checked, caps, !on,
                              writer)) {
        fail(walk, dns::ede::invalid_data, upstream.label + " reply too large to be kept");
        return true;
    }
    walk.links += checked.links;
    if (checked.links != 0 || !negative)
        walk.lifetime = std::min<Duration>(walk.lifetime, Seconds(checked.least_ttl));
    if (on) {
        const cache::Value chain{.body = writer.body(),
                                 .info = writer.info(),
                                 .rcode = Rcode::noerror,
                                 .source = upstream.id,
                                 .lifetime = Seconds(checked.least_ttl)};
        cache.store(key(cache::Kind::chain), chain, now);
        pass(walk, writer.info(), true);
        walk.name = checked.target.folded();
        ++walk.stops;
        return false;
    }
    walk.answer.rcode = checked.rcode;
    walk.answer.authentic_data = checked.authentic_data &&
                                 upstream.options.kind == upstream::Kind::forward &&
                                 (walk.stops == 0 || walk.answer.authentic_data);
    walk.answer.info = writer.info();
    // RFC 2308 5: without SOA a negative answer is not kept.
    Duration lifetime =
        negative ? Seconds(checked.has_soa ? std::min(checked.soa_ttl, caps.negative) : 0)
                 : Seconds(checked.least_ttl);
    if (negative && checked.links != 0)
        lifetime = std::min<Duration>(lifetime, Seconds(checked.least_ttl));
    walk.lifetime = std::min(walk.lifetime, lifetime);
    const bool bare_nxdomain = checked.kind == ReplyKind::nxdomain && checked.links == 0;
    const cache::Value value{.body = writer.body(),
                             .info = writer.info(),
                             .rcode = checked.rcode,
                             .authentic_data = walk.answer.authentic_data,
                             .source = upstream.id,
                             .lifetime = lifetime};
    const bool kept =
        cache.store(key(bare_nxdomain ? cache::Kind::nxdomain : cache::Kind::answer), value, now);
    if (bare_nxdomain || !kept) cache.forget_failure(key(cache::Kind::failure));
    cache.erase(key(bare_nxdomain ? cache::Kind::answer : cache::Kind::nxdomain));
    assemble(walk);
    return true;
}

void Resolver::Impl::fail(Walk& walk, std::uint16_t code, std::string text) {
    const Source source = walk.answer.source;
    const upstream::Upstream* upstream = walk.answer.upstream;
    walk.answer = {};
    walk.answer.source = source;
    walk.answer.upstream = upstream;
    walk.answer.failed = true;
    walk.answer.rcode = Rcode::servfail;
    walk.answer.error_code = code;
    walk.answer.error_text = std::move(text);
}

void Resolver::Impl::fail_chain(Walk& walk) {
    counters.add(Count::chain_too_long);
    fail(walk, dns::ede::other, "more than 8 aliases, the last ones at " + walk.name.to_text());
}

// Copies records of the current stop out of the scratch, before a wait or before the parts are put
// together.
void Resolver::Impl::pass(Walk& walk, const dns::BodyInfo& info, bool answers_only) {
    const std::size_t start = body_offset(walk.name.wire());
    const Bytes message = Bytes(scratch).first(start + info.size);
    dns::Reader reader(message, start);
    std::vector<std::uint8_t> rdata(dns::kRdataMax);
    for (std::size_t section = 0; section < (answers_only ? 1u : 3u); ++section) {
        for (unsigned i = 0; i < info.counts[section]; ++i) {
            dns::Record record;
            bool ok = reader.read_record(record);
            const std::size_t size = ok ? dns::expand_rdata(message, record, rdata, ok) : 0;
            if (!ok) return;
            walk.passed.push_back(
                {static_cast<dns::Section>(section),
                 {.owner = record.owner,
                  .type = record.type,
                  .ttl = record.ttl,
                  .rdata = {rdata.begin(), rdata.begin() + static_cast<std::ptrdiff_t>(size)}}});
        }
    }
}

// The end of a walk: the body in the scratch becomes that of the first question, with the aliases
// passed in front.
void Resolver::Impl::assemble(Walk& walk) {
    if (walk.stops == 0) return;
    pass(walk, walk.answer.info, false);
    const auto aliases = std::ranges::count_if(walk.passed, [](const PassedRecord& p) {
        return p.section == dns::Section::answer && p.record.type == dns::type::cname;
    });
    if (aliases > static_cast<std::ptrdiff_t>(kLinksMax) && !walk.answer.failed) {
        fail_chain(walk);
        return;
    }
    dns::BodyWriter writer(scratch, scratch.size(), walk.flight->question().query.name());
    for (const auto& [section, record] : walk.passed)
        writer.add(section, record.owner.wire(), record.type, record.ttl, record.rdata);
    walk.answer.info = writer.info();
}

void Resolver::Impl::finish(const Flight& flight, Walk& walk, Time now) {
    const Request& request = flight.question();
    const Answer& answer = walk.answer;
    if (!answer.failed && walk.stops != 0 && walk.first_is_upstream && walk.cacheable) {
        const cache::Value value{
            .body = Bytes(scratch).subspan(body_offset(request.query.name()), answer.info.size),
            .info = answer.info,
            .rcode = answer.rcode,
            .authentic_data = answer.authentic_data,
            .source = walk.first_source,
            .lifetime = walk.lifetime};
        cache.store(
            key_of(request.query.name(), request.query.name_hash, request, cache::Kind::answer),
            value, now);
    }
    for (const Waiter& waiter : flight.waiters) {
        counters.add(answer.failed ? Count::servfail : Count::answered_upstream);
        reply_to(waiter, *walk.view, answer, now);
    }
    std::uint64_t suppressed = 0;
    if (answer.failed && failure_log.allow(now, suppressed))
        log::warning("question failed", {{"name", dns::name_text(request.query.name())},
                                         {"type", dns::type_text(request.query.type)},
                                         {"why", answer.error_text},
                                         {"suppressed", std::to_string(suppressed)}});
}

void Resolver::Impl::reply_to(const Waiter& waiter, const view::View& view, const Answer& answer,
                              Time now) {
    const dns::Query& query = waiter.request.query;
    dns::ReplyHead head;
    head.rcode = answer.rcode;
    head.flags = static_cast<std::uint16_t>(
        (view.recursion_available ? dns::kFlagRa : 0) | (answer.authoritative ? dns::kFlagAa : 0) |
        (answer.authentic_data && wants_ad(query) ? dns::kFlagAd : 0));
    if (query.tcp_keepalive) head.keepalive_100ms = waiter.request.keepalive_100ms;
    extended = {answer.error_code, answer.error_text};
    if (!answer.error_text.empty()) head.error = &extended;
    const std::size_t limit = dns::size_limit(query, waiter.request.udp);
    std::size_t size = 0;
    if (answer.failed) {
        size = dns::write_empty_reply(out, query, head, limit);
    } else {
        const std::size_t start = body_offset(query.name());
        std::memcpy(&out[start], &scratch[start], answer.info.size);
        dns::rotate_addresses(out, start, answer.info, rotation++);
        size = dns::finish_reply(out, query, answer.info, head, limit);
    }
    const bool truncated = out[2] & dns::kFlagTc >> 8;
    if (truncated) counters.add(Count::truncated);
    if (observer != nullptr)
        observer->on_reply(waiter.request, {.source = answer.source,
                                            .rcode = answer.rcode,
                                            .truncated = truncated,
                                            .error = head.error,
                                            .view = &view,
                                            .upstream = answer.upstream,
                                            .size = size,
                                            .duration = now - waiter.since});
    waiter.to.sink->deliver(waiter.to, Bytes(out).first(size));
}

}  // namespace peerzone::resolver
