// The route table of one view, from the zones and upstreams of a snapshot that the view sees.
// Control thread only; a snapshot's zones and upstreams must be there before its views' routes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/scope_table.hpp"
#include "peerzone/resolver/snapshot.hpp"
#include "peerzone/view/view.hpp"

namespace peerzone::app {

/// What a view sees: places in Snapshot::zones and Snapshot::upstreams.
struct Visible {
    std::vector<std::uint16_t> zones;
    std::vector<std::uint16_t> upstreams;
};

/// A suffix that two of them have within one view, and who has it now.
struct SharedSuffix {
    dns::Name suffix;
    std::string used;  ///< for people
    std::string unused;
};

/// The suffixes that an upstream answers: its zones, its alias, and the reverse zones of its
/// prefixes.
std::vector<dns::Name> suffixes_of(const upstream::Options& options);

/// Routes to the special-use zones, the first `count` of the snapshot: what every view begins with.
view::RouteTable built_in_routes(const resolver::Snapshot& snapshot, std::size_t count);

/// Adds to a view that has the built-in routes those to what it sees, and gives it what follows
/// from them: scopes, chain scope and RA. One owner for each suffix: the built-in zones give way,
/// of two others the first stays, zones before upstreams, and the suffix is returned. Of nested
/// prefixes the longest has the reverse zone; ClusterIPs that several clusters have lead nowhere.
std::vector<SharedSuffix> add_routes(view::View& view, const resolver::Snapshot& snapshot,
                                     const Visible& visible, ScopeTable& scopes);

/// Gives each view its group (View::group). Route tables must be complete.
void group_views(std::vector<view::View>& views);

}  // namespace peerzone::app
