// Answers that must wait. A flight walks from its question over aliases, through zones, the cache
// and upstreams, until data, a negative answer or a failure ends it; then every waiter gets its
// reply. Between two waits the current stop's message stands in Impl::scratch; nothing there
// survives a wait, so aliases passed are copied into the Walk.
//
// An answer past its TTL ends a walk in three cases: its upstream is away (src/README.md,
// "Partition"); its upstream was asked and failed; or nobody is to be asked (Walk::memory_only).
#include <algorithm>
#include <cstring>

#include "resolver/impl.hpp"
#include "resolver/owners.hpp"

namespace peerzone::resolver {
namespace {

/// An RRSIG of a CNAME or DNAME (RFC 4034 3.1.1: the type covered comes first).
bool signs_alias(const dns::ResourceRecord& record) noexcept {
    if (record.rdata.size() < 2) return false;
    const std::uint16_t covered = load_u16(record.rdata.data());
    return covered == dns::type::cname || covered == dns::type::dname;
}

}  // namespace

using dns::Rcode;
using metrics::Count;
using upstream::ChainFault;

upstream::Detached Resolver::Impl::run(Flight& flight, Time now) {
    Walk walk{.flight = &flight,
              .view = &flight.snapshot->views[flight.question().view],
              .name = dns::Name::from_checked(flight.question().query.name()),
              .last_known = flight.question().last_known};
    const Time began = now;
    for (;;) {
        const upstream::Upstream* next = visit(walk, now);
        if (next == nullptr) break;
        walk.answer.source = Source::upstream;
        if (const Join moved = move(flight, *next, now); is_full(moved)) {
            if (find_no_room(walk, *next, moved, now) == Visit::over) break;
            continue;
        }
        const upstream::Question question = question_of(flight.question().query, walk.name);
        if (walk.last_known) watch(flight, *next, now);
        // One deadline, however many owners are asked: the longest of theirs.
        walk.until = std::max<Time>(walk.until, began + next->options.deadline);
        walk.deadline_cut = walk.until < now + next->options.deadline;
        const OtherOwners others(*walk.view, *flight.snapshot, *next);
        const upstream::Chase chase{.others = &others, .until = walk.until};
        upstream::Task<upstream::Asked> asking = client.ask(*next, question, now, chase);
        const upstream::Asked asked = co_await asking;
        now = asked.ended_at;
        if (take(walk, *next, asked, now)) break;
    }
    std::unique_ptr<Flight> landed = table.finish(flight);
    finish(*landed, walk, now);
    table.recycle(std::move(landed));
}

// The flight counts where its aliases have led it, in the place of a greedier client if need be.
Join Resolver::Impl::move(Flight& flight, const upstream::Upstream& upstream, Time now) {
    const Join moved = table.move(flight, upstream.id);
    if (moved != Join::too_many_flights || flight.waiters.front().is_nobody()) return moved;
    Waiter first = flight.waiters.front();
    first.place = guard.place_of(first.request.client, upstream.id);
    return make_room(first, upstream, moved, nullptr, now) ? table.move(flight, upstream.id)
                                                           : moved;
}

// Goes on from walk.name as far as that needs no waiting. Returns whom to ask, or null when the
// walk is over.
const upstream::Upstream* Resolver::Impl::visit(Walk& walk, Time now) {
    const Snapshot& snap = *walk.flight->snapshot;
    for (;;) {
        const bool comes_back = std::ranges::any_of(walk.passed, [&](const PassedRecord& passed) {
            return passed.record.type == dns::type::cname && passed.record.owner == walk.name;
        });
        if (comes_back || walk.links > kLinksMax) {
            fail_chain(walk, comes_back ? ChainFault::loop : ChainFault::too_long);
            return nullptr;
        }
        const view::Route* route =
            walk.stops == 0 ? walk.flight->question().route
                            : find_route(snap, *walk.view, walk.name.wire(), walk.type());
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
            switch (visit_upstream(walk, next, now)) {
                case Visit::ask: return &next;
                case Visit::over: return nullptr;
                case Visit::on: continue;
            }
        }
        const unsigned stops = walk.stops;
        visit_zone(walk, *route);
        if (walk.stops == stops) return nullptr;
    }
}

// What needs nobody to be asked for a name of this upstream.
Visit Resolver::Impl::visit_upstream(Walk& walk, const upstream::Upstream& next, Time now) {
    walk.answer.upstream = &next;
    if (walk.stops == 0) {
        walk.first_is_upstream = true;
        walk.first_source = next.id;
    }
    // For what is still fresh the upstream itself is asked, not what it said before.
    if (walk.stops == 0 && walk.flight->is_refresh && !walk.memory_only) return Visit::ask;
    const bool away = next.health->is_away();
    if (away) client.nudge(next, copy_of(walk.flight->question().query, walk.name), now);
    if (walk.memory_only || away) {
        const std::string_view why = away ? say_away(words.begin(), next) : walk.why;
        if (const Visit led = visit_last_known(walk, next, std::string(why), now);
            led != Visit::ask)
            return led;
        if (!away) return Visit::ask;
        fail_away(walk, next);
        return Visit::over;
    }
    if (walk.stops != 0)
        if (const Visit led = visit_cache(walk, next, now); led != Visit::ask) return led;
    return visit_chain(walk, next, nullptr, End::any, now) ? Visit::on : Visit::ask;
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
    if (walk.stops == 0 && (found.outcome != zone::Outcome::delegation || found.links != 0))
        walk.answer.authoritative = true;
    walk.links += found.links;
    // An answer that rests on our own zone must change with it, so it is put together anew each
    // time.
    walk.cacheable = false;
    if (found.outcome == zone::Outcome::broken) {
        const bool loops = ends_in_loop(scratch, walk.name.wire(), writer.info());
        fail_chain(walk, loops ? ChainFault::loop : ChainFault::too_long);
    } else if (found.outcome == zone::Outcome::chain) {
        pass(walk, writer.info(), true);
        walk.name = found.target.folded();
        ++walk.stops;
    } else {
        if (const Rcode rcode = rcode_of(found.outcome); rcode != Rcode::noerror)
            walk.answer.rcode = rcode;
        walk.answer.info = writer.info();
        assemble(walk);
    }
}

// The end of a chain that is known already. What the cache holds is always the whole way to an end.
Visit Resolver::Impl::visit_cache(Walk& walk, const upstream::Upstream& upstream, Time now) {
    const std::uint64_t hash = dns::hash_folded(walk.name.wire());
    const MutableBytes body = MutableBytes(scratch).subspan(body_offset(walk.name.wire()));
    cache::Hit hit;
    const auto found = [&](cache::Kind kind) {
        const bool fresh = find_fresh(*walk.flight->snapshot, upstream,
                                      key_of(walk.name.wire(), hash, walk.flight->question(), kind),
                                      now, scratch, hit);
        if (kind != cache::Kind::failure && hit.expired) walk.last_known = true;
        return fresh;
    };
    walk.answer.source = Source::cache;
    walk.last_known = false;
    if (found(cache::Kind::answer) || (!walk.last_known && found(cache::Kind::nxdomain))) {
        // A refresh that ended with what is due itself would be none.
        if (walk.flight->is_refresh && hit.remaining <= refresh_window(hit.age + hit.remaining))
            return Visit::ask;
        end_with(walk, hit);
        return Visit::over;
    }
    if (!found(cache::Kind::failure) || is_outdated(upstream, hit, now)) return Visit::ask;
    const Rcode rcode = hit.rcode;
    const auto retry =
        std::string(say_cached_failure(words, hit.remaining, body.first(hit.info.size)));
    // Aliases past their TTL, too: who asked first was answered by them.
    if (const Visit led = visit_last_known(walk, upstream, retry, now); led != Visit::ask)
        return led;
    fail(walk, dns::ede::cached_error, retry);
    walk.answer.rcode = rcode;
    return Visit::over;
}

// The walk ends with what the cache has copied behind the current name.
void Resolver::Impl::end_with(Walk& walk, const cache::Hit& hit) {
    std::memcpy(&scratch[dns::kHeaderSize], walk.name.wire().data(), walk.name.size());
    walk.answer.rcode = hit.rcode;
    walk.answer.authentic_data = walk.answer.authentic_data && hit.authentic_data && !hit.stale;
    walk.answer.info = hit.info;
    walk.lifetime = std::min(walk.lifetime, hit.remaining);
    assemble(walk);
}

// The same for what is known at all, past its TTL too, with the reason why nobody is asked or what
// asking came to. Visit::ask: nothing is known.
Visit Resolver::Impl::visit_last_known(Walk& walk, const upstream::Upstream& upstream,
                                       const std::string& why, Time now) {
    // What was put together under the first name may be older than what its end's owner says.
    if (visit_chain(walk, upstream, &why, End::known, now)) return Visit::on;
    const Request& request = walk.flight->question();
    const std::uint64_t hash = dns::hash_folded(walk.name.wire());
    cache::Hit hit;
    if (!last_known(walk.name.wire(), hash, request, upstream, now, scratch, hit))
        return visit_chain(walk, upstream, &why, End::any, now) ? Visit::on : Visit::ask;
    // Slow is not gone: a denial is believed no longer than negative_ttl while the upstream may
    // still answer, for the name may exist by now.
    if (hit.stale && is_denial(hit) && walk.memory_only && !upstream.health->is_away())
        return Visit::ask;
    walk.answer.source = Source::cache;
    if (hit.stale) rest_on_stale(walk, upstream, hit, why);
    end_with(walk, hit);
    return Visit::over;
}

// The answer will rest on something past its TTL.
void Resolver::Impl::rest_on_stale(Walk& walk, const upstream::Upstream& upstream,
                                   const cache::Hit& hit, std::string_view why) {
    walk.cacheable = false;
    walk.stale = true;
    walk.answer.upstream = &upstream;
    walk.answer.error_code = stale_code(hit);
    walk.answer.error_text = say_stale(words.begin().add(why), hit.age);
}

// Aliases that an upstream told before, whose end lies elsewhere; past their TTL only with a reason
// (`stale_why`), and with End::known only where that end is known or can be asked for. True when
// the walk stands there now.
bool Resolver::Impl::visit_chain(Walk& walk, const upstream::Upstream& upstream,
                                 const std::string* stale_why, End end, Time now) {
    const Request& request = walk.flight->question();
    if (walk.stops == 0 && !request.kin) return false;
    const Bytes name = walk.name.wire();
    const std::uint64_t hash = dns::hash_folded(name);
    cache::Hit hit;
    if (!(stale_why == nullptr
              ? cache.find(key_of(name, hash, request, cache::Kind::chain), now,
                           MutableBytes(scratch).subspan(body_offset(name)), hit)
              : find_known_chain(name, hash, request, upstream, now, scratch, hit)))
        return false;
    if (!walk.flight->snapshot->moved.empty() && hit.source != upstream.id) return false;
    std::memcpy(&scratch[dns::kHeaderSize], name.data(), name.size());
    const std::size_t first = walk.passed.size();
    const unsigned links = walk.links;
    const dns::Name here = walk.name;
    pass(walk, hit.info, true);
    follow_passed(walk, upstream, first);
    // Without an alias in it, it leads nowhere.
    if (walk.links == links || (end == End::known && !may_end_at(walk, walk.name, now))) {
        walk.passed.resize(first);
        walk.links = links;
        walk.name = here;
        return false;
    }
    if (hit.stale) rest_on_stale(walk, upstream, hit, *stale_why);
    walk.lifetime = std::min(walk.lifetime, hit.remaining);
    ++walk.stops;
    return true;
}

// Moves the walk along the aliases passed from `first` on, up to the first name that now belongs
// to another owner: since the upstream said it, a reload may have given that one. What lies behind
// the last alias followed, the data of its end say, is not kept: its owner is asked.
void Resolver::Impl::follow_passed(Walk& walk, const upstream::Upstream& upstream,
                                   std::size_t first) {
    const OtherOwners others(*walk.view, *walk.flight->snapshot, upstream);
    std::size_t end = first;
    bool away = false;
    for (std::size_t i = first; i < walk.passed.size(); ++i) {
        const dns::ResourceRecord& record = walk.passed[i].record;
        if (record.type == dns::type::rrsig && i == end && signs_alias(record)) ++end;
        if (away || record.type != dns::type::cname) continue;
        walk.name = dns::Name::from_checked(record.rdata).folded();
        ++walk.links;
        away = others.own(walk.name);
        end = i + 1;
    }
    walk.passed.resize(end);
}

// Whether a walk that comes to this name will get further: it may be asked for, or is known.
bool Resolver::Impl::may_end_at(const Walk& walk, const dns::Name& target,
                                Time now) const noexcept {
    const view::Route* route = walk.view->routes.find(target.wire());
    if (route == nullptr || route->kind == view::Route::Kind::zone) return true;
    const upstream::Upstream& owner = *walk.flight->snapshot->upstreams[route->index];
    if (!walk.memory_only && !owner.health->is_away()) return true;
    const cache::Key key = key_of(target.wire(), dns::hash_folded(target.wire()),
                                  walk.flight->question(), cache::Kind::answer);
    return cache.holds(key, now, owner.options.stale.max_age) != cache::Held::nothing;
}

}  // namespace peerzone::resolver
