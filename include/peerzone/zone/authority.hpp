// The names that we own, as the resolver sees them: something that answers below an origin. Static
// zones (zone.hpp) are immutable values; another kind may change its own data while it is read,
// without a new snapshot.
//
// Owner: the snapshot, as shared_ptr<const Authority>; the control plane makes it. Every function
// is called by any number of worker threads at once, on the path of a hit: it allocates nothing,
// throws nothing and waits for nothing.
#pragma once

#include <cstdint>

#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::zone {

/// How a lookup ended. What belongs into the reply has been written when it returns, SOA of
/// negative answers included.
enum class Outcome : std::uint8_t {
    answered,    ///< data in the answer section (or a chain of aliases that ends in data)
    nodata,      ///< the name exists, the type does not
    nxdomain,    ///< the name (or the end of the alias chain, still in this zone) does not exist
    delegation,  ///< below a zone cut: NS in authority, glue in additional; not authoritative
    chain,       ///< aliases were written and lead out of this zone: go on at LookupResult::target
    overlong,   ///< a DNAME was written, and the name it makes is too long: YXDOMAIN (RFC 6672 2.2)
    not_ready,  ///< nothing is known of the zone yet: SERVFAIL with EDE 14, never "no such name"
    broken      ///< more than kChainMax links: SERVFAIL; what was written is of no use
};

struct LookupResult {
    Outcome outcome = Outcome::nxdomain;
    dns::Name target;    ///< with Outcome::chain: where the aliases lead; with delegation: the cut
    unsigned links = 0;  ///< aliases written
};

/// Names under a zone's origin that have another owner, such as a peer's zone below ours. An alias
/// to one of them leads out of the zone.
class NamesOwnedElsewhere {
public:
    virtual bool owns(const dns::Name& name) const noexcept = 0;

protected:
    ~NamesOwnedElsewhere() = default;
};

class Authority {
public:
    virtual const dns::Name& origin() const noexcept = 0;
    /// Is there a zone cut at that name? The DS of it is this zone's to answer (RFC 4035 3.1.4.1).
    virtual bool delegates(const dns::Name& name) const noexcept = 0;

    /// Answers (name, type); `name` is the origin or below it, in any case. Answer records are
    /// written with `name` as owner (for wildcards too). Type ANY gives one RRset (RFC 8482).
    /// `rotation` turns the order of A and AAAA sets; `elsewhere` may be null.
    virtual LookupResult lookup(const dns::Name& name, std::uint16_t type, std::uint32_t rotation,
                                dns::BodyWriter& writer,
                                const NamesOwnedElsewhere* elsewhere) const noexcept = 0;

protected:
    Authority() = default;
    Authority(const Authority&) = default;
    Authority(Authority&&) = default;
    Authority& operator=(const Authority&) = default;
    Authority& operator=(Authority&&) = default;
    ~Authority() = default;
};

}  // namespace peerzone::zone
