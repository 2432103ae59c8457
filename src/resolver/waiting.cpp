// Questions that wait for upstreams: let in or shed, asked along their aliases, answered. What is
// known is answered without waiting where waiting takes too long or a bound is reached.
#include <algorithm>

#include "resolver/impl.hpp"
#include "resolver/last_known.hpp"
#include "resolver/loop_guard.hpp"

namespace peerzone::resolver {

using dns::Rcode;
using metrics::Count;

void Resolver::Impl::admit(const Request& request, const ReplyTo& to, Time now) {
    const upstream::Upstream* first = first_upstream(request);
    Waiter waiter{to, request, now};
    if (first == nullptr) return fail_moved(waiter, now);
    if (cut_loop(waiter, *first, now)) return;
    if (admission.is_crowded(request, *first, now) &&
        answer_from_memory(waiter, snapshot, describe_return(*first), now))
        return;
    if (const auto refusal = admission.admit_client(waiter, *first, snapshot->limits, now)) {
        shed(waiter, *first, *refusal, now);
    } else {
        start(waiter, *first, now);
    }
}

// Whose share a new question counts against. A chain that begins in our own zone counts for the
// upstream that it leads to.
const upstream::Upstream* Resolver::Impl::first_upstream(const Request& request) {
    if (is_upstream(*request.route)) return &upstream_of(*snapshot, *request.route);
    const dns::Name name = dns::Name::from_checked(request.query.name());
    dns::BodyWriter ignored(scratch, scratch.size(), name.wire());
    ZoneWalk walk(*snapshot, snapshot->views[request.view], *request.route, name);
    std::uint32_t rotation = 0;
    if (walk.run(request.query.type, 0, rotation, ignored) != ZoneWalk::End::upstream)
        return nullptr;
    return &upstream_of(*snapshot, *walk.route());
}

// True when the question must not be asked there; the client has its answer then.
bool Resolver::Impl::cut_loop(const Waiter& waiter, const upstream::Upstream& upstream, Time now) {
    const Request& request = waiter.request;
    const dns::Query& query = request.query;
    const Loop loop = loop_of(request, upstream, snapshot, admission.table(), client.sent(), now);
    if (loop == Loop::none) return false;
    client.sent().note_returned(query.asked_name(), now);
    if (is_handed_back(loop, request, upstream)) {
        counters.add(Count::handed_back);
        reply_to(waiter, snapshot->views[request.view],
                 deny_handed_back(request, upstream, memory.negative_cap(upstream), scratch), now);
        return true;
    }
    std::string text = describe_loop(loop, request, upstream);
    counters.add(Count::loops);
    upstream.health->stats().note_loop(now);
    std::uint64_t suppressed = 0;
    if (loop_log.allow(now, suppressed))
        log::warning("loop", {{"name", dns::name_text(query.name())},
                              {"type", dns::type_text(query.type)},
                              {"why", text},
                              {"suppressed", std::to_string(suppressed)}});
    refuse(waiter, snapshot->views[request.view], upstream, std::move(text), now);
    return true;
}

// The zone has changed since answer_now looked, and leads to no upstream any more.
void Resolver::Impl::fail_moved(const Waiter& waiter, Time now) {
    Answer answer;
    answer.rcode = Rcode::servfail;
    answer.failed = true;
    answer.error_code = dns::ede::not_ready;
    answer.error_text = "the zone is changing";
    counters.add(Count::servfail);
    reply_to(waiter, snapshot->views[waiter.request.view], answer, now);
}

void Resolver::Impl::start(const Waiter& waiter, const upstream::Upstream& upstream, Time now) {
    const Admission::Entry entry = admission.enter(waiter, upstream, snapshot, now);
    answer_displaced(entry.displaced, upstream, now);
    if (entry.join == Join::started) {
        run(*entry.pending, now);
    } else if (entry.join == Join::joined) {
        wait_along(*entry.pending, upstream, now);
    } else {
        shed(waiter, upstream, Admission::refusal_of(entry.join, upstream), now);
    }
}

// One question over its aliases, from owner to owner.
Detached Resolver::Impl::run(PendingQuery& pending, Time now) {
    AliasChase chase(chase_context(), pending, now);
    while (const upstream::Upstream* owner = chase.next(now)) {
        tell_upstreams(chase, now);
        if (!enter_share(pending, chase, *owner, now)) continue;
        if (chase.has_last_known()) arm_response_timer(pending, *owner, now);
        const upstream::Question question = chase.question();
        const OtherOwners others = chase.other_owners();
        const upstream::AskScope scope{.others = &others, .until = chase.deadline(*owner, now)};
        Task<upstream::Asked> asking = client.ask(*owner, question, now, scope);
        const upstream::Asked asked = co_await asking;
        now = asked.ended_at;
        chase.on_reply(*owner, asked, now);
    }
    tell_upstreams(chase, now);
    finish(pending, chase, now);
}

// The query counts where its aliases have led it. False: there is no room, and it is answered, from
// memory if that can be.
bool Resolver::Impl::enter_share(PendingQuery& pending, AliasChase& chase,
                                 const upstream::Upstream& owner, Time now) {
    const Admission::Entry entry = admission.move(pending, owner, now);
    answer_displaced(entry.displaced, owner, now);
    if (!is_full(entry.join)) return true;
    const Admission::Refusal refusal = Admission::refusal_of(entry.join, owner);
    if (!chase.on_refused(owner, refusal.text, now)) {
        counters.add(refusal.count);
        owner.health->stats().note_shed();
    }
    return false;
}

void Resolver::Impl::tell_upstreams(AliasChase& chase, Time now) {
    for (const auto& [upstream, name] : chase.take_canaries())
        if (!is_dry) client.send_canary(*upstream, copy_of(chase.request().query, name), now);
    if (const upstream::Upstream* failed = chase.take_failed_at_once(); failed && !is_dry)
        failed->health->stats().note_failed_at_once();
}

void Resolver::Impl::finish(PendingQuery& pending, AliasChase& chase, Time now) {
    std::unique_ptr<PendingQuery> ended = admission.table().finish(pending);
    chase.keep(now);
    reply_to_all(*ended, chase, now);
    const Answer& answer = chase.answer();
    std::uint64_t suppressed = 0;
    if (answer.failed && failure_log.allow(now, suppressed))
        log::warning("question failed", {{"name", dns::name_text(chase.request().query.name())},
                                         {"type", dns::type_text(chase.request().query.type)},
                                         {"why", answer.error_text},
                                         {"suppressed", std::to_string(suppressed)}});
    admission.table().recycle(std::move(ended));
}

void Resolver::Impl::reply_to_all(const PendingQuery& pending, const AliasChase& chase, Time now) {
    Answer answer = chase.answer();
    if (chase.is_stale()) answer.source = Source::stale;
    for (const Waiter& waiter : pending.waiters) {
        if (waiter.is_background()) continue;
        if (chase.is_stale() && answer.upstream != nullptr && !is_dry)
            answer.upstream->health->stats().note_stale_answer();
        counters.add(answer.failed      ? Count::servfail
                     : chase.is_stale() ? Count::answered_stale
                                        : Count::answered_upstream);
        reply_to(waiter, pending.snapshot->views[waiter.request.view], answer, now);
    }
}

void Resolver::Impl::reply_to(const Waiter& waiter, const view::View& view, const Answer& answer,
                              Time now) {
    admission.release(waiter.place);
    writer.deliver(waiter, view, answer, scratch, now);
}

// A known name needs no upstream, so no bound may refuse it (src/README.md, "Limits"): an alias of
// ours to one that is fresh, or one that has expired.
bool Resolver::Impl::answer_from_memory(const Waiter& waiter,
                                        const std::shared_ptr<const Snapshot>& its,
                                        std::string_view why, Time now) {
    PendingQuery alone;
    alone.snapshot = its;
    alone.waiters.push_back(waiter);
    return answer_from_memory(alone, why, now);
}

// Answers all who wait for it, if what is known does.
bool Resolver::Impl::answer_from_memory(const PendingQuery& pending, std::string_view why,
                                        Time now) {
    AliasChase chase(chase_context(), pending, now, why);
    const bool is_known = chase.next(now) == nullptr;
    tell_upstreams(chase, now);
    if (is_known) reply_to_all(pending, chase, now);
    return is_known;
}

// The last waiter has joined: the question is asked already. A client that asks for a known name
// waits no longer than the first one.
void Resolver::Impl::wait_along(PendingQuery& pending, const upstream::Upstream& upstream,
                                Time now) {
    const Waiter& last = pending.waiters.back();
    if (!pending.overdue) {
        if (last.request.last_known) arm_response_timer(pending, upstream, now);
        return;
    }
    if (answer_from_memory(last, pending.snapshot, describe_overdue(upstream), now))
        admission.table().leave(pending);
}

// From now on its clients wait no longer than replies of this upstream usually take: then they get
// what was known last, and the exchange goes on (RFC 8767 5, "client response timer").
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

void OverdueTimer::fire(TimerNode& node) {
    auto& timer = static_cast<OverdueTimer&>(node);
    timer.owner->on_overdue(*timer.pending, *timer.upstream, Clock::now());
}

void Resolver::Impl::on_overdue(PendingQuery& pending, const upstream::Upstream& upstream,
                                Time now) {
    pending.overdue = true;
    if (answer_from_memory(pending, describe_overdue(upstream), now))
        admission.table().dismiss(pending);
}

// No room: a known name is answered all the same, everything else fails.
void Resolver::Impl::shed(const Waiter& waiter, const upstream::Upstream& upstream,
                          const Admission::Refusal& refusal, Time now) {
    // A flood of new names is shed as cheaply as can be: answer_now has looked, and knows of
    // nothing.
    const Request& request = waiter.request;
    const bool may_know =
        request.last_known || request.other_kinds_possible || !is_upstream(*request.route);
    if (may_know && answer_from_memory(waiter, snapshot, refusal.text, now)) return;
    counters.add(refusal.count);
    upstream.health->stats().note_shed();
    std::uint64_t suppressed = 0;
    if (failure_log.allow(now, suppressed))
        log::warning("question shed",
                     {{"why", refusal.text}, {"suppressed", std::to_string(suppressed)}});
    refuse(waiter, snapshot->views[request.view], upstream, refusal.text, now);
}

void Resolver::Impl::answer_displaced(const Admission::Displaced& displaced,
                                      const upstream::Upstream& upstream, Time now) {
    for (const Waiter& waiter : displaced.waiters) {
        counters.add(Count::shed_greediest);
        upstream.health->stats().note_shed();
        if (!answer_from_memory(waiter, displaced.snapshot, displaced.why, now))
            refuse(waiter, displaced.snapshot->views[waiter.request.view], upstream, displaced.why,
                   now);
    }
}

// SERVFAIL with a reason (extended error 0) for one client.
void Resolver::Impl::refuse(const Waiter& waiter, const view::View& view,
                            const upstream::Upstream& upstream, std::string text, Time now) {
    counters.add(Count::servfail);
    reply_to(waiter, view,
             {.rcode = Rcode::servfail,
              .upstream = &upstream,
              .failed = true,
              .error_code = dns::ede::other,
              .error_text = std::move(text)},
             now);
}

}  // namespace peerzone::resolver
