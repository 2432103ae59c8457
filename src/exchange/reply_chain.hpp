// The aliases of a reply, from its question to where they end or lead away. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "peerzone/exchange/reply_check.hpp"
#include "peerzone/exchange/reply_index.hpp"

namespace peerzone::exchange {

/// One alias of the chain. A DNAME brings the CNAME of one name with it; where the server left that
/// out, we make it (RFC 6672 3.1).
struct Link {
    const Entry* dname = nullptr;
    const Entry* cname = nullptr;  ///< null: made from the DNAME
    dns::Name target;
};

enum class End : std::uint8_t { data, nothing, elsewhere, too_long, loop, invalid };

/// The chain from the question's name to its end.
struct Chain {
    std::array<Link, kLinksMax> links;
    unsigned count = 0;
    bool alias_is_data = false;  ///< the question asked for the CNAME itself
    dns::Name target;
    std::uint64_t target_hash = 0;
    End end = End::nothing;
};

/// Whether a question for `type` (or ANY) is answered by this record.
bool is_wanted(const Entry& entry, std::uint16_t type) noexcept;

/// `others` may be null. Ends at the first link that leads to one of theirs.
Chain follow(const ReplyIndex& index, const dns::Name& question, std::uint16_t type,
             const OtherOwners* others) noexcept;

}  // namespace peerzone::exchange
