// Configuration in, snapshot out. Keeps what must survive a reload: the endpoints of an upstream
// (app/endpoint_sets.hpp) and the board they stand on, its number, the scopes of what the cache
// knows. Control thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "app/endpoint_sets.hpp"
#include "app/host.hpp"
#include "app/scope_table.hpp"
#include "app/special_names.hpp"
#include "peerzone/config/config.hpp"
#include "peerzone/discovery/source.hpp"
#include "peerzone/resolver/snapshot.hpp"

namespace peerzone::app {

using ZoneList = std::vector<std::shared_ptr<const zone::Zone>>;

/// Reads and builds the zones of a configuration that was checked; an error when a file has changed
/// since, or when it was stopped between two zones. Any thread.
Result<ZoneList> load_zones(const config::Config& config, const std::stop_token& stop = {});

class SnapshotBuilder {
public:
    /// `node_id`: who we are in hop marks. `status`: what the snapshots say of their
    /// configuration, for those who ask; may be null.
    explicit SnapshotBuilder(std::uint64_t node_id = 0,
                             std::shared_ptr<const resolver::ConfigStatus> status = nullptr)
        : node_id_(node_id), status_(std::move(status)), host_name_(host_name()) {}
    std::uint64_t node_id() const noexcept { return node_id_; }

    /// Reads the certificates and keys for a configuration's upstreams over TLS, to be used from
    /// the next build on together with `zones`. All or none: an error (a file that changed since
    /// the configuration was checked) leaves the former ones.
    Result<void> take_files(const config::Config& config, ZoneList zones);
    /// The same with the zones read here.
    Result<void> load_files(const config::Config& config);

    /// Zones and certificates are those of the last take_files, which must have been for this
    /// configuration. `sources`: what has become of the endpoints that are followed.
    std::shared_ptr<const resolver::Snapshot> build(const config::Config& config,
                                                    const discovery::SourceTable& sources);

    /// Endpoints that are followed have changed: puts them onto the boards of the last snapshot's
    /// upstreams, and the snapshot stays. True when a board has changed.
    bool follow(const discovery::SourceTable& sources);
    /// Of the last snapshot.
    const std::vector<std::shared_ptr<const upstream::Upstream>>& upstreams() const noexcept {
        return upstreams_;
    }

    /// What the last build wants the operator to know, each told once over all builds.
    std::vector<std::string> take_notices();

private:
    std::shared_ptr<upstream::Upstream> make_upstream(const upstream::Options& options);
    void add_views(resolver::Snapshot& snapshot, const config::Config& config,
                   std::size_t special_count);
    void note_opened(const view::RouteTable& special, const dns::Name& suffix,
                     const config::Config& config);

    std::uint64_t node_id_;
    std::shared_ptr<const resolver::ConfigStatus> status_;
    std::string host_name_;
    ZoneList zones_;
    EndpointSets endpoint_sets_;
    std::vector<std::shared_ptr<const upstream::Upstream>> upstreams_;  // of the last snapshot
    std::map<std::string, std::uint16_t> ids_;  // label → Upstream::id; grows with renames only
    std::map<std::string, std::shared_ptr<upstream::UpstreamHealth>> health_;  // by label, as ids_
    ScopeTable scopes_;
    SpecialZones special_zones_;
    std::set<std::string> told_;
    std::vector<std::string> notices_;
};

/// The nameservers that are asked about endpoints: the addresses in `bootstrap`, and those that its
/// files have in `sources`.
std::vector<SocketAddress> bootstrap_servers(const std::vector<upstream::EndpointSpec>& bootstrap,
                                             const discovery::SourceTable& sources);
/// Every item of every `endpoints` list and of `bootstrap`.
std::vector<upstream::EndpointSpec> followed_items(const config::Config& config);

}  // namespace peerzone::app
