#include "app/view_routes.hpp"

#include <algorithm>
#include <utility>

namespace peerzone::app {
namespace {

using view::Route;

std::string owner_of(const Route& route, const resolver::Snapshot& snapshot) {
    return route.kind == Route::Kind::upstream
               ? snapshot.upstreams[route.index]->label
               : "zone " + snapshot.zones[route.index]->origin().to_text();
}

// The same suffixes, each with the same zone or upstream under the same names.
bool lead_alike(const view::View& a, const view::View& b) {
    return a.chain_scope == b.chain_scope && a.routes.routes().size() == b.routes.routes().size() &&
           std::ranges::all_of(a.routes.routes(), [&](const Route& route) {
               const Route* other = b.routes.find_exact(route.suffix);
               return other != nullptr && other->kind == route.kind &&
                      other->index == route.index && other->scope == route.scope;
           });
}

}  // namespace

std::vector<dns::Name> suffixes_of(const upstream::Options& options) {
    std::vector<dns::Name> suffixes = options.zones;
    for (const IpPrefix& prefix : options.reverse)
        for (const dns::Name& zone : dns::reverse_zones(prefix)) suffixes.push_back(zone);
    return suffixes;
}

view::RouteTable built_in_routes(const resolver::Snapshot& snapshot, std::size_t count) {
    view::RouteTable routes;
    for (std::size_t index = 0; index < count; ++index)
        routes.add({.suffix = snapshot.zones[index]->origin(),
                    .kind = Route::Kind::zone,
                    .built_in = true,
                    .index = static_cast<std::uint16_t>(index)});
    return routes;
}

std::vector<SharedSuffix> add_routes(view::View& view, const resolver::Snapshot& snapshot,
                                     const Visible& visible, ScopeTable& scopes) {
    std::vector<SharedSuffix> shared;
    const auto add = [&](const Route& route) {
        const Route* other = view.routes.find_exact(route.suffix);
        if (other == nullptr || other->built_in) return view.routes.add(route);
        if (other->kind == route.kind && other->index == route.index) return;
        shared.push_back({route.suffix, owner_of(*other, snapshot), owner_of(route, snapshot)});
    };
    for (const std::uint16_t index : visible.zones)
        add({.suffix = snapshot.zones[index]->origin(),
             .kind = Route::Kind::zone,
             .built_in = false,
             .index = index});
    for (const std::uint16_t index : visible.upstreams) {
        const upstream::Upstream& upstream = *snapshot.upstreams[index];
        const std::uint32_t scope = scopes.scope_of(upstream.label, dns::Renaming());
        for (const dns::Name& suffix : suffixes_of(upstream.options))
            add({.suffix = suffix,
                 .kind = Route::Kind::upstream,
                 .built_in = false,
                 .index = index,
                 .scope = scope});
    }
    view.recursion_available = !visible.upstreams.empty();
    view.chain_scope = scopes.chain_scope_of(view.routes);
    return shared;
}

void group_views(std::vector<view::View>& views) {
    for (std::size_t i = 0; i < views.size(); ++i) {
        std::size_t first = 0;
        while (!lead_alike(views[first], views[i])) ++first;
        views[i].group = static_cast<view::ViewId>(first);
    }
}

}  // namespace peerzone::app
