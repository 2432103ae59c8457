// Invariants: loads_[u].flights is the number of flights with upstream u, loads_[u].waiters the sum
// of their seats, loads_[u].refreshes the number of those that began for nobody, loads_[u].given_up
// of those whose clients were shed; begun_[p] is the number of flights whose first waiter has place
// p.
#include "resolver/in_flight.hpp"

#include <algorithm>
#include <cassert>

namespace peerzone::resolver {
namespace {

// The key is that of the cache: name, type, view, DO, CD (src/README.md, "Key and flags"). Hops
// tell flights apart, too: a question that came back to us must not wait for itself.
std::uint64_t hash_of(const Request& r) noexcept {
    const std::uint64_t rest = std::uint64_t{r.query.type} << 32 | std::uint64_t{r.view} << 8 |
                               (r.query.dnssec_ok ? 2u : 0u) |
                               (r.query.checking_disabled() ? 1u : 0u);
    return r.query.name_hash ^ rest * 0x9e3779b97f4a7c15;
}

bool same_question(const Request& a, const Request& b) noexcept {
    return a.query.type == b.query.type && a.view == b.view &&
           a.query.dnssec_ok == b.query.dnssec_ok &&
           a.query.checking_disabled() == b.query.checking_disabled() &&
           std::ranges::equal(a.query.name(), b.query.name());
}

bool has_one_client(const Flight& flight) noexcept {
    const ClientGuard::Place first = flight.waiters.front().place;
    return first != ClientGuard::kNone &&
           std::ranges::all_of(flight.waiters,
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

void InFlightTable::count_begun(const Flight& flight, int change) noexcept {
    const ClientGuard::Place place = flight.waiters.front().place;
    if (place != ClientGuard::kNone) begun_[place] += static_cast<std::uint32_t>(change);
}

// All who waited have gone; the question goes on.
void InFlightTable::leave_to_nobody(Flight& flight) noexcept {
    load_of(flight.upstream).waiters -= flight.seats();
    count_begun(flight, -1);
    flight.waiters.erase(flight.waiters.begin() + 1, flight.waiters.end());
    flight.waiters.front().to = {};
    flight.waiters.front().place = ClientGuard::kNone;
}

Join InFlightTable::join(const Waiter& waiter, std::uint16_t upstream,
                         const std::shared_ptr<const Snapshot>& snapshot, Flight*& flight) {
    const Request& request = waiter.request;
    const Limits& limits = snapshot->limits;
    const std::uint64_t hash = hash_of(request);
    const auto [first, last] = flights_.equal_range(hash);
    for (auto at = first; at != last; ++at) {
        Flight& found = *at->second;
        // What began under an older configuration is not for questions that came after the change.
        if (found.snapshot != snapshot || !same_key(found.question(), request)) continue;
        if (waiter.is_nobody()) return Join::joined;
        Load& load = load_of(found.upstream);
        flight = &found;
        if (found.waiters.size() >= limits.waiters_per_question_max)
            return Join::too_many_for_question;
        if (load.waiters >= limits.waiters_per_upstream_max) return Join::too_many_waiters;
        found.waiters.push_back(waiter);
        ++load.waiters;
        Waiter& joined = found.waiters.back();
        if (found.upstream != upstream)  // an alias has led it elsewhere meanwhile
            joined.place = guard_.move(joined.place, waiter.request.client, found.upstream);
        return Join::joined;
    }
    Load& load = load_of(upstream);
    if (!has_room(load, limits)) return Join::too_many_flights;
    if (!waiter.is_nobody() && load.waiters >= limits.waiters_per_upstream_max)
        return Join::too_many_waiters;
    auto made = take_spare();
    made->key_hash = hash;
    made->upstream = upstream;
    made->snapshot = snapshot;
    made->waiters.push_back(waiter);
    made->is_refresh = waiter.is_nobody();
    if (made->is_refresh) ++load.refreshes;
    flight = made.get();
    flights_.emplace(hash, std::move(made));
    ++load.flights;
    load.waiters += flight->seats();
    count_begun(*flight, +1);
    return Join::started;
}

std::unique_ptr<Flight> InFlightTable::take_spare() {
    if (spare_.empty()) return std::make_unique<Flight>();
    std::unique_ptr<Flight> taken = std::move(spare_.back());
    spare_.pop_back();
    return taken;
}

void InFlightTable::recycle(std::unique_ptr<Flight> flight) noexcept {
    if (spare_.size() == kSpareMax || flight->waiters.capacity() > kSpareWaitersMax) return;
    flight->snapshot.reset();
    flight->timer.cancel();
    flight->overdue = flight->given_up = false;
    flight->waiters.clear();
    spare_.push_back(std::move(flight));
}

Join InFlightTable::move(Flight& flight, std::uint16_t upstream) {
    if (flight.upstream == upstream) return Join::joined;
    const Limits& limits = flight.snapshot->limits;
    Load& to = load_of(upstream);
    if (!has_room(to, limits)) return Join::too_many_flights;
    if (to.waiters + flight.seats() > limits.waiters_per_upstream_max)
        return Join::too_many_waiters;
    to.flights += 1;
    to.waiters += flight.seats();
    Load& from = load_of(flight.upstream);
    from.flights -= 1;
    from.waiters -= flight.seats();
    if (flight.is_refresh) {
        ++to.refreshes;
        --from.refreshes;
    }
    if (flight.given_up) {
        ++to.given_up;
        --from.given_up;
    }
    flight.upstream = upstream;
    count_begun(flight, -1);
    for (Waiter& waiter : flight.waiters)
        if (!waiter.is_nobody())
            waiter.place = guard_.move(waiter.place, waiter.request.client, upstream);
    count_begun(flight, +1);
    return Join::joined;
}

// Among the seats that `each_seat` goes through, twice.
template <class EachSeat>
Seat InFlightTable::greediest(ClientGuard::Place place, const EachSeat& each_seat) noexcept {
    std::ranges::fill(shares_, 0u);
    ClientGuard::Place most = place;
    each_seat([&](Flight& flight, std::size_t at) {
        const ClientGuard::Place its = flight.waiters[at].place;
        if (its == ClientGuard::kNone) return;
        ++shares_[its];
        if (most == ClientGuard::kNone || shares_[its] > shares_[most]) most = its;
    });
    const std::uint32_t own = place == ClientGuard::kNone ? 0 : shares_[place];
    if (most == ClientGuard::kNone) return {};
    Seat youngest{.most = shares_[most]};
    if (youngest.most <= own + 1) return youngest;
    each_seat([&](Flight& flight, std::size_t at) {
        const Waiter& waiter = flight.waiters[at];
        if (waiter.place == most &&
            (youngest.flight == nullptr ||
             waiter.since >= youngest.flight->waiters[youngest.waiter].since))
            youngest = {&flight, at, youngest.most};
    });
    return youngest;
}

Seat InFlightTable::greediest_alone(std::uint16_t upstream, ClientGuard::Place place) noexcept {
    return greediest(place, [&](const auto& visit) {
        for (const auto& [hash, flight] : flights_)
            if (flight->upstream == upstream && has_one_client(*flight)) visit(*flight, 0);
    });
}

Seat InFlightTable::greediest_joined(std::uint16_t upstream, ClientGuard::Place place) noexcept {
    return greediest(place, [&](const auto& visit) {
        for (const auto& [hash, flight] : flights_)
            for (std::size_t at = 1; flight->upstream == upstream && at < flight->waiters.size();
                 ++at)
                visit(*flight, at);
    });
}

Seat InFlightTable::greediest_joined(Flight& flight, ClientGuard::Place place) noexcept {
    return greediest(place, [&](const auto& visit) {
        for (std::size_t at = 1; at < flight.waiters.size(); ++at) visit(flight, at);
    });
}

std::vector<Waiter> InFlightTable::give_up(const Seat& seat) {
    Flight& flight = *seat.flight;
    if (seat.waiter != 0) {
        const auto at = flight.waiters.begin() + static_cast<std::ptrdiff_t>(seat.waiter);
        std::vector<Waiter> waiter{*at};
        flight.waiters.erase(at);
        --load_of(flight.upstream).waiters;
        return waiter;
    }
    assert(!flight.given_up && !flight.waiters.front().is_nobody());
    std::vector<Waiter> waiters = flight.waiters;
    flight.given_up = true;
    ++load_of(flight.upstream).given_up;
    leave_to_nobody(flight);
    return waiters;
}

bool InFlightTable::asks(const Request& request, std::uint16_t upstream,
                         const std::shared_ptr<const Snapshot>& snapshot) const noexcept {
    const auto [first, last] = flights_.equal_range(hash_of(request));
    return std::any_of(first, last, [&](const auto& item) {
        const Flight& flight = *item.second;
        return flight.upstream == upstream && flight.snapshot == snapshot &&
               same_question(flight.question(), request);
    });
}

void InFlightTable::leave(Flight& flight) {
    assert(flight.waiters.size() > 1);
    flight.waiters.pop_back();
    --load_of(flight.upstream).waiters;
}

void InFlightTable::dismiss(Flight& flight) {
    leave_to_nobody(flight);
}

std::unique_ptr<Flight> InFlightTable::finish(Flight& flight) {
    const auto [first, last] = flights_.equal_range(flight.key_hash);
    const auto at =
        std::find_if(first, last, [&](const auto& item) { return item.second.get() == &flight; });
    assert(at != last);
    std::unique_ptr<Flight> taken = std::move(at->second);
    flights_.erase(at);
    Load& load = load_of(taken->upstream);
    load.flights -= 1;
    load.waiters -= taken->seats();
    count_begun(*taken, -1);
    if (taken->is_refresh) --load.refreshes;
    if (taken->given_up) --load.given_up;
    return taken;
}

}  // namespace peerzone::resolver
