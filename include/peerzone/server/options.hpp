// Where we listen, and what a client may cost. Plain values; the fields are the defaults. Sizes in
// octets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone::server {

inline constexpr std::uint16_t kAdminPort = 9153;  ///< CoreDNS has its metrics there too

struct ListenOptions {
    std::vector<SocketAddress> dns;  ///< listen.dns: UDP and TCP; default 0.0.0.0:53 and [::]:53
    std::vector<SocketAddress> tls;  ///< listen.tls: DNS over TLS (RFC 7858); default none
    /// listen.admin: metrics, health and status over HTTP; default 127.0.0.1:9153; empty: off
    std::optional<SocketAddress> admin;
    /// It stands in the file: then it must be free. The default gives way, so that a second server
    /// on a host needs no configuration for it.
    bool admin_is_given = false;
};

/// PEM files.
struct TlsOptions {
    std::string certificate;  ///< tls.certificate: ours, then what leads to its authority
    std::string key;          ///< tls.key: the certificate's, without a passphrase
    std::string client_ca;    ///< tls.client_ca: authorities of clients' certificates; empty:
                              ///< clients need none
    bool operator==(const TlsOptions&) const = default;
};

struct Limits {
    std::size_t tcp_connections_max =
        1000;  ///< limits.tcp_connections_max: all clients, all workers
    std::size_t tcp_connections_per_client_max =
        100;  ///< limits.tcp_connections_per_client_max: one client address
    std::size_t tcp_in_flight_per_connection_max =
        64;  ///< limits.tcp_in_flight_per_connection_max: unanswered queries; then we stop
             ///< reading
    Seconds tcp_idle{
        10};  ///< limits.tcp_idle: a connection without a query is closed (RFC 7766 6.2.3)
    Seconds tcp_write_stall{
        5};  ///< limits.tcp_write_stall: a client that reads nothing for this long is cut off
    std::size_t tcp_write_queue_bytes_max =
        1u << 20;  ///< limits.tcp_write_queue_max: replies a client has not taken yet
};

}  // namespace peerzone::server
