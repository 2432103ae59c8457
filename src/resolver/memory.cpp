#include "resolver/memory.hpp"

#include <algorithm>
#include <cstring>

#include "resolver/last_known.hpp"

namespace peerzone::resolver {
namespace {

constexpr unsigned kFlags = 4;  // DO and CD, each set or not

// How long "no such type" may be kept while the name has data of another one.
constexpr Seconds kHotNodata{30};

constexpr std::uint16_t kAddressTypes[] = {dns::type::a, dns::type::aaaa};
constexpr std::uint16_t kUsualTypes[] = {
    dns::type::a,  dns::type::aaaa, dns::type::srv, dns::type::txt,  dns::type::mx,
    dns::type::ns, dns::type::ptr,  dns::type::soa, dns::type::svcb, dns::type::https};

cache::Key key_of(const Subject& subject, cache::Kind kind) noexcept {
    return {.name = subject.name,
            .name_hash = subject.name_hash,
            .type = kind == cache::Kind::nxdomain ? std::uint16_t{0} : subject.type,
            .scope = subject.scope,
            .dnssec_ok = subject.dnssec_ok,
            .checking_disabled = subject.checking_disabled,
            .kind = kind};
}

// Whether the first record of a body may redirect its question: its owner is a pointer then, or
// far up in a name of many labels.
bool may_be_chained(Bytes body) noexcept {
    if (body.size() < 4) return false;
    if ((body[0] & 0xc0) != 0xc0) return true;
    const std::uint16_t type = load_u16(&body[2]);
    return type == dns::type::cname || type == dns::type::dname;
}

// Aliases in it lead to a name whose owner has changed since (Snapshot::moved): who owns it now
// must be asked.
bool leads_to_moved(const Snapshot& snapshot, const Subject& subject, MutableBytes message,
                    const cache::Hit& hit, Time now) noexcept {
    if (snapshot.moved.empty() || subject.type == dns::type::cname) return false;
    const std::size_t start = body_offset(subject.name);
    if (!may_be_chained(message.subspan(start, hit.info.size))) return false;
    std::memcpy(&message[dns::kHeaderSize], subject.name.data(), subject.name.size());
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

unsigned flags_to_try(const upstream::Upstream& owner) noexcept {
    return owner.health->is_away() ? kFlags : 1;
}

}  // namespace

Subject subject_of(const Request& request) noexcept {
    const dns::Query& query = request.query;
    return {.name = query.name(),
            .name_hash = query.name_hash,
            .type = query.type,
            .scope = request.route->scope,
            .dnssec_ok = query.dnssec_ok,
            .checking_disabled = query.checking_disabled()};
}

Subject subject_of(const Request& request, const dns::Name& name,
                   const view::Route& route) noexcept {
    Subject subject = subject_of(request);
    subject.name = name.wire();
    subject.name_hash = dns::hash_folded(name.wire());
    subject.scope = route.scope;
    return subject;
}

Memory::Memory(cache::Cache& cache)
    : cache_(cache), signed_(std::make_unique<std::array<std::uint8_t, dns::kMessageMax>>()) {}

bool Memory::find_fresh(const Subject& subject, cache::Kind kind, const Snapshot& snapshot,
                        Time now, MutableBytes message, cache::Hit& hit) noexcept {
    if (!cache_.find(key_of(subject, kind), now, message.subspan(body_offset(subject.name)), hit))
        return false;
    if (!leads_to_moved(snapshot, subject, message, hit, now)) return true;
    hit.other_kinds_possible = true;
    hit.expired = false;
    return false;
}

bool Memory::find_failure(const Subject& subject, const upstream::Upstream& owner, Time now,
                          MutableBytes message, cache::Hit& hit) noexcept {
    return cache_.find(key_of(subject, cache::Kind::failure), now,
                       message.subspan(body_offset(subject.name)), hit) &&
           !is_outdated(owner, hit, now);
}

bool Memory::find_chain(const Subject& subject, Time now, MutableBytes message,
                        cache::Hit& hit) noexcept {
    return cache_.find(key_of(subject, cache::Kind::chain), now,
                       message.subspan(body_offset(subject.name)), hit);
}

// An answer of the type, else an NXDOMAIN: one of this type, under the same flags, would have
// replaced the answer. While the upstream is away, what it said under other flags is better than
// nothing, but was not validated for these (RFC 4035 3.2.3): without AD.
bool Memory::find_last_known(const Subject& subject, const Snapshot& snapshot,
                             const upstream::Upstream& owner, Time now, MutableBytes message,
                             cache::Hit& hit) noexcept {
    const unsigned flags_max = flags_to_try(owner);
    for (unsigned other = 0; other < flags_max; ++other)
        for (const cache::Kind kind : {cache::Kind::answer, cache::Kind::nxdomain})
            if (find_known(kind, other, subject, snapshot, owner, now, message, hit)) return true;
    return false;
}

bool Memory::find_last_known_chain(const Subject& subject, const Snapshot& snapshot,
                                   const upstream::Upstream& owner, Time now, MutableBytes message,
                                   cache::Hit& hit) noexcept {
    const unsigned flags_max = flags_to_try(owner);
    for (unsigned other = 0; other < flags_max; ++other)
        if (find_known(cache::Kind::chain, other, subject, snapshot, owner, now, message, hit))
            return true;
    return false;
}

// Under the flags of the question, or others of the four: bit 0 turns DO over, bit 1 CD.
bool Memory::find_known(cache::Kind kind, unsigned other_flags, const Subject& subject,
                        const Snapshot& snapshot, const upstream::Upstream& owner, Time now,
                        MutableBytes message, cache::Hit& hit) noexcept {
    const cache::Stale stale = stale_of(owner, cache_);
    Subject other = subject;
    other.dnssec_ok = subject.dnssec_ok != bool(other_flags & 1);
    other.checking_disabled = subject.checking_disabled != bool(other_flags & 2);
    const bool strips = other.dnssec_ok && !subject.dnssec_ok;
    const MutableBytes into = strips ? MutableBytes(*signed_) : message;
    const auto find = [&](cache::Kind of) noexcept {
        return cache_.find_last_known(key_of(other, of), now, stale,
                                      into.subspan(body_offset(subject.name)), hit);
    };
    const auto has_moved = [&]() noexcept {
        return leads_to_moved(snapshot, other, into, hit, now);
    };
    // The aliases of an answer that a reload has moved lead to the new owner all the same.
    const bool found = kind == cache::Kind::chain
                           ? find(kind) || (find(cache::Kind::answer) && has_moved())
                           : find(kind) && !has_moved();
    if (!found) return false;
    if (strips) drop_proofs(subject, message, hit);
    if (other_flags != 0) hit.authentic_data = false;
    return true;
}

// The body that was found, without the records that only clients with DO get (RFC 4035 3.2.1).
void Memory::drop_proofs(const Subject& subject, MutableBytes message, cache::Hit& hit) noexcept {
    const std::size_t start = body_offset(subject.name);
    std::memcpy(&(*signed_)[dns::kHeaderSize], subject.name.data(), subject.name.size());
    const Bytes whole = Bytes(*signed_).first(start + hit.info.size);
    dns::Reader reader(whole, start);
    dns::BodyWriter writer(message, message.size(), subject.name);
    dns::Record record;
    for (std::size_t section = 0; section < 3; ++section) {
        for (unsigned i = 0; i < hit.info.counts[section]; ++i) {
            if (!reader.read_record(record)) break;
            if (is_proof(record) && record.type != subject.type && subject.type != dns::type::any)
                continue;
            writer.add_from(whole, record, static_cast<dns::Section>(section), record.ttl);
        }
    }
    hit.info = writer.info();
}

bool Memory::has_answer(const Subject& subject, const upstream::Upstream& owner,
                        Time now) const noexcept {
    return cache_.holds(key_of(subject, cache::Kind::answer), now, owner.options.stale.max_age) !=
           cache::Held::nothing;
}

bool Memory::claim_refresh(const Subject& subject, cache::Kind kind, Time now) noexcept {
    return cache_.claim_refresh(key_of(subject, kind), now);
}

Seconds Memory::negative_cap(const upstream::Upstream& upstream) const noexcept {
    return resolver::negative_cap(upstream, cache_);
}

Seconds Memory::negative_max(const Subject& subject, const exchange::CheckedReply& checked,
                             const upstream::Upstream& upstream, Time now) const noexcept {
    const Seconds cap = negative_cap(upstream);
    const bool is_hot = checked.kind == exchange::ReplyKind::nodata && checked.has_soa &&
                        other_types(subject, kUsualTypes, upstream, now) == cache::Held::fresh;
    return is_hot ? std::max(cap, std::min(kHotNodata, cache_.negative_max_ttl())) : cap;
}

void Memory::keep_chain(const Subject& subject, const cache::Value& chain, Time now) {
    cache_.store(key_of(subject, cache::Kind::chain), chain, now);
    // What was known before is no longer true, however the chain ends.
    cache_.erase(key_of(subject, cache::Kind::answer));
    cache_.erase(key_of(subject, cache::Kind::nxdomain));
}

// An NXDOMAIN stands for the whole name, unless data of another type is known: some servers deny
// the name for the family that it does not have.
void Memory::keep_end(const Subject& subject, const exchange::CheckedReply& checked,
                      const cache::Value& end, const upstream::Upstream& upstream,
                      bool may_have_chain, Time now) {
    const bool of_name = checked.kind == exchange::ReplyKind::nxdomain && checked.links == 0 &&
                         other_types(subject, kAddressTypes, upstream, now) == cache::Held::nothing;
    const cache::Key answer = key_of(subject, cache::Kind::answer);
    const cache::Key nxdomain = key_of(subject, cache::Kind::nxdomain);
    const bool kept = cache_.store(of_name ? nxdomain : answer, end, now);
    if (of_name || !kept) cache_.forget_failure(answer);
    if (of_name || !kept) cache_.erase(answer);
    if (!of_name || !kept) cache_.erase(nxdomain);
    // An alias that was known, and is none any more, must not be followed when this has expired.
    if (may_have_chain) cache_.erase(key_of(subject, cache::Kind::chain));
}

void Memory::keep_assembled(const Subject& subject, const cache::Value& whole, Time now) {
    cache_.store(key_of(subject, cache::Kind::answer), whole, now);
}

void Memory::keep_failure(const Subject& subject, std::string_view text, std::uint16_t source,
                          Time now) {
    cache_.store_failure(key_of(subject, cache::Kind::failure), text, dns::Rcode::servfail, source,
                         now);
}

// Whether data of another one of these types is known for the name.
cache::Held Memory::other_types(const Subject& subject, std::span<const std::uint16_t> types,
                                const upstream::Upstream& upstream, Time now) const noexcept {
    cache::Key key = key_of(subject, cache::Kind::answer);
    cache::Held best = cache::Held::nothing;
    for (const std::uint16_t type : types) {
        if (type == subject.type) continue;
        key.type = type;
        best = std::max(best, cache_.holds(key, now, upstream.options.stale.max_age));
        if (best == cache::Held::fresh) break;
    }
    return best;
}

}  // namespace peerzone::resolver
