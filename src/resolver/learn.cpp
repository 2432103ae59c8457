// What an upstream said: judged, kept, and handed on to the walk (src/README.md, "Order of things",
// step 8).
#include <algorithm>

#include "peerzone/upstream/passed_error.hpp"
#include "resolver/impl.hpp"

namespace peerzone::resolver {
namespace {

using dns::Rcode;
using upstream::ReplyKind;

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

// Keeps what came of asking. True when the walk is over.
bool Resolver::Impl::take(Walk& walk, const upstream::Upstream& upstream,
                          const upstream::Asked& asked, Time now) {
    if (!asked.ok) return take_failure(walk, upstream, asked, now);
    const upstream::CheckedReply& checked = asked.checked;
    const bool on = goes_on(*walk.view, *walk.flight->snapshot, upstream, checked);
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
    if (checked.links != 0 || checked.kind == ReplyKind::data)
        walk.lifetime = std::min<Duration>(walk.lifetime, Seconds(checked.least_ttl));
    if (on) {
        take_chain(walk, upstream, checked, writer, now);
        return false;
    }
    take_end(walk, upstream, checked, writer, caps.negative, now);
    return true;
}

cache::Key Resolver::Impl::key_here(const Walk& walk, cache::Kind kind) const {
    const Request& request = walk.flight->question();
    const std::uint64_t hash =
        walk.stops == 0 ? request.query.name_hash : dns::hash_folded(walk.name.wire());
    return key_of(walk.name.wire(), hash, request, kind);
}

// A name that does not exist has no address of the other family either: it must not come back as
// the last one known.
void Resolver::Impl::erase_other_address(cache::Key key) noexcept {
    if (key.type != dns::type::a && key.type != dns::type::aaaa) return;
    key.type = key.type == dns::type::a ? dns::type::aaaa : dns::type::a;
    cache.erase(key);
}

bool Resolver::Impl::take_failure(Walk& walk, const upstream::Upstream& upstream,
                                  const upstream::Asked& asked, Time now) {
    // Without endpoints nobody was asked: the next question costs nothing and sees at once when
    // there are some. From an upstream that is away meanwhile, failures are told, not remembered.
    // Nor are those of questions that came over other servers: the upstream may have refused the
    // hops, which anybody can write into a question, and others ask without them.
    if (asked.cacheable && !upstream.endpoints.empty() && !upstream.health->is_away() &&
        walk.flight->question().query.hops == 0)
        cache.store_failure(key_here(walk, cache::Kind::failure), asked.error_text, Rcode::servfail,
                            upstream.id, now);
    // RFC 8767 5: when the answer cannot be refreshed, the one known last is better than none.
    if (const Visit led = visit_last_known(walk, upstream, asked.error_text, now);
        led != Visit::ask)
        return led == Visit::over;
    fail(walk, asked.error_code, asked.error_text);
    return true;
}

// An alias whose end somebody else knows.
void Resolver::Impl::take_chain(Walk& walk, const upstream::Upstream& upstream,
                                const upstream::CheckedReply& checked,
                                const dns::BodyWriter& writer, Time now) {
    const cache::Value chain{.body = writer.body(),
                             .info = writer.info(),
                             .rcode = Rcode::noerror,
                             .source = upstream.id,
                             .lifetime = Seconds(checked.least_ttl)};
    cache.store(key_here(walk, cache::Kind::chain), chain, now);
    // What was known before is no longer true, however it ends.
    cache.erase(key_here(walk, cache::Kind::answer));
    cache.erase(key_here(walk, cache::Kind::nxdomain));
    pass(walk, writer.info(), true);
    walk.name = checked.target.folded();
    ++walk.stops;
    walk.last_known = false;
}

// Why the upstream denies a name, or that its own answer is old: it said so with its reply.
void Resolver::Impl::pass_on_error(Walk& walk, const upstream::Upstream& upstream,
                                   const upstream::CheckedReply& checked) {
    if (!checked.error.present || !walk.answer.error_text.empty()) return;
    std::string via = upstream.label;
    if (checked.rcode != Rcode::noerror) via.append(" ").append(dns::rcode_text(checked.rcode));
    walk.answer.error_code = checked.error.code;
    walk.answer.error_text = upstream::pass_error(via, checked.error.text);
}

void Resolver::Impl::take_end(Walk& walk, const upstream::Upstream& upstream,
                              const upstream::CheckedReply& checked, const dns::BodyWriter& writer,
                              std::uint32_t negative_max, Time now) {
    const bool negative = checked.kind != ReplyKind::data;
    walk.answer.rcode = checked.rcode;
    walk.answer.authentic_data = checked.authentic_data &&
                                 upstream.options.kind == upstream::Kind::forward &&
                                 (walk.stops == 0 || walk.answer.authentic_data);
    walk.answer.info = writer.info();
    // RFC 2308 5: without SOA a negative answer is not kept, nor what it denies.
    const bool keep = !negative || checked.has_soa;
    Duration lifetime =
        Seconds(negative ? std::min(checked.soa_ttl, negative_max) : checked.least_ttl);
    if (negative && checked.links != 0)
        lifetime = std::min<Duration>(lifetime, Seconds(checked.least_ttl));
    walk.lifetime = std::min(walk.lifetime, lifetime);
    if (!keep) walk.cacheable = false;
    const bool bare_nxdomain = checked.kind == ReplyKind::nxdomain && checked.links == 0;
    const cache::Key answer = key_here(walk, cache::Kind::answer);
    const cache::Key nxdomain = key_here(walk, cache::Kind::nxdomain);
    const cache::Value value{.body = writer.body(),
                             .info = writer.info(),
                             .rcode = checked.rcode,
                             .authentic_data = walk.answer.authentic_data,
                             .source = upstream.id,
                             .lifetime = lifetime};
    const bool kept = keep && cache.store(bare_nxdomain ? nxdomain : answer, value, now);
    if (bare_nxdomain || !kept) cache.forget_failure(answer);
    if (bare_nxdomain || !kept) cache.erase(answer);
    if (bare_nxdomain) erase_other_address(answer);
    if (!bare_nxdomain || !kept) cache.erase(nxdomain);
    // An alias that was known, and is none any more, must not be followed when this has expired.
    // The first stop of a client's question found none, or would not have been asked.
    if (walk.flight->is_refresh || walk.stops != 0 || walk.flight->question().kin)
        cache.erase(key_here(walk, cache::Kind::chain));
    pass_on_error(walk, upstream, checked);
    assemble(walk);
}

}  // namespace peerzone::resolver
