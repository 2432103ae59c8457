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
bool Resolver::Impl::take(AliasChase& chase, const upstream::Upstream& upstream,
                          const upstream::Asked& asked, Time now) {
    if (!asked.ok) return take_failure(chase, upstream, asked, now);
    const upstream::CheckedReply& checked = asked.checked;
    const OtherOwners others(*chase.view, *chase.pending->snapshot, upstream);
    const bool on = goes_on(*chase.view, others, checked);
    const Seconds cap = negative_max(chase, upstream, checked, now);
    const upstream::TtlCaps caps{.positive = static_cast<std::uint32_t>(cache.max_ttl().count()),
                                 .negative = static_cast<std::uint32_t>(cap.count())};
    dns::BodyWriter writer(scratch, scratch.size(), chase.name.wire());
    // Of a bare denial without SOA there is nothing to write, and its message may be gone.
    if (!upstream::is_doubtful(checked) &&
        !upstream::write_kept(*asked.index, chase.name.wire(), chase.type(), checked, caps, !on,
                              writer)) {
        fail(chase, dns::ede::invalid_data, upstream.label + " reply too large to be kept");
        return true;
    }
    chase.links += checked.links;
    if (checked.links != 0 || checked.kind == ReplyKind::data)
        chase.lifetime = std::min<Duration>(chase.lifetime, Seconds(checked.least_ttl));
    if (on) {
        take_chain(chase, upstream, checked, writer, now);
        return false;
    }
    take_end(chase, upstream, checked, writer, caps.negative, now);
    return true;
}

cache::Key Resolver::Impl::key_here(const AliasChase& chase, cache::Kind kind) const {
    const Request& request = chase.pending->question();
    const std::uint64_t hash =
        chase.stops == 0 ? request.query.name_hash : dns::hash_folded(chase.name.wire());
    return key_of(chase.name.wire(), hash, request, kind);
}

// A question that had only what was left of its chase's deadline says nothing of the name where it
// stood.
cache::Key Resolver::Impl::failed_key(const AliasChase& chase) const {
    const Request& request = chase.pending->question();
    if (!chase.deadline_cut) return key_here(chase, cache::Kind::failure);
    return key_of(request.query.name(), request.query.name_hash, request, cache::Kind::failure);
}

// A pod's AAAA is asked for with its A: it need not be each second.
Seconds Resolver::Impl::negative_max(const AliasChase& chase, const upstream::Upstream& upstream,
                                     const upstream::CheckedReply& checked,
                                     Time now) const noexcept {
    const Seconds cap = negative_cap(upstream, cache);
    const bool is_hot = checked.kind == ReplyKind::nodata && checked.has_soa &&
                        other_types(chase, kUsualTypes, upstream, now) == cache::Held::fresh;
    return is_hot ? std::max(cap, std::min(kHotNodata, cache.negative_max_ttl())) : cap;
}

bool Resolver::Impl::take_failure(AliasChase& chase, const upstream::Upstream& upstream,
                                  const upstream::Asked& asked, Time now) {
    // Without endpoints nobody was asked: the next question costs nothing and sees at once when
    // there are some. From an upstream that is away meanwhile, failures are told, not remembered.
    // Nor are those of questions that came over other servers: the upstream may have refused the
    // hops, which anybody can write into a question, and others ask without them.
    if (asked.cacheable && !upstream.endpoints.empty() && !upstream.health->is_away() &&
        chase.pending->question().query.hops == 0)
        cache.store_failure(failed_key(chase), asked.error_text, Rcode::servfail, upstream.id, now);
    // RFC 8767 5: when the answer cannot be refreshed, the one known last is better than none.
    if (const Visit led = visit_last_known(chase, upstream, asked.error_text, now);
        led != Visit::ask)
        return led == Visit::over;
    fail(chase, asked.error_code, asked.error_text);
    return true;
}

// An alias whose end somebody else knows.
void Resolver::Impl::take_chain(AliasChase& chase, const upstream::Upstream& upstream,
                                const upstream::CheckedReply& checked,
                                const dns::BodyWriter& writer, Time now) {
    const cache::Value chain{.body = writer.body(),
                             .info = writer.info(),
                             .rcode = Rcode::noerror,
                             .source = upstream.id,
                             .lifetime = Seconds(checked.least_ttl)};
    cache.store(key_here(chase, cache::Kind::chain), chain, now);
    // What was known before is no longer true, however it ends.
    cache.erase(key_here(chase, cache::Kind::answer));
    cache.erase(key_here(chase, cache::Kind::nxdomain));
    pass(chase, writer.info(), true);
    chase.name = checked.target.folded();
    ++chase.stops;
    chase.last_known = false;
}

// Why the upstream denies a name, or that its own answer is old: it said so with its reply.
void Resolver::Impl::pass_on_error(AliasChase& chase, const upstream::Upstream& upstream,
                                   const upstream::CheckedReply& checked) {
    if (!checked.error.present || !chase.answer.error_text.empty()) return;
    std::string via = upstream.label;
    if (checked.rcode != Rcode::noerror) via.append(" ").append(dns::rcode_text(checked.rcode));
    chase.answer.error_code = checked.error.code;
    chase.answer.error_text = upstream::pass_error(via, checked.error.text);
}

void Resolver::Impl::take_end(AliasChase& chase, const upstream::Upstream& upstream,
                              const upstream::CheckedReply& checked, const dns::BodyWriter& writer,
                              std::uint32_t negative_max, Time now) {
    const bool negative = checked.kind != ReplyKind::data;
    chase.answer.rcode = checked.rcode;
    chase.answer.authentic_data = checked.authentic_data &&
                                  upstream.options.kind == upstream::Kind::forward &&
                                  (chase.stops == 0 || chase.answer.authentic_data);
    chase.answer.info = writer.info();
    pass_on_error(chase, upstream, checked);
    if (negative && !checked.has_soa) {
        // RFC 2308 5: not kept. What it denies may be known, and stays.
        chase.cacheable = false;
        if (chase.answer.error_text.empty()) {
            chase.answer.error_code = dns::ede::other;
            chase.answer.error_text = upstream.label + " " + denial_text(checked) + " without SOA";
        }
    } else {
        Duration lifetime =
            Seconds(negative ? std::min(checked.soa_ttl, negative_max) : checked.least_ttl);
        if (negative && checked.links != 0)
            lifetime = std::min<Duration>(lifetime, Seconds(checked.least_ttl));
        chase.lifetime = std::min(chase.lifetime, lifetime);
        keep_end(chase, upstream, checked, writer, lifetime, now);
        const OtherOwners others(*chase.view, *chase.pending->snapshot, upstream);
        if (chase.answer.error_text.empty() && checked.links != 0 &&
            others.is_replier_cluster(checked.target)) {
            chase.answer.error_code = dns::ede::other;
            chase.answer.error_text =
                checked.target.to_text() + " as " + upstream.label + " sees it";
        }
    }
    assemble(chase);
}

// An NXDOMAIN stands for the whole name, unless data of another type is known: some servers deny
// the name for the family that it does not have.
void Resolver::Impl::keep_end(AliasChase& chase, const upstream::Upstream& upstream,
                              const upstream::CheckedReply& checked, const dns::BodyWriter& writer,
                              Duration lifetime, Time now) {
    const bool of_name = checked.kind == ReplyKind::nxdomain && checked.links == 0 &&
                         other_types(chase, kAddressTypes, upstream, now) == cache::Held::nothing;
    const cache::Key answer = key_here(chase, cache::Kind::answer);
    const cache::Key nxdomain = key_here(chase, cache::Kind::nxdomain);
    const cache::Value value{.body = writer.body(),
                             .info = writer.info(),
                             .rcode = checked.rcode,
                             .authentic_data = chase.answer.authentic_data,
                             .source = upstream.id,
                             .lifetime = lifetime};
    const bool kept = cache.store(of_name ? nxdomain : answer, value, now);
    if (of_name || !kept) cache.forget_failure(answer);
    if (of_name || !kept) cache.erase(answer);
    if (!of_name || !kept) cache.erase(nxdomain);
    // An alias that was known, and is none any more, must not be followed when this has expired.
    // The first stop of a client's question found none, or would not have been asked.
    if (chase.pending->is_refresh || chase.stops != 0 ||
        chase.pending->question().other_kinds_possible)
        cache.erase(key_here(chase, cache::Kind::chain));
}

}  // namespace peerzone::resolver
