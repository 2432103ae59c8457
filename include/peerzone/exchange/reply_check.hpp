// Is this the reply to that question, and what of it may be believed? Pure. Kept: the CNAME/DNAME
// chain that starts at the question, as far as it leads to no name of another owner here, the
// records of the asked type at its end, and the SOA of a negative answer; every other record is
// dropped (src/README.md, "Order of things", step 8; RFC 2181 5.4.1).
#pragma once

#include <cstdint>
#include <string>

#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/message.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/dns/renaming.hpp"

namespace peerzone::exchange {

/// Does a datagram answer this question at all? Anything but `same` is not ours: the wait goes on.
enum class Match : std::uint8_t {
    same,
    case_differs,  ///< ID and question match but for letter case (0x20 was not kept)
    other  ///< not a response, another ID or another question, or no whole header and question
};
/// `name` as it was sent, with its letter case. A FORMERR, NOTIMP, SERVFAIL or REFUSED without a
/// question section matches by ID.
Match match_reply(Bytes message, std::uint16_t id, Bytes name, std::uint16_t type) noexcept;

enum class ReplyKind : std::uint8_t {
    data,    ///< records of the asked type (or any, for ANY) stand at the end of the chain
    nodata,  ///< NOERROR without them
    nxdomain,
    truncated,  ///< TC: ask again over a stream
    no_edns,    ///< FORMERR, NOTIMP or BADVERS to a question with OPT: ask again without
    failure,    ///< SERVFAIL, REFUSED, or another RCODE
    lame,    ///< a denial of a server that does not have the zone: a referral without AA and RA, or
             ///< the SOA of another tree (see is_doubtful for those without SOA)
    invalid  ///< what the answer rests on does not parse: bounds, counts, names, data sizes, a
             ///< DNAME that does not fit
};

/// Aliases followed over all replies, zones and upstreams of one question together.
inline constexpr unsigned kLinksMax = 16;

/// Who answers for a name here, as far as the reader of a reply must know.
class OtherOwners {
public:
    /// Whether the name has an owner of its own here that is not the one that replies.
    virtual bool own(const dns::Name& name) const noexcept = 0;

protected:
    ~OtherOwners() = default;
};

/// Who replies, as far as it bears on what is believed.
struct Replier {
    bool has_root = false;                ///< the upstream of ".": the root's SOA proves
    const OtherOwners* others = nullptr;  ///< null: every name is the replier's to answer
};

enum class ChainFault : std::uint8_t { none, too_long, loop };

struct Extended {
    bool present = false;
    std::uint16_t code = 0;
    std::string text;  ///< cleaned of control characters, at most 240 octets
};

struct CheckedReply {
    ReplyKind kind = ReplyKind::invalid;
    dns::Rcode rcode = dns::Rcode::noerror;
    bool authentic_data = false;
    unsigned links = 0;  ///< aliases in the chain
    dns::Name target;    ///< the end of the chain; the question's own name without one
    /// The last alias leads to `target`, which has another owner here. What the reply says of
    /// it is not used, and the kind is nodata.
    bool leads_away = false;
    /// The aliases have no end; `target` is where it was seen. The kind is nodata.
    ChainFault chain_fault = ChainFault::none;
    bool authoritative = false;  ///< AA
    bool has_soa = false;        ///< a SOA in authority that proves the denial of `target`
    bool foreign_soa = false;    ///< there is a SOA, but of another tree, or the root's
    dns::Name soa_owner;         ///< of that one
    std::uint32_t soa_ttl = 0;   ///< min(TTL of the SOA, its MINIMUM) (RFC 2308 5)
    std::uint32_t least_ttl =
        0;  ///< over the kept answer records; for a bare negative reply that of the SOA
    bool unrelated = false;    ///< answer records that belong to no link of the chain: dropped
    bool ttl_invalid = false;  ///< a TTL of 2^31 or more, taken for 0 (RFC 2181 8)
    Extended error;            ///< the upstream's own EDE, if it sent one
};

/// "No such name" or "no such type" that nothing shows to come from a server with the zone: no SOA
/// (dnsmasq and some balancers send none), and no alias of the zone before it.
inline bool is_doubtful(const CheckedReply& checked) noexcept {
    const bool denial = checked.kind == ReplyKind::nodata || checked.kind == ReplyKind::nxdomain;
    return denial && checked.links == 0 && !checked.has_soa;
}
/// "NXDOMAIN with the SOA of com": what a lame reply said, for people.
std::string lame_text(const CheckedReply& checked);

/// "aliases form a loop at a.example", "alias chain longer than 16 links at p.example"
std::string chain_text(ChainFault reason, const dns::Name& at);

class ReplyIndex;  // where the records of a message stand (exchange/reply_index.hpp)

/// Judges a message that matched, and leaves in `index` what write_kept needs of it. `sent_edns`
/// says whether the question carried OPT.
CheckedReply check_reply(Bytes message, Bytes name, std::uint16_t type, bool sent_edns,
                         ReplyIndex& index, const Replier& replier = {});

/// What of a reply is kept, and how.
struct Keeping {
    std::uint32_t positive_ttl_max = 3600;
    std::uint32_t negative_ttl_max = 30;
    bool with_soa = true;  ///< false: the chain goes on elsewhere
    /// Every name is written as clients know it; null: all are the same. What signs or proves names
    /// as the server knows them is left out then. Must outlive the call only.
    const dns::Renaming* renaming = nullptr;
};
enum class KeptResult : std::uint8_t {
    written,
    too_large,     ///< for the writer
    overlong_name  ///< a renamed name would have more than 255 octets
};

/// Writes what is kept of a checked reply: chain and data, or chain and SOA, with TTLs capped.
/// `index` and `checked` are those of one call of check_reply, whose message is still there, and
/// `name` is what was asked. The writer's question is that name as clients know it.
KeptResult write_kept(const ReplyIndex& index, Bytes name, std::uint16_t type,
                      const CheckedReply& checked, const Keeping& keeping, dns::BodyWriter& writer);

}  // namespace peerzone::exchange
