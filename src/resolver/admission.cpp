// Questions that come to wait: who joins which pending, who is shed, and who is answered from
// memory because waiting takes too long.
#include <algorithm>
#include <random>

#include "resolver/impl.hpp"

namespace peerzone::resolver {

using dns::Rcode;
using metrics::Count;

namespace {

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

}  // namespace

std::uint64_t Resolver::Impl::random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

void Resolver::Impl::admit(const Request& request, const ReplyTo& to, Time now) {
    const upstream::Upstream* first = first_upstream(request);
    if (first == nullptr) return;  // answer_now would not have sent it here
    Waiter waiter{to, request, now};
    if (cut_loop(waiter, *first, now)) return;
    if (is_crowded(request, *first, now) &&
        answer_from_memory(waiter, snapshot, first->label + " has just come back", now))
        return;
    if (admit(waiter, *first, now)) start(waiter, *first, now);
}

// What one client may ask at all. False: it has its answer.
bool Resolver::Impl::admit(Waiter& waiter, const upstream::Upstream& upstream, Time now) {
    const Limits& limits = snapshot->limits;
    const bool pressed = table.flights(upstream.id) >=
                         std::max<std::size_t>(limits.in_flight_per_upstream_max / 2, 1);
    switch (guard.admit(waiter.request.client, upstream.id, limits, pressed, now, waiter.place)) {
        case ClientGuard::Verdict::ok: return true;
        case ClientGuard::Verdict::too_fast:
            shed(waiter, upstream, Count::shed_client_rate,
                 " this client asks for too many new names (limits.client_misses_per_second_max)",
                 now);
            return false;
        case ClientGuard::Verdict::too_many:
            shed(waiter, upstream, Count::shed_client_in_flight,
                 " this client waits for too many answers (limits.in_flight_per_client_max)", now);
            return false;
    }
    return false;
}

void Resolver::Impl::start(const Waiter& waiter, const upstream::Upstream& upstream, Time now) {
    PendingQuery* pending = nullptr;
    Join joined = table.join(waiter, upstream.id, snapshot, pending);
    if (is_full(joined) && make_room(waiter, upstream, joined, pending, now))
        joined = table.join(waiter, upstream.id, snapshot, pending);
    if (joined == Join::started) {
        run(*pending, now);
    } else if (joined == Join::joined) {
        wait_along(*pending, upstream, now);
    } else {
        const Bound bound = bound_of(joined);
        shed(waiter, upstream, bound.count, std::string(bound.what).append(bound.limit), now);
    }
}

// Where a bound is reached, the client that has most of it gives a place to one that has less.
// Looking for it over a whole upstream takes a walk over the table, so there are few looks, and
// those who could not gain by one use none up.
WaiterRef Resolver::Impl::heaviest(const Waiter& waiter, std::uint16_t upstream, Join full,
                                   PendingQuery* pending, Time now) {
    if (full == Join::too_many_for_question) return table.heaviest_joined(*pending, waiter.place);
    const bool of_in_flight = full == Join::too_many_in_flight;
    const std::size_t begun = table.in_flight_of(waiter.place);
    const std::size_t own = of_in_flight ? begun : guard.in_flight(waiter.place) - begun;
    // As many as there is room for may be given up and still be on their way: no more.
    const std::size_t bound = 2 * snapshot->limits.in_flight_per_upstream_max;
    if (of_in_flight && table.flights(upstream) >= bound) return {};
    HeaviestClientScan::Last& last =
        heaviest_scan.last(upstream, of_in_flight ? HeaviestClientScan::Of::in_flight
                                                  : HeaviestClientScan::Of::waiters);
    if (!heaviest_scan.take(last, own, now)) return {};
    const WaiterRef ref = of_in_flight ? table.heaviest_alone(upstream, waiter.place)
                                       : table.heaviest_joined(upstream, waiter.place);
    last = {.most = ref.most, .at = now};
    return ref;
}

bool Resolver::Impl::make_room(const Waiter& waiter, const upstream::Upstream& upstream, Join full,
                               PendingQuery* pending, Time now) {
    const std::uint16_t counted_at =
        full == Join::too_many_waiters && pending != nullptr ? pending->upstream : upstream.id;
    const WaiterRef ref = heaviest(waiter, counted_at, full, pending, now);
    if (ref.pending == nullptr) return false;
    const std::shared_ptr<const Snapshot> its = ref.pending->snapshot;
    const Bound bound = bound_of(full);
    const std::string why = upstream.label + std::string(bound.what) +
                            ", most of them of this client" + std::string(bound.limit);
    for (const Waiter& victim : table.give_up(ref)) {
        counters.add(Count::shed_greediest);
        upstream.health->stats().note_shed();
        if (!answer_from_memory(victim, its, why, now))
            refuse(victim, its->views[victim.request.view], upstream, why, now);
    }
    return true;
}

// An upstream that has just come back is not asked for everything that has expired meanwhile at
// once: beyond some questions, known names are answered from memory for another second.
bool Resolver::Impl::is_crowded(const Request& request, const upstream::Upstream& upstream,
                                Time now) const noexcept {
    constexpr std::size_t kRecoveringMax = 64;
    return request.last_known && upstream.health->state() == upstream::UpstreamState::recovering &&
           now - upstream.health->since() < Seconds(1) &&
           table.flights(upstream.id) >= kRecoveringMax;
}

// The flight's aliases have led it to an upstream that has no room for it. Visit::over: it is
// answered, from memory if that can be.
Visit Resolver::Impl::find_no_room(AliasChase& chase, const upstream::Upstream& upstream, Join full,
                                   Time now) {
    const Bound bound = bound_of(full);
    const std::string why = upstream.label + std::string(bound.what) + std::string(bound.limit);
    chase.memory_only = true;  // who is there may deny no longer what it denied then
    const Visit led = visit_last_known(chase, upstream, why, now);
    chase.memory_only = false;
    if (led != Visit::ask) return led;
    counters.add(bound.count);
    upstream.health->stats().note_shed();
    fail(chase, dns::ede::other, why);
    return Visit::over;
}

// Whose share a new flight counts against. A chain that begins in our own zone counts for the
// upstream that it leads to.
const upstream::Upstream* Resolver::Impl::first_upstream(const Request& request) {
    const view::View& view = snapshot->views[request.view];
    dns::Name name = dns::Name::from_checked(request.query.name());
    for (unsigned stop = 0; stop <= kLinksMax; ++stop) {
        const view::Route* route =
            stop == 0 ? request.route
                      : find_route(*snapshot, view, name.wire(), request.query.type);
        if (route == nullptr) return nullptr;
        if (route->kind == view::Route::Kind::upstream)
            return snapshot->upstreams[route->index].get();
        dns::BodyWriter writer(scratch, scratch.size(), name.wire());
        const LongerRoutes elsewhere(view, *route);
        name = snapshot->zones[route->index]
                   ->lookup(name, request.query.type, 0, writer, &elsewhere)
                   .target.folded();
    }
    return nullptr;
}

// A known name needs nobody, so no bound may refuse it (src/README.md, "Limits"): an alias of ours
// to one that is fresh, or one that has expired.
bool Resolver::Impl::answer_from_memory(const Waiter& waiter,
                                        const std::shared_ptr<const Snapshot>& its,
                                        std::string_view why, Time now) {
    PendingQuery alone;
    alone.snapshot = its;
    alone.waiters.push_back(waiter);
    return answer_from_memory(alone, why, now);
}

// Answers all who wait in the pending, if what is known does.
bool Resolver::Impl::answer_from_memory(const PendingQuery& pending, std::string_view why,
                                        Time now) {
    const Request& question = pending.question();
    AliasChase chase{.pending = &pending,
                     .view = &pending.snapshot->views[question.view],
                     .name = dns::Name::from_checked(question.query.name()),
                     .memory_only = true,
                     .why = why};
    if (visit(chase, now) != nullptr) return false;
    reply_to_all(pending, chase, now);
    return true;
}

// The last waiter has joined: somebody asks already. A client that asks for a known name waits no
// longer than the first one.
void Resolver::Impl::wait_along(PendingQuery& pending, const upstream::Upstream& upstream,
                                Time now) {
    const Waiter& last = pending.waiters.back();
    if (!pending.overdue) {
        if (last.request.last_known) arm_response_timer(pending, upstream, now);
        return;
    }
    if (answer_from_memory(last, pending.snapshot, describe_overdue(upstream), now))
        table.leave(pending);
}

// From now on the flight's clients wait no longer than replies of this upstream usually take: then
// they get what was known last, and the exchange goes on (RFC 8767 5, "client response timer").
void Resolver::Impl::arm_response_timer(PendingQuery& pending, const upstream::Upstream& upstream,
                                        Time now) {
    if (pending.overdue || pending.timer.is_armed() ||
        upstream.options.stale.max_age <= Duration::zero())
        return;
    pending.timer.owner = this;
    pending.timer.pending = &pending;
    pending.timer.upstream = &upstream;
    client.call_at(pending.timer, now, now + usual_wait(upstream));
}

void OverdueTimer::fire(upstream::TimerNode& node) {
    auto& timer = static_cast<OverdueTimer&>(node);
    timer.owner->on_overdue(*timer.pending, *timer.upstream, Clock::now());
}

void Resolver::Impl::on_overdue(PendingQuery& pending, const upstream::Upstream& upstream,
                                Time now) {
    pending.overdue = true;
    if (answer_from_memory(pending, describe_overdue(upstream), now)) table.dismiss(pending);
}

std::string Resolver::Impl::describe_overdue(const upstream::Upstream& upstream) {
    const auto waited = std::chrono::ceil<Millis>(usual_wait(upstream)).count();
    return std::string(ede_text.begin()
                           .add(upstream.label)
                           .add(" not answering for ")
                           .add(static_cast<std::uint64_t>(waited))
                           .add("ms")
                           .text());
}

// No room: a known name is answered all the same, everything else fails.
void Resolver::Impl::shed(const Waiter& waiter, const upstream::Upstream& upstream, Count what,
                          std::string_view why, Time now) {
    std::string text = upstream.label + std::string(why);
    // A flood of new names is shed as cheaply as can be: answer_now has looked, and knows of
    // nothing.
    const Request& request = waiter.request;
    const bool may_know = request.last_known || request.other_kinds_possible ||
                          request.route->kind == view::Route::Kind::zone;
    if (may_know && answer_from_memory(waiter, snapshot, text, now)) return;
    counters.add(what);
    upstream.health->stats().note_shed();
    std::uint64_t suppressed = 0;
    if (failure_log.allow(now, suppressed))
        log::warning("question shed", {{"why", text}, {"suppressed", std::to_string(suppressed)}});
    refuse(waiter, snapshot->views[waiter.request.view], upstream, std::move(text), now);
}

// SERVFAIL with a reason (extended error 0) for one client.
void Resolver::Impl::refuse(const Waiter& waiter, const view::View& view,
                            const upstream::Upstream& upstream, std::string text, Time now) {
    Answer answer;
    answer.failed = true;
    answer.rcode = Rcode::servfail;
    answer.error_code = dns::ede::other;
    answer.error_text = std::move(text);
    answer.upstream = &upstream;
    counters.add(Count::servfail);
    reply_to(waiter, view, answer, now);
}

}  // namespace peerzone::resolver
