// Admin HTTP: metrics, health, status, and the few commands an operator has. Runs on the control
// thread's io_context and never blocks it. Bounded: connections, octets of a request, and the time
// for each step; when all connections are in use, the oldest of those that wait for a request gives
// way.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/fd.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/metrics/report.hpp"

namespace peerzone::admin {

/// What is to leave the cache: exactly one of the two.
struct FlushOrder {
    std::optional<dns::Name> name{};
    bool below = false;      ///< the names below it too
    std::string upstream{};  ///< what this one said; one of upstream_names()
};

/// What knows and does what is asked: the program, or a double in the tests. Control thread.
class AdminHost {
public:
    virtual bool ready() const = 0;
    /// Why not ready: "starting" or "draining".
    virtual std::string_view why_not_ready() const = 0;
    virtual metrics::Report report() const = 0;
    /// Those that can be held and flushed.
    virtual std::vector<std::string> upstream_names() const = 0;
    /// `upstream` is one of upstream_names(). False: it was so already.
    virtual bool hold(std::string_view upstream, bool held) = 0;
    /// Calls `done`, perhaps later, with how many entries went.
    virtual void flush(const FlushOrder& order, std::function<void(std::size_t)> done) = 0;

protected:
    ~AdminHost() = default;
};

struct AdminLimits {
    std::size_t connections_max = 32;
    std::size_t header_bytes_max = 8192;
    std::size_t body_bytes_max = 1024;
    Duration idle = Seconds(75);      ///< without a request
    Duration request = Seconds(5);    ///< from its first octet to its last
    Duration response = Seconds(10);  ///< until the client has taken it
};

class AdminServer {
public:
    /// `socket` listens. `host` and `counters` outlive this; `io` runs on the caller's thread.
    AdminServer(boost::asio::io_context& io, Fd socket, AdminHost& host,
                metrics::Counters& counters, const AdminLimits& limits = {});
    /// Closes everything.
    ~AdminServer();
    AdminServer(const AdminServer&) = delete;
    AdminServer& operator=(const AdminServer&) = delete;

    std::size_t connections() const noexcept;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace peerzone::admin
