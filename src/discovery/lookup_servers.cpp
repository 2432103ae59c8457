#include "discovery/lookup_servers.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace peerzone::discovery {
namespace {

constexpr std::size_t kServersMax = 16;

}  // namespace

std::string asked_text(const std::vector<SocketAddress>& servers) {
    std::string text;
    for (const SocketAddress& server : servers)
        text += (text.empty() ? "" : ", ") + server.to_text();
    return " (asked " + text + ")";
}

// c-ares 1.18 knows no scopes.
std::vector<SocketAddress> usable(const std::vector<SocketAddress>& servers) {
    std::vector<SocketAddress> kept;
    for (const SocketAddress& server : servers)
        if (server.scope == 0 && kept.size() < kServersMax) kept.push_back(server);
    return kept;
}

int set_servers(ares_channel channel, const std::vector<SocketAddress>& servers) {
    std::vector<ares_addr_port_node> nodes(servers.size());
    for (std::size_t i = 0; i < servers.size(); ++i) {
        ares_addr_port_node& node = nodes[i];
        node.next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
        node.udp_port = node.tcp_port = servers[i].port;
        if (servers[i].ip.is_v4()) {
            node.family = AF_INET;
            node.addr.addr4.s_addr = htonl(servers[i].ip.v4_value());
        } else {
            node.family = AF_INET6;
            std::memcpy(&node.addr.addr6, servers[i].ip.bytes().data(), 16);
        }
    }
    return ares_set_servers_ports(channel, nodes.data());
}

}  // namespace peerzone::discovery
