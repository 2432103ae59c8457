// The floor: what the kernel asks for carrying a question in and a reply out, with no DNS in
// between. Batches of 64 on one SO_REUSEPORT socket, each message sent back with QR set.
// bench_floor ADDRESS PORT
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>

#include "sockets.hpp"

int main(int argc, char** argv) {
    using namespace peerzone::bench;
    constexpr unsigned kBatch = 64;
    sockaddr_in address{};
    if (argc != 3 || !make_address(argv[1], argv[2], address)) {
        std::fprintf(stderr, "usage: %s ADDRESS PORT\n", argv[0]);
        return 2;
    }
    const int fd = bound_socket(SOCK_DGRAM, address);
    if (fd < 0) {
        std::perror("bench_floor");
        return 1;
    }
    static std::array<std::array<std::uint8_t, 2048>, kBatch> buffers;
    static std::array<sockaddr_in, kBatch> clients;
    static std::array<mmsghdr, kBatch> messages;
    static std::array<iovec, kBatch> parts;
    for (;;) {
        for (unsigned i = 0; i < kBatch; ++i) {
            parts[i] = {buffers[i].data(), buffers[i].size()};
            messages[i] = {};
            messages[i].msg_hdr.msg_name = &clients[i];
            messages[i].msg_hdr.msg_namelen = sizeof clients[i];
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        const int got = recvmmsg(fd, messages.data(), kBatch, MSG_WAITFORONE, nullptr);
        const unsigned count = got > 0 ? static_cast<unsigned>(got) : 0;
        for (unsigned i = 0; i < count; ++i) {
            buffers[i][2] |= 0x80;
            parts[i].iov_len = messages[i].msg_len;
        }
        for (unsigned sent = 0; sent < count;) {
            const int taken = sendmmsg(fd, &messages[sent], count - sent, 0);
            if (taken <= 0) break;
            sent += static_cast<unsigned>(taken);
        }
    }
}
