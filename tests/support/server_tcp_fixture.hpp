// The server on a real loopback socket, on a thread of its own; the test is the clients.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <thread>

#include "server/tcp_server.hpp"
#include "support/server_tcp_client.hpp"

namespace peerzone::server::test {

class TcpServerTest : public testing::Test {
protected:
    TcpServerTest() : connections_(Limits{}) {}
    ~TcpServerTest() override { stop(); }

    void start(const Limits& limits = {}) {
        connections_.set_limits(limits);
        server_ = std::make_unique<TcpServer>(io_, questions_, connections_, counters_, limits);
        const auto socket = listen_on_loopback();
        ASSERT_GE(socket.fd, 0);
        port_ = socket.port;
        server_->add_listener(socket.fd, security_);
        server_->set_tls(tls_);
        thread_ = std::thread([this] { io_.run(); });
    }
    void stop() {
        if (!thread_.joinable()) return;
        on_worker([this] { server_.reset(); });
        work_.reset();
        thread_.join();  // every handler has run
        EXPECT_EQ(connections_.open_count(), 0u);
    }

    /// Runs on the server's thread, as its worker would.
    template <class F>
    auto on_worker(F f) -> decltype(f()) {
        std::packaged_task<decltype(f())()> task(std::move(f));
        auto result = task.get_future();
        boost::asio::post(io_, [&task] { task(); });
        return result.get();
    }
    template <class F>
    bool eventually(F f) {
        const Time end = Clock::now() + kPatience;
        while (!on_worker(f)) {
            if (Clock::now() > end) return false;
            std::this_thread::sleep_for(Millis(1));
        }
        return true;
    }
    bool waiting_is(std::size_t number) {
        return eventually([this, number] { return questions_.waiting.size() == number; });
    }
    bool connections_are(std::size_t number) {
        return eventually([this, number] { return server_->connection_count() == number; });
    }
    bool deliver(std::uint16_t id) {
        return on_worker([this, id] { return questions_.deliver(id); });
    }
    std::uint64_t count(metrics::Count what) const { return counters_.value(what); }

    TcpServer::Security security_ = TcpServer::Security::plain;
    std::shared_ptr<const TlsContext> tls_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    FakeQuestions questions_;
    metrics::Counters counters_;
    ConnectionLimits connections_;
    std::unique_ptr<TcpServer> server_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

}  // namespace peerzone::server::test
