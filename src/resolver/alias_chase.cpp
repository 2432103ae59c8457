// Answers that must wait. A flight walks from its question over aliases, through zones, the cache
// and upstreams, until data, a negative answer or a failure ends it; then every waiter gets its
// reply. Between two waits the current stop's message stands in Impl::scratch; nothing there
// survives a wait, so aliases passed are copied into the AliasChase.
//
// An answer past its TTL ends a walk in three cases: its upstream is away (src/README.md,
// "Partition"); its upstream was asked and failed; or nobody is to be asked
// (AliasChase::memory_only).
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

upstream::Detached Resolver::Impl::run(PendingQuery& pending, Time now) {
    AliasChase chase{.pending = &pending,
                     .view = &pending.snapshot->views[pending.question().view],
                     .name = dns::Name::from_checked(pending.question().query.name()),
                     .last_known = pending.question().last_known};
    const Time began = now;
    for (;;) {
        const upstream::Upstream* next = visit(chase, now);
        if (next == nullptr) break;
        chase.answer.source = Source::upstream;
        if (const Join moved = move(pending, *next, now); is_full(moved)) {
            if (find_no_room(chase, *next, moved, now) == Visit::over) break;
            continue;
        }
        const upstream::Question question = question_of(pending.question().query, chase.name);
        if (chase.last_known) arm_response_timer(pending, *next, now);
        // One deadline, however many owners are asked: the longest of theirs.
        chase.until = std::max<Time>(chase.until, began + next->options.deadline);
        chase.deadline_cut = chase.until < now + next->options.deadline;
        const OtherOwners others(*chase.view, *pending.snapshot, *next);
        const upstream::AskScope scope{.others = &others, .until = chase.until};
        upstream::Task<upstream::Asked> asking = client.ask(*next, question, now, scope);
        const upstream::Asked asked = co_await asking;
        now = asked.ended_at;
        if (take(chase, *next, asked, now)) break;
    }
    std::unique_ptr<PendingQuery> landed = table.finish(pending);
    deliver(*landed, chase, now);
    table.recycle(std::move(landed));
}

// The flight counts where its aliases have led it, in the place of a greedier client if need be.
Join Resolver::Impl::move(PendingQuery& pending, const upstream::Upstream& upstream, Time now) {
    const Join moved = table.move(pending, upstream.id);
    if (moved != Join::too_many_in_flight || pending.waiters.front().is_background()) return moved;
    Waiter first = pending.waiters.front();
    first.place = guard.place_of(first.request.client, upstream.id);
    return make_room(first, upstream, moved, nullptr, now) ? table.move(pending, upstream.id)
                                                           : moved;
}

// Goes on from chase.name as far as that needs no waiting. Returns whom to ask, or null when the
// walk is over.
const upstream::Upstream* Resolver::Impl::visit(AliasChase& chase, Time now) {
    const Snapshot& snap = *chase.pending->snapshot;
    for (;;) {
        const bool comes_back = std::ranges::any_of(chase.passed, [&](const PassedRecord& passed) {
            return passed.record.type == dns::type::cname && passed.record.owner == chase.name;
        });
        if (comes_back || chase.links > kLinksMax) {
            fail_chain(chase, comes_back ? ChainFault::loop : ChainFault::too_long);
            return nullptr;
        }
        const view::Route* route =
            chase.stops == 0 ? chase.pending->question().route
                             : find_route(snap, *chase.view, chase.name.wire(), chase.type());
        if (route == nullptr) {  // the chain ends where nobody is known: the client gets the chain
            chase.cacheable = false;
            chase.answer.error_code = dns::ede::not_authoritative;
            chase.answer.error_text = "no zone, peer or forward for " + chase.name.to_text();
            chase.answer.info = {};
            assemble(chase);
            return nullptr;
        }
        if (route->kind == view::Route::Kind::upstream) {
            const upstream::Upstream& next = *snap.upstreams[route->index];
            switch (visit_upstream(chase, next, now)) {
                case Visit::ask: return &next;
                case Visit::over: return nullptr;
                case Visit::on: continue;
            }
        }
        const unsigned stops = chase.stops;
        visit_zone(chase, *route);
        if (chase.stops == stops) return nullptr;
    }
}

// What needs nobody to be asked for a name of this upstream.
Visit Resolver::Impl::visit_upstream(AliasChase& chase, const upstream::Upstream& next, Time now) {
    chase.answer.upstream = &next;
    if (chase.stops == 0) {
        chase.first_is_upstream = true;
        chase.first_source = next.id;
    }
    // For what is still fresh the upstream itself is asked, not what it said before.
    if (chase.stops == 0 && chase.pending->is_refresh && !chase.memory_only) return Visit::ask;
    const bool away = next.health->is_away();
    if (away) client.send_canary(next, copy_of(chase.pending->question().query, chase.name), now);
    if (chase.memory_only || away) {
        const std::string_view why = away ? describe_away(ede_text.begin(), next) : chase.why;
        if (const Visit led = visit_last_known(chase, next, std::string(why), now);
            led != Visit::ask)
            return led;
        if (!away) return Visit::ask;
        fail_away(chase, next);
        return Visit::over;
    }
    if (chase.stops != 0)
        if (const Visit led = visit_cache(chase, next, now); led != Visit::ask) return led;
    return visit_chain(chase, next, nullptr, End::any, now) ? Visit::on : Visit::ask;
}

// Looks chase.name up in a zone of ours: the walk is over then, or it stands at another name and
// has one stop more.
void Resolver::Impl::visit_zone(AliasChase& chase, const view::Route& route) {
    const zone::Zone& zone = *chase.pending->snapshot->zones[route.index];
    const LongerRoutes elsewhere(*chase.view, route);
    dns::BodyWriter writer(scratch, scratch.size(), chase.name.wire());
    const zone::LookupResult found =
        zone.lookup(chase.name, chase.type(), rotation++, writer, &elsewhere);
    chase.answer.source = Source::zone;
    chase.answer.upstream = nullptr;
    if (chase.stops == 0 && (found.outcome != zone::Outcome::delegation || found.links != 0))
        chase.answer.authoritative = true;
    chase.links += found.links;
    // An answer that rests on our own zone must change with it, so it is put together anew each
    // time.
    chase.cacheable = false;
    if (found.outcome == zone::Outcome::broken) {
        const bool loops = ends_in_loop(scratch, chase.name.wire(), writer.info());
        fail_chain(chase, loops ? ChainFault::loop : ChainFault::too_long);
    } else if (found.outcome == zone::Outcome::chain) {
        pass(chase, writer.info(), true);
        chase.name = found.target.folded();
        ++chase.stops;
    } else {
        if (const Rcode rcode = rcode_of(found.outcome); rcode != Rcode::noerror)
            chase.answer.rcode = rcode;
        chase.answer.info = writer.info();
        assemble(chase);
    }
}

// The end of a chain that is known already. What the cache holds is always the whole way to an end.
Visit Resolver::Impl::visit_cache(AliasChase& chase, const upstream::Upstream& upstream, Time now) {
    const std::uint64_t hash = dns::hash_folded(chase.name.wire());
    const MutableBytes body = MutableBytes(scratch).subspan(body_offset(chase.name.wire()));
    cache::Hit hit;
    const auto found = [&](cache::Kind kind) {
        const bool fresh = find_fresh(
            *chase.pending->snapshot, upstream,
            key_of(chase.name.wire(), hash, chase.pending->question(), kind), now, scratch, hit);
        if (kind != cache::Kind::failure && hit.expired) chase.last_known = true;
        return fresh;
    };
    chase.answer.source = Source::cache;
    chase.last_known = false;
    if (found(cache::Kind::answer) || (!chase.last_known && found(cache::Kind::nxdomain))) {
        // A refresh that ended with what is due itself would be none.
        if (chase.pending->is_refresh && hit.remaining <= refresh_window(hit.age + hit.remaining))
            return Visit::ask;
        end_with(chase, hit);
        return Visit::over;
    }
    if (!found(cache::Kind::failure) || is_outdated(upstream, hit, now)) return Visit::ask;
    const Rcode rcode = hit.rcode;
    const auto retry =
        std::string(describe_cached_failure(ede_text, hit.remaining, body.first(hit.info.size)));
    // Aliases past their TTL, too: who asked first was answered by them.
    if (const Visit led = visit_last_known(chase, upstream, retry, now); led != Visit::ask)
        return led;
    fail(chase, dns::ede::cached_error, retry);
    chase.answer.rcode = rcode;
    return Visit::over;
}

// The walk ends with what the cache has copied behind the current name.
void Resolver::Impl::end_with(AliasChase& chase, const cache::Hit& hit) {
    std::memcpy(&scratch[dns::kHeaderSize], chase.name.wire().data(), chase.name.size());
    chase.answer.rcode = hit.rcode;
    chase.answer.authentic_data = chase.answer.authentic_data && hit.authentic_data && !hit.stale;
    chase.answer.info = hit.info;
    chase.lifetime = std::min(chase.lifetime, hit.remaining);
    assemble(chase);
}

// The same for what is known at all, past its TTL too, with the reason why nobody is asked or what
// asking came to. Visit::ask: nothing is known.
Visit Resolver::Impl::visit_last_known(AliasChase& chase, const upstream::Upstream& upstream,
                                       const std::string& why, Time now) {
    // What was put together under the first name may be older than what its end's owner says.
    if (visit_chain(chase, upstream, &why, End::known, now)) return Visit::on;
    const Request& request = chase.pending->question();
    const std::uint64_t hash = dns::hash_folded(chase.name.wire());
    cache::Hit hit;
    if (!last_known(chase.name.wire(), hash, request, upstream, now, scratch, hit))
        return visit_chain(chase, upstream, &why, End::any, now) ? Visit::on : Visit::ask;
    // Slow is not gone: a denial is believed no longer than negative_ttl while the upstream may
    // still answer, for the name may exist by now.
    if (hit.stale && is_denial(hit) && chase.memory_only && !upstream.health->is_away())
        return Visit::ask;
    chase.answer.source = Source::cache;
    if (hit.stale) rest_on_stale(chase, upstream, hit, why);
    end_with(chase, hit);
    return Visit::over;
}

// The answer will rest on something past its TTL.
void Resolver::Impl::rest_on_stale(AliasChase& chase, const upstream::Upstream& upstream,
                                   const cache::Hit& hit, std::string_view why) {
    chase.cacheable = false;
    chase.stale = true;
    chase.answer.upstream = &upstream;
    chase.answer.error_code = stale_code(hit);
    chase.answer.error_text = describe_stale(ede_text.begin().add(why), hit.age);
}

// Aliases that an upstream told before, whose end lies elsewhere; past their TTL only with a reason
// (`stale_why`), and with End::known only where that end is known or can be asked for. True when
// the walk stands there now.
bool Resolver::Impl::visit_chain(AliasChase& chase, const upstream::Upstream& upstream,
                                 const std::string* stale_why, End end, Time now) {
    const Request& request = chase.pending->question();
    if (chase.stops == 0 && !request.other_kinds_possible) return false;
    const Bytes name = chase.name.wire();
    const std::uint64_t hash = dns::hash_folded(name);
    cache::Hit hit;
    if (!(stale_why == nullptr
              ? cache.find(key_of(name, hash, request, cache::Kind::chain), now,
                           MutableBytes(scratch).subspan(body_offset(name)), hit)
              : find_known_chain(name, hash, request, upstream, now, scratch, hit)))
        return false;
    if (!chase.pending->snapshot->moved.empty() && hit.source != upstream.id) return false;
    std::memcpy(&scratch[dns::kHeaderSize], name.data(), name.size());
    const std::size_t first = chase.passed.size();
    const unsigned links = chase.links;
    const dns::Name here = chase.name;
    pass(chase, hit.info, true);
    follow_passed(chase, upstream, first);
    // Without an alias in it, it leads nowhere.
    if (chase.links == links || (end == End::known && !may_end_at(chase, chase.name, now))) {
        chase.passed.resize(first);
        chase.links = links;
        chase.name = here;
        return false;
    }
    if (hit.stale) rest_on_stale(chase, upstream, hit, *stale_why);
    chase.lifetime = std::min(chase.lifetime, hit.remaining);
    ++chase.stops;
    return true;
}

// Moves the walk along the aliases passed from `first` on, up to the first name that now belongs
// to another owner: since the upstream said it, a reload may have given that one. What lies behind
// the last alias followed, the data of its end say, is not kept: its owner is asked.
void Resolver::Impl::follow_passed(AliasChase& chase, const upstream::Upstream& upstream,
                                   std::size_t first) {
    const OtherOwners others(*chase.view, *chase.pending->snapshot, upstream);
    std::size_t end = first;
    bool away = false;
    for (std::size_t i = first; i < chase.passed.size(); ++i) {
        const dns::ResourceRecord& record = chase.passed[i].record;
        if (record.type == dns::type::rrsig && i == end && signs_alias(record)) ++end;
        if (away || record.type != dns::type::cname) continue;
        chase.name = dns::Name::from_checked(record.rdata).folded();
        ++chase.links;
        away = others.own(chase.name);
        end = i + 1;
    }
    chase.passed.resize(end);
}

// Whether a walk that comes to this name will get further: it may be asked for, or is known.
bool Resolver::Impl::may_end_at(const AliasChase& chase, const dns::Name& target,
                                Time now) const noexcept {
    const view::Route* route = chase.view->routes.find(target.wire());
    if (route == nullptr || route->kind == view::Route::Kind::zone) return true;
    const upstream::Upstream& owner = *chase.pending->snapshot->upstreams[route->index];
    if (!chase.memory_only && !owner.health->is_away()) return true;
    const cache::Key key = key_of(target.wire(), dns::hash_folded(target.wire()),
                                  chase.pending->question(), cache::Kind::answer);
    return cache.holds(key, now, owner.options.stale.max_age) != cache::Held::nothing;
}

}  // namespace peerzone::resolver
