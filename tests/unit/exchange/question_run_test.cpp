// A run through real sockets: what arrives is what each attempt would have sent by itself.
#include "peerzone/exchange/question_run.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "peerzone/base/fd.hpp"

namespace peerzone::exchange {
namespace {

using Octets = std::vector<std::uint8_t>;

struct QuestionRunTest : testing::Test {
    Fd server{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    Fd client{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    std::deque<Attempt> attempts;
    AttemptList list;
    QuestionRun run;

    QuestionRunTest() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const native = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(server.get(), native, size), 0);
        EXPECT_EQ(::getsockname(server.get(), native, &size), 0);
        EXPECT_EQ(::connect(client.get(), native, size), 0);
    }
    void ask(const std::string& name, std::uint16_t type = 1) {
        Attempt& attempt = attempts.emplace_back();
        attempt.id = static_cast<std::uint16_t>(attempts.size());
        attempt.type = type;
        attempt.set_name(dns::Name::from_text(name).value().wire(), nullptr);
        list.add(attempt);
    }
    std::vector<Octets> arrived() const {
        std::vector<Octets> all;
        for (;;) {
            Octets datagram(65535);
            const ssize_t n = ::recv(server.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
            if (n < 0) break;
            datagram.resize(static_cast<std::size_t>(n));
            all.push_back(datagram);
        }
        std::sort(all.begin(), all.end());
        return all;
    }
    std::vector<Octets> expected() const {
        std::vector<Octets> all;
        for (const Attempt& attempt : attempts) {
            Octets message(QuestionRun::kQuestionBytesMax);
            message.resize(attempt.write(message));
            all.push_back(message);
        }
        std::sort(all.begin(), all.end());
        return all;
    }
};

TEST_F(QuestionRunTest, EachQuestionIsADatagramOfItsOwn) {
    for (const char* name : {"a.westus", "bb.westus", "a.eastus", "ccc.westus", "bb.eastus"})
        ask(name);
    ask("a.westus", 28);
    run.write(list);
    EXPECT_EQ(run.attempts().size(), 6u);
    EXPECT_EQ(run.send(client.get()), 6);
    EXPECT_EQ(arrived(), expected());
}

TEST_F(QuestionRunTest, TheNextOneStartsAnew) {
    ask("a.westus");
    ask("a.eastus");
    run.write(list);
    while (Attempt* attempt = list.first()) attempt->leave();
    attempts.clear();
    ask("longer.westus");
    run.write(list);
    EXPECT_EQ(run.send(client.get()), 1);
    EXPECT_EQ(arrived(), expected());
}

TEST_F(QuestionRunTest, WhereSegmentsAreRefusedTheyLeaveOneByOne) {
    const int on = 1;  // udp(7): UDP_SEGMENT needs checksums
    ASSERT_EQ(::setsockopt(client.get(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    for (int round = 0; round < 2; ++round) {
        while (Attempt* attempt = list.first()) attempt->leave();
        attempts.clear();
        for (std::size_t i = 0; i < QuestionRun::kMax; ++i) ask("a.westus");
        run.write(list);
        EXPECT_EQ(run.send(client.get()), static_cast<int>(QuestionRun::kMax));
        EXPECT_EQ(arrived(), expected());
    }
}

TEST_F(QuestionRunTest, AnErrorThatIsNotAboutSegmentsIsTold) {
    ask("a.westus");
    ask("a.eastus");
    run.write(list);
    server.reset();
    EXPECT_EQ(run.send(client.get()), 2);  // the kernel has not said yet that the port is closed
    EXPECT_EQ(run.send(client.get()), -1);
    EXPECT_EQ(errno, ECONNREFUSED);
}

}  // namespace
}  // namespace peerzone::exchange
