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

cache::Key key_of(const Subject& subject, cache::Kind kind,
                  Memory::Words words = Memory::Words::of_owner) noexcept {
    return {.name = subject.name,
            .name_hash = subject.name_hash,
            .type = kind == cache::Kind::nxdomain ? std::uint16_t{0} : subject.type,
            .scope =
                words == Memory::Words::of_owner ? subject.route->scope : subject.view->chain_scope,
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

// The targets of the aliases in a body that stands in a message, in their order.
class AliasReader {
public:
    AliasReader(const Subject& subject, MutableBytes message, const cache::Hit& hit) noexcept
        : whole_(message.first(body_offset(subject.name) + hit.info.size)),
          reader_(whole_, body_offset(subject.name)),
          left_(hit.info.counts[0]) {
        std::memcpy(&message[dns::kHeaderSize], subject.name.data(), subject.name.size());
    }
    bool next(dns::Name& target) noexcept {
        dns::Record record;
        for (; left_ != 0 && reader_.read_record(record); --left_) {
            if (record.type != dns::type::cname) continue;
            --left_;
            return dns::Reader(whole_, record.rdata_offset).read_name(target);
        }
        return false;
    }

private:
    Bytes whole_;
    dns::Reader reader_;
    unsigned left_;
};

// An alias in it leads to a name that has another owner in this view, which must be asked: the
// entry was made in another view, or a reload has given the name to that owner since.
bool leads_away(const Subject& subject, MutableBytes message, const cache::Hit& hit) noexcept {
    const std::size_t start = body_offset(subject.name);
    const bool is_data = subject.type == dns::type::cname || subject.type == dns::type::any;
    if (is_data || !may_be_chained(message.subspan(start, hit.info.size))) return false;
    const OtherOwners others(*subject.snapshot, *subject.view, *subject.route);
    AliasReader aliases(subject, message, hit);
    for (dns::Name target; aliases.next(target);)
        if (others.owns(target)) return true;
    return false;
}

// A chain has no AD of its own: there the bit says that the end is open.
bool is_open(const cache::Hit& chain) noexcept {
    return chain.authentic_data;
}

unsigned flags_to_try(const upstream::Upstream& owner) noexcept {
    return owner.health->is_away() ? kFlags : 1;
}

}  // namespace

Subject subject_of(const Snapshot& snapshot, const Request& request) noexcept {
    const dns::Query& query = request.query;
    return {.snapshot = &snapshot,
            .view = &snapshot.views[request.view],
            .route = request.route,
            .name = query.name(),
            .name_hash = query.name_hash,
            .type = query.type,
            .dnssec_ok = query.dnssec_ok,
            .checking_disabled = query.checking_disabled()};
}

Subject subject_of(const Snapshot& snapshot, const Request& request, const dns::Name& name,
                   const view::Route& route) noexcept {
    Subject subject = subject_of(snapshot, request);
    subject.route = &route;
    subject.name = name.wire();
    subject.name_hash = dns::hash_folded(name.wire());
    return subject;
}

Memory::Memory(cache::Cache& cache, Looks looks) : cache_(cache), looks_(looks) {}

inline bool Memory::look(const cache::Key& key, Time now, MutableBytes body,
                         cache::Hit& hit) noexcept {
    return looks_ == Looks::count ? cache_.find(key, now, body, hit)
                                  : cache_.peek(key, now, body, hit);
}

bool Memory::find_fresh(const Subject& subject, cache::Kind kind, Time now, MutableBytes message,
                        cache::Hit& hit) noexcept {
    if (!look(key_of(subject, kind), now, message.subspan(body_offset(subject.name)), hit))
        return false;
    if (!leads_away(subject, message, hit)) return true;
    hit.other_kinds_possible = true;
    hit.expired = false;
    return false;
}

bool Memory::find_assembled(const Subject& subject, Time now, MutableBytes message,
                            cache::Hit& hit) noexcept {
    const MutableBytes chain_message(*room_);
    cache::Hit chain;
    if (!look(key_of(subject, cache::Kind::answer, Words::assembled), now,
              message.subspan(body_offset(subject.name)), hit))
        return false;
    if (!find_chain(subject, now, chain_message, chain)) return false;
    const OtherOwners others(*subject.snapshot, *subject.view, *subject.route);
    AliasReader said(subject, chain_message, chain);
    AliasReader kept(subject, message, hit);
    dns::Name from_owner;
    while (said.next(from_owner)) {
        dns::Name target;
        if (!kept.next(target) || target != from_owner) return false;
        if (others.owns(target)) break;  // what the owner says of it does not count
    }
    return true;
}

bool Memory::find_failure(const Subject& subject, Time now, MutableBytes message,
                          cache::Hit& hit) noexcept {
    return look(key_of(subject, cache::Kind::failure), now,
                message.subspan(body_offset(subject.name)), hit) &&
           !is_outdated(subject.owner(), hit, now);
}

bool Memory::find_chain(const Subject& subject, Time now, MutableBytes message,
                        cache::Hit& hit) noexcept {
    const auto find = [&](cache::Kind kind) noexcept {
        return look(key_of(subject, kind), now, message.subspan(body_offset(subject.name)), hit);
    };
    const bool found =
        (find(cache::Kind::chain) && (is_open(hit) || leads_away(subject, message, hit))) ||
        (find(cache::Kind::answer) && leads_away(subject, message, hit));
    if (found) hit.authentic_data = false;
    return found;
}

// An answer of the type, else an NXDOMAIN: one of this type, under the same flags, would have
// replaced the answer. While the upstream is away, what it said under other flags is better than
// nothing, but was not validated for these (RFC 4035 3.2.3): without AD.
bool Memory::find_last_known(const Subject& subject, Time now, MutableBytes message,
                             cache::Hit& hit) noexcept {
    const unsigned flags_max = flags_to_try(subject.owner());
    for (unsigned other = 0; other < flags_max; ++other)
        for (const cache::Kind kind : {cache::Kind::answer, cache::Kind::nxdomain})
            if (find_known(kind, other, subject, now, message, hit)) return true;
    return false;
}

bool Memory::find_last_known_chain(const Subject& subject, Time now, MutableBytes message,
                                   cache::Hit& hit) noexcept {
    const unsigned flags_max = flags_to_try(subject.owner());
    for (unsigned other = 0; other < flags_max; ++other)
        if (find_known(cache::Kind::chain, other, subject, now, message, hit)) return true;
    return false;
}

// Under the flags of the question, or others of the four: bit 0 turns DO over, bit 1 CD.
bool Memory::find_known(cache::Kind kind, unsigned other_flags, const Subject& subject, Time now,
                        MutableBytes message, cache::Hit& hit) noexcept {
    const cache::Stale stale = stale_of(subject.owner(), cache_);
    Subject other = subject;
    other.dnssec_ok = subject.dnssec_ok != bool(other_flags & 1);
    other.checking_disabled = subject.checking_disabled != bool(other_flags & 2);
    const bool strips = other.dnssec_ok && !subject.dnssec_ok;
    const MutableBytes into = strips ? MutableBytes(*room_) : message;
    const auto find = [&](cache::Kind of) noexcept {
        const cache::Key key = key_of(other, of);
        const MutableBytes body = into.subspan(body_offset(subject.name));
        return looks_ == Looks::count ? cache_.find_last_known(key, now, stale, body, hit)
                                      : cache_.peek_last_known(key, now, stale, body, hit);
    };
    const auto away = [&]() noexcept { return leads_away(other, into, hit); };
    const bool found = kind == cache::Kind::chain ? (find(kind) && (is_open(hit) || away())) ||
                                                        (find(cache::Kind::answer) && away())
                                                  : find(kind) && !away();
    if (!found) return false;
    if (strips) drop_proofs(subject, message, hit);
    if (other_flags != 0 || kind == cache::Kind::chain) hit.authentic_data = false;
    return true;
}

// The body that was found, without the records that only clients with DO get (RFC 4035 3.2.1).
void Memory::drop_proofs(const Subject& subject, MutableBytes message, cache::Hit& hit) noexcept {
    const std::size_t start = body_offset(subject.name);
    std::memcpy(&(*room_)[dns::kHeaderSize], subject.name.data(), subject.name.size());
    const Bytes whole = Bytes(*room_).first(start + hit.info.size);
    dns::Reader reader(whole, start);
    dns::BodyWriter writer(message, message.size(), subject.name);
    dns::Record record;
    for (std::size_t section = 0; section < 3; ++section) {
        for (unsigned i = 0; i < hit.info.counts[section]; ++i) {
            if (!reader.read_record(record)) break;
            if (dns::is_proof(record.type) && record.type != subject.type &&
                subject.type != dns::type::any)
                continue;
            writer.add_from(whole, record, static_cast<dns::Section>(section), record.ttl);
        }
    }
    hit.info = writer.info();
}

bool Memory::has_answer(const Subject& subject, Time now) const noexcept {
    return cache_.holds(key_of(subject, cache::Kind::answer), now,
                        subject.owner().options.stale.max_age) != cache::Held::nothing;
}

std::optional<cache::Kept> Memory::examine(const Subject& subject, cache::Kind kind, Words words,
                                           Time now) const noexcept {
    return cache_.examine(key_of(subject, kind, words), now);
}

bool Memory::claim_refresh(const Subject& subject, cache::Kind kind, Words words,
                           Time now) noexcept {
    return cache_.claim_refresh(key_of(subject, kind, words), now);
}

Seconds Memory::negative_cap(const upstream::Upstream& upstream) const noexcept {
    return resolver::negative_cap(upstream, cache_);
}

Seconds Memory::negative_max(const Subject& subject, const exchange::CheckedReply& checked,
                             Time now) const noexcept {
    const Seconds cap = negative_cap(subject.owner());
    const bool is_hot = checked.kind == exchange::ReplyKind::nodata && checked.has_soa &&
                        other_types(subject, kUsualTypes, now) == cache::Held::fresh;
    return is_hot ? std::max(cap, std::min(kHotNodata, cache_.negative_max_ttl())) : cap;
}

void Memory::keep_chain(const Subject& subject, const cache::Value& chain, bool is_open, Time now) {
    cache::Value kept = chain;
    kept.authentic_data = is_open;
    cache_.store(key_of(subject, cache::Kind::chain), kept, now);
    // What was known before is no longer true, however the chain ends; but for a whole answer of
    // the upstream's that begins alike, which views without the other owner use.
    if (!has_same_aliases(subject, now)) cache_.erase(key_of(subject, cache::Kind::answer));
    cache_.erase(key_of(subject, cache::Kind::nxdomain));
}

// The chain that was stored, and an answer that leads away in this view.
bool Memory::has_same_aliases(const Subject& subject, Time now) noexcept {
    const MutableBytes chain_message(*room_);
    const MutableBytes answer_message(*other_room_);
    cache::Hit chain;
    cache::Hit answer;
    const auto find = [&](cache::Kind kind, MutableBytes message, cache::Hit& hit) noexcept {
        return look(key_of(subject, kind), now, message.subspan(body_offset(subject.name)), hit);
    };
    if (!find(cache::Kind::answer, answer_message, answer) ||
        !leads_away(subject, answer_message, answer) ||
        !find(cache::Kind::chain, chain_message, chain))
        return false;
    AliasReader said(subject, chain_message, chain);
    AliasReader known(subject, answer_message, answer);
    dns::Name from_owner;
    dns::Name target;
    while (said.next(from_owner))
        if (!known.next(target) || target != from_owner) return false;
    return true;
}

// An NXDOMAIN stands for the whole name, unless data of another type is known: some servers deny
// the name for the family that it does not have.
void Memory::keep_end(const Subject& subject, const exchange::CheckedReply& checked,
                      const cache::Value& end, bool may_have_chain, Time now) {
    const bool of_name = checked.kind == exchange::ReplyKind::nxdomain && checked.links == 0 &&
                         other_types(subject, kAddressTypes, now) == cache::Held::nothing;
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
    cache_.store(key_of(subject, cache::Kind::answer, Words::assembled), whole, now);
}

void Memory::keep_failure(const Subject& subject, std::string_view text, std::uint16_t source,
                          Time now) {
    if (looks_ == Looks::leave_no_trace) return;
    cache_.store_failure(key_of(subject, cache::Kind::failure), text, dns::Rcode::servfail, source,
                         now);
}

// Whether data of another one of these types is known for the name.
cache::Held Memory::other_types(const Subject& subject, std::span<const std::uint16_t> types,
                                Time now) const noexcept {
    cache::Key key = key_of(subject, cache::Kind::answer);
    cache::Held best = cache::Held::nothing;
    for (const std::uint16_t type : types) {
        if (type == subject.type) continue;
        key.type = type;
        best = std::max(best, cache_.holds(key, now, subject.owner().options.stale.max_age));
        if (best == cache::Held::fresh) break;
    }
    return best;
}

}  // namespace peerzone::resolver
