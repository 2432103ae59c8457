// A plan as the program's snapshot, as the control plane builds them (app/snapshot_builder): scopes
// and routes are its own, endpoints and health stay over reloads. The one file of the simulation
// that knows how a Snapshot is made.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "app/scope_table.hpp"
#include "peerzone/resolver/snapshot.hpp"
#include "simulation/plan.hpp"

namespace peerzone::simulation {

/// "peer=one"
std::string label_of(unsigned upstream);
SocketAddress address_of(unsigned upstream, unsigned endpoint);
/// Of an address that address_of has given.
unsigned upstream_at(const SocketAddress& address);
unsigned endpoint_at(const SocketAddress& address);
IpAddress client_address(unsigned net, unsigned client);

class Snapshots {
public:
    std::shared_ptr<const resolver::Snapshot> build(const Plan& plan);
    /// The endpoints of the plan go onto the boards of the upstreams that are there.
    void publish_endpoints(const Plan& plan);
    /// Of all endpoints that are there.
    std::size_t permits() const;

private:
    std::shared_ptr<upstream::Upstream> make_upstream(const UpstreamPlan& plan, unsigned number);
    void publish_endpoints(const UpstreamPlan& plan, unsigned number);

    app::ScopeTable scopes_;
    std::map<std::pair<unsigned, unsigned>, std::shared_ptr<upstream::Endpoint>> endpoints_;
    std::map<unsigned, std::shared_ptr<upstream::UpstreamHealth>> health_;
    std::map<unsigned, std::shared_ptr<const upstream::Upstream>> upstreams_;  // of the last build
};

}  // namespace peerzone::simulation
