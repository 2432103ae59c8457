// A DNS server that behaves as a test tells it to, on a loopback port that the kernel picks; UDP,
// and TCP on the same number if wanted. It runs in the test's own event loop, so nothing here is
// shared between threads.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "peerzone/base/bytes.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone::test {

using Octets = std::vector<std::uint8_t>;

/// A question as a server sees it, and replies to it as raw octets.
struct Received {
    Octets message;
    std::uint16_t port = 0;  ///< where it came from
    bool tcp = false;
    int number = 0;         ///< the how-manieth on this wire, from 1
    int on_connection = 0;  ///< over TCP: the how-manieth on its connection, from 1

    std::uint16_t id() const { return load_u16(message.data()); }
    std::size_t question_end() const {
        std::size_t at = 12;
        while (message[at] != 0) at += message[at] + 1u;
        return at + 5;
    }
    Octets name() const {
        return {message.begin() + 12, message.begin() + static_cast<long>(question_end()) - 4};
    }
    bool has_opt() const { return load_u16(message.data() + 10) != 0; }

    /// Header and question only: QR, RD, RA and `rcode`, plus `flags`.
    Octets empty(unsigned rcode = 0, unsigned flags = 0) const {
        Octets out(message.begin(), message.begin() + static_cast<long>(question_end()));
        store_u16(out.data() + 2, 0x8180u | rcode | flags);
        store_u16(out.data() + 4, 1);
        store_u32(out.data() + 6, 0);
        store_u16(out.data() + 10, 0);
        return out;
    }
    Octets cut() const { return empty(0, 0x0200); }
    /// With `count` A records 192.0.2.1, .2, …
    Octets answer(unsigned count = 1) const {
        Octets out = empty();
        store_u16(out.data() + 6, count);
        for (unsigned i = 1; i <= count; ++i) {
            const std::array<std::uint8_t, 16> record{
                0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, static_cast<std::uint8_t>(i)};
            out.insert(out.end(), record.begin(), record.end());
        }
        return out;
    }
};

inline Octets with_id(Octets message, std::uint16_t id) {
    store_u16(message.data(), id);
    return message;
}
inline Octets lower_case(Octets message) {
    for (std::size_t i = 12; i < message.size() && message[i] != 0; ++i)
        if (message[i] >= 'A' && message[i] <= 'Z')
            message[i] = static_cast<std::uint8_t>(message[i] + 32);
    return message;
}

class FakeServer {
public:
    /// What to send back, in order. `hang_up` closes a TCP connection after that, with a reset
    /// if `reset` is set too; `raw` sends octets on it without a length.
    struct Reaction {
        std::vector<Octets> messages;
        bool hang_up = false;
        bool raw = false;
        bool reset = false;
    };
    using Handler = std::function<Reaction(const Received&)>;
    enum class Tcp { refuse, accept };

    FakeServer(boost::asio::io_context& io, Handler handler, Tcp mode = Tcp::refuse)
        : handler_(std::move(handler)), acceptor_(io), udp_(io) {
        using boost::asio::ip::address_v4;
        for (int tries = 0;; ++tries) {  // until one number is free for both
            boost::system::error_code error;
            acceptor_ = boost::asio::ip::tcp::acceptor(io);
            acceptor_.open(boost::asio::ip::tcp::v4());
            acceptor_.bind({address_v4::loopback(), 0});
            udp_.open(boost::asio::ip::udp::v4());
            udp_.bind({address_v4::loopback(), acceptor_.local_endpoint().port()}, error);
            if (!error) break;
            udp_.close();
            if (tries == 100) std::abort();
        }
        port_ = udp_.local_endpoint().port();
        if (mode == Tcp::accept) {
            acceptor_.listen();
            accept();
        }  // else the number is taken and refuses
        receive();
    }

    SocketAddress address() const { return {IpAddress::v4(0x7f000001), port_, 0}; }
    /// From now on "port unreachable".
    void close_udp() { udp_.close(); }
    /// It answers again at the same address.
    void open_udp() {
        udp_.open(boost::asio::ip::udp::v4());
        udp_.bind({boost::asio::ip::address_v4::loopback(), port_});
        receive();
    }
    std::vector<Received> udp, tcp;  ///< all that came
    int connections = 0;
    int open_max = 1 << 30;  ///< connections past that are closed at once
    int open_connections() const { return *open_; }

    /// Sends to the client that asked `number` (from 1) over UDP: late, or unasked.
    void send_to(const Received& to, const Octets& message) {
        udp_.send_to(boost::asio::buffer(message),
                     {boost::asio::ip::address_v4::loopback(), to.port});
    }

private:
    struct Session {
        explicit Session(boost::asio::ip::tcp::socket s) : socket(std::move(s)) {}
        ~Session() {
            if (open) --*open;
        }
        boost::asio::ip::tcp::socket socket;
        Octets in, out;
        std::array<std::uint8_t, 4096> chunk{};
        int asked = 0;
        std::shared_ptr<int> open;  // sessions may outlive the server
    };
    using SessionRef = std::shared_ptr<Session>;

    void receive() {
        udp_.async_receive_from(
            boost::asio::buffer(buffer_), from_, [this](auto error, std::size_t n) {
                if (error) return;
                Received question;
                question.message.assign(buffer_.begin(), buffer_.begin() + static_cast<long>(n));
                question.port = from_.port();
                question.number = static_cast<int>(udp.size()) + 1;
                udp.push_back(question);
                for (const Octets& message : handler_(question).messages)
                    udp_.send_to(boost::asio::buffer(message), from_);
                if (udp_.is_open()) receive();
            });
    }

    void accept() {
        acceptor_.async_accept([this](auto error, boost::asio::ip::tcp::socket socket) {
            if (error) return;
            ++connections;
            if (*open_ >= open_max) {
                socket.close();
                accept();
                return;
            }
            ++*open_;
            auto session = std::make_shared<Session>(std::move(socket));
            session->open = open_;
            read(session);
            accept();
        });
    }

    void read(const SessionRef& session) {
        session->socket.async_read_some(
            boost::asio::buffer(session->chunk), [this, session](auto error, std::size_t n) {
                if (error) return;
                session->in.insert(session->in.end(), session->chunk.begin(),
                                   session->chunk.begin() + static_cast<long>(n));
                while (session->in.size() >= 2 &&
                       session->in.size() >= 2u + load_u16(session->in.data()))
                    if (!take(session)) return;
                read(session);
            });
    }

    bool take(const SessionRef& session) {
        const std::size_t size = load_u16(session->in.data());
        Received question;
        question.message.assign(session->in.begin() + 2,
                                session->in.begin() + 2 + static_cast<long>(size));
        session->in.erase(session->in.begin(), session->in.begin() + 2 + static_cast<long>(size));
        question.tcp = true;
        question.port = session->socket.remote_endpoint().port();
        question.number = static_cast<int>(tcp.size()) + 1;
        question.on_connection = ++session->asked;
        tcp.push_back(question);
        const Reaction reaction = handler_(question);
        Octets out;
        for (const Octets& message : reaction.messages) {
            if (!reaction.raw) {
                out.push_back(static_cast<std::uint8_t>(message.size() >> 8));
                out.push_back(static_cast<std::uint8_t>(message.size()));
            }
            out.insert(out.end(), message.begin(), message.end());
        }
        boost::system::error_code error;
        boost::asio::write(session->socket, boost::asio::buffer(out), error);
        if (reaction.reset)
            session->socket.set_option(boost::asio::socket_base::linger(true, 0), error);
        if (reaction.hang_up) session->socket.close();
        return !reaction.hang_up;
    }

    Handler handler_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::ip::udp::socket udp_;
    boost::asio::ip::udp::endpoint from_;
    std::array<std::uint8_t, 4096> buffer_{};
    std::uint16_t port_ = 0;
    std::shared_ptr<int> open_ = std::make_shared<int>(0);
};

inline FakeServer::Reaction silent(const Received& /*question*/) {
    return {};
}
inline FakeServer::Reaction answering(const Received& question) {
    return {.messages = {question.answer()}};
}

}  // namespace peerzone::test
