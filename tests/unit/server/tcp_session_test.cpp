// The policy of one connection, with the test as the clock and a socket pair as the client.
#include "server/tcp_session.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "support/server_fake_questions.hpp"

namespace peerzone::server {
namespace {

using namespace std::chrono_literals;
using Ending = TcpSession::Ending;
using metrics::Count;
using test::framed;
using test::framed_question;
using test::Octets;
using test::question;

class TcpSessionTest : public testing::Test, public resolver::ReplySink {
protected:
    explicit TcpSessionTest(Limits limits = {})
        : connections_(limits), shared_{questions_, *this, connections_, counters_, limits} {
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_), 0);
        restart();
    }
    ~TcpSessionTest() {
        session_.reset();
        ::close(sockets_[0]);
        if (sockets_[1] >= 0) ::close(sockets_[1]);
    }

    void restart() {
        stream_ = std::make_unique<PlainStream>(sockets_[0]);
        session_ = std::make_unique<TcpSession>(
            shared_, *stream_, SocketAddress{IpAddress::v4(0x7f000001), 999}, 42, now_);
    }
    void deliver(const resolver::ReplyTo& to, Bytes reply) noexcept override {
        EXPECT_EQ(to.session, 42u);
        EXPECT_EQ(to.sink, this);
        session_->deliver(reply);
    }
    void deliver_and_settle(std::uint16_t id) {
        ASSERT_TRUE(questions_.deliver(id)) << id;
        session_->settle(now_);
    }

    void client_sends(const Octets& octets) {
        ASSERT_EQ(::send(sockets_[1], octets.data(), octets.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(octets.size()));
    }
    void client_asks(std::uint16_t id, char what, std::uint16_t size = 0) {
        client_sends(framed_question(id, what, size));
        session_->on_readable(now_);
    }
    // Everything that the client can read now.
    Octets client_reads() {
        Octets out;
        std::uint8_t buffer[4096];
        for (ssize_t n; (n = ::recv(sockets_[1], buffer, sizeof buffer, 0)) > 0;)
            out.insert(out.end(), buffer, buffer + n);
        return out;
    }
    // Queries with replies of 1,000 octets until the socket takes no more.
    void fill_the_socket() {
        for (std::uint16_t i = 0; i < 5000 && session_->queued_bytes() == 0; ++i)
            client_asks(i, 'b', 1000);
        ASSERT_GT(session_->queued_bytes(), 0u);
    }
    std::uint64_t count(Count what) const { return counters_.value(what); }

    int sockets_[2] = {-1, -1};
    Time now_{1h};
    test::FakeQuestions questions_;
    metrics::Counters counters_;
    ConnectionLimits connections_;
    TcpShared shared_;
    std::unique_ptr<PlainStream> stream_;
    std::unique_ptr<TcpSession> session_;
};

TEST_F(TcpSessionTest, AnswersPipelinedQuestionsOfOneReadInOneSend) {
    Octets asked;
    for (std::uint16_t i = 0; i < 50; ++i) {
        const Octets one = framed_question(i, i % 2 ? 'n' : 's');
        asked.insert(asked.end(), one.begin(), one.end());
    }
    client_sends(asked);
    session_->on_readable(now_);
    EXPECT_EQ(client_reads(), asked);
    EXPECT_EQ(session_->in_flight(), 0u);
    EXPECT_EQ(count(Count::tcp_queries), 50u);
    EXPECT_FALSE(questions_.any_udp);
    EXPECT_EQ(questions_.out_size_min, dns::kMessageMax);
    EXPECT_TRUE(session_->wants_read());
    EXPECT_FALSE(session_->wants_write());
    for (const Time at : questions_.times) EXPECT_EQ(at, now_);
}

TEST_F(TcpSessionTest, StopsReadingAtTheInFlightLimitAndGoesOnWithWhatHasArrived) {
    shared_.limits.tcp_in_flight_per_connection_max = 3;
    Octets asked;
    for (std::uint16_t i = 0; i < 5; ++i) {
        const Octets one = framed_question(i, 'l');
        asked.insert(asked.end(), one.begin(), one.end());
    }
    client_sends(asked);
    session_->on_readable(now_);
    EXPECT_EQ(session_->in_flight(), 3u);
    EXPECT_EQ(questions_.seen.size(), 3u);
    EXPECT_FALSE(session_->wants_read());

    deliver_and_settle(1);
    EXPECT_EQ(client_reads(), framed_question(1, 'l'));
    EXPECT_EQ(session_->in_flight(), 3u) << "the fourth came from the buffer, without a new read";
    EXPECT_EQ(questions_.seen.size(), 4u);
    for (const int id : {0, 2, 3, 4}) deliver_and_settle(static_cast<std::uint16_t>(id));
    EXPECT_EQ(session_->in_flight(), 0u);
    EXPECT_TRUE(session_->wants_read());
    EXPECT_EQ(client_reads().size(), 4 * 17u);
}

TEST_F(TcpSessionTest, AnswersAfterTheClientHasFinishedSending) {
    client_sends(framed_question(1, 'l'));
    ::shutdown(sockets_[1], SHUT_WR);
    session_->on_readable(now_);
    session_->on_readable(now_);
    EXPECT_EQ(session_->ending(), Ending::none);
    EXPECT_FALSE(session_->wants_read());
    session_->on_clock(now_ + 1h);
    EXPECT_EQ(session_->ending(), Ending::none);
    deliver_and_settle(1);
    EXPECT_EQ(client_reads(), framed_question(1, 'l'));
    EXPECT_EQ(session_->ending(), Ending::done);
}

TEST_F(TcpSessionTest, EndsWhenTheClientClosesWithoutAQuestion) {
    client_sends({0, 40, 1, 2});
    session_->on_readable(now_);
    ::shutdown(sockets_[1], SHUT_WR);
    session_->on_readable(now_);
    EXPECT_EQ(session_->ending(), Ending::done);
    EXPECT_EQ(count(Count::tcp_bad_frame), 0u);
}

TEST_F(TcpSessionTest, ABadFrameEndsTheConnectionAfterTheAnswersBeforeIt) {
    Octets asked = framed_question(1, 'l');
    asked.insert(asked.end(), {0, 0});
    const Octets after = framed_question(2, 'n');
    asked.insert(asked.end(), after.begin(), after.end());
    client_sends(asked);
    session_->on_readable(now_);
    EXPECT_EQ(count(Count::tcp_bad_frame), 1u);
    EXPECT_EQ(session_->ending(), Ending::none);
    deliver_and_settle(1);
    EXPECT_EQ(session_->ending(), Ending::done);
    EXPECT_EQ(client_reads(), framed_question(1, 'l'));
    EXPECT_EQ(questions_.seen.size(), 1u);
    EXPECT_EQ(count(Count::tcp_bad_frame), 1u);
}

TEST_F(TcpSessionTest, GoesOnAfterADroppedMessage) {
    client_asks(1, 'd');
    client_asks(2, 'n');
    EXPECT_EQ(client_reads(), framed_question(2, 'n'));
    EXPECT_EQ(session_->ending(), Ending::none);
}

TEST_F(TcpSessionTest, IdleTimeCountsFromTheLastQuestion) {
    now_ += 9s;
    client_asks(1, 'n');
    session_->on_clock(now_ + 9999ms);
    EXPECT_EQ(session_->ending(), Ending::none);
    session_->on_clock(now_ + 10s);
    EXPECT_EQ(session_->ending(), Ending::idle);
    EXPECT_FALSE(session_->wants_read());
}

TEST_F(TcpSessionTest, IdleTimeCountsFromTheLastReplyNotWhileAQuestionWaits) {
    client_asks(1, 'l');
    session_->on_clock(now_ + 60s);
    EXPECT_EQ(session_->ending(), Ending::none);
    now_ += 60s;
    deliver_and_settle(1);
    session_->on_clock(now_ + 9999ms);
    EXPECT_EQ(session_->ending(), Ending::none);
    session_->on_clock(now_ + 10s);
    EXPECT_EQ(session_->ending(), Ending::idle);
}

TEST_F(TcpSessionTest, ADribbledMessageDoesNotExtendTheIdleTime) {
    const Octets slowly = framed_question(1, 'n');
    for (std::size_t i = 0; i < 10; ++i) {
        client_sends({slowly[i]});
        session_->on_readable(now_ + i * 1s);
    }
    session_->on_clock(now_ + 10s);
    EXPECT_EQ(session_->ending(), Ending::idle);
}

TEST_F(TcpSessionTest, WhatIsNotAQuestionDoesNotExtendTheIdleTime) {
    const Time start = now_;
    now_ += 9s;
    client_asks(1, 'd');
    session_->on_clock(start + 10s);
    EXPECT_EQ(session_->ending(), Ending::idle);
}

TEST_F(TcpSessionTest, IdleTimeShrinksWhenConnectionsAreScarceAndClientsAreTold) {
    client_asks(1, 'n');
    EXPECT_EQ(questions_.keepalives.back(), 100u);
    Limits few;
    few.tcp_connections_max = 1;
    connections_.set_limits(few);
    ConnectionLimits::Ticket ticket;
    connections_.open(IpAddress{}, ticket);
    ASSERT_TRUE(connections_.crowded());
    client_asks(2, 'n');
    EXPECT_EQ(questions_.keepalives.back(), 20u);
    session_->on_clock(now_ + 1999ms);
    EXPECT_EQ(session_->ending(), Ending::none);
    session_->on_clock(now_ + 2s);
    EXPECT_EQ(session_->ending(), Ending::idle);
}

TEST_F(TcpSessionTest, KeepaliveFitsItsSixteenBits) {
    shared_.limits.tcp_idle = 86400s;
    client_asks(1, 'n');
    EXPECT_EQ(questions_.keepalives.back(), 65530u);
    shared_.draining = true;
    client_asks(2, 'n');
    EXPECT_EQ(questions_.keepalives.back(), 0u) << "RFC 7828 3.4: close";
}

TEST_F(TcpSessionTest, AClientThatReadsNothingIsCutOffAfterTheStall) {
    fill_the_socket();
    EXPECT_TRUE(session_->wants_write());
    session_->on_clock(now_ + 4999ms);
    EXPECT_EQ(session_->ending(), Ending::none);
    session_->on_clock(now_ + 5s);
    EXPECT_EQ(session_->ending(), Ending::slow);
    EXPECT_FALSE(session_->wants_write());
}

TEST_F(TcpSessionTest, AClientThatReadsInTimeGetsEverythingInOrder) {
    Octets got;
    std::uint16_t asked = 0;
    for (; asked < 2000 && session_->wants_read(); ++asked) client_asks(asked, 'b', 1000);
    for (int i = 0; i < 10000 && got.size() < asked * 1002u; ++i) {
        now_ += 4s;
        const Octets part = client_reads();
        got.insert(got.end(), part.begin(), part.end());
        session_->on_writable(now_);
        session_->on_clock(now_);
        ASSERT_EQ(session_->ending(), Ending::none);
    }
    ASSERT_EQ(got.size(), asked * 1002u);
    for (std::size_t i = 0; i < asked; ++i) EXPECT_EQ(load_u16(got.data() + i * 1002 + 2), i);
}

TEST_F(TcpSessionTest, StopsReadingWhileHalfOfTheWriteQueueIsFull) {
    shared_.limits.tcp_write_queue_bytes_max = 20000;
    fill_the_socket();
    for (std::uint16_t i = 0; i < 30 && session_->wants_read(); ++i) client_asks(i, 'b', 1000);
    EXPECT_FALSE(session_->wants_read());
    EXPECT_GE(session_->queued_bytes(), 10000u);
    EXPECT_LE(session_->queued_bytes(), 11002u);
    const std::size_t seen = questions_.seen.size();
    client_asks(1, 'n');
    EXPECT_EQ(questions_.seen.size(), seen);
    client_reads();
    session_->on_writable(now_);
    EXPECT_TRUE(session_->wants_read());
    session_->on_readable(now_);
    EXPECT_EQ(questions_.seen.size(), seen + 1);
}

TEST_F(TcpSessionTest, RepliesThatDoNotFitIntoTheQueueEndTheConnection) {
    shared_.limits.tcp_write_queue_bytes_max = 100'000;
    for (std::uint16_t i = 0; i < 10; ++i) client_asks(i, 'B', 40000);
    fill_the_socket();
    std::size_t most = 0;
    for (std::uint16_t i = 0; i < 10 && session_->ending() == Ending::none; ++i) {
        deliver_and_settle(i);
        most = std::max(most, session_->queued_bytes());
    }
    EXPECT_EQ(session_->ending(), Ending::slow);
    EXPECT_LE(most, 100'002u);
}

TEST_F(TcpSessionTest, AQueueSmallerThanAReplyStillTakesOne) {
    shared_.limits.tcp_write_queue_bytes_max = 100;
    client_asks(1, 'b', 60000);
    EXPECT_EQ(client_reads().size(), 60002u);
    client_asks(2, 'B', 60000);
    deliver_and_settle(2);
    EXPECT_EQ(client_reads().size(), 60002u);
    EXPECT_EQ(session_->ending(), Ending::none);
}

TEST_F(TcpSessionTest, AResetClientEndsItWhenTheReplyIsWritten) {
    client_asks(1, 'l');
    ::close(std::exchange(sockets_[1], -1));
    deliver_and_settle(1);
    EXPECT_EQ(session_->ending(), Ending::broken);
    session_->deliver(Octets(20));
    session_->settle(now_);
    EXPECT_EQ(session_->ending(), Ending::broken);
}

TEST_F(TcpSessionTest, FinishTakesWhatHasArrivedAndEndsWhenItIsAnswered) {
    client_sends(framed_question(1, 'l'));
    session_->finish(now_);
    EXPECT_EQ(session_->ending(), Ending::none);
    EXPECT_FALSE(session_->wants_read());
    deliver_and_settle(1);
    EXPECT_EQ(session_->ending(), Ending::done);
    EXPECT_EQ(client_reads(), framed_question(1, 'l'));
}

TEST_F(TcpSessionTest, FinishEndsARestingConnectionAtOnce) {
    client_asks(1, 'n');
    session_->finish(now_);
    EXPECT_EQ(session_->ending(), Ending::done);
}

TEST_F(TcpSessionTest, ARestingConnectionKeepsAlmostNoMemory) {
    Octets big(60000, 0);
    big[12] = 'n';
    const Octets asked = framed(big);
    for (std::size_t at = 0; at < asked.size(); at += 10000) {
        client_sends(Octets(
            asked.begin() + static_cast<std::ptrdiff_t>(at),
            asked.begin() + static_cast<std::ptrdiff_t>(std::min(at + 10000, asked.size()))));
        session_->on_readable(now_);
    }
    ASSERT_EQ(client_reads(), asked);
    EXPECT_GT(session_->reserved_bytes(), 60000u);
    session_->on_clock(now_ + 1s);
    EXPECT_EQ(session_->reserved_bytes(), 0u);
    EXPECT_LT(sizeof(TcpSession), 512u);
    client_asks(7, 'n');
    EXPECT_EQ(client_reads(), framed_question(7, 'n'));
}

TEST_F(TcpSessionTest, AnUnaskedReplyIsIgnored) {
    session_->deliver(Octets(20));
    session_->settle(now_);
    EXPECT_TRUE(client_reads().empty());
    EXPECT_EQ(session_->ending(), Ending::none);
}

}  // namespace
}  // namespace peerzone::server
