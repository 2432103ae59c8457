// How connections, servers and their resources come to an end, on real loopback sockets.
#include "server/tcp_server.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <thread>

#include "support/server_tcp_fixture.hpp"

namespace peerzone::server {
namespace {

using namespace std::chrono_literals;
using metrics::Count;
using test::framed;
using test::framed_question;
using test::Octets;
using test::question;
using test::TcpClient;
using End = TcpClient::End;

using test::TcpServerTest;

TEST_F(TcpServerTest, StopsReadingWhenTooManyQuestionsWait) {
    Limits limits;
    limits.tcp_in_flight_per_connection_max = 4;
    start(limits);
    TcpClient client(port_);
    for (std::uint16_t i = 0; i < 10; ++i) client.ask(i, 'l');
    client.ask(10, 'n');
    ASSERT_TRUE(waiting_is(4));
    TcpClient other(port_);
    other.ask(99, 'n');
    EXPECT_EQ(other.reply_id(), 99);
    EXPECT_TRUE(waiting_is(4)) << "although there is more to read";
    for (std::uint16_t i = 0; i < 10; ++i) {
        ASSERT_TRUE(eventually([this, i] { return questions_.deliver(i); }));
        if (i == 6) {
            EXPECT_TRUE(eventually([this] { return questions_.seen.size() == 12; }));
        }
    }
    for (int i = 0; i < 10; ++i) {
        const int id = client.reply_id();
        EXPECT_EQ(id, i < 7    ? i
                      : i == 7 ? 10
                               : i - 1)
            << "the 10th question went ahead once there was room";
    }
}

TEST_F(TcpServerTest, AnswersAClientThatHasFinishedSending) {
    start();
    TcpClient client(port_);
    client.ask(1, 'l');
    client.ask(2, 'n');
    client.finish_sending();
    EXPECT_EQ(client.reply_id(), 2);
    ASSERT_TRUE(waiting_is(1));
    EXPECT_TRUE(deliver(1));
    EXPECT_EQ(client.reply_id(), 1);
    EXPECT_EQ(client.end(), End::closed);
}

TEST_F(TcpServerTest, RepliesForClientsThatHaveGoneAreDropped) {
    start();
    TcpClient resets(port_), closes(port_), stays(port_);
    resets.ask(1, 'l');
    closes.ask(2, 'l');
    stays.ask(3, 'l');
    ASSERT_TRUE(waiting_is(3));
    resets.reset();
    ASSERT_TRUE(connections_are(2)) << "a reset is seen while the question waits";
    closes.close();
    for (const std::uint16_t id : {std::uint16_t{1}, std::uint16_t{2}, std::uint16_t{3}})
        EXPECT_TRUE(deliver(id));
    EXPECT_EQ(stays.reply_id(), 3);
    EXPECT_TRUE(connections_are(1));
}

TEST_F(TcpServerTest, DrainAnswersWhatWaitsAndClosesTheRest) {
    start();
    TcpClient idle(port_), waiting(port_);
    idle.ask(1, 'n');
    EXPECT_EQ(idle.reply_id(), 1);
    waiting.ask(2, 'l');
    ASSERT_TRUE(waiting_is(1));
    on_worker([this] {
        EXPECT_FALSE(server_->drained());
        server_->begin_drain();
        server_->begin_drain();
        EXPECT_FALSE(server_->drained());
    });
    EXPECT_EQ(idle.end(), End::closed);
    EXPECT_FALSE(TcpClient(port_).connected());
    EXPECT_TRUE(deliver(2));
    EXPECT_EQ(waiting.reply_id(), 2);
    EXPECT_EQ(waiting.end(), End::closed);
    EXPECT_TRUE(eventually([this] { return server_->drained(); }));
}

TEST_F(TcpServerTest, DrainAnswersQuestionsThatHaveArrivedUnread) {
    start();
    TcpClient client(port_);
    ASSERT_TRUE(connections_are(1));
    on_worker([&] {
        client.ask(1, 'n');  // on loopback it has arrived when send returns
        server_->begin_drain();
    });
    EXPECT_EQ(client.reply_id(), 1);
    EXPECT_EQ(client.end(), End::closed);
    on_worker([this] { EXPECT_EQ(questions_.keepalives.back(), 0u); });
}

TEST_F(TcpServerTest, ShutDownClosesEverythingAtOnce) {
    start();
    TcpClient idle(port_), waiting(port_), answered(port_);
    ASSERT_TRUE(connections_are(3));
    waiting.ask(1, 'l');
    answered.ask(2, 'l');
    ASSERT_TRUE(waiting_is(2));
    on_worker([this] {
        questions_.deliver(2);
        server_->shut_down();
        EXPECT_EQ(server_->connection_count(), 0u);
    });
    EXPECT_TRUE(idle.gone());
    EXPECT_TRUE(waiting.gone());
    EXPECT_EQ(answered.reply_id(), 2) << "it was delivered before";
    EXPECT_TRUE(deliver(1)) << "a later reply is harmless";
    EXPECT_FALSE(TcpClient(port_).connected());
}

TEST_F(TcpServerTest, HandlersOutliveTheServer) {
    start();
    TcpClient a(port_), b(port_);
    ASSERT_TRUE(connections_are(2));
    a.ask(1, 'l');
    ASSERT_TRUE(waiting_is(1));
    on_worker([&] {
        b.ask(2, 'n');          // readiness that comes too late
        questions_.deliver(1);  // a posted send
        server_.reset();
    });
    EXPECT_EQ(a.reply_id(), 1);
    EXPECT_TRUE(b.gone());
    on_worker([] {});
}

// Lowers the limit of open files so that no descriptor is left, and restores it.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int lowest_free = ::socket(AF_INET, SOCK_STREAM, 0);
        ::close(lowest_free);
        rlimit none = before_;
        none.rlim_cur = static_cast<rlim_t>(lowest_free);
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
};

TEST_F(TcpServerTest, WithoutDescriptorsItWaitsInsteadOfSpinningAndGoesOnLater) {
    start();
    TcpClient early(port_);
    early.ask(1, 'n');
    ASSERT_EQ(early.reply_id(), 1);
    const auto cpu = [this] {
        clockid_t clock{};
        timespec time{};
        pthread_getcpuclockid(thread_.native_handle(), &clock);
        ::clock_gettime(clock, &time);
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    };
    // The client's descriptor is taken first, then the limit closes behind it.
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in there = test::loopback(port_);
    const auto before = cpu();
    {
        const NoDescriptors none;
        ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
        std::this_thread::sleep_for(350ms);
        early.ask(2, 'n');
        EXPECT_EQ(early.reply_id(), 2) << "who is connected is served";
        EXPECT_EQ(count(Count::tcp_connections), 1u);
    }
    EXPECT_LT(cpu() - before, 150ms);
    EXPECT_TRUE(eventually([this] { return count(Count::tcp_connections) == 2; }));
    ::close(fd);
}

}  // namespace
}  // namespace peerzone::server
