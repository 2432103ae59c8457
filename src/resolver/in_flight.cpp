// Invariants: loads_[u].in_flight is the number of queries at upstream u, loads_[u].waiters the sum
// of their clients, loads_[u].refreshes the number of those that began in the background,
// loads_[u].given_up of those whose clients were shed; begun_[p] is the number of queries whose
// first waiter has place p.
#include "resolver/in_flight.hpp"

#include <algorithm>
#include <cassert>

namespace peerzone::resolver {
namespace {

// The key: name, type, views with the same routes, DO, CD (src/README.md, "Key and flags"). Hops
// tell queries apart, too: a question that came back to us must not wait for itself.
std::uint64_t hash_of(const Request& r) noexcept {
    const std::uint64_t rest = std::uint64_t{r.query.type} << 32 |
                               std::uint64_t{r.view_group} << 8 | (r.query.dnssec_ok ? 2u : 0u) |
                               (r.query.checking_disabled() ? 1u : 0u);
    return r.query.name_hash ^ rest * 0x9e3779b97f4a7c15;
}

bool same_question(const Request& a, const Request& b) noexcept {
    return a.query.type == b.query.type && a.view_group == b.view_group &&
           a.query.dnssec_ok == b.query.dnssec_ok &&
           a.query.checking_disabled() == b.query.checking_disabled() &&
           std::ranges::equal(a.query.name(), b.query.name());
}

bool has_one_client(const PendingQuery& pending) noexcept {
    const ClientGuard::Place first = pending.waiters.front().place;
    return first != ClientGuard::kNone &&
           std::ranges::all_of(pending.waiters,
                               [&](const Waiter& waiter) { return waiter.place == first; });
}

bool same_key(const Request& a, const Request& b) noexcept {
    return a.query.hops == b.query.hops && same_question(a, b);
}

}  // namespace

InFlightTable::Load& InFlightTable::load_of(std::uint16_t upstream) {
    if (upstream >= loads_.size()) loads_.resize(upstream + 1u);
    return loads_[upstream];
}

void InFlightTable::count_begun(const PendingQuery& pending, int change) noexcept {
    const ClientGuard::Place place = pending.waiters.front().place;
    if (place != ClientGuard::kNone) begun_[place] += static_cast<std::uint32_t>(change);
}

// All who waited have gone; the question goes on.
void InFlightTable::leave_to_nobody(PendingQuery& pending) noexcept {
    load_of(pending.upstream).waiters -= pending.clients();
    count_begun(pending, -1);
    pending.waiters.erase(pending.waiters.begin() + 1, pending.waiters.end());
    pending.waiters.front().to = {};
    pending.waiters.front().place = ClientGuard::kNone;
}

PendingQuery* InFlightTable::find(std::uint64_t hash, const Request& request,
                                  const std::shared_ptr<const Snapshot>& snapshot) const noexcept {
    const auto [first, last] = pending_.equal_range(hash);
    for (auto at = first; at != last; ++at) {
        PendingQuery& found = *at->second;
        // What began under an older configuration is not for questions that came after the change.
        if (found.snapshot == snapshot && same_key(found.question(), request)) return &found;
    }
    return nullptr;
}

const PendingQuery* InFlightTable::find(
    const Request& request, const std::shared_ptr<const Snapshot>& snapshot) const noexcept {
    return find(hash_of(request), request, snapshot);
}

Join InFlightTable::join(const Waiter& waiter, std::uint16_t upstream,
                         const std::shared_ptr<const Snapshot>& snapshot, PendingQuery*& pending) {
    const Request& request = waiter.request;
    const Limits& limits = snapshot->limits;
    const std::uint64_t hash = hash_of(request);
    if (PendingQuery* found = find(hash, request, snapshot)) {
        if (waiter.is_background()) return Join::joined;
        Load& load = load_of(found->upstream);
        pending = found;
        if (found->waiters.size() >= limits.waiters_per_question_max)
            return Join::too_many_for_question;
        if (load.waiters >= limits.waiters_per_upstream_max) return Join::too_many_waiters;
        found->waiters.push_back(waiter);
        ++load.waiters;
        Waiter& joined = found->waiters.back();
        if (found->upstream != upstream)  // an alias has led it elsewhere meanwhile
            joined.place = guard_.move(joined.place, waiter.request.client, found->upstream);
        return Join::joined;
    }
    Load& load = load_of(upstream);
    if (!has_room(load, limits)) return Join::too_many_in_flight;
    if (!waiter.is_background() && load.waiters >= limits.waiters_per_upstream_max)
        return Join::too_many_waiters;
    auto made = take_spare();
    made->key_hash = hash;
    made->upstream = upstream;
    made->snapshot = snapshot;
    made->waiters.push_back(waiter);
    made->is_refresh = waiter.is_background();
    if (made->is_refresh) ++load.refreshes;
    pending = made.get();
    pending_.emplace(hash, std::move(made));
    ++load.in_flight;
    load.waiters += pending->clients();
    count_begun(*pending, +1);
    return Join::started;
}

std::unique_ptr<PendingQuery> InFlightTable::take_spare() {
    if (spare_.empty()) return std::make_unique<PendingQuery>();
    std::unique_ptr<PendingQuery> taken = std::move(spare_.back());
    spare_.pop_back();
    return taken;
}

void InFlightTable::recycle(std::unique_ptr<PendingQuery> pending) noexcept {
    if (spare_.size() == kSpareMax || pending->waiters.capacity() > kSpareWaitersMax) return;
    pending->snapshot.reset();
    pending->timer.cancel();
    pending->overdue = pending->given_up = false;
    pending->waiters.clear();
    spare_.push_back(std::move(pending));
}

Join InFlightTable::move(PendingQuery& pending, std::uint16_t upstream) {
    if (pending.upstream == upstream) return Join::joined;
    const Limits& limits = pending.snapshot->limits;
    Load& to = load_of(upstream);
    if (!has_room(to, limits)) return Join::too_many_in_flight;
    if (to.waiters + pending.clients() > limits.waiters_per_upstream_max)
        return Join::too_many_waiters;
    to.in_flight += 1;
    to.waiters += pending.clients();
    Load& from = load_of(pending.upstream);
    from.in_flight -= 1;
    from.waiters -= pending.clients();
    if (pending.is_refresh) {
        ++to.refreshes;
        --from.refreshes;
    }
    if (pending.given_up) {
        ++to.given_up;
        --from.given_up;
    }
    pending.upstream = upstream;
    count_begun(pending, -1);
    for (Waiter& waiter : pending.waiters)
        if (!waiter.is_background())
            waiter.place = guard_.move(waiter.place, waiter.request.client, upstream);
    count_begun(pending, +1);
    return Join::joined;
}

// Among the waiters that `each_ref` goes through, twice.
template <class EachRef>
WaiterRef InFlightTable::heaviest(ClientGuard::Place place, const EachRef& each_ref) noexcept {
    std::ranges::fill(shares_, 0u);
    ClientGuard::Place most = place;
    each_ref([&](PendingQuery& pending, std::size_t at) {
        const ClientGuard::Place its = pending.waiters[at].place;
        if (its == ClientGuard::kNone) return;
        ++shares_[its];
        if (most == ClientGuard::kNone || shares_[its] > shares_[most]) most = its;
    });
    const std::uint32_t own = place == ClientGuard::kNone ? 0 : shares_[place];
    if (most == ClientGuard::kNone) return {};
    WaiterRef youngest{.most = shares_[most]};
    if (youngest.most <= own + 1) return youngest;
    each_ref([&](PendingQuery& pending, std::size_t at) {
        const Waiter& waiter = pending.waiters[at];
        if (waiter.place == most &&
            (youngest.pending == nullptr ||
             waiter.since >= youngest.pending->waiters[youngest.waiter].since))
            youngest = {&pending, at, youngest.most};
    });
    return youngest;
}

WaiterRef InFlightTable::heaviest_alone(std::uint16_t upstream, ClientGuard::Place place) noexcept {
    return heaviest(place, [&](const auto& visit) {
        for (const auto& [hash, pending] : pending_)
            if (pending->upstream == upstream && has_one_client(*pending)) visit(*pending, 0);
    });
}

WaiterRef InFlightTable::heaviest_joined(std::uint16_t upstream,
                                         ClientGuard::Place place) noexcept {
    return heaviest(place, [&](const auto& visit) {
        for (const auto& [hash, pending] : pending_)
            for (std::size_t at = 1; pending->upstream == upstream && at < pending->waiters.size();
                 ++at)
                visit(*pending, at);
    });
}

WaiterRef InFlightTable::heaviest_joined(PendingQuery& pending, ClientGuard::Place place) noexcept {
    return heaviest(place, [&](const auto& visit) {
        for (std::size_t at = 1; at < pending.waiters.size(); ++at) visit(pending, at);
    });
}

std::vector<Waiter> InFlightTable::give_up(const WaiterRef& ref) {
    PendingQuery& pending = *ref.pending;
    if (ref.waiter != 0) {
        const auto at = pending.waiters.begin() + static_cast<std::ptrdiff_t>(ref.waiter);
        std::vector<Waiter> waiter{*at};
        pending.waiters.erase(at);
        --load_of(pending.upstream).waiters;
        return waiter;
    }
    assert(!pending.given_up && !pending.waiters.front().is_background());
    std::vector<Waiter> waiters = pending.waiters;
    pending.given_up = true;
    ++load_of(pending.upstream).given_up;
    leave_to_nobody(pending);
    return waiters;
}

bool InFlightTable::asks(const Request& request, std::uint16_t upstream,
                         const std::shared_ptr<const Snapshot>& snapshot) const noexcept {
    const auto [first, last] = pending_.equal_range(hash_of(request));
    return std::any_of(first, last, [&](const auto& item) {
        const PendingQuery& pending = *item.second;
        return pending.upstream == upstream && pending.snapshot == snapshot &&
               same_question(pending.question(), request);
    });
}

void InFlightTable::leave(PendingQuery& pending) {
    assert(pending.waiters.size() > 1);
    pending.waiters.pop_back();
    --load_of(pending.upstream).waiters;
}

void InFlightTable::dismiss(PendingQuery& pending) {
    leave_to_nobody(pending);
}

std::unique_ptr<PendingQuery> InFlightTable::finish(PendingQuery& pending) {
    const auto [first, last] = pending_.equal_range(pending.key_hash);
    const auto at =
        std::find_if(first, last, [&](const auto& item) { return item.second.get() == &pending; });
    assert(at != last);
    std::unique_ptr<PendingQuery> taken = std::move(at->second);
    pending_.erase(at);
    Load& load = load_of(taken->upstream);
    load.in_flight -= 1;
    load.waiters -= taken->clients();
    count_begun(*taken, -1);
    if (taken->is_refresh) --load.refreshes;
    if (taken->given_up) --load.given_up;
    return taken;
}

}  // namespace peerzone::resolver
