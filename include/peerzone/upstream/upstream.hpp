// A peer, the local cluster's own DNS, or a forwarder: who is asked for the names of some zones. An
// immutable value of the snapshot (its endpoints' health is not: upstream/endpoint.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/upstream/endpoint.hpp"
#include "peerzone/upstream/health.hpp"
#include "peerzone/upstream/tls.hpp"

namespace peerzone::upstream {

enum class Kind : std::uint8_t { peer, local, forward };
enum class Transport : std::uint8_t { automatic, udp, tcp, tls };

inline constexpr std::uint16_t kDnsPort = 53;
inline constexpr std::uint16_t kTlsPort = 853;  // RFC 7858 3.1

/// One item of an `endpoints` list: exactly one of address, host and resolv_conf is set.
struct EndpointSpec {
    std::optional<SocketAddress> address;
    std::string host;         ///< resolved once through the bootstrap servers (upstream/lookup.hpp)
    std::string resolv_conf;  ///< "resolv.conf:/path": the nameservers of that file
    std::uint16_t port = kDnsPort;  ///< of host
};

/// What was known last, while the upstream cannot be asked (RFC 8767).
struct StaleOptions {
    Seconds max_age{86400};  ///< past its TTL, up to 7d; 0: never
    Seconds answer_ttl{30};  ///< the TTL that clients get with it, 1s–1h
};

struct Options {
    std::string name;  ///< the key under peers; "local"; "forward <zone>"
    Kind kind = Kind::peer;
    std::vector<dns::Name>
        zones;  ///< peers.<name>.zones, the cluster's zone, or the forward's suffix
    std::vector<IpPrefix> reverse;  ///< PTR questions for these go here too
    std::vector<EndpointSpec> endpoints;
    Transport transport = Transport::automatic;  ///< auto: UDP, then TCP when cut or silent; udp:
                                                 ///< TCP only for cut replies; tcp; tls: nothing
                                                 ///< else, ever
    TlsOptions tls;                              ///< transport tls only
    Millis deadline{1800};                ///< the whole question, all attempts; 100ms–4500ms
    std::optional<Seconds> negative_ttl;  ///< cap for NXDOMAIN and NODATA; unset: 1 s for peers and
                                          ///< local, cache's cap for forward
    StaleOptions stale;
};

struct Upstream {
    std::uint16_t id =
        0;  ///< stays with the label over reloads, so that per-upstream limits count through them
    std::string label;  ///< for people: "peer=westus", "local", "forward=."
    Options options;
    std::vector<std::shared_ptr<Endpoint>> endpoints;
    std::shared_ptr<UpstreamHealth> health = std::make_shared<UpstreamHealth>();
    /// Transport tls: of each endpoint, at the same place. Otherwise empty.
    std::vector<std::shared_ptr<TlsIdentity>> tls;
    /// Why there may be no endpoints yet: "dns.example.com: not resolved yet".
    std::string pending;
};

}  // namespace peerzone::upstream
