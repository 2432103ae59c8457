#include "peerzone/discovery/resolv_conf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace peerzone::discovery {
namespace {

using testing::ElementsAre;

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

class ResolvConf : public testing::Test {
protected:
    Result<std::vector<SocketAddress>> read(const std::string& text) {
        std::ofstream(path_, std::ios::binary) << text;
        return read_resolv_conf(path_);
    }
    ~ResolvConf() override { unlink(path_.c_str()); }

    std::string path_ = testing::TempDir() + "/resolv.conf." + std::to_string(getpid());
};

TEST_F(ResolvConf, NamesItsNameservers) {
    const auto servers = read(
        "# nameserver 192.0.2.1\n; nameserver 192.0.2.2\nsearch example.com\n"
        "nameserver 10.0.0.1\r\n\tnameserver\tfd00::1   # the other one\nnameserver 10.0.0.1\n"
        "options ndots:5\nnameserver 10.0.0.2");
    ASSERT_TRUE(servers) << servers.error().message;
    EXPECT_THAT(*servers,
                ElementsAre(SocketAddress{ip("10.0.0.1"), 53}, SocketAddress{ip("fd00::1"), 53},
                            SocketAddress{ip("10.0.0.2"), 53}));
}

TEST_F(ResolvConf, KeepsTheScopeOfALinkLocalAddress) {
    const auto servers =
        read("nameserver fe80::1%lo\nnameserver fe80::2%7\nnameserver fe80::3%nosuchif\n");
    ASSERT_TRUE(servers) << servers.error().message;
    EXPECT_THAT(*servers, ElementsAre(SocketAddress{ip("fe80::1"), 53, 1},
                                      SocketAddress{ip("fe80::2"), 53, 7}));
}

TEST_F(ResolvConf, TakesSixteenAtMost) {
    std::string text;
    for (int i = 0; i < 40; ++i) text += "nameserver 10.0.0." + std::to_string(i) + "\n";
    const auto servers = read(text);
    ASSERT_TRUE(servers) << servers.error().message;
    EXPECT_EQ(servers->size(), 16u);
}

TEST_F(ResolvConf, FailsWithoutANameserver) {
    const auto empty = read("");
    ASSERT_FALSE(empty);
    EXPECT_EQ(empty.error().message, path_ + " names no nameserver");
    const auto wrong = read("nameserver dns.example.com\nnameservers 10.0.0.1\nnameserver\n");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().message,
              path_ + " names no nameserver ('dns.example.com' is not an address)");
}

TEST_F(ResolvConf, FailsWhenItCannotBeRead) {
    const auto missing = read_resolv_conf(path_ + ".missing");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().message,
              "cannot read " + path_ + ".missing: No such file or directory");
    const auto directory = read_resolv_conf("/");
    ASSERT_FALSE(directory);
    EXPECT_EQ(directory.error().message, "cannot read /: Is a directory");
    const auto huge = read("nameserver 10.0.0.1\n" + std::string(70'000, '#'));
    ASSERT_FALSE(huge);
    EXPECT_EQ(huge.error().message, "cannot read " + path_ + ": larger than 64 KiB");
    const std::string pipe = path_ + ".pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const auto fifo = read_resolv_conf(pipe);  // it has no writer
    ::unlink(pipe.c_str());
    ASSERT_FALSE(fifo);
    EXPECT_EQ(fifo.error().message, "cannot read " + pipe + ": not a regular file");
}

}  // namespace
}  // namespace peerzone::discovery
