#include "peerzone/upstream/lookup.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <thread>

#include "support/upstream_message.hpp"

namespace peerzone::upstream {
namespace {

using namespace peerzone::test;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr unsigned A = 1, CNAME = 5, AAAA = 28;

// Answers questions over UDP on a loopback port of its own: `answer` adds to a reply what belongs
// into it, or says false for silence.
class FakeServer {
public:
    using Answer =
        std::function<bool(const std::string& name, unsigned type, MessageBuilder& reply)>;

    explicit FakeServer(unsigned flags, Answer answer) : flags_(flags), answer_(std::move(answer)) {
        sockaddr_in native{};
        native.sin_family = AF_INET;
        native.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof native;
        EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&native), size), 0);
        EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&native), &size), 0);
        address_ = {IpAddress::v4(INADDR_LOOPBACK), ntohs(native.sin_port)};
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeServer() {
        eventfd_write(stop_, 1);
        thread_.join();
        close(socket_);
        close(stop_);
    }
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    const SocketAddress& address() const { return address_; }
    unsigned asked() const { return asked_; }

private:
    void serve() {
        for (;;) {
            pollfd ready[2] = {{socket_, POLLIN, 0}, {stop_, POLLIN, 0}};
            poll(ready, 2, -1);
            if (ready[1].revents != 0) return;
            Octets question(512);
            sockaddr_storage from{};
            socklen_t size = sizeof from;
            const ssize_t got = recvfrom(socket_, question.data(), question.size(), 0,
                                         reinterpret_cast<sockaddr*>(&from), &size);
            if (got < 17) continue;
            ++asked_;
            std::string name;
            std::size_t at = 12;
            for (; question[at] != 0; at += question[at] + 1u)
                name.append(name.empty() ? "" : ".")
                    .append(reinterpret_cast<char*>(&question[at + 1]), question[at]);
            const unsigned type = question[at + 1] * 256u + question[at + 2];
            MessageBuilder reply(question[0] * 256u + question[1], flags_);
            reply.question(name, type);
            if (!answer_(name, type, reply)) continue;
            sendto(socket_, reply.octets().data(), reply.octets().size(), 0,
                   reinterpret_cast<sockaddr*>(&from), size);
        }
    }

    unsigned flags_;
    Answer answer_;
    SocketAddress address_;
    int socket_ = socket(AF_INET, SOCK_DGRAM, 0);
    int stop_ = eventfd(0, 0);
    std::atomic<unsigned> asked_{0};
    std::thread thread_;
};

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

TEST(LookupHost, FindsTheAddressesOfBothFamilies) {
    FakeServer server(0x8180, [](const std::string& name, unsigned type, MessageBuilder& reply) {
        if (type == A)
            reply.answer(name, A, 60, address("10.0.0.2")).answer(name, A, 60, address("10.0.0.1"));
        if (type == AAAA) reply.answer(name, AAAA, 60, address("fd00::1"));
        return true;
    });
    const auto found = lookup_host("dns.example.com", {server.address()}, 5s);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_THAT(*found,
                testing::UnorderedElementsAre(ip("10.0.0.1"), ip("10.0.0.2"), ip("fd00::1")));
    EXPECT_TRUE(std::is_sorted(found->begin(), found->end()))
        << "the same answer gives the same list";
}

TEST(LookupHost, IsContentWithOneFamily) {
    FakeServer server(0x8180, [](const std::string& name, unsigned type, MessageBuilder& reply) {
        if (type == AAAA) reply.answer(name, AAAA, 60, address("fd00::1"));
        return true;
    });
    const auto found = lookup_host("dns.example.com", {server.address()}, 5s);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_THAT(*found, ElementsAre(ip("fd00::1")));
}

TEST(LookupHost, KeepsWhatCameWhenTheOtherQuestionGetsNoReply) {
    FakeServer server(0x8180, [](const std::string& name, unsigned type, MessageBuilder& reply) {
        reply.answer(name, A, 60, address("10.0.0.1"));
        return type == A;
    });
    const auto found = lookup_host("dns.example.com", {server.address()}, 200ms);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_THAT(*found, ElementsAre(ip("10.0.0.1")));
}

TEST(LookupHost, FollowsAnAlias) {
    FakeServer server(0x8180, [](const std::string& name, unsigned type, MessageBuilder& reply) {
        reply.answer(name, CNAME, 60, wire("lb.example.net"));
        if (type == A) reply.answer("lb.example.net", A, 60, address("10.0.0.7"));
        return true;
    });
    const auto found = lookup_host("dns.example.com", {server.address()}, 5s);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_THAT(*found, ElementsAre(ip("10.0.0.7")));
}

TEST(LookupHost, SaysThatTheNameDoesNotExist) {
    FakeServer server(0x8183, [](const std::string&, unsigned, MessageBuilder&) { return true; });
    const auto found = lookup_host("gone.example.com", {server.address()}, 5s);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().message,
              "cannot resolve 'gone.example.com': A and AAAA: no such name (asked " +
                  server.address().to_text() + ")");
    EXPECT_EQ(server.asked(), 2u) << "no search list";
}

TEST(LookupHost, SaysThatTheNameHasNoAddress) {
    FakeServer server(0x8180, [](const std::string&, unsigned, MessageBuilder&) { return true; });
    const auto found = lookup_host("dns.example.com", {server.address()}, 5s);
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error().message, HasSubstr("A and AAAA: none"));
}

TEST(LookupHost, EndsAtTheDeadlineWhenNobodyAnswers) {
    FakeServer server(0x8180, [](const std::string&, unsigned, MessageBuilder&) { return false; });
    const Time start = Clock::now();
    const auto found = lookup_host("dns.example.com", {server.address()}, 300ms);
    const Duration took = Clock::now() - start;
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error().message,
                AllOf(HasSubstr("no reply in time"), HasSubstr(server.address().to_text())));
    EXPECT_GE(server.asked(), 2u);
    EXPECT_LT(took, 3s);
}

TEST(LookupHost, AsksTheNextServerWhenOneIsSilentOrFails) {
    FakeServer silent(0x8180, [](const std::string&, unsigned, MessageBuilder&) { return false; });
    FakeServer failing(0x8182, [](const std::string&, unsigned, MessageBuilder&) { return true; });
    FakeServer good(0x8180, [](const std::string& name, unsigned type, MessageBuilder& reply) {
        if (type == A) reply.answer(name, A, 60, address("10.0.0.1"));
        return true;
    });
    const auto found =
        lookup_host("dns.example.com", {silent.address(), failing.address(), good.address()}, 5s);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_THAT(*found, ElementsAre(ip("10.0.0.1")));
    EXPECT_GT(silent.asked(), 0u);
    EXPECT_GT(failing.asked(), 0u);
}

TEST(LookupHost, ReportsServersThatOnlyFail) {
    FakeServer failing(0x8182, [](const std::string&, unsigned, MessageBuilder&) { return true; });
    const auto found = lookup_host("dns.example.com", {failing.address()}, 5s);
    ASSERT_FALSE(found);
    EXPECT_THAT(found.error().message, HasSubstr("no server reached, or only errors from it"));
}

TEST(LookupHost, TakesAnAddressAsItIs) {
    const auto found = lookup_host("10.2.0.10", {}, 1s);
    ASSERT_TRUE(found);
    EXPECT_THAT(*found, ElementsAre(ip("10.2.0.10")));
}

TEST(LookupHost, NeedsAServerAndAName) {
    const auto unasked = lookup_host("dns.example.com", {}, 1s);
    ASSERT_FALSE(unasked);
    EXPECT_EQ(unasked.error().message, "cannot resolve 'dns.example.com': no nameserver to ask");
    const auto scoped = lookup_host("dns.example.com", {SocketAddress{ip("fe80::1"), 53, 1}}, 1s);
    ASSERT_FALSE(scoped);
    EXPECT_EQ(scoped.error().message,
              "cannot resolve 'dns.example.com': no nameserver but link-local ones");
    FakeServer server(0x8180, [](const std::string&, unsigned, MessageBuilder&) { return true; });
    const auto misnamed = lookup_host("a..b", {server.address()}, 1s);
    ASSERT_FALSE(misnamed);
    EXPECT_THAT(misnamed.error().message, HasSubstr("'a..b'"));
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
    EXPECT_EQ(huge.error().message, path_ + " is larger than 64 KiB");
}

}  // namespace
}  // namespace peerzone::upstream
