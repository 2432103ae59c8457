#include "resolver/admission.hpp"

#include <algorithm>
#include <random>

namespace peerzone::resolver {
namespace {

using metrics::Count;

/// A bound of the table, and what is said where it is reached.
struct Bound {
    Count count;
    std::string_view what;
    std::string_view limit;
};

Bound bound_of(Join full) noexcept {
    switch (full) {
        case Join::too_many_for_question:
            return {Count::shed_waiters, " too many questions waiting for this name",
                    " (limits.waiters_per_question_max)"};
        case Join::too_many_waiters:
            return {Count::shed_waiters, " too many questions waiting",
                    " (limits.waiters_per_upstream_max)"};
        default:
            return {Count::shed_in_flight, " too many questions in flight",
                    " (limits.in_flight_per_upstream_max)"};
    }
}

std::uint64_t random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

}  // namespace

Admission::Admission() : guard_(random_seed()) {}

std::optional<Admission::Refusal> Admission::admit_client(Waiter& waiter,
                                                          const upstream::Upstream& upstream,
                                                          const Limits& limits, Time now) {
    const bool pressed = table_.in_flight(upstream.id) >=
                         std::max<std::size_t>(limits.in_flight_per_upstream_max / 2, 1);
    switch (guard_.admit(waiter.request.client, upstream.id, limits, pressed, now, waiter.place)) {
        case ClientGuard::Verdict::ok: break;
        case ClientGuard::Verdict::too_fast:
            return Refusal{Count::shed_client_rate, upstream.label +
                                                        " this client asks for too many new names "
                                                        "(limits.client_misses_per_second_max)"};
        case ClientGuard::Verdict::too_many:
            return Refusal{Count::shed_client_in_flight,
                           upstream.label +
                               " this client waits for too many answers "
                               "(limits.in_flight_per_client_max)"};
    }
    return std::nullopt;
}

Admission::Entry Admission::enter(const Waiter& waiter, const upstream::Upstream& upstream,
                                  const std::shared_ptr<const Snapshot>& snapshot, Time now) {
    Entry entry{};
    entry.join = table_.join(waiter, upstream.id, snapshot, entry.pending);
    if (!is_full(entry.join) || waiter.is_background()) return entry;
    entry.displaced = make_room(waiter, upstream, entry.join, entry.pending, snapshot->limits, now);
    if (!entry.displaced.waiters.empty())
        entry.join = table_.join(waiter, upstream.id, snapshot, entry.pending);
    return entry;
}

Admission::Entry Admission::move(PendingQuery& pending, const upstream::Upstream& upstream,
                                 Time now) {
    Entry entry{.join = table_.move(pending, upstream.id), .pending = &pending};
    if (entry.join != Join::too_many_in_flight || pending.waiters.front().is_background())
        return entry;
    Waiter first = pending.waiters.front();
    first.place = guard_.place_of(first.request.client, upstream.id);
    entry.displaced =
        make_room(first, upstream, entry.join, nullptr, pending.snapshot->limits, now);
    if (!entry.displaced.waiters.empty()) entry.join = table_.move(pending, upstream.id);
    return entry;
}

Admission::Refusal Admission::refusal_of(Join full, const upstream::Upstream& upstream) {
    const Bound bound = bound_of(full);
    return {bound.count, upstream.label + std::string(bound.what) + std::string(bound.limit)};
}

// Beyond some questions, known names are answered from memory for another second.
bool Admission::is_crowded(const Request& request, const upstream::Upstream& upstream,
                           Time now) const noexcept {
    constexpr std::size_t kRecoveringMax = 64;
    return request.last_known && upstream.health->state() == upstream::UpstreamState::recovering &&
           now - upstream.health->since() < Seconds(1) &&
           table_.in_flight(upstream.id) >= kRecoveringMax;
}

// Where a bound is reached, the client that has most of it gives a place to one that has less.
// Looking for it over a whole upstream takes a pass over the table, so there are few looks, and
// those who could not gain by one use none up.
WaiterRef Admission::heaviest(const Waiter& waiter, std::uint16_t upstream, Join full,
                              PendingQuery* pending, const Limits& limits, Time now) {
    if (full == Join::too_many_for_question) return table_.heaviest_joined(*pending, waiter.place);
    const bool of_in_flight = full == Join::too_many_in_flight;
    const std::size_t begun = table_.in_flight_of(waiter.place);
    const std::size_t own = of_in_flight ? begun : guard_.in_flight(waiter.place) - begun;
    // As many as there is room for may be given up and still be on their way: no more.
    const std::size_t bound = 2 * limits.in_flight_per_upstream_max;
    if (of_in_flight && table_.in_flight(upstream) >= bound) return {};
    HeaviestClientScan::Last& last =
        scan_.last(upstream, of_in_flight ? HeaviestClientScan::Of::in_flight
                                          : HeaviestClientScan::Of::waiters);
    if (!scan_.take(last, own, now)) return {};
    const WaiterRef found = of_in_flight ? table_.heaviest_alone(upstream, waiter.place)
                                         : table_.heaviest_joined(upstream, waiter.place);
    last = {.most = found.most, .at = now};
    return found;
}

// Without anybody displaced, there is no room.
Admission::Displaced Admission::make_room(const Waiter& waiter, const upstream::Upstream& upstream,
                                          Join full, PendingQuery* pending, const Limits& limits,
                                          Time now) {
    const std::uint16_t counted_at =
        full == Join::too_many_waiters && pending != nullptr ? pending->upstream : upstream.id;
    const WaiterRef ref = heaviest(waiter, counted_at, full, pending, limits, now);
    if (ref.pending == nullptr) return {};
    const Bound bound = bound_of(full);
    Displaced displaced;
    displaced.snapshot = ref.pending->snapshot;
    displaced.why = upstream.label + std::string(bound.what) + ", most of them of this client" +
                    std::string(bound.limit);
    displaced.waiters = table_.give_up(ref);
    return displaced;
}

}  // namespace peerzone::resolver
