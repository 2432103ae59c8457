// Who may wait for an upstream: what single clients may ask, the table of what is in flight, and
// who gives way where a bound is reached (src/README.md, "Limits"). No I/O: it says who is refused
// and who was displaced, and the resolver tells them. One per worker, used on its thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/snapshot.hpp"
#include "resolver/client_guard.hpp"
#include "resolver/in_flight.hpp"

namespace peerzone::resolver {

class Admission {
public:
    /// Why a query is not let in: what counts it, and the words for its client.
    struct Refusal {
        metrics::Count count;
        std::string text;
    };
    /// Queries that had a place and gave it up: each is to be answered, its place released.
    struct Displaced {
        std::vector<Waiter> waiters;
        std::shared_ptr<const Snapshot> snapshot;  ///< theirs
        std::string why;
    };
    struct Entry {
        Join join;
        PendingQuery* pending = nullptr;  ///< started, joined
        Displaced displaced{};
    };

    Admission();

    /// What one client may ask of this upstream. On success its place is noted in the waiter.
    std::optional<Refusal> admit_client(Waiter& waiter, const upstream::Upstream& upstream,
                                        const Limits& limits, Time now);
    /// The waiter joins the identical question in flight, or a new one begins; where a bound is
    /// reached, in the place of the client that has most there.
    Entry enter(const Waiter& waiter, const upstream::Upstream& upstream,
                const std::shared_ptr<const Snapshot>& snapshot, Time now);
    /// Aliases have led the query to this upstream: it counts there from now on, with the same
    /// rules. Join::joined, or the bound that is reached.
    Entry move(PendingQuery& pending, const upstream::Upstream& upstream, Time now);
    /// What a bound is called.
    static Refusal refusal_of(Join full, const upstream::Upstream& upstream);
    /// An upstream that has just come back is not asked for everything that has expired meanwhile
    /// at once.
    bool is_crowded(const Request& request, const upstream::Upstream& upstream,
                    Time now) const noexcept;
    void release(ClientGuard::Place place) noexcept { guard_.release(place); }

    InFlightTable& table() noexcept { return table_; }
    const InFlightTable& table() const noexcept { return table_; }

private:
    WaiterRef heaviest(const Waiter& waiter, std::uint16_t upstream, Join full,
                       PendingQuery* pending, const Limits& limits, Time now);
    Displaced make_room(const Waiter& waiter, const upstream::Upstream& upstream, Join full,
                        PendingQuery* pending, const Limits& limits, Time now);

    ClientGuard guard_;
    InFlightTable table_{guard_};
    HeaviestClientScan scan_;
};

}  // namespace peerzone::resolver
