// Questions that come to wait: who joins which flight, who is shed, and who is answered from memory
// because waiting takes too long.
#include <algorithm>

#include "resolver/impl.hpp"

namespace peerzone::resolver {

using dns::Rcode;
using metrics::Count;

void Resolver::Impl::answer_later(const Request& request, const ReplyTo& to, Time now) {
    const upstream::Upstream* first = first_upstream(request);
    if (first == nullptr) return;  // answer_now would not have sent it here
    const Waiter waiter{to, request, now};
    if (cut_loop(waiter, *first, now)) return;
    Flight* flight = nullptr;
    switch (const Join joined = table.join(waiter, first->id, snapshot, flight)) {
        case Join::started: run(*flight, now); break;
        case Join::joined: wait_along(*flight, waiter, *first, now); break;
        case Join::too_many_flights:
        case Join::too_many_waiters:
            if (!answer_from_memory(waiter, say_shed(*first, joined), now))
                shed(waiter, *first, joined, now);
            break;
    }
}

// Whose share a new flight counts against. A chain that begins in our own zone counts for the
// upstream that it leads to.
const upstream::Upstream* Resolver::Impl::first_upstream(const Request& request) {
    const view::View& view = snapshot->views[request.view];
    dns::Name name = dns::Name::from_checked(request.query.name());
    for (unsigned stop = 0; stop <= kLinksMax; ++stop) {
        const view::Route* route = stop == 0 ? request.route : view.routes.find(name.wire());
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

// A known name needs nobody, so no bound may refuse it (DESIGN section 8): an alias of ours to one
// that is fresh, or one that has expired.
bool Resolver::Impl::answer_from_memory(const Waiter& waiter, const std::string& why, Time now) {
    Flight alone;
    alone.snapshot = snapshot;
    alone.waiters.push_back(waiter);
    return answer_from_memory(alone, why, now);
}

// Answers all who wait in the flight, if what is known does.
bool Resolver::Impl::answer_from_memory(const Flight& flight, std::string_view why, Time now) {
    const Request& question = flight.question();
    Walk walk{.flight = &flight,
              .view = &flight.snapshot->views[question.view],
              .name = dns::Name::from_checked(question.query.name()),
              .memory_only = true,
              .why = why};
    if (visit(walk, now) != nullptr) return false;
    reply_to_all(flight, walk, now);
    return true;
}

// Somebody asks already. A client that asks for a known name waits no longer than the first one.
void Resolver::Impl::wait_along(Flight& flight, const Waiter& waiter,
                                const upstream::Upstream& upstream, Time now) {
    if (!flight.overdue) {
        if (waiter.request.last_known) watch(flight, upstream, now);
        return;
    }
    if (answer_from_memory(waiter, say_overdue(upstream), now)) table.leave(flight);
}

// From now on the flight's clients wait no longer than replies of this upstream usually take: then
// they get what was known last, and the exchange goes on (RFC 8767 5, "client response timer").
void Resolver::Impl::watch(Flight& flight, const upstream::Upstream& upstream, Time now) {
    if (flight.overdue || flight.timer.is_armed() || stale_of(upstream).max_age <= Duration::zero())
        return;
    flight.timer.owner = this;
    flight.timer.flight = &flight;
    flight.timer.upstream = &upstream;
    client.call_at(flight.timer, now, now + usual_wait(upstream));
}

void OverdueTimer::fire(upstream::TimerNode& node) {
    auto& timer = static_cast<OverdueTimer&>(node);
    timer.owner->on_overdue(*timer.flight, *timer.upstream, Clock::now());
}

void Resolver::Impl::on_overdue(Flight& flight, const upstream::Upstream& upstream, Time now) {
    flight.overdue = true;
    if (answer_from_memory(flight, say_overdue(upstream), now)) table.dismiss(flight);
}

std::string Resolver::Impl::say_overdue(const upstream::Upstream& upstream) {
    const auto waited = std::chrono::ceil<Millis>(usual_wait(upstream)).count();
    return std::string(words.begin()
                           .add(upstream.label)
                           .add(" not answering for ")
                           .add(static_cast<std::uint64_t>(waited))
                           .add("ms")
                           .text());
}

std::string Resolver::Impl::say_shed(const upstream::Upstream& upstream, Join why) {
    return upstream.label +
           (why == Join::too_many_flights
                ? " too many questions in flight (limits.in_flight_per_upstream_max)"
                : " too many clients waiting (limits.waiters_per_upstream_max)");
}

void Resolver::Impl::shed(const Waiter& waiter, const upstream::Upstream& upstream, Join why,
                          Time now) {
    counters.add(why == Join::too_many_flights ? Count::shed_in_flight : Count::shed_waiters);
    std::string text = say_shed(upstream, why);
    std::uint64_t suppressed = 0;
    if (failure_log.allow(now, suppressed))
        log::warning("question shed", {{"why", text}, {"suppressed", std::to_string(suppressed)}});
    refuse(waiter, upstream, std::move(text), now);
}

// SERVFAIL with a reason (extended error 0) for one client.
void Resolver::Impl::refuse(const Waiter& waiter, const upstream::Upstream& upstream,
                            std::string text, Time now) {
    Answer answer;
    answer.failed = true;
    answer.rcode = Rcode::servfail;
    answer.error_code = dns::ede::other;
    answer.error_text = std::move(text);
    answer.upstream = &upstream;
    counters.add(Count::servfail);
    reply_to(waiter, snapshot->views[waiter.request.view], answer, now);
}

}  // namespace peerzone::resolver
