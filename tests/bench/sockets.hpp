// Sockets of the bench's programs. All on loopback addresses; anything else is refused.
#pragma once

#include <netinet/in.h>

namespace peerzone::bench {

/// False: not an IPv4 loopback address, or not a port.
bool make_address(const char* text, const char* port, sockaddr_in& address) noexcept;

/// A socket bound with SO_REUSEPORT and large buffers; -1 on failure (errno).
int bound_socket(int type, const sockaddr_in& address) noexcept;

/// A UDP socket connected to the server, non-blocking, with a large receive buffer; -1 on failure.
int connected_socket(const sockaddr_in& server) noexcept;

void set_option(int fd, int level, int name, int value) noexcept;

}  // namespace peerzone::bench
