// The DNS server behind the servers under test: answers every name (synthetic_answers.hpp) over UDP
// and TCP, fast, from one core that it shares with the load. Started as bench_responder ADDRESS
// PORT. `count.bench A` tells how many questions it has answered: how often a cache has asked;
// `count.tcp A`, how many of these over TCP; `count.known A`, how many of these for names that are
// asked again and again (pod-…).
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "sockets.hpp"
#include "synthetic_answers.hpp"

namespace peerzone::bench {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kMessageMax = 2048;
constexpr std::size_t kConnectionsMax = 500;
constexpr auto kSpin = std::chrono::milliseconds(1);

std::uint32_t answered = 0, answered_over_tcp = 0, answered_known = 0;

std::uint32_t counter(std::uint8_t initial) noexcept {
    return initial == 't' ? answered_over_tcp : initial == 'k' ? answered_known : answered;
}

// Appends records to a message of at most kMessageMax octets; what the names of this bench need is
// far below that.
class Writer {
public:
    Writer(std::uint8_t* message, std::size_t at) noexcept : message_(message), at_(at) {}

    std::size_t at() const noexcept { return at_; }
    void octets(const void* from, std::size_t size) noexcept {
        std::memcpy(message_ + at_, from, size);
        at_ += size;
    }
    void number(unsigned value) noexcept {
        write16(message_ + at_, static_cast<std::uint16_t>(value));
        at_ += 2;
    }
    void record(std::size_t owner, std::uint16_t type, std::uint32_t ttl,
                std::size_t size) noexcept {
        number(0xc000u | static_cast<unsigned>(owner));
        number(type);
        number(1);
        number(ttl >> 16);
        number(ttl & 0xffff);
        number(static_cast<unsigned>(size));
    }
    void address(std::size_t owner, std::uint32_t address) noexcept {
        record(owner, kTypeA, kTtl, 4);
        number(address >> 16);
        number(address & 0xffff);
    }

private:
    std::uint8_t* message_;
    std::size_t at_;
};

// SOA of the last two labels: cluster.local, or the domain that the search list added.
void write_soa(Writer& writer, Octets name) noexcept {
    std::size_t last = 0, owner = 0;
    for (std::size_t at = 0; name[at] != 0; at += name[at] + 1u) {
        owner = last;
        last = at;
    }
    writer.record(kHeader + owner, kTypeSoa, kNegativeTtl, 24);
    for (int i = 0; i < 2; ++i) writer.number(0xc000u | static_cast<unsigned>(kHeader + owner));
    for (const std::uint32_t value : {1u, 7200u, 1800u, 86400u, kNegativeTtl}) {
        writer.number(value >> 16);
        writer.number(value & 0xffff);
    }
}

// Targets t0, t1 … of the name behind its two service labels, and their addresses.
void write_services(Writer& writer, Octets name) noexcept {
    std::size_t host = name[0] + 1u;
    host += name[host] + 1u;
    const Octets rest = name.subspan(host);
    std::array<std::size_t, kSrvTargets> targets{};
    for (unsigned i = 0; i < kSrvTargets; ++i) {
        writer.record(kHeader, kTypeSrv, kTtl, 6 + 3 + rest.size());
        for (const unsigned value : {0u, 10u, static_cast<unsigned>(kSrvPort)})
            writer.number(value);
        targets[i] = writer.at();
        const std::uint8_t label[3] = {2, 't', static_cast<std::uint8_t>('0' + i)};
        writer.octets(label, 3);
        writer.octets(rest.data(), rest.size());
    }
    for (unsigned i = 0; i < kSrvTargets; ++i) writer.address(targets[i], address_of(rest) + i);
}

// Turns a question into its reply, in place. 0: no reply.
std::size_t answer(std::uint8_t* message, std::size_t size) noexcept {
    const Octets name = question_name({message, size});
    if (name.empty() || (message[2] & 0xf8) != 0 || read16(message + 4) != 1) return 0;
    const bool edns = read16(message + 10) != 0;
    const SyntheticAnswer answer = synthetic_answer(name, read16(message + kHeader + name.size()));
    Writer writer(message, kHeader + name.size() + 4);
    unsigned answers = 0, authorities = 0, additionals = edns ? 1 : 0;
    switch (answer) {
        case SyntheticAnswer::count:
            writer.address(kHeader, counter(name[sizeof "count" + 1]));
            answers = 1;
            break;
        case SyntheticAnswer::address:
            writer.address(kHeader, address_of(name)), answers = 1;
            break;
        case SyntheticAnswer::addresses:
            for (; answers < kBigAddresses; ++answers)
                writer.address(kHeader, address_of(name) + answers);
            break;
        case SyntheticAnswer::services:
            write_services(writer, name);
            answers = kSrvTargets;
            additionals += kSrvTargets;
            break;
        default: write_soa(writer, name), authorities = 1;
    }
    if (edns) {
        constexpr std::uint8_t kOpt[11] = {0, 0, kTypeOpt, 4, 208};  // 1232 octets
        writer.octets(kOpt, sizeof kOpt);
    }
    message[2] = static_cast<std::uint8_t>(0x84 | (message[2] & 1));
    message[3] =
        static_cast<std::uint8_t>(0x80 | (answer == SyntheticAnswer::no_such_name ? 3 : 0));
    write16(message + 6, static_cast<std::uint16_t>(answers));
    write16(message + 8, static_cast<std::uint16_t>(authorities));
    write16(message + 10, static_cast<std::uint16_t>(additionals));
    if (answer != SyntheticAnswer::count) ++answered;
    if ((name[1] | 0x20) == 'p') ++answered_known;
    return writer.at();
}

// One batch. False: there was nothing.
bool serve_batch(int fd) noexcept {
    static std::array<std::array<std::uint8_t, kMessageMax>, kBatch> buffers;
    static std::array<sockaddr_in, kBatch> clients;
    static std::array<mmsghdr, kBatch> messages;
    static std::array<iovec, kBatch> parts;
    for (std::size_t i = 0; i < kBatch; ++i) {
        parts[i] = {buffers[i].data(), kMessageMax};
        messages[i] = {};
        messages[i].msg_hdr.msg_name = &clients[i];
        messages[i].msg_hdr.msg_namelen = sizeof clients[i];
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int got = recvmmsg(fd, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (got <= 0) return false;
    unsigned out = 0;
    for (unsigned i = 0; i < static_cast<unsigned>(got); ++i) {
        const std::size_t size = answer(buffers[i].data(), messages[i].msg_len);
        if (size == 0) continue;
        parts[i].iov_len = size;
        messages[out++].msg_hdr = messages[i].msg_hdr;
    }
    for (unsigned sent = 0; sent < out;) {
        const int taken = sendmmsg(fd, &messages[sent], out - sent, 0);
        sent += taken > 0 ? static_cast<unsigned>(taken) : 1;  // a client that has gone
    }
    return true;
}

struct Connection {
    int fd;
    std::vector<std::uint8_t> in;
};

// Reads what is there and answers it. False: the connection has ended.
bool serve_stream(Connection& connection) {
    std::array<std::uint8_t, 65536> chunk;
    const ssize_t got = recv(connection.fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    auto& in = connection.in;
    in.insert(in.end(), chunk.begin(), chunk.begin() + got);
    std::vector<std::uint8_t> out;
    std::size_t at = 0;
    while (in.size() - at >= 2 && in.size() - at - 2 >= read16(&in[at])) {
        const std::size_t size = read16(&in[at]);
        if (size > 512) return false;
        std::array<std::uint8_t, kMessageMax> message;
        std::memcpy(message.data(), &in[at + 2], size);
        const std::uint32_t before = answered;
        const std::size_t reply = answer(message.data(), size);
        answered_over_tcp += answered - before;
        out.push_back(static_cast<std::uint8_t>(reply >> 8));
        out.push_back(static_cast<std::uint8_t>(reply));
        out.insert(out.end(), message.begin(),
                   message.begin() + static_cast<std::ptrdiff_t>(reply));
        at += 2 + size;
    }
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(at));
    return out.empty() || send(connection.fd, out.data(), out.size(), MSG_NOSIGNAL) ==
                              static_cast<ssize_t>(out.size());
}

void serve_streams(int listener, std::vector<Connection>& connections) {
    const int fd = connections.size() < kConnectionsMax
                       ? accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)
                       : -1;
    if (fd >= 0) {
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        connections.push_back({fd, {}});
    }
    for (std::size_t i = 0; i < connections.size();) {
        if (serve_stream(connections[i])) {
            ++i;
            continue;
        }
        close(connections[i].fd);
        std::swap(connections[i], connections.back());
        connections.pop_back();
    }
}

void wait_for_anything(int udp, int listener, const std::vector<Connection>& connections) {
    std::vector<pollfd> fds{{udp, POLLIN, 0}, {listener, POLLIN, 0}};
    for (const Connection& connection : connections) fds.push_back({connection.fd, POLLIN, 0});
    poll(fds.data(), fds.size(), 1000);
}

}  // namespace
}  // namespace peerzone::bench

int main(int argc, char** argv) {
    using namespace peerzone::bench;
    sockaddr_in address{};
    if (argc != 3 || !make_address(argv[1], argv[2], address)) {
        std::fprintf(stderr, "usage: %s ADDRESS PORT\n", argv[0]);
        return 2;
    }
    const int udp = bound_socket(SOCK_DGRAM, address),
              listener = bound_socket(SOCK_STREAM, address);
    if (udp < 0 || listener < 0 || listen(listener, 512) != 0 ||
        fcntl(listener, F_SETFL, O_NONBLOCK) != 0) {
        std::perror("bench_responder");
        return 1;
    }
    std::vector<Connection> connections;
    auto busy = std::chrono::steady_clock::now();
    for (unsigned turn = 0;; ++turn) {
        // It spins for a moment before it sleeps, so that the server under test does not pay for
        // waking it, and gives way to the load.
        if (serve_batch(udp))
            busy = std::chrono::steady_clock::now();
        else
            sched_yield();
        if (turn % 64 == 0 || !connections.empty()) serve_streams(listener, connections);
        if (std::chrono::steady_clock::now() - busy < kSpin) continue;
        wait_for_anything(udp, listener, connections);
        serve_streams(listener, connections);
        busy = std::chrono::steady_clock::now();
    }
}
