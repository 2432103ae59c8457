#include "sockets.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace peerzone::bench {
namespace {

constexpr int kBufferBytes = 4 << 20;

const sockaddr* generic(const sockaddr_in& address) noexcept {
    return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

bool make_address(const char* text, const char* port, sockaddr_in& address) noexcept {
    const int number = std::atoi(port);
    address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(number));
    return number > 0 && number < 65536 && inet_pton(AF_INET, text, &address.sin_addr) == 1 &&
           ntohl(address.sin_addr.s_addr) >> 24 == 127;
}

int bound_socket(int type, const sockaddr_in& address) noexcept {
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (type == SOCK_DGRAM) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    set_option(fd, SOL_SOCKET, SO_RCVBUF, kBufferBytes);
    set_option(fd, SOL_SOCKET, SO_SNDBUF, kBufferBytes);
    if (bind(fd, generic(address), sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

int connected_socket(const sockaddr_in& server) noexcept {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    set_option(fd, SOL_SOCKET, SO_RCVBUF, kBufferBytes);
    if (connect(fd, generic(server), sizeof server) == 0) return fd;
    close(fd);
    return -1;
}

void set_option(int fd, int level, int name, int value) noexcept {
    setsockopt(fd, level, name, &value,
               sizeof value);  // a wish: smaller buffers only cost losses, which are counted
}

}  // namespace peerzone::bench
