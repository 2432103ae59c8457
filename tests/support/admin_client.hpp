// A client of admin HTTP that does what it is told, and may misbehave: a blocking socket.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "peerzone/base/fd.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone::testing {

class AdminSocket {
public:
    explicit AdminSocket(const SocketAddress& server) {
        sockaddr_storage native;
        const socklen_t size = server.to_native(native);
        socket_ = Fd(::socket(native.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const timeval patience{20, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        connected_ =
            ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&native), size) == 0;
    }

    bool connected() const { return connected_; }
    bool send(std::string_view text) {
        return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }
    void finish() { ::shutdown(socket_.get(), SHUT_WR); }
    void shrink_receive_buffer() {
        const int size = 1;
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }

    /// One whole response: head and body. Empty when the connection ended before.
    std::string response() {
        while (input_.find("\r\n\r\n") == std::string::npos)
            if (!read_some()) return {};
        const std::size_t head = input_.find("\r\n\r\n") + 4;
        const std::size_t at = input_.find("Content-Length: ");
        const std::size_t body =
            at < head ? std::stoul(input_.substr(at + 16)) : 0;  // every answer has it
        while (input_.size() < head + body)
            if (!read_some()) return {};
        std::string whole = input_.substr(0, head + body);
        input_.erase(0, head + body);
        return whole;
    }
    /// Waits until the server closes; false when it does not within 20 s.
    bool is_closed_by_server() {
        while (read_some()) input_.clear();
        return ended_;
    }
    bool has_input(int wait_ms) const {
        pollfd waiting{socket_.get(), POLLIN, 0};
        return ::poll(&waiting, 1, wait_ms) == 1;
    }

private:
    bool read_some() {
        char buffer[16384];
        const ssize_t size = ::recv(socket_.get(), buffer, sizeof buffer, 0);
        if (size > 0) input_.append(buffer, static_cast<std::size_t>(size));
        ended_ = size == 0 || (size < 0 && errno == ECONNRESET);
        return size > 0;
    }

    Fd socket_;
    std::string input_;
    bool connected_ = false;
    bool ended_ = false;
};

}  // namespace peerzone::testing
