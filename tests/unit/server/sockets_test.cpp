#include "peerzone/server/sockets.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cerrno>

namespace peerzone::server {
namespace {

SocketAddress at(const std::string& ip, std::uint16_t port) {
    return {IpAddress::parse(ip).value(), port, 0};
}

int option(const Fd& socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(socket.get(), level, name, &value, &size);
    return value;
}

Fd bound_without_sharing(int type) {
    Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    sockaddr_storage native{};
    const socklen_t size = at("127.0.0.1", 0).to_native(native);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&native), size), 0);
    if (type == SOCK_STREAM) {
        EXPECT_EQ(::listen(socket.get(), 1), 0);
    }
    return socket;
}

TEST(ListenSockets, PortZeroTellsThePortThatWasChosen) {
    const auto udp = open_udp(at("127.0.0.1", 0));
    ASSERT_TRUE(udp.has_value());
    EXPECT_NE(bound_address(*udp).port, 0);
    EXPECT_EQ(bound_address(*udp).ip, IpAddress::parse("127.0.0.1").value());
    EXPECT_EQ(option(*udp, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    EXPECT_EQ(option(*udp, SOL_SOCKET, SO_RXQ_OVFL), 1);
    EXPECT_EQ(option(*udp, IPPROTO_IP, IP_PKTINFO), 0) << "only wildcards need it";
}

TEST(ListenSockets, WildcardsTellWhereADatagramWasSentTo) {
    const auto four = open_udp(at("0.0.0.0", 0));
    ASSERT_TRUE(four.has_value());
    EXPECT_EQ(option(*four, IPPROTO_IP, IP_PKTINFO), 1);
    if (ipv6_missing()) GTEST_SKIP() << "SKIPPED: no IPv6 here";
    const auto six = open_udp(at("::", 0));
    ASSERT_TRUE(six.has_value());
    EXPECT_EQ(option(*six, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
    EXPECT_EQ(option(*six, IPPROTO_IPV6, IPV6_V6ONLY), 1);
}

TEST(ListenSockets, SeveralWorkersShareOneAddress) {
    const auto first = open_udp(at("127.0.0.1", 0));
    ASSERT_TRUE(first.has_value());
    const SocketAddress address = bound_address(*first);
    EXPECT_TRUE(open_udp(address).has_value());
    const auto tcp = open_tcp(at("127.0.0.1", 0));
    ASSERT_TRUE(tcp.has_value());
    EXPECT_TRUE(open_tcp(bound_address(*tcp)).has_value());
}

TEST(ListenSockets, APortThatIsTakenIsNamed) {
    const Fd taken = bound_without_sharing(SOCK_DGRAM);
    const auto udp = open_udp(bound_address(taken));
    ASSERT_FALSE(udp.has_value());
    EXPECT_EQ(udp.error().message, "listen on udp " + bound_address(taken).to_text() +
                                       ": Address already in use (another program has it, for "
                                       "port 53 perhaps systemd-resolved: see `ss -lunt`)");
    const Fd listening = bound_without_sharing(SOCK_STREAM);
    const auto tcp = open_tcp(bound_address(listening));
    ASSERT_FALSE(tcp.has_value());
    EXPECT_EQ(tcp.error().message.rfind("listen on tcp " + bound_address(listening).to_text(), 0),
              0u);
}

TEST(ListenSockets, AnAddressOfAnotherHostIsNamed) {
    const auto udp = open_udp(at("192.0.2.1", 5300));
    ASSERT_FALSE(udp.has_value());
    EXPECT_NE(udp.error().message.find("(this host has no such address)"), std::string::npos);
}

// SO_REUSEPORT would let a second server of the same user take half of the queries.
TEST(ListenSockets, AnAddressThatAnotherServerSharesIsNotFree) {
    const auto udp = open_udp(at("127.0.0.1", 0));
    ASSERT_TRUE(udp.has_value());
    const auto not_free = check_free(bound_address(*udp));
    ASSERT_FALSE(not_free.has_value());
    EXPECT_NE(not_free.error().message.find("listen on udp"), std::string::npos);
    const auto tcp = open_tcp(at("127.0.0.1", 0));
    ASSERT_TRUE(tcp.has_value());
    const auto tcp_not_free = check_free(bound_address(*tcp));
    ASSERT_FALSE(tcp_not_free.has_value());
    EXPECT_NE(tcp_not_free.error().message.find("listen on tcp"), std::string::npos);
}

TEST(ListenSockets, LookingWhetherAnAddressIsFreeLeavesItFree) {
    for (int port = 0; port < 8; ++port) {
        SocketAddress address;
        {
            const auto udp = open_udp(at("127.0.0.1", 0));
            ASSERT_TRUE(udp.has_value());
            address = bound_address(*udp);
        }
        if (!check_free(address)) continue;  // another program has it over TCP
        EXPECT_TRUE(check_free(address).has_value());
        EXPECT_TRUE(open_udp(address).has_value());
        return;
    }
    FAIL() << "none of eight ports is free over UDP and TCP";
}

}  // namespace
}  // namespace peerzone::server
