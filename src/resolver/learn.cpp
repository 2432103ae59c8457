// What an upstream said: judged, kept, and handed on to the walk (src/README.md, "Order of things",
// step 8).
#include <algorithm>

#include "peerzone/upstream/passed_error.hpp"
#include "resolver/impl.hpp"
#include "resolver/owners.hpp"

namespace peerzone::resolver {
namespace {

using dns::Rcode;
using upstream::ReplyKind;

// How long "no such type" may be kept while the name has data of another one.
constexpr Seconds kHotNodata{30};

constexpr std::uint16_t kAddressTypes[] = {dns::type::a, dns::type::aaaa};
constexpr std::uint16_t kUsualTypes[] = {
    dns::type::a,  dns::type::aaaa, dns::type::srv, dns::type::txt,  dns::type::mx,
    dns::type::ns, dns::type::ptr,  dns::type::soa, dns::type::svcb, dns::type::https};

const char* denial_text(const upstream::CheckedReply& checked) noexcept {
    return checked.kind == ReplyKind::nxdomain ? "NXDOMAIN" : "no data";
}

// Whether the chain of a reply goes on at its end: where that has another owner, and where
// the reply does not show that the end has nothing.
bool goes_on(const view::View& view, const OtherOwners& others,
             const upstream::CheckedReply& checked) {
    if (checked.kind == ReplyKind::data || checked.links == 0) return false;
    if (checked.leads_away) return true;
    // A name of the peer's own cluster: ours has one of the same name, which is another one.
    if (others.is_replier_cluster(checked.target)) return false;
    if (checked.has_soa) return false;
    // Without a route: the client gets the chain, or that its end does not exist.
    return checked.kind == ReplyKind::nodata ||
           view.routes.find(checked.target.folded().wire()) != nullptr;
}

}  // namespace

// Keeps what came of asking. True when the walk is over.
bool Resolver::Impl::take(Walk& walk, const upstream::Upstream& upstream,
                          const upstream::Asked& asked, Time now) {
    if (!asked.ok) return take_failure(walk, upstream, asked, now);
    const upstream::CheckedReply& checked = asked.checked;
    const OtherOwners others(*walk.view, *walk.flight->snapshot, upstream);
    const bool on = goes_on(*walk.view, others, checked);
    const Seconds cap = negative_max(walk, upstream, checked, now);
    const upstream::TtlCaps caps{.positive = static_cast<std::uint32_t>(cache.max_ttl().count()),
                                 .negative = static_cast<std::uint32_t>(cap.count())};
    dns::BodyWriter writer(scratch, scratch.size(), walk.name.wire());
    // Of a bare denial without SOA there is nothing to write, and its message may be gone.
    if (!upstream::is_doubtful(checked) &&
        !upstream::write_kept(*asked.index, walk.name.wire(), walk.type(), checked, caps, !on,
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

// A question that had only what was left of its chase's deadline says nothing of the name where it
// stood.
cache::Key Resolver::Impl::failed_key(const Walk& walk) const {
    const Request& request = walk.flight->question();
    if (!walk.deadline_cut) return key_here(walk, cache::Kind::failure);
    return key_of(request.query.name(), request.query.name_hash, request, cache::Kind::failure);
}

// A pod's AAAA is asked for with its A: it need not be each second.
Seconds Resolver::Impl::negative_max(const Walk& walk, const upstream::Upstream& upstream,
                                     const upstream::CheckedReply& checked,
                                     Time now) const noexcept {
    const Seconds cap = negative_cap(upstream, cache);
    const bool is_hot = checked.kind == ReplyKind::nodata && checked.has_soa &&
                        other_types(walk, kUsualTypes, upstream, now) == cache::Held::fresh;
    return is_hot ? std::max(cap, std::min(kHotNodata, cache.negative_max_ttl())) : cap;
}

bool Resolver::Impl::take_failure(Walk& walk, const upstream::Upstream& upstream,
                                  const upstream::Asked& asked, Time now) {
    // Without endpoints nobody was asked: the next question costs nothing and sees at once when
    // there are some. From an upstream that is away meanwhile, failures are told, not remembered.
    // Nor are those of questions that came over other servers: the upstream may have refused the
    // hops, which anybody can write into a question, and others ask without them.
    if (asked.cacheable && !upstream.endpoints.empty() && !upstream.health->is_away() &&
        walk.flight->question().query.hops == 0)
        cache.store_failure(failed_key(walk), asked.error_text, Rcode::servfail, upstream.id, now);
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
    pass_on_error(walk, upstream, checked);
    if (negative && !checked.has_soa) {
        // RFC 2308 5: not kept. What it denies may be known, and stays.
        walk.cacheable = false;
        if (walk.answer.error_text.empty()) {
            walk.answer.error_code = dns::ede::other;
            walk.answer.error_text = upstream.label + " " + denial_text(checked) + " without SOA";
        }
    } else {
        Duration lifetime =
            Seconds(negative ? std::min(checked.soa_ttl, negative_max) : checked.least_ttl);
        if (negative && checked.links != 0)
            lifetime = std::min<Duration>(lifetime, Seconds(checked.least_ttl));
        walk.lifetime = std::min(walk.lifetime, lifetime);
        keep_end(walk, upstream, checked, writer, lifetime, now);
        const OtherOwners others(*walk.view, *walk.flight->snapshot, upstream);
        if (walk.answer.error_text.empty() && checked.links != 0 &&
            others.is_replier_cluster(checked.target)) {
            walk.answer.error_code = dns::ede::other;
            walk.answer.error_text =
                checked.target.to_text() + " as " + upstream.label + " sees it";
        }
    }
    assemble(walk);
}

// An NXDOMAIN stands for the whole name, unless data of another type is known: some servers deny
// the name for the family that it does not have.
void Resolver::Impl::keep_end(Walk& walk, const upstream::Upstream& upstream,
                              const upstream::CheckedReply& checked, const dns::BodyWriter& writer,
                              Duration lifetime, Time now) {
    const bool of_name = checked.kind == ReplyKind::nxdomain && checked.links == 0 &&
                         other_types(walk, kAddressTypes, upstream, now) == cache::Held::nothing;
    const cache::Key answer = key_here(walk, cache::Kind::answer);
    const cache::Key nxdomain = key_here(walk, cache::Kind::nxdomain);
    const cache::Value value{.body = writer.body(),
                             .info = writer.info(),
                             .rcode = checked.rcode,
                             .authentic_data = walk.answer.authentic_data,
                             .source = upstream.id,
                             .lifetime = lifetime};
    const bool kept = cache.store(of_name ? nxdomain : answer, value, now);
    if (of_name || !kept) cache.forget_failure(answer);
    if (of_name || !kept) cache.erase(answer);
    if (!of_name || !kept) cache.erase(nxdomain);
    // An alias that was known, and is none any more, must not be followed when this has expired.
    // The first stop of a client's question found none, or would not have been asked.
    if (walk.flight->is_refresh || walk.stops != 0 || walk.flight->question().kin)
        cache.erase(key_here(walk, cache::Kind::chain));
}

}  // namespace peerzone::resolver
