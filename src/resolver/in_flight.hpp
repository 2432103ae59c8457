// The questions of one worker that wait for an upstream, and who waits for each. Pure bookkeeping:
// identical questions share one pending query, and every count has a bound (resolver/limits.hpp),
// per upstream, so that a dead peer fills only its own share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "peerzone/base/timer_node.hpp"
#include "peerzone/resolver/limits.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "peerzone/resolver/snapshot.hpp"
#include "resolver/client_guard.hpp"

namespace peerzone::resolver {

/// A client that waits for an answer; without a sink, a background question that is asked for the
/// cache.
struct Waiter {
    ReplyTo to;
    Request request;
    Time since{};                                   ///< when it began to wait
    ClientGuard::Place place = ClientGuard::kNone;  ///< where the client's share is counted

    bool is_background() const noexcept { return to.sink == nullptr; }
};

struct PendingQuery;

/// Fires when a query takes longer than its upstream usually does. The Resolver sets and arms it.
struct OverdueTimer : TimerNode {
    OverdueTimer() noexcept : TimerNode(&OverdueTimer::fire) {}
    static void fire(TimerNode& node);

    Resolver::Impl* owner = nullptr;
    PendingQuery* pending = nullptr;
    const upstream::Upstream* upstream = nullptr;  ///< of the query's snapshot
};

/// One question on its way to upstreams, and its waiters. Owned by the table until finish().
struct PendingQuery {
    std::uint64_t key_hash = 0;
    std::uint16_t upstream = 0;  ///< whose share it counts against (Upstream::id)
    std::shared_ptr<const Snapshot> snapshot;
    std::vector<Waiter> waiters;  ///< never empty; the first one asked, and may be background now

    /// Clients that wait.
    std::size_t clients() const noexcept {
        return waiters.size() - (waiters.front().is_background() ? 1 : 0);
    }
    OverdueTimer timer;
    bool given_up = false;    ///< its clients were shed
    bool is_refresh = false;  ///< it began in the background
    bool overdue = false;     ///< the timer has fired: known names are answered from memory at once

    const Request& question() const noexcept { return waiters.front().request; }
};

/// One waiter of a pending query.
struct WaiterRef {
    PendingQuery* pending = nullptr;
    std::size_t waiter = 0;
    std::size_t most = 0;  ///< what the client with most has, also when it gives none
};

enum class Join : std::uint8_t {
    started,             ///< a new query: ask
    joined,              ///< the question is asked already
    too_many_in_flight,  ///< of the upstream
    too_many_waiters,    ///< of the upstream
    too_many_for_question
};

inline bool is_full(Join join) noexcept {
    return join != Join::started && join != Join::joined;
}

class InFlightTable {
public:
    /// `guard` knows the clients' places; it must outlive the table.
    explicit InFlightTable(ClientGuard& guard) : guard_(guard) { spare_.reserve(kSpareMax); }

    /// Adds a waiter; `pending` is set when started, joined or too_many_for_question. A background
    /// question joins none.
    Join join(const Waiter& waiter, std::uint16_t upstream,
              const std::shared_ptr<const Snapshot>& snapshot, PendingQuery*& pending);
    /// The query that a question like this one would join. Changes nothing.
    const PendingQuery* find(const Request& request,
                             const std::shared_ptr<const Snapshot>& snapshot) const noexcept;
    /// Counts the query and its clients against another upstream from now on (an alias led there).
    /// Join::joined, or the bound that is reached there: then all is as it was.
    Join move(PendingQuery& pending, std::uint16_t upstream);
    /// When there is no room for a question of the client at `place`: the youngest waiter of
    /// the client that has most of them there, if that is more than this one would have. Alone: of
    /// a query that no other client waits for, which makes room for a query. Joined: one that has
    /// joined a query, which makes room for a waiter.
    WaiterRef heaviest_alone(std::uint16_t upstream, ClientGuard::Place place) noexcept;
    WaiterRef heaviest_joined(std::uint16_t upstream, ClientGuard::Place place) noexcept;
    WaiterRef heaviest_joined(PendingQuery& pending, ClientGuard::Place place) noexcept;
    /// Takes that waiter out, to be told that it is shed; of a first waiter, the whole
    /// query. It no longer takes up room then, but as many of these as there is room for may still
    /// be on their way: what is sent cannot be called back.
    std::vector<Waiter> give_up(const WaiterRef& ref);
    /// Is the same question, over however many hops it came, on its way to this upstream?
    bool asks(const Request& request, std::uint16_t upstream,
              const std::shared_ptr<const Snapshot>& snapshot) const noexcept;
    /// The waiter that joined last was answered otherwise.
    void leave(PendingQuery& pending);
    /// All waiters were answered; the question goes on in the background.
    void dismiss(PendingQuery& pending);
    /// Takes the query out of the table.
    std::unique_ptr<PendingQuery> finish(PendingQuery& pending);
    /// Keeps a finished one for the next question, so that a miss need not allocate.
    void recycle(std::unique_ptr<PendingQuery> pending) noexcept;

    std::size_t size() const noexcept { return pending_.size(); }
    /// Queries at this upstream that began in the background.
    std::size_t refreshes(std::uint16_t upstream) const noexcept {
        return upstream < loads_.size() ? loads_[upstream].refreshes : 0;
    }
    std::size_t in_flight(std::uint16_t upstream) const noexcept {
        return upstream < loads_.size() ? loads_[upstream].in_flight : 0;
    }
    /// Queries that began for the client at `place`.
    std::size_t in_flight_of(ClientGuard::Place place) const noexcept {
        return place == ClientGuard::kNone ? 0 : begun_[place];
    }
    std::size_t waiters(std::uint16_t upstream) const noexcept {
        return upstream < loads_.size() ? loads_[upstream].waiters : 0;
    }

private:
    struct Load {
        std::size_t in_flight = 0;
        std::size_t waiters = 0;
        std::size_t refreshes = 0;
        std::size_t given_up = 0;
    };
    static constexpr std::size_t kSpareMax = 256;
    static constexpr std::size_t kSpareWaitersMax = 4;  // more of them are given back

    PendingQuery* find(std::uint64_t hash, const Request& request,
                       const std::shared_ptr<const Snapshot>& snapshot) const noexcept;
    Load& load_of(std::uint16_t upstream);
    void count_begun(const PendingQuery& pending, int change) noexcept;
    void leave_to_nobody(PendingQuery& pending) noexcept;
    static bool has_room(const Load& load, const Limits& limits) noexcept {
        const std::size_t max = limits.in_flight_per_upstream_max;
        return load.in_flight - load.given_up < max && load.in_flight < 2 * max;
    }
    std::unique_ptr<PendingQuery> take_spare();
    template <class EachRef>
    WaiterRef heaviest(ClientGuard::Place place, const EachRef& each_ref) noexcept;

    ClientGuard& guard_;
    std::unordered_multimap<std::uint64_t, std::unique_ptr<PendingQuery>> pending_;
    std::vector<std::unique_ptr<PendingQuery>> spare_;
    std::vector<Load> loads_;  // by Upstream::id
    std::vector<std::uint32_t> begun_ = std::vector<std::uint32_t>(ClientGuard::kPlaces);
    std::vector<std::uint32_t> shares_ = std::vector<std::uint32_t>(ClientGuard::kPlaces);
};

}  // namespace peerzone::resolver
