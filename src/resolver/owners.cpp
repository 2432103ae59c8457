#include "resolver/owners.hpp"

#include <array>

namespace peerzone::resolver {
namespace {

// The zones of special-use names are there so that nothing leaks. They own what they have, such as
// localhost; of the rest a server may know more, an office's "printer.local" for instance.
bool has_name(const zone::Zone& zone, const dns::Name& name) noexcept {
    std::array<std::uint8_t, 512> scratch;
    dns::BodyWriter writer(scratch, scratch.size(), name.wire());
    return zone.lookup(name, dns::type::any, 0, writer).outcome != zone::Outcome::nxdomain;
}

}  // namespace

bool OtherOwners::own(const dns::Name& name) const noexcept {
    const dns::Name folded = name.folded();
    const view::Route* route = view_.routes.find(folded.wire());
    if (route == nullptr || is_replier_cluster(folded, *route)) return false;
    if (route->kind == view::Route::Kind::zone)
        return !route->built_in || has_name(*snapshot_.zones[route->index], folded);
    const upstream::Upstream& owner = *snapshot_.upstreams[route->index];
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
    const bool is_peers = route.kind == view::Route::Kind::upstream &&
                          snapshot_.upstreams[route.index]->options.kind == upstream::Kind::peer;
    return !is_below && !is_peers;
}

}  // namespace peerzone::resolver
