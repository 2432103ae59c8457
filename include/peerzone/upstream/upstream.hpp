// A peer, the local cluster's own DNS, or a forwarder: who is asked for the names of some zones. An
// immutable value of the snapshot; its endpoints stand on a board and may change meanwhile
// (upstream/endpoint_board.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/exchange/tls.hpp"
#include "peerzone/upstream/endpoint.hpp"
#include "peerzone/upstream/endpoint_board.hpp"
#include "peerzone/upstream/expectation.hpp"
#include "peerzone/upstream/health.hpp"

namespace peerzone::upstream {

enum class Kind : std::uint8_t { peer, local, forward };
enum class Order : std::uint8_t { fastest, listed };

inline constexpr std::uint16_t kDnsPort = 53;
inline constexpr std::uint16_t kTlsPort = 853;     // RFC 7858 3.1
inline constexpr std::size_t kEndpointsMax = 128;  ///< of one upstream, from all its sources

/// One item of an `endpoints` list: exactly one of address, host, srv and resolv_conf is set. All
/// but addresses are followed while we run (discovery/source.hpp).
struct EndpointSpec {
    std::optional<SocketAddress> address;
    std::string host;         ///< A and AAAA, asked of the bootstrap servers at their TTL
    std::string srv;          ///< "_dns._udp.example.com": its targets, with the ports it gives
    std::string resolv_conf;  ///< "resolv.conf:/path": the nameservers of that file
    std::uint16_t port = kDnsPort;  ///< of host

    friend bool operator==(const EndpointSpec&, const EndpointSpec&) = default;
};
/// As the file has it, port included: "10.2.0.10:53", "dns.example.com:53",
/// "srv:_dns._udp.example.com", "resolv.conf:/etc/resolv.conf".
std::string source_text(const EndpointSpec& spec);

/// What was known last, while the upstream cannot be asked (RFC 8767).
struct StaleOptions {
    Seconds max_age{86400};  ///< past its TTL, up to 7d; 0: never
    Seconds answer_ttl{30};  ///< the TTL that clients get with it, 1s–1h

    friend bool operator==(const StaleOptions&, const StaleOptions&) = default;
};

/// The names of a cluster under a suffix that is its own among all clusters.
struct Alias {
    dns::Name here;   ///< as our clients know them: westus.internal
    dns::Name there;  ///< as that cluster does: cluster.local

    friend bool operator==(const Alias&, const Alias&) = default;
};

struct Options {
    std::string name;  ///< the key under peers; "local"; "forward <zone>"
    std::string view;  ///< views[].forward: the view that it belongs to; empty: every view
    Kind kind = Kind::peer;
    std::vector<dns::Name> zones;  ///< peers.<name>.zones, the cluster's zone, or the forward's
                                   ///< suffix: asked under the same names
    std::optional<Alias> alias;    ///< peers.<name>.alias, cluster.alias: asked under other names
    // PTR questions for these go here too. Of nested prefixes the longest wins.
    std::vector<IpPrefix> pods;      ///< addresses of its pods
    std::vector<IpPrefix> services;  ///< its ClusterIPs; where others have the same range, PTR
                                     ///< questions for it go to none of them
    std::vector<IpPrefix> reverse;   ///< other addresses
    std::vector<EndpointSpec> endpoints;
    std::vector<Expectation> expect;    ///< peers only: by what an endpoint is known to be of the
                                        ///< right cluster; empty: nothing is asked
    std::optional<Protocol> transport;  ///< none: auto, UDP, then TCP when truncated or silent.
                                        ///< udp: TCP only when truncated; tcp, tls: nothing else
    exchange::TlsOptions tls;           ///< transport tls only
    Order order = Order::fastest;  ///< listed: servers that are not equal; the next one only when
                                   ///< those before it fail (EndpointSet::places)
    bool hedge = true;      ///< a second endpoint is asked as well when the first takes longer than
                            ///< most replies do, for at most 5 % of the questions
    Millis deadline{1800};  ///< the whole question, all attempts; 100ms–4500ms
    std::optional<Seconds> negative_ttl;  ///< cap for NXDOMAIN and NODATA; unset: 1 s for peers and
                                          ///< local, cache's cap for forward
    StaleOptions stale;

    /// Questions there say over how many servers they came (src/README.md, "Loops"): to peers
    /// and to the cluster's own DNS, which often points back at us; not to strangers.
    bool takes_hop_mark() const noexcept { return kind != Kind::forward; }

    friend bool operator==(const Options&, const Options&) = default;
};

struct Upstream {
    std::uint16_t id =
        0;  ///< stays with the label over reloads, so that per-upstream limits count through them
    std::string label;  ///< for people: "peer=westus", "local", "forward=."
    Options options;
    std::shared_ptr<UpstreamHealth> health = std::make_shared<UpstreamHealth>();
    /// Stays over reloads as long as the options do: what an older snapshot has asked for never
    /// goes to endpoints, or over a transport, that its own options do not have.
    std::shared_ptr<EndpointBoard> board = std::make_shared<EndpointBoard>();

    /// The endpoints that it has now. Not for what is done for each hit: Client::endpoints_of.
    std::shared_ptr<const EndpointSet> set() const { return board->current(); }
};

}  // namespace peerzone::upstream
