#include "server/tcp_log.hpp"

#include <cstring>
#include <string>

#include "peerzone/base/log.hpp"

namespace peerzone::server {
namespace {

// What a client can provoke is logged once a minute, whichever worker sees it.
log::LogLimit client_log;  // a limit of one client must not hide that the total is reached
log::LogLimit total_log;
log::LogLimit made_room_log;
log::LogLimit slow_log;
log::LogLimit accept_log;

}  // namespace

void log_refused(const SocketAddress& client, ConnectionLimits::Admission why, Time now) {
    std::uint64_t suppressed = 0;
    const bool total = why == ConnectionLimits::Admission::total_reached;
    if (!(total ? total_log : client_log).allow(now, suppressed)) return;
    log::warning(
        "tcp connection refused",
        {{"client", client.ip.to_text()},
         {"limit", total ? "limits.tcp_connections_max" : "limits.tcp_connections_per_client_max"},
         {"suppressed", std::to_string(suppressed)}});
}

void log_made_room(const SocketAddress& client, Time now) {
    std::uint64_t suppressed = 0;
    if (!made_room_log.allow(now, suppressed)) return;
    log::warning("tcp connections are scarce, an idle one was closed for a new one",
                 {{"client", client.ip.to_text()},
                  {"limit", "limits.tcp_connections_max"},
                  {"suppressed", std::to_string(suppressed)}});
}

void log_slow(const TcpSession& session, Time now) {
    std::uint64_t suppressed = 0;
    if (!slow_log.allow(now, suppressed)) return;
    log::warning("tcp client does not read, cut off",
                 {{"client", session.client().to_text()},
                  {"waiting_bytes", std::to_string(session.queued_bytes())},
                  {"suppressed", std::to_string(suppressed)}});
}

void log_accept_failed(int error, Time now) {
    std::uint64_t suppressed = 0;
    if (!accept_log.allow(now, suppressed)) return;
    log::warning("tcp accept failed, trying again",
                 {{"error", std::strerror(error)},  // NOLINT(concurrency-mt-unsafe)
                  {"suppressed", std::to_string(suppressed)}});
}

}  // namespace peerzone::server
