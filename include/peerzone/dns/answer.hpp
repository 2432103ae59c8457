// Writing replies into a caller's buffer. A reply is: header, the question as asked, a body of
// records, OPT. The body's names are compressed against the question and against each other; since
// the question of a given name always stands at octet 12 with the same size, a body can be kept
// (cache/) and put behind another client's question as it is. Pure, allocates nothing; any thread.
#pragma once

#include <array>
#include <cstdint>

#include "peerzone/base/bytes.hpp"
#include "peerzone/dns/message.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/dns/query.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::dns {

enum class Section : std::uint8_t { answer = 0, authority = 1, additional = 2 };

/// What stands in a body, however it came about.
struct BodyInfo {
    std::size_t size = 0;                 ///< octets
    std::uint16_t counts[3] = {0, 0, 0};  ///< answers, authorities, additionals (without OPT)
    bool truncated = false;               ///< records are missing at the end: TC
};

/// Writes records behind the question of `message` (header and question room included), never past
/// `limit` octets of message. A record that does not fit is left out and, unless it is additional,
/// marks the body truncated; nothing follows it.
class BodyWriter {
public:
    /// `qname` is the question's name (any case), which stands at octet 12 of the message to be.
    BodyWriter(MutableBytes message, std::size_t limit, Bytes qname) noexcept;

    /// `rdata` is uncompressed. Sections must come in order. False when the record was left out.
    bool add(Section section, Bytes owner, std::uint16_t type, std::uint32_t ttl,
             Bytes rdata) noexcept;
    /// Adds `record` of another message, decompressing as needed; `ttl` replaces its own.
    bool add_from(Bytes message, const Record& record, Section section, std::uint32_t ttl) noexcept;

    /// For additional records that the client cannot do without (glue): TC, though nothing before
    /// them is missing.
    void mark_truncated() noexcept { info_.truncated = true; }

    const BodyInfo& info() const noexcept { return info_; }
    Bytes body() const noexcept { return {message_.data() + start_, info_.size}; }
    /// Forgets everything written.
    void reset() noexcept;

private:
    bool put_name(Bytes name, bool may_compress) noexcept;
    bool put(Bytes octets) noexcept;
    bool put_rdata(std::uint16_t type, Bytes rdata) noexcept;
    std::uint16_t find_suffix(Bytes suffix) const noexcept;
    void remember(std::size_t offset) noexcept;

    static constexpr std::size_t kRemembered =
        48;  // names that later ones may point to; more only costs octets
    MutableBytes message_;
    std::size_t limit_;
    std::size_t start_;
    std::size_t at_;
    BodyInfo info_;
    bool full_ = false;  // a record did not fit: nothing follows
    std::uint16_t offsets_count_ = 0;
    std::array<std::uint16_t, kRemembered> offsets_;
};

/// Options in a reply for those clients that ask for them (Query::wanted).
struct ReplyOptions {
    std::uint16_t keepalive_100ms =
        0;         ///< edns-tcp-keepalive to offer, when not 0 (only over TCP; RFC 7828 3.2.2)
    Bytes nsid{};  ///< who we are, when not empty (RFC 5001)
};

/// Everything about a reply but its body.
struct ReplyHead {
    Rcode rcode = Rcode::noerror;
    std::uint16_t flags = 0;  ///< AA, RA, AD as wanted; QR, RD, CD, opcode and TC are set here
    const ExtendedError* error = nullptr;   ///< EDE, sent only to clients that speak EDNS
    const ReplyOptions* options = nullptr;  ///< null: none; sent only to clients that speak EDNS
};

/// The largest message this client takes: UDP 512 without EDNS, else its size within 512 … 1232;
/// TCP 65535.
std::size_t size_limit(const Query& query, bool udp) noexcept;
/// The same less what the OPT record takes at least, an echoed Client Subnet included: the limit
/// for a BodyWriter.
std::size_t body_limit(const Query& query, bool udp) noexcept;

/// Finishes a reply in place: `message` already holds a body of `info` behind the room for header
/// and question. A body that is too long for `limit` (size_limit) is cut behind the last record
/// that fits, and TC is set. Writes header, question, OPT, the latter with the query's Client
/// Subnet where its state is `answered`. Returns the size of the reply. `message` must hold at
/// least min(limit, 512) octets and at least the body.
std::size_t finish_reply(MutableBytes message, const Query& query, BodyInfo info,
                         const ReplyHead& head, std::size_t limit) noexcept;

/// A reply without a body: an error, mostly.
std::size_t write_empty_reply(MutableBytes message, const Query& query, const ReplyHead& head,
                              std::size_t limit) noexcept;

/// Writes a question to an upstream: random-looking `id`, name as given (the caller has randomised
/// its case), OPT when `edns`. Returns its size, or 0 when `out` is too small (300 octets are
/// enough).
struct UpstreamQuestion {
    Bytes name;
    std::uint16_t type = 0;
    bool dnssec_ok = false;
    bool checking_disabled = false;
    bool recursion_desired = true;
    std::uint8_t hops = 0;   ///< with `edns`: the hop mark, 0 for none
    std::uint64_t node = 0;  ///< our node id in it
};
std::size_t write_question(MutableBytes out, std::uint16_t id, const UpstreamQuestion& question,
                           bool edns) noexcept;

/// Rotates the run of equal-sized A or AAAA records that ends the answer section, by `steps`, in
/// place (load spreading as users of DNS servers expect it). `body_offset` is where the records
/// start.
void rotate_addresses(MutableBytes message, std::size_t body_offset, const BodyInfo& info,
                      std::uint32_t steps) noexcept;

}  // namespace peerzone::dns
