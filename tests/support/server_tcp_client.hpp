// A blocking DNS-over-TCP client on loopback; every wait ends after kPatience.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "support/server_fake_questions.hpp"

namespace peerzone::server::test {

inline constexpr Seconds kPatience{20};

struct ListeningSocket {
    int fd = -1;
    std::uint16_t port = 0;
};

inline sockaddr_in loopback(std::uint16_t port, std::uint32_t host = INADDR_LOOPBACK) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(host);
    return address;
}

inline ListeningSocket listen_on_loopback() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 1024) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        return {};
    return {fd, ntohs(address.sin_port)};
}

class TcpClient {
public:
    explicit TcpClient(std::uint16_t port, std::uint32_t from = INADDR_LOOPBACK,
                       int receive_buffer = 0)
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval patience{kPatience.count(), 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (receive_buffer > 0)
            ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        const sockaddr_in here = loopback(0, from);
        const sockaddr_in there = loopback(port);
        connected_ = ::bind(fd_, reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0 &&
                     ::connect(fd_, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0;
    }
    TcpClient(TcpClient&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
    TcpClient& operator=(TcpClient&&) = delete;
    ~TcpClient() { close(); }

    bool connected() const { return connected_; }
    int fd() const { return fd_; }
    bool send(const Octets& octets) {
        std::size_t sent = 0;
        while (sent < octets.size()) {
            const ssize_t n = ::send(fd_, octets.data() + sent, octets.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) return false;
            sent += static_cast<std::size_t>(n);
        }
        return true;
    }
    bool ask(std::uint16_t id, char what, std::uint16_t size = 0) {
        return send(framed_question(id, what, size));
    }

    /// The next message; nothing when the server closed or did not answer in time.
    std::optional<Octets> reply() {
        Octets length = read(2);
        if (length.size() < 2) return std::nullopt;
        Octets out = read(load_u16(length.data()));
        if (out.size() < load_u16(length.data())) return std::nullopt;
        return out;
    }
    /// Its ID, or -1.
    int reply_id() {
        const auto out = reply();
        return out && out->size() >= 2 ? load_u16(out->data()) : -1;
    }

    enum class End { closed, reset, silent, data };
    /// What the next read says; waits until it says something.
    End end() {
        std::uint8_t octet = 0;
        const ssize_t n = ::recv(fd_, &octet, 1, 0);
        if (n == 0) return End::closed;
        if (n > 0) return End::data;
        return errno == ECONNRESET ? End::reset : End::silent;
    }
    bool gone() {
        const End how = end();
        return how == End::closed || how == End::reset;
    }
    /// Throws away what comes until the connection ends.
    End read_to_the_end() {
        Octets scratch(65536);
        for (;;) {
            const ssize_t n = ::recv(fd_, scratch.data(), scratch.size(), 0);
            if (n == 0) return End::closed;
            if (n < 0) return errno == ECONNRESET ? End::reset : End::silent;
        }
    }
    /// True when there is nothing to read now.
    bool quiet() {
        std::uint8_t octet = 0;
        return ::recv(fd_, &octet, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }

    void finish_sending() { ::shutdown(fd_, SHUT_WR); }
    void reset() {
        const linger now{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

private:
    Octets read(std::size_t size) {
        Octets out(size);
        std::size_t got = 0;
        while (got < size) {
            const ssize_t n = ::recv(fd_, out.data() + got, size - got, 0);
            if (n <= 0) break;
            got += static_cast<std::size_t>(n);
        }
        out.resize(got);
        return out;
    }

    int fd_;
    bool connected_ = false;
};

}  // namespace peerzone::server::test
