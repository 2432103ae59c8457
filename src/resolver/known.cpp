// What the cache knows of a name, and what of it may be used: fresh, past its TTL, under other
// flags, and of other types.
#include <algorithm>
#include <cstring>

#include "resolver/impl.hpp"

namespace peerzone::resolver {
namespace {

constexpr unsigned kFlags = 4;  // DO and CD, each set or not

// Whether the first record of a body may redirect its question: its owner is a pointer then, or
// far up in a name of many labels.
bool may_be_chained(Bytes body) noexcept {
    if (body.size() < 4) return false;
    if ((body[0] & 0xc0) != 0xc0) return true;
    const std::uint16_t type = load_u16(&body[2]);
    return type == dns::type::cname || type == dns::type::dname;
}

// Another upstream said it, which a reload has taken the name from.
bool is_of_another(const Snapshot& snapshot, const upstream::Upstream& owner,
                   const cache::Hit& hit) noexcept {
    return !snapshot.moved.empty() && hit.source != owner.id;
}

// Aliases in it lead to a name whose owner has changed since (Snapshot::moved): who owns it now
// must be asked.
bool leads_to_moved(const Snapshot& snapshot, const cache::Key& key, MutableBytes message,
                    const cache::Hit& hit, Time now) noexcept {
    if (snapshot.moved.empty() || key.type == dns::type::cname) return false;
    const std::size_t start = body_offset(key.name);
    if (!may_be_chained(message.subspan(start, hit.info.size))) return false;
    std::memcpy(&message[dns::kHeaderSize], key.name.data(), key.name.size());
    const Bytes whole = message.first(start + hit.info.size);
    dns::Reader reader(whole, start);
    dns::Record record;
    for (unsigned i = 0; i < hit.info.counts[0] && reader.read_record(record); ++i) {
        dns::Name target;
        if (record.type != dns::type::cname ||
            !dns::Reader(whole, record.rdata_offset).read_name(target))
            continue;
        const auto has_moved = [&](const MovedSuffix& moved) {
            return now - hit.age < moved.at && target.is_under(moved.suffix);
        };
        if (std::ranges::any_of(snapshot.moved, has_moved)) return true;
    }
    return false;
}

bool is_proof(const dns::Record& record) noexcept {
    constexpr std::uint16_t kNsec3 = 50;
    return record.type == dns::type::rrsig || record.type == dns::type::nsec ||
           record.type == kNsec3;
}

}  // namespace

bool Resolver::Impl::find_fresh(const Snapshot& its, const upstream::Upstream& owner,
                                const cache::Key& key, Time now, MutableBytes message,
                                cache::Hit& hit) noexcept {
    if (!cache.find(key, now, message.subspan(body_offset(key.name)), hit)) return false;
    if (!is_of_another(its, owner, hit) && !leads_to_moved(its, key, message, hit, now))
        return true;
    hit.other_kinds_possible = true;
    hit.expired = false;
    return false;
}

// An answer of the type, else an NXDOMAIN: one of this type, under the same flags, would have
// replaced the answer. While the upstream is away, what it said under other flags is better than
// nothing, but was not validated for these (RFC 4035 3.2.3): without AD.
bool Resolver::Impl::last_known(Bytes name, std::uint64_t hash, const Request& request,
                                const upstream::Upstream& upstream, Time now, MutableBytes message,
                                cache::Hit& hit) noexcept {
    const unsigned flags_max = upstream.health->is_away() ? kFlags : 1;
    for (unsigned other = 0; other < flags_max; ++other)
        for (const cache::Kind kind : {cache::Kind::answer, cache::Kind::nxdomain})
            if (find_known(kind, other, name, hash, request, upstream, now, message, hit))
                return true;
    return false;
}

bool Resolver::Impl::find_known_chain(Bytes name, std::uint64_t hash, const Request& request,
                                      const upstream::Upstream& upstream, Time now,
                                      MutableBytes message, cache::Hit& hit) noexcept {
    const unsigned flags_max = upstream.health->is_away() ? kFlags : 1;
    for (unsigned other = 0; other < flags_max; ++other)
        if (find_known(cache::Kind::chain, other, name, hash, request, upstream, now, message, hit))
            return true;
    return false;
}

// Under the flags of the request, or others of the four: bit 0 turns DO over, bit 1 CD.
bool Resolver::Impl::find_known(cache::Kind kind, unsigned other_flags, Bytes name,
                                std::uint64_t hash, const Request& request,
                                const upstream::Upstream& upstream, Time now, MutableBytes message,
                                cache::Hit& hit) noexcept {
    const cache::Stale stale = stale_of(upstream, cache);
    const Snapshot& its = *snapshot;
    cache::Key key = key_of(name, hash, request, kind);
    key.dnssec_ok = key.dnssec_ok != bool(other_flags & 1);
    key.checking_disabled = key.checking_disabled != bool(other_flags & 2);
    const bool strips = key.dnssec_ok && !request.query.dnssec_ok;
    const MutableBytes into = strips ? MutableBytes(out) : message;
    const auto find = [&](cache::Kind of) noexcept {
        key.kind = of;
        return cache.find_last_known(key, now, stale, into.subspan(body_offset(name)), hit) &&
               !is_of_another(its, upstream, hit);
    };
    const auto has_moved = [&]() noexcept { return leads_to_moved(its, key, into, hit, now); };
    // The aliases of an answer that a reload has moved lead to the new owner all the same.
    const bool found = kind == cache::Kind::chain
                           ? find(kind) || (find(cache::Kind::answer) && has_moved())
                           : find(kind) && !has_moved();
    if (!found) return false;
    if (strips) drop_proofs(name, request.query.type, message, hit);
    if (other_flags != 0) hit.authentic_data = false;
    return true;
}

// The body that stands in `out`, without the records that only clients with DO get (RFC 4035
// 3.2.1).
void Resolver::Impl::drop_proofs(Bytes name, std::uint16_t type, MutableBytes message,
                                 cache::Hit& hit) noexcept {
    const std::size_t start = body_offset(name);
    std::memcpy(&out[dns::kHeaderSize], name.data(), name.size());
    const Bytes whole = Bytes(out).first(start + hit.info.size);
    dns::Reader reader(whole, start);
    dns::BodyWriter writer(message, message.size(), name);
    dns::Record record;
    for (std::size_t section = 0; section < 3; ++section) {
        for (unsigned i = 0; i < hit.info.counts[section]; ++i) {
            if (!reader.read_record(record)) break;
            if (is_proof(record) && record.type != type && type != dns::type::any) continue;
            writer.add_from(whole, record, static_cast<dns::Section>(section), record.ttl);
        }
    }
    hit.info = writer.info();
}

// Whether data of another one of these types is known for the name where the walk stands.
cache::Held Resolver::Impl::other_types(const AliasChase& chase,
                                        std::span<const std::uint16_t> types,
                                        const upstream::Upstream& upstream,
                                        Time now) const noexcept {
    cache::Key key = key_here(chase, cache::Kind::answer);
    const std::uint16_t asked = key.type;
    cache::Held best = cache::Held::nothing;
    for (const std::uint16_t type : types) {
        if (type == asked) continue;
        key.type = type;
        best = std::max(best, cache.holds(key, now, upstream.options.stale.max_age));
        if (best == cache::Held::fresh) break;
    }
    return best;
}

}  // namespace peerzone::resolver
