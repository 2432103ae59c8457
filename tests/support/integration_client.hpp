// A client that asks like dig: one UDP socket, replies as values that a test can compare.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/fd.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/dns/record.hpp"
#include "support/dns_wire.hpp"

namespace peerzone::itest {

using Octets = std::vector<std::uint8_t>;
namespace type = dns::type;

inline constexpr Millis kPatience{10000};

/// How a query is put. Unset EDNS size: no EDNS.
struct Asking {
    std::uint16_t id = 0x1234;
    bool recursion = true;
    std::optional<unsigned> edns = 1232;
    bool dnssec_ok = false;
    unsigned flags = 0;  ///< more header flags
    std::uint16_t klass = dns::klass::in;
    Octets options = {};  ///< in the OPT record
};

inline Octets question(std::string_view name, unsigned type, const Asking& how = {}) {
    testing::Wire wire;
    const unsigned flags = (how.recursion ? dns::kFlagRd : 0u) | how.flags;
    wire.header(how.id, flags, 1, 0, 0, how.edns ? 1 : 0).name(name).u16(type).u16(how.klass);
    if (how.edns) wire.opt(*how.edns, how.dnssec_ok ? dns::kEdnsFlagDo : 0, how.options);
    return wire.octets();
}

/// A reply that was read to its last octet; a default one stands for no reply.
struct Reply {
    bool came = false;
    Octets raw;
    testing::ReadMessage message;
    SocketAddress from;

    explicit operator bool() const { return came; }
    std::uint16_t id() const { return message.header.id; }
    unsigned rcode() const {
        const unsigned high = message.opt ? message.opt->ttl >> 24 : 0;
        return came ? (message.header.flags & 15u) | high << 4 : 99;
    }
    bool flag(unsigned bit) const { return message.header.flags & bit; }
    bool truncated() const { return message.truncated(); }
    /// The question's name as it stands there, letter case kept.
    std::string asked() const { return message.qname ? message.qname->to_text() : ""; }

    /// "owner TYPE data" of one section, in order; TTLs apart because they age.
    std::vector<std::string> section(unsigned which) const {
        std::vector<std::string> lines;
        for (const auto& r : message.records) {
            if (r.section != which) continue;
            std::string text = dns::record_text({r.record.owner, r.record.type, 0, r.rdata});
            const std::string middle = ". 0 IN ";
            if (const auto at = text.find(middle); at != std::string::npos)
                text.replace(at, middle.size(), " ");
            lines.push_back(text);
        }
        return lines;
    }
    std::vector<std::string> answers() const { return section(1); }
    /// The same in alphabetical order, for sets whose order turns.
    std::vector<std::string> sorted_answers() const {
        auto lines = answers();
        std::sort(lines.begin(), lines.end());
        return lines;
    }
    std::vector<std::uint32_t> ttls(unsigned which = 1) const {
        std::vector<std::uint32_t> found;
        for (const auto& r : message.records)
            if (r.section == which) found.push_back(r.record.ttl);
        return found;
    }
    std::uint32_t ttl() const { return ttls().empty() ? 0xffffffff : ttls().front(); }
    /// The extended error: code (-1: none) and text.
    int ede() const {
        const auto found = testing::find_option(message.options, dns::option::ede);
        return found ? load_u16(found->data()) : -1;
    }
    std::string ede_text() const {
        const auto found = testing::find_option(message.options, dns::option::ede);
        return found ? std::string(found->begin() + 2, found->end()) : "";
    }
    bool says(std::string_view part) const { return ede_text().find(part) != std::string::npos; }
};

inline Reply read_reply(const Octets& raw) {
    Reply reply;
    reply.raw = raw;
    if (auto read = testing::read_message(raw)) {
        reply.came = true;
        reply.message = *read;
    }
    return reply;
}

class Client {
public:
    explicit Client(const SocketAddress& server)
        : server_(server), fd_(::socket(family(server), SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
    /// Asks from this address of the machine.
    Client(const SocketAddress& server, const IpAddress& from) : Client(server) {
        sockaddr_storage native{};
        const socklen_t size = SocketAddress{from, 0, 0}.to_native(native);
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&native), size), 0);
    }

    void send(const Octets& message) const {
        sockaddr_storage native{};
        const socklen_t size = server_.to_native(native);
        ::sendto(fd_.get(), message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&native),
                 size);
    }
    void send(std::string_view name, unsigned type, const Asking& how = {}) const {
        send(question(name, type, how));
    }
    Reply receive(Millis patience = kPatience) const {
        pollfd ready{fd_.get(), POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(patience.count())) != 1) return {};
        Octets raw(65535);
        sockaddr_storage native{};
        socklen_t size = sizeof native;
        const ssize_t n = ::recvfrom(fd_.get(), raw.data(), raw.size(), 0,
                                     reinterpret_cast<sockaddr*>(&native), &size);
        if (n < 0) return {};
        raw.resize(static_cast<std::size_t>(n));
        Reply reply = read_reply(raw);
        reply.from = SocketAddress::from_native(native);
        return reply;
    }
    Reply ask(std::string_view name, unsigned type, const Asking& how = {}) const {
        send(name, type, how);
        return receive();
    }

private:
    static int family(const SocketAddress& address) {
        return address.ip.is_v4() ? AF_INET : AF_INET6;
    }
    SocketAddress server_;
    Fd fd_;
};

/// Asks once over a TCP connection of its own.
inline Reply ask_tcp(const SocketAddress& server, std::string_view name, unsigned type,
                     const Asking& how = {}) {
    sockaddr_storage native{};
    const socklen_t size = server.to_native(native);
    const Fd fd(::socket(native.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{10, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&native), size) != 0) return {};
    const Octets message = question(name, type, how);
    Octets framed(2);
    store_u16(framed.data(), message.size());
    framed.insert(framed.end(), message.begin(), message.end());
    ::send(fd.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
    std::uint8_t length[2];
    if (::recv(fd.get(), length, 2, MSG_WAITALL) != 2) return {};
    Octets raw(load_u16(length));
    if (::recv(fd.get(), raw.data(), raw.size(), MSG_WAITALL) != static_cast<ssize_t>(raw.size()))
        return {};
    return read_reply(raw);
}

}  // namespace peerzone::itest
