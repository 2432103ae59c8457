// Admin HTTP on a port that the kernel picks, in a thread of its own.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "peerzone/admin/admin.hpp"
#include "peerzone/server/sockets.hpp"
#include "support/admin_client.hpp"
#include "support/admin_host.hpp"

namespace peerzone::testing {

class AdminFixture {
public:
    AdminFixture() = default;
    ~AdminFixture() { stop(); }
    AdminFixture(const AdminFixture&) = delete;
    AdminFixture& operator=(const AdminFixture&) = delete;

    FakeAdminHost host;
    admin::AdminLimits limits;

    void start() {
        Fd socket = server::open_admin({IpAddress::v4(0x7f000001), 0, 0}).value();
        address_ = server::bound_address(socket);
        server_.emplace(io_, std::move(socket), host, counters_, limits);
        thread_ = std::thread([this] { io_.run(); });
    }
    void stop() {
        if (!thread_.joinable()) return;
        boost::asio::post(io_, [this] { server_.reset(); });
        thread_.join();  // without the server there is nothing left to wait for
    }
    const SocketAddress& address() const { return address_; }

    /// Runs in the server's thread.
    template <class Call>
    auto inside(Call call) {
        std::packaged_task<decltype(call())()> task(std::move(call));
        auto result = task.get_future();
        boost::asio::post(io_, [&task] { task(); });
        return result.get();
    }
    std::size_t connections() {
        return inside([this] { return server_->connections(); });
    }
    std::uint64_t count(metrics::Count what) const { return counters_.value(what); }
    std::string get(const std::string& target) const {
        AdminSocket client(address_);
        client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        return client.response();
    }

private:
    boost::asio::io_context io_{1};
    metrics::Counters counters_;
    std::optional<admin::AdminServer> server_;
    std::thread thread_;
    SocketAddress address_;
};

}  // namespace peerzone::testing
