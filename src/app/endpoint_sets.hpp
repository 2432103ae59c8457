// Which endpoints an upstream has: those that its options name, as far as they are known by now.
// Keeps the Endpoint of an address that stays, with what was learned about it. Control thread only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "peerzone/discovery/source.hpp"
#include "peerzone/exchange/tls.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::app {

/// "peer=westus", "local", "forward=.": of an upstream, for people.
std::string label_of(const upstream::Options& options);

class EndpointSets {
public:
    /// Reads certificates and keys for upstreams over TLS, to be used from now on. All or none.
    Result<void> load_tls(const std::vector<exchange::TlsOptions>& wanted) {
        return tls_.load(wanted);
    }

    /// Puts onto the boards of `upstreams` what `sources` says now; a board whose set would be the
    /// same is left alone. What is learned of endpoints that none of them has is forgotten. True
    /// when a board has changed.
    bool publish(const std::vector<std::shared_ptr<const upstream::Upstream>>& upstreams,
                 const discovery::SourceTable& sources);

private:
    using Key = std::pair<std::string, SocketAddress>;

    upstream::EndpointSet make(const upstream::Upstream& upstream,
                               const discovery::SourceTable& sources);
    void add_endpoints(upstream::EndpointSet& made, const upstream::Upstream& upstream,
                       const upstream::EndpointSpec& spec, const discovery::SourceTable& sources);
    void add_address(upstream::EndpointSet& made, const upstream::Upstream& upstream,
                     const SocketAddress& address, const upstream::EndpointSpec& spec);

    std::map<Key, std::shared_ptr<upstream::Endpoint>> endpoints_;
    std::map<Key, std::shared_ptr<upstream::Endpoint>> kept_;  // those of the sets under way
    exchange::TlsIdentities tls_;
    std::set<std::string> told_;  // labels of upstreams that have too many
};

}  // namespace peerzone::app
