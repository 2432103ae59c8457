// The names of another cluster under the names that our clients know them by: one suffix swapped
// for another, in questions towards the owner of the names and in its replies towards our clients.
// With `here` westus.internal and `there` cluster.local, a client's db.svc.westus.internal is the
// owner's db.svc.cluster.local.
//
// Owner: made by the control plane, held by routes of a snapshot. An immutable value, read by every
// thread. Making and copying one allocates; its functions do not, throw nothing and keep no state.
//
// What can be relied on: a name below `here` comes back from the owner's form as it was, also
// where one suffix lies below the other (x.westus.cluster.local <-> x.cluster.local): the swap goes
// by the suffix of the side that a name is on, once. It does not come back where the owner's form
// is below an exception. Names below neither suffix are the same on both sides, so a name of the
// owner's that is outside `there` but below `here` looks like a renamed one.
//
// Sources: RFC 6672 2.2 and 2.3 (substitution of suffixes, names that get too long), RFC 4343
// (suffixes compare without case; labels that are kept keep theirs), RFC 3597 4 (where types have
// names).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "peerzone/base/bytes.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::dns {

enum class RenameError : std::uint8_t {
    none,
    too_long,  ///< a name beyond 255 octets, or data beyond 65,535 or the buffer
    malformed  ///< the data is not what its type says
};

struct RenamedRdata {
    RenameError error = RenameError::none;
    std::size_t size = 0;  ///< octets in the buffer; 0 with an error
};

class Renaming {
public:
    Renaming() noexcept = default;  ///< every name is the same on both sides
    /// `exceptions`: suffixes, as both sides know them, whose names are left as they are.
    Renaming(const Name& here, const Name& there, std::vector<Name> exceptions = {});

    bool is_identity() const noexcept { return is_identity_; }
    const Name& here() const noexcept { return here_; }
    const Name& there() const noexcept { return there_; }
    const std::vector<Name>& exceptions() const noexcept { return exceptions_; }

    /// A name as the owner knows it; one that is not below `here` as it is. Nothing: it would have
    /// more than 255 octets.
    std::optional<Name> to_owner(const Name& name) const noexcept;
    /// The same the other way, from below `there`.
    std::optional<Name> to_client(const Name& name) const noexcept;

    /// Whether it is another name for clients: below `there`, and below no exception.
    bool renames_to_client(const Name& name) const noexcept { return renames(name, there_); }

    /// The data of a record with each name in it renamed. `rdata` is uncompressed (expand_rdata)
    /// and stands apart from `out`; kRdataMax octets there are always enough. The root stays where
    /// it stands for no name at all (RFC 2782, 3403, 7505, 9460).
    RenamedRdata rdata_to_owner(std::uint16_t type, Bytes rdata, MutableBytes out) const noexcept;
    RenamedRdata rdata_to_client(std::uint16_t type, Bytes rdata, MutableBytes out) const noexcept;

private:
    struct Swap {
        const Name& from;
        const Name& to;
    };
    bool renames(const Name& name, const Name& from) const noexcept;
    std::optional<Name> swap(const Name& name, const Swap& suffix) const noexcept;
    RenamedRdata swap_in_rdata(std::uint16_t type, Bytes rdata, MutableBytes out,
                               const Swap& suffix) const noexcept;

    bool is_identity_ = true;
    Name here_;
    Name there_;
    std::vector<Name> exceptions_;
};

}  // namespace peerzone::dns
