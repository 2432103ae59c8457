#include "resolver/decide.hpp"

#include <algorithm>
#include <array>

namespace peerzone::resolver {
namespace {

/// What the routes of a view take out of a zone: names with a longer suffix.
class LongerRoutes final : public zone::NamesOwnedElsewhere {
public:
    LongerRoutes(const view::View& view, const view::Route& here) noexcept
        : routes_(view.routes), here_(here) {}
    bool owns(const dns::Name& name) const noexcept override {
        return routes_.find(name.folded().wire()) != &here_;
    }

private:
    const view::RouteTable& routes_;
    const view::Route& here_;
};

dns::Rcode rcode_of(zone::Outcome outcome) noexcept {
    return outcome == zone::Outcome::nxdomain   ? dns::Rcode::nxdomain
           : outcome == zone::Outcome::overlong ? dns::Rcode::yxdomain
                                                : dns::Rcode::noerror;
}

// The zones of special-use names are there so that nothing leaks. They own what they have, such as
// localhost; of the rest a server may know more, an office's "printer.local" for instance.
bool has_name(const zone::Authority& zone, const dns::Name& name) noexcept {
    std::array<std::uint8_t, 512> scratch;
    dns::BodyWriter writer(scratch, scratch.size(), name.wire());
    return zone.lookup(name, dns::type::any, 0, writer, nullptr).outcome != zone::Outcome::nxdomain;
}

}  // namespace

const view::Route* find_route(const Snapshot& snapshot, const view::View& view, Bytes name,
                              std::uint16_t type) noexcept {
    const view::Route* route = view.routes.find(name);
    if (type != dns::type::ds || route == nullptr || name.size() <= 1) return route;
    const dns::Name asked = dns::Name::from_checked(name);
    if (is_upstream(*route) || !(route->suffix == asked)) return route;
    const view::Route* parent = view.routes.find(name.subspan(name[0] + 1u));
    const bool is_ours = parent != nullptr && !is_upstream(*parent) &&
                         snapshot.zones[parent->index]->delegates(asked);
    return is_ours ? parent : route;
}

view::ListenerId Snapshot::listener_of(const SocketAddress& listening) const noexcept {
    const auto found = std::ranges::find(listeners, listening);
    return found == listeners.end() ? view::ListenerId{0}
                                    : static_cast<view::ListenerId>(found - listeners.begin() + 1);
}

namespace {

Decision decide_in(const Snapshot& snapshot, std::optional<view::ViewId> view_id, Bytes name,
                   std::uint16_t type) noexcept {
    if (!view_id) return {};
    const view::View& view = snapshot.views[*view_id];
    return {*view_id, &view, find_route(snapshot, view, name, type)};
}

}  // namespace

Decision decide(const Snapshot& snapshot, view::ListenerId listener, const IpAddress& client,
                Bytes name, std::uint16_t type) noexcept {
    return decide_in(snapshot, snapshot.clients.find(listener, client), name, type);
}

SubnetDecision decide_by_subnet(const Snapshot& snapshot, view::ListenerId listener,
                                const IpAddress& client, const dns::ClientSubnet& subnet,
                                Bytes name, std::uint16_t type) noexcept {
    if (!subnet.gives_address()) return {decide(snapshot, listener, client, name, type), 0};
    const auto [view_id, scope] = snapshot.clients.find_with_scope(listener, subnet.address());
    return {decide_in(snapshot, view_id, name, type), subnet.length_in_family(scope)};
}

ZoneWalk::End ZoneWalk::run(std::uint16_t type, unsigned links_before, std::uint32_t& rotation,
                            dns::BodyWriter& writer) noexcept {
    for (;;) {
        const LongerRoutes elsewhere(view_, *route_);
        const zone::LookupResult found =
            snapshot_.zones[route_->index]->lookup(name_, type, rotation++, writer, &elsewhere);
        links_ += found.links;
        if (found.outcome != zone::Outcome::delegation || links_ != 0) authoritative_ = true;
        if (const dns::Rcode rcode = rcode_of(found.outcome); rcode != dns::Rcode::noerror)
            rcode_ = rcode;
        if (found.outcome == zone::Outcome::not_ready) return End::not_ready;
        if (found.outcome == zone::Outcome::broken || links_before + links_ > exchange::kLinksMax)
            return End::broken;
        if (found.outcome != zone::Outcome::chain) return End::answered;
        name_ = found.target.folded();
        route_ = find_route(snapshot_, view_, name_.wire(), type);
        if (route_ == nullptr) return End::no_owner;
        if (is_upstream(*route_)) return End::upstream;
    }
}

bool OtherOwners::own(const dns::Name& name) const noexcept {
    const std::optional<dns::Name> known = name_here(route_, name);
    return known && owns(*known);
}

bool OtherOwners::owns(const dns::Name& name) const noexcept {
    const dns::Name folded = name.folded();
    const view::Route* route = view_.routes.find(folded.wire());
    if (route == nullptr || is_replier_cluster(folded, *route)) return false;
    if (!is_upstream(*route))
        return !route->built_in || has_name(*snapshot_.zones[route->index], folded);
    const upstream::Upstream& owner = upstream_of(snapshot_, *route);
    const bool is_catch_all =
        owner.options.kind == upstream::Kind::forward && route->suffix.is_root();
    return &owner != &replier_ && !is_catch_all;
}

bool OtherOwners::is_replier_cluster(const dns::Name& name) const noexcept {
    const view::Route* route = view_.routes.find(name.folded().wire());
    return route != nullptr && is_replier_cluster(name, *route);
}

bool OtherOwners::is_replier_cluster(const dns::Name& name,
                                     const view::Route& route) const noexcept {
    const dns::Name& cluster = snapshot_.cluster_zone;
    if (replier_.options.kind != upstream::Kind::peer || cluster.is_root() ||
        !name.is_under(cluster))
        return false;
    const bool is_below = route.suffix.is_under(cluster) && route.suffix != cluster;
    const bool is_peers =
        is_upstream(route) && upstream_of(snapshot_, route).options.kind == upstream::Kind::peer;
    return !is_below && !is_peers;
}

}  // namespace peerzone::resolver
