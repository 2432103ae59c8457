// Through real sockets: what arrives is what sendmmsg would have sent, datagram by datagram.
#include "peerzone/base/segments.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "peerzone/base/fd.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone {
namespace {

using Texts = std::vector<std::string>;

class Receiver {
public:
    Receiver() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof native_;
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&native_), &size), 0);
    }
    sockaddr_storage* native() { return &native_; }
    Texts arrived(std::string* from = nullptr) const {
        Texts all;
        std::array<char, 2048> octets;
        sockaddr_storage source{};
        for (;;) {
            socklen_t size = sizeof source;
            const ssize_t n = ::recvfrom(fd_.get(), octets.data(), octets.size(), MSG_DONTWAIT,
                                         reinterpret_cast<sockaddr*>(&source), &size);
            if (n < 0) return all;
            all.emplace_back(octets.data(), static_cast<std::size_t>(n));
            if (from != nullptr) *from = SocketAddress::from_native(source).ip.to_text();
        }
    }

private:
    Fd fd_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    sockaddr_storage native_{};
};

struct SegmentsTest : testing::Test {
    Fd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    Receiver one, two;
    SegmentSender sender;
    std::deque<std::string> texts;
    std::deque<iovec> vectors;
    std::vector<mmsghdr> datagrams;

    mmsghdr& add(Receiver& to, const std::string& text) {
        std::string& kept = texts.emplace_back(text);
        vectors.push_back({kept.data(), kept.size()});
        mmsghdr datagram{};
        datagram.msg_hdr.msg_name = to.native();
        datagram.msg_hdr.msg_namelen = sizeof(sockaddr_in);
        datagram.msg_hdr.msg_iov = &vectors.back();
        datagram.msg_hdr.msg_iovlen = 1;
        return datagrams.emplace_back(datagram);
    }
    Texts sizes_upwards(Receiver& to, std::initializer_list<std::size_t> sizes) {
        Texts expected;
        char letter = 'a';
        for (const std::size_t size : sizes) {
            expected.emplace_back(size, letter++);
            add(to, expected.back());
        }
        return expected;
    }
    void refuse_segments() const {  // udp(7): UDP_SEGMENT needs checksums
        const int on = 1;
        ASSERT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    }
};

TEST_F(SegmentsTest, EverySizeKeepsItsOrder) {
    const Texts expected = sizes_upwards(one, {40, 40, 40, 20, 20, 60, 1, 40, 1200, 1200, 1199, 3});
    EXPECT_EQ(sender.send(fd.get(), datagrams), 12);
    EXPECT_EQ(one.arrived(), expected);
    EXPECT_EQ(sender.take_refused(), 0u);
}

TEST_F(SegmentsTest, EveryReceiverGetsItsOwn) {
    for (const char* text : {"aaa", "bbb"}) add(one, text);
    for (const char* text : {"ccc", "ddd", "e"}) add(two, text);
    add(one, "fff");
    EXPECT_EQ(sender.send(fd.get(), datagrams), 6);
    EXPECT_EQ(one.arrived(), (Texts{"aaa", "bbb", "fff"}));
    EXPECT_EQ(two.arrived(), (Texts{"ccc", "ddd", "e"}));
}

TEST_F(SegmentsTest, MoreThanAnIpPacketHoldsTakesSeveral) {
    for (std::size_t i = 0; i < SegmentSender::kMax; ++i) add(one, std::string(1232, 'x'));
    EXPECT_EQ(sender.send(fd.get(), datagrams), 64);
    EXPECT_EQ(one.arrived(), Texts(64, std::string(1232, 'x')));
    EXPECT_EQ(sender.take_refused(), 0u);
}

TEST_F(SegmentsTest, AnEmptyDatagramIsADatagram) {
    const Texts expected = sizes_upwards(one, {5, 0, 0, 5, 5});
    EXPECT_EQ(sender.send(fd.get(), datagrams), 5);
    EXPECT_EQ(one.arrived(), expected);
}

TEST_F(SegmentsTest, TheAddressItLeavesFromIsKept) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> control{};
    cmsghdr head{};
    head.cmsg_level = IPPROTO_IP;
    head.cmsg_type = IP_PKTINFO;
    head.cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(0x7f000002);
    std::memcpy(control.data(), &head, sizeof head);
    std::memcpy(control.data() + CMSG_LEN(0), &info, sizeof info);
    for (const char* text : {"aaa", "bbb", "c"}) {
        msghdr& header = add(one, text).msg_hdr;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
    }
    add(one, "ddd");  // another way
    EXPECT_EQ(sender.send(fd.get(), std::span(datagrams).first(3)), 3);
    std::string from;
    EXPECT_EQ(one.arrived(&from), (Texts{"aaa", "bbb", "c"}));
    EXPECT_EQ(from, "127.0.0.2");
    EXPECT_EQ(sender.send(fd.get(), datagrams), 4);
    EXPECT_EQ(one.arrived(&from), (Texts{"aaa", "bbb", "c", "ddd"}));
    EXPECT_EQ(from, "127.0.0.1");
}

TEST_F(SegmentsTest, WhatIsRefusedLeavesOneByOneAndIsCounted) {
    refuse_segments();
    const Texts expected = sizes_upwards(one, {9, 9, 9, 9});
    for (const std::uint64_t refused : {1u, 0u}) {
        EXPECT_EQ(sender.send(fd.get(), datagrams), 4);
        EXPECT_EQ(one.arrived(), expected);
        EXPECT_EQ(sender.take_refused(), refused);
    }
}

TEST_F(SegmentsTest, TheyAreTriedAgainAfterAWhile) {
    refuse_segments();
    const Texts expected = sizes_upwards(one, {9, 9});
    std::uint64_t refused = 0;
    for (int i = 0; i < 1500; ++i) {
        EXPECT_EQ(sender.send(fd.get(), datagrams), 2);
        EXPECT_EQ(one.arrived(), expected);
        refused += sender.take_refused();
    }
    EXPECT_EQ(refused, 2u);
}

TEST_F(SegmentsTest, AnErrorThatIsNotAboutSegmentsIsTold) {
    sizes_upwards(one, {9, 9});
    fd.reset();
    EXPECT_EQ(sender.send(fd.get(), datagrams), -1);
    EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace peerzone
