#include "app/snapshot_builder.hpp"

#include <algorithm>

#include "app/special_names.hpp"
#include "peerzone/base/log.hpp"

namespace peerzone::app {
namespace {

std::string label_of(const upstream::Options& options) {
    switch (options.kind) {
        case upstream::Kind::peer: return "peer=" + options.name;
        case upstream::Kind::local: return "local";
        case upstream::Kind::forward: return "forward=" + options.zones.front().to_text();
    }
    return options.name;
}

// Where its options stand in the configuration.
std::string tls_path(const upstream::Options& options) {
    switch (options.kind) {
        case upstream::Kind::peer: return "peers." + options.name + ".tls";
        case upstream::Kind::local: return "local.forward.tls";
        case upstream::Kind::forward:
            return "forward.\"" + options.zones.front().to_text() + "\".tls";
    }
    return "tls";
}

// The name that the configuration gave an endpoint by, if it did: its certificate must be for that.
// Of an SRV name it is the domain, for nobody vouches for where its records lead (RFC 9525 6.1).
std::string certified_name(const upstream::EndpointSpec& spec) {
    if (spec.srv.empty()) return spec.host;
    std::string_view domain = spec.srv;
    while (domain.starts_with('_') && domain.find('.') != std::string_view::npos)
        domain.remove_prefix(domain.find('.') + 1);
    return std::string(domain);
}

template <class Visit>
void each_upstream(const config::Config& config, const Visit& visit) {
    for (const upstream::Options& peer : config.peers) visit(peer);
    if (config.local) visit(*config.local);
    for (const upstream::Options& forward : config.forwards) visit(forward);
}

std::vector<dns::Name> suffixes_of(const upstream::Options& options) {
    std::vector<dns::Name> suffixes = options.zones;
    for (const IpPrefix& prefix : options.reverse)
        for (const dns::Name& zone : dns::reverse_zones(prefix)) suffixes.push_back(zone);
    return suffixes;
}

}  // namespace

Result<ZoneList> load_zones(const config::Config& config, const std::stop_token& stop) {
    ZoneList zones;
    for (const zone::Options& options : config.zones) {
        if (stop.stop_requested()) return fail("stopped");
        zone::LoadResult loaded = zone::load(options);
        if (!loaded.zone) {
            const std::string why =
                loaded.problems.empty() ? "cannot be read" : loaded.problems.front().message;
            return fail("zone " + options.origin.to_text() + ": " + why);
        }
        zones.push_back(std::move(loaded.zone));
    }
    return zones;
}

Result<void> SnapshotBuilder::load_files(const config::Config& config) {
    auto zones = load_zones(config);
    if (!zones) return zones.error();
    return take_files(config, std::move(*zones));
}

Result<void> SnapshotBuilder::take_files(const config::Config& config, ZoneList zones) {
    std::vector<exchange::TlsOptions> wanted;
    each_upstream(config, [&](const upstream::Options& upstream) {
        if (upstream.transport == upstream::Protocol::tls) wanted.push_back(upstream.tls);
    });
    if (auto loaded = tls_.load(wanted); !loaded) return loaded;
    zones_ = std::move(zones);
    return {};
}

std::shared_ptr<const resolver::Snapshot> SnapshotBuilder::build(
    const config::Config& config, const discovery::SourceTable& sources) {
    auto snapshot = std::make_shared<resolver::Snapshot>();
    snapshot->limits = config.resolver_limits;
    snapshot->node_id = node_id_;
    snapshot->cluster_zone = config.cluster_zone;
    for (const view::Options& options : config.views) {
        const auto id = static_cast<view::ViewId>(snapshot->views.size());
        snapshot->views.push_back(
            {.name = options.name, .routes = {}, .recursion_available = false});
        for (const IpPrefix& prefix : options.clients) snapshot->clients.add(prefix, id);
    }
    kept_.clear();
    add_zones(*snapshot, config);
    each_upstream(config, [&](const upstream::Options& options) {
        add_upstream(*snapshot, options, sources);
    });
    endpoints_ = std::move(kept_);
    kept_.clear();
    // Who comes back later begins anew, and is not held by what was said before.
    std::erase_if(health_, [&](const auto& known) {
        return std::ranges::none_of(snapshot->upstreams, [&](const auto& upstream) {
            return upstream->health == known.second;
        });
    });
    tls_.drop_unused();
    note_moved(*snapshot);
    snapshot->moved = moved_;
    return snapshot;
}

// Which suffixes have another owner than in the snapshot before. All views have the same routes.
void SnapshotBuilder::note_moved(const resolver::Snapshot& snapshot) {
    constexpr std::size_t kMovedMax = 64;
    std::map<std::string, std::string> owners;
    for (const view::Route& route : snapshot.views.front().routes.routes()) {
        if (route.suffix.is_root()) continue;  // the names of "." are nobody's own
        const bool asked = route.kind == view::Route::Kind::upstream;
        owners[route.suffix.folded().to_text()] = asked ? snapshot.upstreams[route.index]->label
                                                  : route.built_in ? "built-in"
                                                                   : "zone";
    }
    const std::map<std::string, std::string> before = std::exchange(owners_, std::move(owners));
    if (before.empty()) return;
    const Time now = Clock::now();
    const auto note = [&](const auto& from, const auto& to) {
        for (const auto& [suffix, owner] : from) {
            const auto found = to.find(suffix);
            if (found != to.end() && found->second == owner) continue;
            const dns::Name name = dns::Name::from_text(suffix).value();
            std::erase_if(moved_, [&](const auto& moved) { return moved.suffix == name; });
            moved_.push_back({name, now});
        }
    };
    note(before, owners_);
    note(owners_, before);
    if (moved_.size() > kMovedMax) moved_ = {{dns::Name(), now}};
}

void SnapshotBuilder::add_zones(resolver::Snapshot& snapshot, const config::Config& config) {
    const auto add = [&](std::shared_ptr<const zone::Zone> zone, bool built_in) {
        const view::Route route{.suffix = zone->origin(),
                                .kind = view::Route::Kind::zone,
                                .built_in = built_in,
                                .index = static_cast<std::uint16_t>(snapshot.zones.size())};
        for (view::View& view : snapshot.views) view.routes.add(route);
        snapshot.zones.push_back(std::move(zone));
    };
    for (auto& zone : special_zones(config.cluster_zone)) add(std::move(zone), true);
    const view::RouteTable special = snapshot.views.front().routes;
    each_upstream(config, [&](const upstream::Options& options) {
        for (const dns::Name& suffix : suffixes_of(options)) note_opened(special, suffix, config);
    });
    for (const auto& zone : zones_) {
        note_opened(special, zone->origin(), config);
        add(zone, false);
    }
}

// Any zone, peer, reverse or forward for a special-use name opens it again (src/README.md, "Order
// of things", step 4). The cluster's own zone is no news.
void SnapshotBuilder::note_opened(const view::RouteTable& special, const dns::Name& suffix,
                                  const config::Config& config) {
    const view::Route* under = special.find(suffix.folded().wire());
    if (under == nullptr || suffix.is_under(config.cluster_zone)) return;
    if (!told_.insert(suffix.folded().to_text()).second) return;
    notices_.push_back(suffix.to_text() +
                       " is answered by the configuration, not as the special-use name " +
                       under->suffix.to_text());
}

void SnapshotBuilder::add_upstream(resolver::Snapshot& snapshot, const upstream::Options& options,
                                   const discovery::SourceTable& sources) {
    const auto index = static_cast<std::uint16_t>(snapshot.upstreams.size());
    snapshot.upstreams.push_back(make_upstream(options, sources));
    for (view::View& view : snapshot.views) {
        view.recursion_available = true;
        for (const dns::Name& suffix : suffixes_of(options))
            view.routes.add({.suffix = suffix,
                             .kind = view::Route::Kind::upstream,
                             .built_in = false,
                             .index = index});
    }
}

std::shared_ptr<upstream::Upstream> SnapshotBuilder::make_upstream(
    const upstream::Options& options, const discovery::SourceTable& sources) {
    auto made = std::make_shared<upstream::Upstream>();
    made->label = label_of(options);
    made->id = ids_.emplace(made->label, static_cast<std::uint16_t>(ids_.size())).first->second;
    made->health = health_.try_emplace(made->label, made->health).first->second;
    made->options = options;
    for (const upstream::EndpointSpec& spec : options.endpoints)
        add_endpoints(*made, spec, sources);
    return made;
}

void SnapshotBuilder::add_endpoints(upstream::Upstream& made, const upstream::EndpointSpec& spec,
                                    const discovery::SourceTable& sources) {
    if (spec.address) return add_address(made, *spec.address, spec);
    const std::string text = upstream::source_text(spec);
    const auto known = sources.find(text);
    if (known == sources.end() || known->second.addresses.empty()) {
        const bool failed = known != sources.end() && !known->second.error.empty();
        made.pending = failed ? known->second.error : text + ": not resolved yet";
        return;
    }
    for (SocketAddress address : known->second.addresses) {
        // A resolv.conf file names no ports.
        if (!spec.resolv_conf.empty() && made.options.transport == upstream::Protocol::tls)
            address.port = upstream::kTlsPort;
        add_address(made, address, spec);
    }
}

void SnapshotBuilder::add_address(upstream::Upstream& made, const SocketAddress& address,
                                  const upstream::EndpointSpec& spec) {
    const Key key{made.label, address};
    if (kept_.contains(key)) return;  // named twice, perhaps by a host name and its address
    if (made.endpoints.size() >= upstream::kEndpointsMax) {
        if (told_.insert(made.label + " endpoints").second)
            log::warning("too many endpoints", {{"upstream", made.label},
                                                {"used", std::to_string(upstream::kEndpointsMax)}});
        return;
    }
    const auto known = endpoints_.find(key);
    const bool forwarder = made.options.kind == upstream::Kind::forward;
    const upstream::EndpointRole role{
        .forwarder = forwarder, .has_root = forwarder && made.options.zones.front().is_root()};
    auto endpoint = known != endpoints_.end() ? known->second
                                              : std::make_shared<upstream::Endpoint>(address, role);
    kept_.emplace(key, endpoint);
    made.endpoints.push_back(std::move(endpoint));
    // The servers of a resolv.conf file have an order, too; the addresses of a name have none.
    if (made.options.order == upstream::Order::listed) {
        const bool same = spec.resolv_conf.empty() && !made.sources.empty() &&
                          made.sources.back() == upstream::source_text(spec);
        const int last = made.places.empty() ? -1 : made.places.back();
        made.places.push_back(static_cast<std::uint8_t>(same ? last : last + 1));
    }
    made.sources.push_back(upstream::source_text(spec));
    if (made.options.transport != upstream::Protocol::tls) return;
    const exchange::TlsOptions& tls = made.options.tls;
    made.tls.push_back(tls_.get(
        tls, {.label = made.label,
              .path = tls_path(made.options),
              .server_name = tls.server_name.empty() ? certified_name(spec) : tls.server_name}));
}

std::vector<std::string> SnapshotBuilder::take_notices() {
    return std::exchange(notices_, {});
}

std::vector<SocketAddress> bootstrap_servers(const std::vector<upstream::EndpointSpec>& bootstrap,
                                             const discovery::SourceTable& sources) {
    std::vector<SocketAddress> servers;
    for (const upstream::EndpointSpec& spec : bootstrap) {
        if (spec.address) servers.push_back(*spec.address);
        const auto found = sources.find(upstream::source_text(spec));
        if (found == sources.end()) continue;
        const auto& addresses = found->second.addresses;
        servers.insert(servers.end(), addresses.begin(), addresses.end());
    }
    return servers;
}

std::vector<upstream::EndpointSpec> followed_items(const config::Config& config) {
    std::vector<upstream::EndpointSpec> items = config.bootstrap;
    each_upstream(config, [&](const upstream::Options& options) {
        items.insert(items.end(), options.endpoints.begin(), options.endpoints.end());
    });
    return items;
}

}  // namespace peerzone::app
