// What several views, and the names of several clusters, must not have in common.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "config/builder.hpp"
#include "config/choice.hpp"
#include "config/values.hpp"

namespace peerzone::config {
namespace {

void check_names(ConfigBuilder& builder) {
    std::map<std::string, std::size_t> first;
    for (std::size_t i = 0; i < builder.views.size(); ++i) {
        const std::string& name = builder.config.views[i].name;
        const auto [taken, is_new] = first.emplace(name, i);
        if (is_new) continue;
        const Value& earlier = builder.views[taken->second].value;
        builder.views[i].value.problem("another view is called " + in_quotes(name) + ": " +
                                           place_text(earlier.path(), earlier.mark()),
                                       "give each view a name of its own");
    }
}

void check_peers(ConfigBuilder& builder) {
    std::vector<std::string_view> known;
    for (const upstream::Options& peer : builder.config.peers) known.push_back(peer.name);
    for (const ViewPlace& view : builder.views)
        for (const Placed<std::string>& peer : view.peers) {
            if (std::ranges::find(known, peer.value) != known.end()) continue;
            const std::string_view near = nearest(peer.value, known);
            builder.problems.add(peer.mark, peer.path, "there is no peer " + in_quotes(peer.value),
                                 !near.empty() ? did_you_mean(near)
                                 : peer.value == "local"
                                     ? "every view sees this cluster: leave it out"
                                 : known.empty() ? "name it under peers"
                                                 : "peers are " + listed(known));
        }
}

// One of the addresses that the process listens on, or one that a wildcard among them covers.
bool is_listened_on(const SocketAddress& address, const server::ListenOptions& listen) {
    const auto covers = [&](const SocketAddress& bound) {
        return bound == address || (bound.port == address.port && bound.ip.is_unspecified() &&
                                    bound.ip.is_v4() == address.ip.is_v4());
    };
    return std::ranges::any_of(listen.dns, covers) || std::ranges::any_of(listen.tls, covers);
}

void check_listen(ConfigBuilder& builder) {
    for (const ViewPlace& view : builder.views)
        for (const Placed<SocketAddress>& address : view.listen)
            if (!is_listened_on(address.value, builder.config.listen))
                builder.problems.add(address.mark, address.path,
                                     "nothing listens on " + in_quotes(address.value.to_text()),
                                     "name it under listen.dns or listen.tls as well");
}

// A client has one view at a listening address: of two views, prefixes may be nested, not equal.
void check_clients(ConfigBuilder& builder) {
    std::map<std::pair<std::string, std::string>, const Placed<IpPrefix>*> first;
    for (const ViewPlace& view : builder.views) {
        std::vector<std::string> places;
        for (const auto& address : view.listen) places.push_back(address.value.to_text());
        if (view.listen.empty()) places.emplace_back();
        for (const Placed<IpPrefix>& prefix : view.clients)
            for (const std::string& listener : places) {
                const auto [taken, is_new] =
                    first.emplace(std::pair(listener, prefix.value.to_text()), &prefix);
                if (is_new) continue;
                builder.problems.add(prefix.mark, prefix.path,
                                     in_quotes(prefix.value.to_text()) + " is taken already by " +
                                         place_text(taken->second->path, taken->second->mark),
                                     "a client has one view: the longest prefix wins");
                break;
            }
    }
}

// Views that name no clients serve private ones: two of them at one address serve the same.
void check_default_clients(ConfigBuilder& builder) {
    std::map<std::string, const Placed<SocketAddress>*> first;
    for (const ViewPlace& view : builder.views) {
        if (!view.clients.empty()) continue;
        for (const Placed<SocketAddress>& address : view.listen) {
            const auto [taken, is_new] = first.emplace(address.value.to_text(), &address);
            if (!is_new)
                builder.problems.add(address.mark, address.path,
                                     in_quotes(address.value.to_text()) + " is taken already by " +
                                         place_text(taken->second->path, taken->second->mark),
                                     "clients tell apart who asks at one address");
        }
    }
}

// ---- aliases

bool is_same_owner(const Claimant& a, const Claimant& b) {
    return a.kind == b.kind && a.peer == b.peer;
}

void check_inside(ConfigBuilder& builder, const AliasClaim& alias) {
    const dns::Name& here = alias.value.here;
    for (const SuffixClaim& zone : builder.zones) {
        if (zone.by.kind != Claimant::Kind::peer || is_same_owner(zone.by, alias.by)) continue;
        if (here == zone.value || !here.is_under(zone.value)) continue;  // equal: check_suffixes
        builder.problems.add(alias.mark, alias.path,
                             in_quotes(here.to_text()) + " lies inside " +
                                 in_quotes(zone.value.to_text()) + ", which is taken by " +
                                 place_text(zone.path, zone.mark),
                             "give each cluster a suffix beside the others, such as " +
                                 (alias.by.peer.empty() ? "eastus" : alias.by.peer) + ".internal");
        return;
    }
}

void check_around(ConfigBuilder& builder, const AliasClaim& alias) {
    if (alias.by.kind == Claimant::Kind::local) return;
    const dns::Name& here = alias.value.here;
    const dns::Name& own = builder.config.cluster_zone;
    if (own.is_under(here))
        builder.problems.add(alias.mark, alias.path,
                             in_quotes(here.to_text()) + (here == own ? " is" : " holds") +
                                 " this cluster's own zone " + in_quotes(own.to_text()) +
                                 " (cluster.zone)",
                             "clients need a suffix that only this peer has, such as " +
                                 alias.by.peer + ".internal");
}

// Names that one alias makes are those that another one renames, and so on round to the first.
void check_circles(ConfigBuilder& builder) {
    const std::vector<AliasClaim>& aliases = builder.aliases;
    std::set<std::string> told;
    for (std::size_t begin = 0; begin < aliases.size(); ++begin) {
        std::size_t at = begin;
        for (std::size_t steps = 0; steps < aliases.size(); ++steps) {
            const dns::Name& there = aliases[at].value.there;
            const auto next = std::ranges::find_if(
                aliases, [&](const AliasClaim& other) { return there.is_under(other.value.here); });
            if (next == aliases.end()) break;
            at = static_cast<std::size_t>(next - aliases.begin());
            if (at != begin) continue;
            const bool alone = aliases[begin].value.there == aliases[begin].value.here;
            if (told.insert(aliases[begin].path).second)
                builder.problems.add(
                    aliases[begin].mark, aliases[begin].path,
                    alone
                        ? in_quotes(aliases[begin].value.there.to_text()) + " is renamed to itself"
                        : "renaming goes in a circle: " +
                              in_quotes(aliases[begin].value.there.to_text()) +
                              " is again a name that an alias makes",
                    alone ? "name it under zones: its names are the same on both sides"
                          : "`there` is how the cluster itself is called, such as cluster.local");
            break;
        }
    }
}

}  // namespace

void check_aliases(ConfigBuilder& builder) {
    for (const AliasClaim& alias : builder.aliases) {
        check_inside(builder, alias);
        check_around(builder, alias);
    }
    check_circles(builder);
    if (builder.cluster_alias && !builder.config.local)
        builder.cluster_alias->problem_at_key(
            "nobody answers this cluster's own zone",
            "local.forward names the cluster's own DNS, which is asked for these names");
}

void check_views(ConfigBuilder& builder) {
    check_names(builder);
    check_peers(builder);
    check_listen(builder);
    check_clients(builder);
    check_default_clients(builder);
}

}  // namespace peerzone::config
