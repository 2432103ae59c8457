// How many TCP connections there may be, over all workers and for one client address (RFC
// 7766 6.2.2). Safe in any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "peerzone/base/ip.hpp"
#include "peerzone/server/options.hpp"

namespace peerzone::server {

class ConnectionLimits {
public:
    enum class Admission : std::uint8_t { admitted, total_reached, client_reached };

    /// One counted connection. It is given back when the ticket goes, which must be before the
    /// ConnectionLimits go.
    class Ticket {
    public:
        Ticket() = default;
        Ticket(Ticket&& other) noexcept
            : limits_(std::exchange(other.limits_, nullptr)), client_(other.client_) {}
        Ticket& operator=(Ticket&& other) noexcept;
        ~Ticket() { give_back(); }
        void give_back() noexcept;

    private:
        friend class ConnectionLimits;
        ConnectionLimits* limits_ = nullptr;
        IpAddress client_;
    };

    explicit ConnectionLimits(const Limits& limits) { set_limits(limits); }
    ConnectionLimits(const ConnectionLimits&) = delete;
    ConnectionLimits& operator=(const ConnectionLimits&) = delete;

    /// Connections above a lowered limit stay; new ones are refused until enough have gone.
    void set_limits(const Limits& limits) noexcept;

    /// Sets `ticket` when the connection is admitted. `total_reached` says that the client itself
    /// has not too many: making room for it is fair.
    Admission open(const IpAddress& client, Ticket& ticket);
    /// The same in one step with giving `of` back, so that no other worker takes its place. `of`
    /// stays when the client is refused all the same.
    Admission open_instead(Ticket& of, const IpAddress& client, Ticket& ticket);

    std::size_t open_count() const noexcept { return open_.load(std::memory_order_relaxed); }
    /// More than three quarters of all connections are in use: idle ones should go sooner (RFC
    /// 7766 6.2.3).
    bool crowded() const noexcept;

private:
    void close(const IpAddress& client) noexcept;
    // Under mutex_.
    Admission admit(const IpAddress& client, Ticket& ticket);
    void forget(const IpAddress& client) noexcept;

    std::mutex mutex_;
    std::map<IpAddress, std::size_t> by_client_;  // never more entries than connections
    std::atomic<std::size_t> open_{0};            // written under mutex_
    std::atomic<std::size_t> total_max_{0};
    std::atomic<std::size_t> per_client_max_{0};
};

}  // namespace peerzone::server
