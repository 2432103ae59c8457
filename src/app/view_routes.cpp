#include "app/view_routes.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
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

template <class Visit>
void each_prefix(const upstream::Options& options, const Visit& visit) {
    for (const auto* list : {&options.pods, &options.services, &options.reverse})
        for (const IpPrefix& prefix : *list) visit(prefix, list == &options.services);
}

// What a route renames. A question by alias renames every name of that cluster; one by zones or by
// address leaves the names below zones as they are, and those that clients do not see otherwise get
// the alias.
dns::Renaming renaming_of(const upstream::Options& options, bool by_alias) {
    if (!options.alias) return {};
    const auto& [here, there] = *options.alias;
    if (by_alias) return {here, there};
    const bool nothing_is_left = std::ranges::any_of(
        options.zones, [&](const dns::Name& zone) { return there.is_under(zone); });
    return nothing_is_left ? dns::Renaming() : dns::Renaming(here, there, options.zones);
}

/// Routes to one upstream: number and scope, and what is renamed.
class UpstreamRoutes {
public:
    UpstreamRoutes(const resolver::Snapshot& snapshot, std::uint16_t index, ScopeTable& scopes)
        : index_(index), upstream_(*snapshot.upstreams[index]), scopes_(scopes) {}

    Route by_name(const dns::Name& suffix) { return make(suffix, as_is_, false); }
    Route by_alias() { return make(upstream_.options.alias->here, aliased_, true); }

private:
    struct Renamed {
        std::uint32_t scope = 0;  // 0: not asked for yet
        std::shared_ptr<const dns::Renaming> renaming;
    };
    Route make(const dns::Name& suffix, Renamed& renamed, bool by_alias) {
        if (renamed.scope == 0) {
            dns::Renaming renaming = renaming_of(upstream_.options, by_alias);
            renamed.scope = scopes_.scope_of(upstream_.label, renaming);
            if (!renaming.is_identity())
                renamed.renaming = std::make_shared<const dns::Renaming>(std::move(renaming));
        }
        return {.suffix = suffix,
                .kind = Route::Kind::upstream,
                .built_in = false,
                .index = index_,
                .scope = renamed.scope,
                .renaming = renamed.renaming};
    }

    std::uint16_t index_;
    const upstream::Upstream& upstream_;
    ScopeTable& scopes_;
    Renamed as_is_;
    Renamed aliased_;
};

struct PrefixRoute {
    IpPrefix prefix;
    std::size_t owner = 0;  // of the upstreams that a view sees
    bool is_services = false;
};

// Every prefix whose PTR questions go somewhere, the longest first. Where several clusters have the
// same ClusterIPs, an address is a name in each of them.
std::vector<PrefixRoute> prefix_routes(const resolver::Snapshot& snapshot, const Visible& visible) {
    std::vector<PrefixRoute> routes;
    for (std::size_t owner = 0; owner < visible.upstreams.size(); ++owner)
        each_prefix(snapshot.upstreams[visible.upstreams[owner]]->options,
                    [&](const IpPrefix& prefix, bool is_services) {
                        routes.push_back({prefix, owner, is_services});
                    });
    std::map<std::string, std::set<std::size_t>> clusters;  // with these ClusterIPs
    for (const PrefixRoute& route : routes)
        if (route.is_services) clusters[route.prefix.to_text()].insert(route.owner);
    std::erase_if(routes, [&](const PrefixRoute& route) {
        return route.is_services && clusters[route.prefix.to_text()].size() > 1;
    });
    std::ranges::stable_sort(routes, std::ranges::greater(),
                             [](const PrefixRoute& route) { return route.prefix.length; });
    return routes;
}

std::vector<dns::Name> typed_suffixes(const view::RouteTable& routes) {
    static const dns::Name kArpa = dns::Name::from_text("arpa").value();
    std::vector<dns::Name> typed;
    for (const Route& route : routes.routes())
        if (!route.built_in && !route.suffix.is_root() && !route.suffix.is_under(kArpa) &&
            typed.size() < view::View::kSuffixesMax)
            typed.push_back(route.suffix.folded());
    return typed;
}

}  // namespace

std::vector<dns::Name> suffixes_of(const upstream::Options& options) {
    std::vector<dns::Name> suffixes = options.zones;
    if (options.alias) suffixes.push_back(options.alias->here);
    each_prefix(options, [&](const IpPrefix& prefix, bool) {
        for (const dns::Name& zone : dns::reverse_zones(prefix)) suffixes.push_back(zone);
    });
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
    std::vector<UpstreamRoutes> upstreams;
    for (const std::uint16_t index : visible.upstreams) {
        const upstream::Options& options = snapshot.upstreams[index]->options;
        UpstreamRoutes& routes = upstreams.emplace_back(snapshot, index, scopes);
        for (const dns::Name& suffix : options.zones) add(routes.by_name(suffix));
        if (options.alias) add(routes.by_alias());
    }
    std::set<std::string> reverse;  // what a longer prefix has taken
    for (const PrefixRoute& route : prefix_routes(snapshot, visible))
        for (const dns::Name& zone : dns::reverse_zones(route.prefix))
            if (reverse.emplace(zone.view()).second) add(upstreams[route.owner].by_name(zone));
    view.suffixes = typed_suffixes(view.routes);
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
