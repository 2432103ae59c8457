#include "peerzone/server/sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace peerzone::server {
namespace {

constexpr int kReceiveBufferBytes = 4 << 20;
constexpr int kBacklog = 1024;

bool set(const Fd& socket, int level, int option, int value) {
    return ::setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

Error last_error(const char* what, const SocketAddress& address) {
    const int number = errno;
    std::string text = std::string(what) + " " + address.to_text() + ": " + std::strerror(number);
    if (number == EACCES)
        text += " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
    else if (number == EADDRINUSE)
        text += " (another program has it, for port 53 perhaps systemd-resolved: see `ss -lunt`)";
    else if (number == EADDRNOTAVAIL)
        text += " (this host has no such address)";
    return fail(std::move(text));
}

enum class Sharing : bool { no, yes };

Result<Fd> open_bound(const SocketAddress& address, int type, const char* what,
                      Sharing sharing = Sharing::yes) {
    const bool six = !address.ip.is_v4();
    Fd socket(::socket(six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return last_error(what, address);
    sockaddr_storage native;
    const socklen_t size = address.to_native(native);
    if ((sharing == Sharing::yes && !set(socket, SOL_SOCKET, SO_REUSEPORT, 1)) ||
        (six && !set(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1)))
        return last_error(what, address);
    if (type == SOCK_STREAM) set(socket, SOL_SOCKET, SO_REUSEADDR, 1);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&native), size) != 0)
        return last_error(what, address);
    return socket;
}

}  // namespace

Result<void> check_free(const SocketAddress& address, Sockets which) {
    if (!address.ip.is_v4() && ipv6_missing()) return {};
    if (which == Sockets::udp_and_tcp) {
        const auto udp = open_bound(address, SOCK_DGRAM, "listen on udp", Sharing::no);
        if (!udp) return udp.error();
    }
    const auto tcp = open_bound(address, SOCK_STREAM, "listen on tcp", Sharing::no);
    if (!tcp) return tcp.error();
    return {};
}

Result<Fd> open_udp(const SocketAddress& address) {
    Result<Fd> opened = open_bound(address, SOCK_DGRAM, "listen on udp");
    if (!opened) return opened.error();
    const Fd& socket = *opened;
    if (!set(socket, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBufferBytes))
        set(socket, SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes);
    set(socket, SOL_SOCKET, SO_RXQ_OVFL, 1);
    if (address.ip.is_unspecified()) {
        const bool ok = address.ip.is_v4() ? set(socket, IPPROTO_IP, IP_PKTINFO, 1)
                                           : set(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        if (!ok) return last_error("packet information on udp", address);
    }
    return opened;
}

Result<Fd> open_tcp(const SocketAddress& address) {
    Result<Fd> opened = open_bound(address, SOCK_STREAM, "listen on tcp");
    if (!opened) return opened.error();
    if (::listen(opened->get(), kBacklog) != 0) return last_error("listen on tcp", address);
    return opened;
}

Result<Fd> open_admin(const SocketAddress& address) {
    constexpr int kAdminBacklog = 64;
    Result<Fd> opened = open_bound(address, SOCK_STREAM, "listen on tcp", Sharing::no);
    if (!opened) return opened.error();
    if (::listen(opened->get(), kAdminBacklog) != 0) return last_error("listen on tcp", address);
    return opened;
}

SocketAddress bound_address(int socket) {
    sockaddr_storage native{};
    socklen_t size = sizeof native;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&native), &size);
    return SocketAddress::from_native(native);
}

bool ipv6_missing() {
    const Fd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return !socket && errno == EAFNOSUPPORT;
}

}  // namespace peerzone::server
