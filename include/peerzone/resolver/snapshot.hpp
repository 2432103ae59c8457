// What the control plane has built and the workers read: an immutable value, swapped whole. A
// question that waits keeps the snapshot it began with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "peerzone/resolver/config_status.hpp"
#include "peerzone/resolver/limits.hpp"
#include "peerzone/upstream/upstream.hpp"
#include "peerzone/view/view.hpp"
#include "peerzone/zone/authority.hpp"

namespace peerzone::resolver {

/// Who this server is, for those who ask (class CH, NSID).
struct Identity {
    std::string cluster;  ///< cluster.name
    std::string host;     ///< of this machine or pod
    /// "eastus/node-7"
    std::string id() const { return cluster + "/" + host; }
};

struct Snapshot {
    view::ClientTable clients;
    /// Listening addresses that have views of their own; the first one is ListenerId 1.
    std::vector<SocketAddress> listeners;
    std::vector<view::View> views;        ///< by ViewId
    view::AddressSet trusted_forwarders;  ///< clients whose Client Subnet chooses the view
    std::vector<std::shared_ptr<const zone::Authority>> zones;  ///< by Route::index of kind zone
    std::vector<std::shared_ptr<const upstream::Upstream>>
        upstreams;  ///< by Route::index of kind upstream
    Limits limits;
    dns::Name cluster_zone;     ///< cluster.zone; the root: none
    std::uint64_t node_id = 0;  ///< who we are in hop marks; made anew by each process
    Identity identity;
    /// Null: not known, as where there is no file.
    std::shared_ptr<const ConfigStatus> config_status;

    /// 0: the address has no views of its own, be it one that was asked at a socket for every
    /// address or one that a socket is bound to.
    view::ListenerId listener_of(const SocketAddress& listening) const noexcept;
};

}  // namespace peerzone::resolver
