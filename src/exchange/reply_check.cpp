// The order of judgement: header, RCODE, question, chain, what stands at its end. What of a reply
// is not used (octets behind it, the additional section) is not judged.
// Nothing here depends on the order of the records in a section. Every loop is bounded by the
// records of the message or by kLinksMax.
#include "peerzone/exchange/reply_check.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <optional>

#include "exchange/reply_chain.hpp"

namespace peerzone::exchange {
namespace {

using dns::Name;
using dns::Rcode;
using dns::Section;

constexpr std::uint16_t kDs = 43;
constexpr std::uint16_t kNsec3 = 50;
constexpr std::size_t kMinimumSize = 4;  // the MINIMUM field, last in the data of a SOA

// Where the chain of a reply that was judged leads away.
class EndsAt final : public OtherOwners {
public:
    explicit EndsAt(const Name& target) noexcept : target_(target) {}
    bool own(const Name& name) const noexcept override { return name == target_; }

private:
    const Name& target_;
};

// Calls visit(entry) for each signature of `owner` over `covered`, until it returns false.
template <class Visit>
bool visit_signatures(const ReplyIndex& index, const Name& owner, std::uint64_t hash,
                      std::uint16_t covered, const Visit& visit) {
    if (!index.has_signatures()) return true;
    for (const Entry& entry : index.answers())
        if (entry.type == dns::type::rrsig && entry.covered == covered &&
            index.owned_by(entry, owner, hash) && !visit(entry))
            return false;
    return true;
}

// Calls visit(entry) for each answer record that is kept, in chain order with the data last, and
// made(owner, link) for each CNAME that has to be made from a DNAME. Stops when one of them returns
// false.
template <class Visit, class Made>
bool visit_kept(const ReplyIndex& index, const Chain& chain, const Name& question,
                std::uint16_t type, const Visit& visit, const Made& made) {
    const Name* owner = &question;
    for (unsigned i = 0; i < chain.count; ++i) {
        const Link& link = chain.links[i];
        const auto before = chain.links.begin() + i;
        const bool dname_is_new = link.dname != nullptr &&
                                  std::none_of(chain.links.begin(), before, [&](const Link& other) {
                                      return other.dname == link.dname;
                                  });
        if (dname_is_new) {
            const Name dname_owner = index.load(*link.dname).owner;
            if (!visit(*link.dname) || !visit_signatures(index, dname_owner, link.dname->owner_hash,
                                                         dns::type::dname, visit))
                return false;
        }
        if (link.cname == nullptr) {
            if (!made(*owner, link)) return false;
        } else if (!visit(*link.cname) || !visit_signatures(index, *owner, link.cname->owner_hash,
                                                            dns::type::cname, visit)) {
            return false;
        }
        owner = &link.target;
    }
    if (chain.end != End::data || chain.alias_is_data) return true;
    const bool with_signatures = type != dns::type::any && type != dns::type::rrsig;
    if (with_signatures && !visit_signatures(index, chain.target, chain.target_hash, type, visit))
        return false;
    for (const Entry& entry : index.answers())
        if (is_wanted(entry, type) && index.owned_by(entry, chain.target, chain.target_hash) &&
            !visit(entry))
            return false;
    return true;
}

struct Kept {
    std::size_t count = 0;
    std::uint32_t least_ttl = std::numeric_limits<std::uint32_t>::max();
};

Kept kept_answers(const ReplyIndex& index, const Chain& chain, const Name& question,
                  std::uint16_t type) {
    Kept kept;
    visit_kept(
        index, chain, question, type,
        [&](const Entry& entry) {
            ++kept.count;
            kept.least_ttl = std::min(kept.least_ttl, entry.ttl);
            return true;
        },
        [](const Name&, const Link&) { return true; });
    return kept;
}

// Of the SOAs the closest one at or above `target`, else any.
struct Soa {
    const Entry* entry = nullptr;
    Name owner;
    bool above = false;
};

Soa find_soa(const ReplyIndex& index, const Name& target) noexcept {
    Soa found;
    for (const Entry& entry : index.authorities()) {
        if (entry.type != dns::type::soa) continue;
        const Name owner = index.load(entry).owner;
        const bool above = target.is_under(owner);
        const bool better = above && (!found.above || owner.size() > found.owner.size());
        if (found.entry == nullptr || better) found = {&entry, owner, above};
    }
    return found;
}

// A referral instead of an answer: it points elsewhere and claims neither authority nor recursion.
bool is_referral(const ReplyIndex& index) noexcept {
    if (index.header().flags & (dns::kFlagAa | dns::kFlagRa)) return false;
    const auto authorities = index.authorities();
    return std::any_of(authorities.begin(), authorities.end(),
                       [](const Entry& entry) { return entry.type == dns::type::ns; });
}

ReplyKind judge_error(Rcode rcode, bool sent_edns) noexcept {
    const bool dislikes_edns =
        rcode == Rcode::formerr || rcode == Rcode::notimp || rcode == Rcode::badvers;
    return sent_edns && dislikes_edns ? ReplyKind::no_edns : ReplyKind::failure;
}

// Everybody on the Internet has the root's SOA at hand, so it proves nothing of a peer's name. The
// DS of a top-level name is the root's to deny (RFC 4035 3.1.4.1).
void note_soa(const ReplyIndex& index, std::uint16_t type, bool has_root, CheckedReply& checked) {
    const Soa soa = find_soa(index, checked.target);
    if (soa.entry == nullptr) return;
    const bool root_proves = has_root || (type == kDs && checked.target.label_count() <= 1);
    checked.soa_owner = soa.owner;
    checked.has_soa = soa.above && (!soa.owner.is_root() || root_proves);
    checked.foreign_soa = !checked.has_soa;
    if (!checked.has_soa) return;
    const Bytes data = index.rdata(*soa.entry);
    checked.soa_ttl = std::min(soa.entry->ttl, load_u32(&data[data.size() - kMinimumSize]));
}

ChainFault fault_of(End end) noexcept {
    if (end == End::too_long) return ChainFault::too_long;
    return end == End::loop ? ChainFault::loop : ChainFault::none;
}

// A well-formed NOERROR or NXDOMAIN to this question: the chain, and what its end means.
void judge_answer(const ReplyIndex& index, const Name& question, std::uint16_t type,
                  const Replier& replier, CheckedReply& checked) {
    const Chain chain = follow(index, question, type, replier.others);
    const bool nxdomain = checked.rcode == Rcode::nxdomain;
    // "No such name" together with data of that name: one of them is wrong.
    if (chain.end == End::invalid || (nxdomain && chain.end == End::data)) return;
    checked.links = chain.alias_is_data ? 0 : chain.count;
    checked.target = chain.target;
    checked.chain_fault = fault_of(chain.end);
    checked.leads_away = chain.end == End::elsewhere;
    const bool has_end = checked.chain_fault == ChainFault::none && !checked.leads_away;
    const Kept kept = kept_answers(index, chain, question, type);
    checked.unrelated = has_end && kept.count < index.answers().size();
    checked.ttl_invalid = index.has_invalid_ttl();
    if (chain.count != 0 || chain.end == End::data) checked.least_ttl = kept.least_ttl;
    if (chain.end == End::data) {
        checked.kind = ReplyKind::data;
        return;
    }
    checked.kind = ReplyKind::nodata;
    if (!has_end) {  // what was said of the end is not used
        checked.rcode = Rcode::noerror;
        return;
    }
    note_soa(index, type, replier.has_root, checked);
    if (nxdomain) checked.kind = ReplyKind::nxdomain;
    if (chain.count != 0) return;
    checked.least_ttl = checked.soa_ttl;
    const bool referral = !nxdomain && !checked.has_soa && is_referral(index);
    if (checked.foreign_soa || referral) checked.kind = ReplyKind::lame;
}

// Hashes of the records written so far. Equal hashes count as equal records: they are seeded, and
// who could make two collide would lose a record of its own.
class Written {
public:
    explicit Written(std::size_t count_max) : slots_(std::bit_ceil(2 * count_max + 2)) {}

    bool insert(std::uint64_t hash) noexcept {
        if (hash == 0) hash = 1;  // 0 is an empty slot
        std::size_t at = hash * kSpread >> 32 & (slots_.size() - 1);
        while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & (slots_.size() - 1);
        if (slots_[at] == hash) return false;
        slots_[at] = hash;
        return true;
    }

private:
    // Records that differ in their type only have hashes close to each other.
    static constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;
    boost::container::small_vector<std::uint64_t, 64> slots_;
};

// Copies records to a body, under the names by which clients know them.
class Copier {
public:
    Copier(const ReplyIndex& index, const dns::Renaming* renaming, dns::BodyWriter& writer)
        : index_(index),
          renaming_(renaming),
          writer_(writer),
          written_(index.answers().size() + index.authorities().size()) {}

    bool copy(Section section, const Entry& entry, std::uint32_t ttl) {
        return copy(section, entry, ttl, index_.load(entry).owner);
    }
    /// The same with another owner, as the server knows it.
    bool copy(Section section, const Entry& entry, std::uint32_t ttl, const Name& owner) {
        if (renaming_ != nullptr && dns::is_proof(entry.type)) return true;
        Bytes data;
        if (!index_.expand(index_.load(entry), data)) return fail(KeptResult::too_large);
        const std::uint64_t hash =
            (dns::hash_folded(data) * 31 + entry.owner_hash) * 31 + entry.type;
        return !written_.insert(hash) || add(section, owner, entry.type, ttl, data);
    }
    bool add(Section section, const Name& owner, std::uint16_t type, std::uint32_t ttl,
             Bytes data) {
        if (renaming_ == nullptr) return write(section, owner, type, ttl, data);
        const std::optional<Name> renamed = renaming_->to_client(owner);
        thread_local std::array<std::uint8_t, dns::kRdataMax> buffer;
        const dns::RenamedRdata made = renaming_->rdata_to_client(type, data, buffer);
        if (!renamed || made.error == dns::RenameError::too_long)
            return fail(KeptResult::overlong_name);
        if (made.error != dns::RenameError::none) return fail(KeptResult::too_large);
        return write(section, *renamed, type, ttl, Bytes(buffer).first(made.size));
    }
    KeptResult result() const noexcept { return result_; }

private:
    bool write(Section section, const Name& owner, std::uint16_t type, std::uint32_t ttl,
               Bytes data) {
        return writer_.add(section, owner.wire(), type, ttl, data) || fail(KeptResult::too_large);
    }
    bool fail(KeptResult why) noexcept {
        result_ = why;
        return false;
    }

    const ReplyIndex& index_;
    const dns::Renaming* renaming_;
    dns::BodyWriter& writer_;
    Written written_;
    KeptResult result_ = KeptResult::written;
};

// RFC 2181 5.2: the records of a set have one TTL, the least.
std::uint32_t data_ttl(const ReplyIndex& index, const Chain& chain, std::uint16_t type) noexcept {
    std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
    for (const Entry& entry : index.answers())
        if (entry.type == type && index.owned_by(entry, chain.target, chain.target_hash))
            least = std::min(least, entry.ttl);
    return least;
}

bool proves_absence(const Entry& entry) noexcept {
    const std::uint16_t type = entry.type == dns::type::rrsig ? entry.covered : entry.type;
    return type == dns::type::nsec || type == kNsec3 ||
           (entry.type == dns::type::rrsig && type == dns::type::soa);
}

// The SOA with the TTL that a negative answer may be kept for (RFC 2308 5), and what signs it or
// proves the absence. The SOA of a zone above those that are renamed would lose its place above the
// question: it stands at the top of what is renamed then.
bool write_soa(const ReplyIndex& index, const CheckedReply& checked, const Keeping& keeping,
               Copier& copier) {
    const std::uint32_t ttl = std::min(checked.soa_ttl, keeping.negative_ttl_max);
    const Soa soa = find_soa(index, checked.target);
    if (soa.entry == nullptr) return true;
    const dns::Renaming* renaming = keeping.renaming;
    const bool is_above = renaming != nullptr && renaming->renames_to_client(checked.target) &&
                          !soa.owner.is_under(renaming->there());
    if (!copier.copy(Section::authority, *soa.entry, ttl, is_above ? renaming->there() : soa.owner))
        return false;
    for (const Entry& entry : index.authorities())
        if (proves_absence(entry) && index.load(entry).owner.is_under(checked.soa_owner) &&
            !copier.copy(Section::authority, entry, std::min(entry.ttl, ttl)))
            return false;
    return true;
}

}  // namespace

Match match_reply(Bytes message, std::uint16_t id, Bytes name, std::uint16_t type) noexcept {
    if (message.size() < dns::kHeaderSize || load_u16(&message[0]) != id) return Match::other;
    const std::uint16_t flags = load_u16(&message[2]);
    if (!(flags & dns::kFlagQr) || flags & dns::kOpcodeMask) return Match::other;
    const unsigned questions = load_u16(&message[4]);
    if (questions == 0 || message.size() == dns::kHeaderSize) {
        const auto rcode = static_cast<Rcode>(flags & 15);
        const bool may_be_bare = rcode == Rcode::formerr || rcode == Rcode::notimp ||
                                 rcode == Rcode::servfail || rcode == Rcode::refused;
        return may_be_bare ? Match::same : Match::other;
    }
    const std::size_t end = dns::kHeaderSize + name.size();
    if (questions != 1 || message.size() < end + 4) return Match::other;
    if (load_u16(&message[end]) != type || load_u16(&message[end + 2]) != dns::klass::in)
        return Match::other;
    const Bytes asked = message.subspan(dns::kHeaderSize, name.size());
    if (std::equal(asked.begin(), asked.end(), name.begin())) return Match::same;
    return dns::equal_folded(asked, name) ? Match::case_differs : Match::other;
}

std::string lame_text(const CheckedReply& checked) {
    std::string text = checked.rcode == Rcode::nxdomain ? "NXDOMAIN" : "no data";
    if (checked.foreign_soa) return text + " with the SOA of " + checked.soa_owner.to_text();
    return text + " without SOA or AA";
}

std::string chain_text(ChainFault fault, const Name& at) {
    const bool loops = fault == ChainFault::loop;
    return (loops ? "aliases form a loop at " : "alias chain longer than 16 links at ") +
           at.to_text();
}

CheckedReply check_reply(Bytes message, Bytes name, std::uint16_t type, bool sent_edns,
                         ReplyIndex& index, const Replier& replier) {
    CheckedReply checked;
    const auto question = Name::from_wire(name);
    if (!question) return checked;
    checked.target = *question;
    const bool whole = index.read(message);
    const std::uint16_t flags = index.header().flags;
    if (!(flags & dns::kFlagQr)) return checked;  // also without a header
    checked.error = index.extended();
    const unsigned rcode = (flags & 15u) | index.extended_rcode() << 4;
    checked.rcode = static_cast<Rcode>(std::min(rcode, 255u));
    // Some cut within a record, so this does not ask whether the rest is whole.
    if (flags & dns::kFlagTc) {
        checked.kind = ReplyKind::truncated;
        return checked;
    }
    // An error needs no body: old servers send back what they did not understand, or a header that
    // counts what is not there.
    if (checked.rcode != Rcode::noerror && checked.rcode != Rcode::nxdomain) {
        checked.kind = judge_error(checked.rcode, sent_edns);
        return checked;
    }
    if (!whole || !index.asks(*question, type)) return checked;
    checked.authentic_data = flags & dns::kFlagAd;
    checked.authoritative = flags & dns::kFlagAa;
    judge_answer(index, *question, type, replier, checked);
    // Only data needs no authority section.
    if (checked.kind != ReplyKind::data && !index.authority_is_whole())
        checked.kind = ReplyKind::invalid;
    return checked;
}

KeptResult write_kept(const ReplyIndex& index, Bytes name, std::uint16_t type,
                      const CheckedReply& checked, const Keeping& keeping,
                      dns::BodyWriter& writer) {
    const auto question = Name::from_wire(name);
    if (!question) return KeptResult::too_large;
    const EndsAt target(checked.target);
    const Chain chain = follow(index, *question, type, checked.leads_away ? &target : nullptr);
    if (chain.end == End::invalid) return KeptResult::too_large;
    const std::uint32_t set_ttl = data_ttl(index, chain, type);
    Copier copier(index, keeping.renaming, writer);
    const auto visit = [&](const Entry& entry) {
        const std::uint32_t ttl = entry.type == type ? std::min(entry.ttl, set_ttl) : entry.ttl;
        return copier.copy(Section::answer, entry, std::min(ttl, keeping.positive_ttl_max));
    };
    const auto made = [&](const Name& owner, const Link& link) {
        const std::uint32_t ttl = std::min(link.dname->ttl, keeping.positive_ttl_max);
        return copier.add(Section::answer, owner, dns::type::cname, ttl, link.target.wire());
    };
    if (!visit_kept(index, chain, *question, type, visit, made)) return copier.result();
    if (chain.end != End::data && keeping.with_soa && checked.has_soa)
        write_soa(index, checked, keeping, copier);
    return copier.result();
}

}  // namespace peerzone::exchange
