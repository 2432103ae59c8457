// What is told of connections over TCP and TLS. Any worker's thread.
#pragma once

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "server/connection_limits.hpp"
#include "server/tcp_session.hpp"

namespace peerzone::server {

void log_refused(const SocketAddress& client, ConnectionLimits::Admission why, Time now);
/// An idle connection was closed for the sake of a new one.
void log_made_room(const SocketAddress& client, Time now);
/// The client does not read: it was cut off.
void log_slow(const TcpSession& session, Time now);
void log_accept_failed(int error, Time now);

}  // namespace peerzone::server
