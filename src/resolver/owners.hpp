// Whose the names are that aliases lead to (src/README.md, "Order of things", step 8).
#pragma once

#include "peerzone/dns/name.hpp"
#include "peerzone/resolver/snapshot.hpp"
#include "peerzone/upstream/reply_check.hpp"
#include "peerzone/view/view.hpp"

namespace peerzone::resolver {

/// The names that have an owner of their own in a view, as seen from one of its upstreams: another
/// peer, a zone of ours, the local cluster, a forward other than ".". View, snapshot and upstream
/// must outlive it. No state of its own; allocates nothing.
class OtherOwners final : public upstream::OtherOwners {
public:
    OtherOwners(const view::View& view, const Snapshot& snapshot,
                const upstream::Upstream& replier) noexcept
        : view_(view), snapshot_(snapshot), replier_(replier) {}
    bool own(const dns::Name& name) const noexcept override;
    /// A name below the cluster's zone, which a peer uses for its own names, and which here is not
    /// another peer's: it is that peer's, although asked here it would be ours.
    bool is_replier_cluster(const dns::Name& name) const noexcept;

private:
    bool is_replier_cluster(const dns::Name& name, const view::Route& route) const noexcept;

    const view::View& view_;
    const Snapshot& snapshot_;
    const upstream::Upstream& replier_;
};

}  // namespace peerzone::resolver
