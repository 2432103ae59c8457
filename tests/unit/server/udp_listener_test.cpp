#include "server/udp_listener.hpp"

#include <gtest/gtest.h>

#include "peerzone/server/sockets.hpp"
#include "support/resolver_fixture.hpp"

namespace peerzone::server {
namespace {

using itest::Client;
using itest::Octets;
using itest::question;
using itest::Reply;
using metrics::Count;
namespace type = dns::type;

struct Listening : ::testing::Test, resolver::test::Setup {
    Fd socket;
    SocketAddress address;
    std::unique_ptr<UdpListener> listener;

    Listening() {
        add_zone("corp.internal", {"db A 10.0.0.5"});
        snapshot->clients.add(IpPrefix::parse("127.0.0.0/8").value(), 0);
        publish();
    }
    void open(const std::string& ip = "127.0.0.1") {
        socket = open_udp({IpAddress::parse(ip).value(), 0, 0}).value();
        address = bound_address(socket);
        if (address.ip.is_unspecified()) address.ip = IpAddress::v4(0x7f000001);
    }
    void listen() {
        listener = std::make_unique<UdpListener>(io, cork, std::move(socket), resolver, counters);
        listener->start();
    }
    // Runs what is ready, until everything that was sent has been read.
    void run_until(std::uint64_t queries) {
        while (counters.value(Count::udp_queries) < queries) io.run_one();
    }
};

TEST_F(Listening, MoreThanABatchIsReadInOneTurn) {
    open();
    const Client asker(address);
    for (std::uint16_t id = 0; id < 150; ++id) asker.send("db.corp.internal", type::a, {.id = id});
    listen();
    io.run_one();
    EXPECT_EQ(counters.value(Count::udp_queries), 150u);
    EXPECT_EQ(counters.value(Count::udp_replies), 150u);
    for (std::uint16_t id = 0; id < 150; ++id) EXPECT_EQ(asker.receive().id(), id);
}

TEST_F(Listening, ATurnIsBoundedAndTheRestComesInTheNext) {
    open();
    const Client asker(address);
    constexpr std::uint64_t kSent = 16 * 64 + 10;
    int room = 0;
    socklen_t size = sizeof room;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &room, &size);
    if (room < 4 << 20)
        GTEST_SKIP() << "SKIPPED: an ordinary user's receive buffer does not hold that many";
    for (std::uint64_t i = 0; i < kSent; ++i) asker.send("db.corp.internal", type::a);
    listen();
    io.run_one();
    EXPECT_EQ(counters.value(Count::udp_queries), 16u * 64);
    run_until(kSent);
}

TEST_F(Listening, StoppingAnswersWhatHasArrivedAndReadsNoMore) {
    open();
    const Client asker(address);
    listen();
    for (int i = 0; i < 10; ++i) asker.send("db.corp.internal", type::a);
    listener->stop();
    EXPECT_EQ(counters.value(Count::udp_replies), 10u);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(asker.receive().came);
    asker.send("db.corp.internal", type::a);
    io.run();  // nothing waits any more, so this returns
    EXPECT_EQ(counters.value(Count::udp_queries), 10u);
    // Late replies still leave.
    resolver::ReplyTo to;
    to.client = {IpAddress::v4(0x7f000001), 9, 0};
    listener->deliver(to, Octets(20, 1));
    EXPECT_EQ(counters.value(Count::udp_replies), 11u);
}

TEST_F(Listening, LateRepliesOfOneTurnLeaveWhenItEnds) {
    open("0.0.0.0");
    const Fd asker = open_udp({IpAddress::v4(0x7f000001), 0, 0}).value();
    listen();
    resolver::ReplyTo to;
    to.client = bound_address(asker);
    to.local = IpAddress::parse("127.0.0.2").value();
    {
        const Cork::Scope scope(cork);
        for (std::uint8_t i = 0; i < 100; ++i) listener->deliver(to, Octets{0, i, 0x80, 0, 0, 0});
        EXPECT_EQ(counters.value(Count::udp_replies), 64u) << "no more than a batch waits";
    }
    EXPECT_EQ(counters.value(Count::udp_replies), 100u);
    for (std::uint8_t i = 0; i < 100; ++i) {
        Octets reply(16);
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        ASSERT_EQ(::recvfrom(asker.get(), reply.data(), reply.size(), MSG_DONTWAIT,
                             reinterpret_cast<sockaddr*>(&from), &size),
                  6);
        EXPECT_EQ(reply[1], i);
        EXPECT_EQ(SocketAddress::from_native(from).ip, to.local);
    }
}

TEST_F(Listening, DropsOfTheKernelAreCounted) {
    open();
    const int small = 1;
    ASSERT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    const Client asker(address);
    constexpr unsigned kSent = 200;
    for (unsigned i = 0; i < kSent; ++i) asker.send("db.corp.internal", type::a);
    listen();
    io.run_one();
    asker.send("db.corp.internal", type::a);  // carries the news
    const std::uint64_t before = counters.value(Count::udp_queries);
    EXPECT_LT(before, kSent);
    run_until(before + 1);
    EXPECT_EQ(counters.value(Count::udp_kernel_drops) + counters.value(Count::udp_queries),
              kSent + 1u);
}

TEST_F(Listening, AReplyThatCannotLeaveHoldsUpNobody) {
    open();
    listen();
    resolver::ReplyTo nowhere;
    nowhere.client = {IpAddress::parse("fd00::1").value(), 53,
                      0};  // another family than the socket's
    listener->deliver(nowhere, Octets(20, 1));
    EXPECT_EQ(counters.value(Count::udp_send_failed), 1u);
    const Client asker(address);
    asker.send("db.corp.internal", type::a);
    run_until(1);
    EXPECT_EQ(asker.receive().answers().size(), 1u);
}

TEST_F(Listening, MixedBatchesKeepTheirReplies) {
    open("0.0.0.0");
    const Client one({IpAddress::parse("127.0.0.2").value(), address.port, 0});
    const Client two({IpAddress::parse("127.0.0.3").value(), address.port, 0});
    for (std::uint16_t id = 0; id < 20; ++id) {
        one.send("db.corp.internal", type::a, {.id = id});
        two.send(Octets{1, 2, 3});  // dropped: leaves no gap
        two.send("nix.corp.internal", type::a, {.id = static_cast<std::uint16_t>(id + 100)});
    }
    listen();
    run_until(60);
    for (std::uint16_t id = 0; id < 20; ++id) {
        const Reply found = one.receive();
        EXPECT_EQ(found.id(), id);
        EXPECT_EQ(found.rcode(), 0u);
        EXPECT_EQ(found.from.ip, IpAddress::parse("127.0.0.2").value());
        const Reply missing = two.receive();
        EXPECT_EQ(missing.id(), id + 100);
        EXPECT_EQ(missing.rcode(), 3u);
        EXPECT_EQ(missing.from.ip, IpAddress::parse("127.0.0.3").value());
    }
    EXPECT_EQ(counters.value(Count::dropped_malformed), 20u);
}

}  // namespace
}  // namespace peerzone::server
