// Opening the sockets we listen on. Done by the control thread at start, so that a port that is
// taken ends the program with a reason. Each worker has its own socket on the same address
// (SO_REUSEPORT).
#pragma once

#include <cstdint>

#include "peerzone/base/fd.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone::server {

enum class Sockets : std::uint8_t { udp_and_tcp, tcp };

/// An error when another socket listens on the address already: with SO_REUSEPORT two servers of
/// one user would share its queries without a word. An address family that the host lacks counts as
/// free.
Result<void> check_free(const SocketAddress& address, Sockets which = Sockets::udp_and_tcp);
/// Bound, non-blocking, with a receive buffer of 4 MiB where that is allowed, SO_RXQ_OVFL on, and
/// packet information on wildcard addresses (replies leave from the address that was asked). An
/// IPv6 wildcard does not take IPv4.
Result<Fd> open_udp(const SocketAddress& address);
/// Bound, non-blocking, listening.
Result<Fd> open_tcp(const SocketAddress& address);
/// The same for admin HTTP: one socket, which shares its address with no other.
Result<Fd> open_admin(const SocketAddress& address);
/// Where a socket is bound: tells the port that the kernel chose for port 0.
SocketAddress bound_address(int socket);
inline SocketAddress bound_address(const Fd& socket) {
    return bound_address(socket.get());
}
/// True when the kernel has no IPv6 at all.
bool ipv6_missing();

}  // namespace peerzone::server
