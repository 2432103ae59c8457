#include "app/snapshot_builder.hpp"

#include <algorithm>

#include "app/view_routes.hpp"
#include "peerzone/base/log.hpp"

namespace peerzone::app {
namespace {

template <class Visit>
void each_upstream(const config::Config& config, const Visit& visit) {
    for (const upstream::Options& peer : config.peers) visit(peer);
    if (config.local) visit(*config.local);
    for (const upstream::Options& forward : config.forwards) visit(forward);
    for (const config::View& view : config.views)
        if (view.forwards)
            for (const upstream::Options& forward : *view.forwards) visit(forward);
}

// Gives each zone with the view that it belongs to; null: every one.
template <class Visit>
void each_zone(const config::Config& config, const Visit& visit) {
    for (const zone::Options& zone : config.zones) visit(zone, nullptr);
    for (const config::View& view : config.views)
        for (const zone::Options& zone : view.zones) visit(zone, &view);
}

bool sees(const config::View& view, const upstream::Options& options) {
    if (!options.view.empty()) return options.view == view.name;
    if (options.kind == upstream::Kind::forward) return !view.forwards;
    return options.kind != upstream::Kind::peer || !view.peers ||
           std::ranges::find(*view.peers, options.name) != view.peers->end();
}

// Places in the snapshot, which has the zones in the order of each_zone, behind the special ones.
Visible visible_to(const config::View& view, const config::Config& config,
                   const resolver::Snapshot& snapshot, std::size_t special_count) {
    Visible visible;
    std::size_t place = special_count;
    each_zone(config, [&](const zone::Options& zone, const config::View* owner) {
        const bool is_replaced =
            owner == nullptr &&
            std::ranges::find(view.zones, zone.origin, &zone::Options::origin) != view.zones.end();
        if ((owner == nullptr && !is_replaced) || owner == &view)
            visible.zones.push_back(static_cast<std::uint16_t>(place));
        ++place;
    });
    for (std::size_t i = 0; i < snapshot.upstreams.size(); ++i)
        if (sees(view, snapshot.upstreams[i]->options))
            visible.upstreams.push_back(static_cast<std::uint16_t>(i));
    return visible;
}

// Who has the view, at which of our addresses.
void add_clients(resolver::Snapshot& snapshot, const config::View& view, view::ViewId id) {
    for (const IpPrefix& prefix : view.clients) {
        if (view.listen.empty()) snapshot.clients.add(prefix, id);
        for (const SocketAddress& address : view.listen) {
            if (snapshot.listener_of(address) == 0) snapshot.listeners.push_back(address);
            snapshot.clients.add(snapshot.listener_of(address), prefix, id);
        }
    }
}

}  // namespace

Result<ZoneList> load_zones(const config::Config& config, const std::stop_token& stop) {
    ZoneList zones;
    std::string failed;
    each_zone(config, [&](const zone::Options& options, const config::View*) {
        if (stop.stop_requested()) failed = "stopped";
        if (!failed.empty()) return;
        zone::LoadResult loaded = zone::load(options);
        if (!loaded.zone)
            failed = "zone " + options.origin.to_text() + ": " +
                     (loaded.problems.empty() ? "cannot be read" : loaded.problems.front().message);
        zones.push_back(std::move(loaded.zone));
    });
    if (!failed.empty()) return fail(failed);
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
    if (auto loaded = endpoint_sets_.load_tls(wanted); !loaded) return loaded;
    zones_ = std::move(zones);
    return {};
}

std::shared_ptr<const resolver::Snapshot> SnapshotBuilder::build(
    const config::Config& config, const discovery::SourceTable& sources) {
    auto snapshot = std::make_shared<resolver::Snapshot>();
    snapshot->limits = config.resolver_limits;
    snapshot->node_id = node_id_;
    snapshot->identity = {.cluster = config.cluster_name, .host = host_name_};
    snapshot->config_status = status_;
    snapshot->cluster_zone = config.cluster_zone;
    for (const IpPrefix& prefix : config.trusted_forwarders)
        snapshot->trusted_forwarders.add(prefix);
    const ZoneList& special = special_zones_.with(config.cluster_zone);
    snapshot->zones.assign(special.begin(), special.end());
    const std::size_t special_count = snapshot->zones.size();
    snapshot->zones.insert(snapshot->zones.end(), zones_.begin(), zones_.end());
    each_upstream(config, [&](const upstream::Options& options) {
        snapshot->upstreams.push_back(make_upstream(options));
    });
    upstreams_ = snapshot->upstreams;
    endpoint_sets_.publish(upstreams_, sources);
    // Who comes back later begins anew, and is not held by what was said before.
    std::erase_if(health_, [&](const auto& known) {
        return std::ranges::none_of(snapshot->upstreams, [&](const auto& upstream) {
            return upstream->health == known.second;
        });
    });
    add_views(*snapshot, config, special_count);
    return snapshot;
}

void SnapshotBuilder::add_views(resolver::Snapshot& snapshot, const config::Config& config,
                                std::size_t special_count) {
    const view::RouteTable built_in = built_in_routes(snapshot, special_count);
    for (const config::View& options : config.views) {
        add_clients(snapshot, options, static_cast<view::ViewId>(snapshot.views.size()));
        view::View& view = snapshot.views.emplace_back();
        view.name = options.name;
        view.explain = options.explain;
        view.clients = options.clients;
        view.routes = built_in;
        const Visible visible = visible_to(options, config, snapshot, special_count);
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
    const upstream::Options& options) {
    auto made = std::make_shared<upstream::Upstream>();
    made->label = label_of(options);
    made->id = ids_.emplace(made->label, static_cast<std::uint16_t>(ids_.size())).first->second;
    made->health = health_.try_emplace(made->label, made->health).first->second;
    made->options = options;
    for (const auto& before : upstreams_)
        if (before->label == made->label && before->options == options) made->board = before->board;
    return made;
}

bool SnapshotBuilder::follow(const discovery::SourceTable& sources) {
    return endpoint_sets_.publish(upstreams_, sources);
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
