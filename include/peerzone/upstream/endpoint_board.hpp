// Which endpoints an upstream has now. The set stands on a board of the upstream's own, so that
// other addresses of a host name cost no new snapshot: control publishes the next set, and each
// question takes the one that it finds, and another one when its endpoint is gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "peerzone/exchange/tls.hpp"
#include "peerzone/upstream/endpoint.hpp"

namespace peerzone::upstream {

/// Immutable once it stands on a board (its endpoints' health is not: upstream/endpoint.hpp).
struct EndpointSet {
    std::vector<std::shared_ptr<Endpoint>> endpoints;
    /// Which item of Options::endpoints each endpoint came from first (source_text), at the same
    /// place.
    std::vector<std::string> sources;
    /// Order listed: the place of each endpoint, lowest first; the addresses of one name share one.
    /// Otherwise empty: all are equal.
    std::vector<std::uint8_t> places;
    /// With transport tls: of each endpoint, at the same place. Otherwise empty.
    std::vector<std::shared_ptr<exchange::TlsIdentity>> tls;
    /// Why there may be no endpoints yet: "dns.example.com:53: not resolved yet".
    std::string pending;

    /// The same objects in the same order.
    friend bool operator==(const EndpointSet&, const EndpointSet&) = default;
};

class EndpointBoard {
public:
    /// Begins with a set without endpoints.
    EndpointBoard();
    EndpointBoard(const EndpointBoard&) = delete;
    EndpointBoard& operator=(const EndpointBoard&) = delete;

    /// Control thread.
    void publish(EndpointSet set);
    /// Any thread.
    std::shared_ptr<const EndpointSet> current() const;
    /// Of the current set. No two sets have the same, on whatever board. Any thread.
    std::uint64_t number() const noexcept { return number_.load(std::memory_order_relaxed); }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const EndpointSet> set_;
    std::atomic<std::uint64_t> number_;  // written under the mutex, and behind set_
};

/// What one worker has read last, so that a set that stays costs a load and a comparison.
class EndpointReader {
public:
    /// `place`: of the upstream among all (Upstream::id). The reference is good until the next
    /// call. Allocates nothing below the count that was given last.
    const std::shared_ptr<const EndpointSet>& read(std::uint16_t place, const EndpointBoard& board);
    /// Lets go of all sets, since some of them may be of upstreams that are gone, and makes room
    /// for so many.
    void forget(std::size_t count) { seen_.assign(count, {}); }

private:
    struct Seen {
        std::uint64_t number = 0;
        std::shared_ptr<const EndpointSet> set;
    };
    std::vector<Seen> seen_;
};

}  // namespace peerzone::upstream
