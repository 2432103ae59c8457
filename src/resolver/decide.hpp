// Whose a name is, and for whom: the one place that turns a client's name into its owner, for hits,
// misses, aliases, the loop guard and first contact alike (src/README.md, "Order of things", steps
// 2, 4, 5 and 8). Pure functions of the snapshot; any thread; nothing allocates, throws or waits.
#pragma once

#include <optional>

#include "peerzone/base/ip.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/exchange/reply_check.hpp"
#include "peerzone/resolver/snapshot.hpp"
#include "peerzone/view/view.hpp"

namespace peerzone::resolver {

/// What is decided before anything is looked up. The pointers are into the snapshot.
struct Decision {
    view::ViewId view_id = 0;
    const view::View* view = nullptr;    ///< null: no view has this client
    const view::Route* route = nullptr;  ///< null: the name has no owner in that view
};

/// `name` is folded wire form.
Decision decide(const Snapshot& snapshot, view::ListenerId listener, const IpAddress& client,
                Bytes name, std::uint16_t type) noexcept;

/// The same for a query with a Client Subnet of the right form, of a client that is trusted with it
/// (Snapshot::trusted_forwarders): its view is that of the subnet's first address. Of a subnet that
/// gives no address it is the client's own (RFC 7871 7.1.2).
struct SubnetDecision {
    Decision decision;
    std::uint8_t scope_length = 0;  ///< for the reply, in bits of the subnet's family
};
SubnetDecision decide_by_subnet(const Snapshot& snapshot, view::ListenerId listener,
                                const IpAddress& client, const dns::ClientSubnet& subnet,
                                Bytes name, std::uint16_t type) noexcept;

/// The route of a name in a view: the longest suffix's. The DS of a zone of ours is its parent's to
/// answer where that is ours, too, and delegates it (RFC 4035 3.1.4.1).
const view::Route* find_route(const Snapshot& snapshot, const view::View& view, Bytes name,
                              std::uint16_t type) noexcept;

inline bool is_upstream(const view::Route& route) noexcept {
    return route.kind == view::Route::Kind::upstream;
}
inline const upstream::Upstream& upstream_of(const Snapshot& snapshot,
                                             const view::Route& route) noexcept {
    return *snapshot.upstreams[route.index];
}

/// A name of the route's as its upstream knows it (Route::renaming), folded where it was. Nothing:
/// it would have more than 255 octets.
inline std::optional<dns::Name> name_at_owner(const view::Route& route,
                                              const dns::Name& name) noexcept {
    return route.renaming == nullptr ? name : route.renaming->to_owner(name);
}
/// The other way: a name that the route's upstream has said.
inline std::optional<dns::Name> name_here(const view::Route& route,
                                          const dns::Name& name) noexcept {
    return route.renaming == nullptr ? name : route.renaming->to_client(name);
}

/// The way of a name through zones of ours, over aliases from one to the next, up to an answer or
/// to the first name that is not ours. Snapshot and view must outlive it.
class ZoneWalk {
public:
    enum class End : std::uint8_t {
        answered,   ///< data, or that there are none
        broken,     ///< aliases in a loop, or too many of them
        not_ready,  ///< the zone of name() knows nothing yet
        no_owner,   ///< an alias leads to a name without an owner in this view
        upstream    ///< an alias leads to a name of route()
    };

    ZoneWalk(const Snapshot& snapshot, const view::View& view, const view::Route& route,
             const dns::Name& name) noexcept
        : snapshot_(snapshot), view_(view), route_(&route), name_(name) {}

    /// Once. Records go to `writer`; `links_before` were followed already, of exchange::kLinksMax.
    /// `rotation` counts on with each zone.
    End run(std::uint16_t type, unsigned links_before, std::uint32_t& rotation,
            dns::BodyWriter& writer) noexcept;

    const dns::Name& name() const noexcept { return name_; }      ///< where it stands, folded
    const view::Route* route() const noexcept { return route_; }  ///< of that name
    unsigned links() const noexcept { return links_; }
    dns::Rcode rcode() const noexcept { return rcode_; }
    /// AA speaks for the first owner name in the answer section (RFC 1035 4.1.1): that one is ours,
    /// but not below a cut.
    bool is_authoritative() const noexcept { return authoritative_; }

private:
    const Snapshot& snapshot_;
    const view::View& view_;
    const view::Route* route_;
    dns::Name name_;
    unsigned links_ = 0;
    dns::Rcode rcode_ = dns::Rcode::noerror;
    bool authoritative_ = false;
};

/// The names that have an owner of their own in a view, as seen from the upstream of one of its
/// routes: another peer, a zone of ours, the local cluster, a forward other than ".". View and
/// snapshot must outlive it. No state of its own.
class OtherOwners final : public exchange::OtherOwners {
public:
    OtherOwners(const Snapshot& snapshot, const view::View& view, const view::Route& route) noexcept
        : snapshot_(snapshot), view_(view), route_(route), replier_(upstream_of(snapshot, route)) {}
    /// `name` as the replier knows it.
    bool own(const dns::Name& name) const noexcept override;
    /// `name` as clients know it.
    bool owns(const dns::Name& name) const noexcept;
    /// A name, as clients know it, below the cluster's zone, which a peer uses for its own names,
    /// and which here is not another peer's: it is that peer's, although asked here it would be
    /// ours.
    bool is_replier_cluster(const dns::Name& name) const noexcept;

private:
    bool is_replier_cluster(const dns::Name& name, const view::Route& route) const noexcept;

    const Snapshot& snapshot_;
    const view::View& view_;
    const view::Route& route_;
    const upstream::Upstream& replier_;
};

}  // namespace peerzone::resolver
