#include "app/snapshot_builder.hpp"

#include <algorithm>

#include "app/view_routes.hpp"
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

std::vector<std::uint16_t> places(std::size_t begin, std::size_t end) {
    std::vector<std::uint16_t> all;
    for (std::size_t i = begin; i < end; ++i) all.push_back(static_cast<std::uint16_t>(i));
    return all;
}

// No view has sets of its own yet: each sees every zone and upstream of the configuration.
Visible visible_to(const view::Options&, const resolver::Snapshot& snapshot,
                   std::size_t special_count) {
    return {.zones = places(special_count, snapshot.zones.size()),
            .upstreams = places(0, snapshot.upstreams.size())};
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
    const ZoneList& special = special_zones_.with(config.cluster_zone);
    snapshot->zones.assign(special.begin(), special.end());
    const std::size_t special_count = snapshot->zones.size();
    snapshot->zones.insert(snapshot->zones.end(), zones_.begin(), zones_.end());
    kept_.clear();
    each_upstream(config, [&](const upstream::Options& options) {
        snapshot->upstreams.push_back(make_upstream(options, sources));
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
    add_views(*snapshot, config, special_count);
    return snapshot;
}

void SnapshotBuilder::add_views(resolver::Snapshot& snapshot, const config::Config& config,
                                std::size_t special_count) {
    const view::RouteTable built_in = built_in_routes(snapshot, special_count);
    for (const view::Options& options : config.views) {
        const auto id = static_cast<view::ViewId>(snapshot.views.size());
        for (const IpPrefix& prefix : options.clients) snapshot.clients.add(prefix, id);
        view::View& view = snapshot.views.emplace_back();
        view.name = options.name;
        view.routes = built_in;
        const Visible visible = visible_to(options, snapshot, special_count);
        for (const SharedSuffix& shared : add_routes(view, snapshot, visible, scopes_))
            if (told_.insert(view.name + " " + shared.suffix.to_text() + " " + shared.unused)
                    .second)
                log::warning("a suffix has two owners", {{"view", view.name},
                                                         {"suffix", shared.suffix.to_text()},
                                                         {"used", shared.used},
                                                         {"unused", shared.unused}});
    }
    group_views(snapshot.views);
    scopes_.end_build();
    for (const auto& upstream : snapshot.upstreams)
        for (const dns::Name& suffix : suffixes_of(upstream->options))
            note_opened(built_in, suffix, config);
    for (const auto& zone : zones_) note_opened(built_in, zone->origin(), config);
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
