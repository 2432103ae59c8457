// Attempts beside the one that a question waits for. At most three of a question listen for it at a
// time; one that was beaten listens for the endpoint's round trip alone.
#include <algorithm>
#include <utility>

#include "peerzone/upstream/failure.hpp"
#include "upstream/client_impl.hpp"

namespace peerzone::upstream {

using metrics::Count;

/// The first endpoint takes longer than most replies: if the budget allows, another one is asked
/// as well, and the first usable reply is taken.
void Client::Impl::unusually_late(Asking& asking) {
    const Time now = Clock::now();
    exchange::Attempt& attempt = asking.attempt;
    watch_time_out(asking);
    const bool hedges = !attempt.is_refused() && asking.upstream.health->hedges().take();
    Step step = hedges ? asking.plan->hedge(now, random.u32()) : Step{};
    DatagramLimit::Permit permit = claim(asking, step, now);
    // A third one would only be asked because two are on their way.
    if (!step.give_up)
        attempt.late_after =
            std::max<Duration>(attempt.late_after, now + step.timeout - attempt.began_at);
    if (attempt.is_refused()) attempt.late_after = Duration::zero();
    timers.add(attempt, now, attempt.wakes_at());
    if (!step.give_up) beside(asking, step, Role::hedge, std::move(permit), now);
}

/// The plan has waited long enough. The attempt listens on at the question's side.
void Client::Impl::time_out(Asking& asking) {
    const Time now = Clock::now();
    exchange::Outcome outcome =
        asking.attempt.is_refused() ? asking.attempt.ending : exchange::Outcome::timeout;
    if (asking.step.protocol == Protocol::udp) {
        udp.note_late(asking.attempt);
    } else if (stream.note_late(asking.attempt)) {
        outcome = exchange::Outcome::busy;
    }
    beside(asking, asking.step, Role::late, std::move(asking.attempt.permit), now);
    asking.attempt.finish(outcome, now);
}

Detached Client::Impl::beside(Asking& asking, Step step, Role role, DatagramLimit::Permit permit,
                              Time now) {
    // The question may end first, and its snapshot and its set of endpoints with it.
    const std::shared_ptr<Endpoint> endpoint = asking.set->endpoints[step.endpoint];
    const std::shared_ptr<UpstreamHealth> health = asking.upstream.health;
    const std::shared_ptr<exchange::TlsIdentity> tls =
        step.protocol == Protocol::tls ? asking.set->tls[step.endpoint] : nullptr;
    SideAttempt side;
    side.impl = this;
    side.step = step;
    side.role = role;
    side.permit = std::move(permit);
    if (role != Role::beaten) {
        make_room(asking, now);
        side.asking = &asking;
        *std::find(asking.sides.begin(), asking.sides.end(), nullptr) = &side;
    }
    if (role == Role::hedge) {
        endpoint->stats().note_hedge();
        health->stats().note_hedge();
        counters.add(Count::upstream_hedges);
        prepare(side, *endpoint, asking.question, step);
        side.timeout = asking.plan->deadline() - now;
    } else {
        side.take_place_of(asking.attempt);
    }
    side.tls = tls.get();
    side.endpoint = endpoint.get();
    side.health = health.get();
    side.waker = health.get();
    begin_beside(side, now);
    co_await side;
    end_beside(side, *endpoint, *health);
}

/// Of the attempts at the question's side the oldest gives way to one more.
void Client::Impl::make_room(Asking& asking, Time now) {
    const auto oldest =
        std::min_element(asking.sides.begin(), asking.sides.end(), [](auto* a, auto* b) {
            return b != nullptr && (a == nullptr || a->began_at < b->began_at);
        });
    SideAttempt* const gone = std::exchange(*oldest, nullptr);
    if (gone == nullptr) return;
    gone->leave_question();
    gone->finish(exchange::Outcome::timeout, now);
}

void Client::Impl::begin_beside(SideAttempt& side, Time now) {
    side.late_after = side.endpoint->silent_after();
    side.on_late = [](exchange::Attempt& a) {
        auto& attempt = static_cast<SideAttempt&>(a);
        attempt.impl->silent(attempt);
    };
    if (side.role == Role::hedge) {
        start(side, side.step.protocol, now);
    } else if (side.late_at() <= now) {
        side.on_late = nullptr;
        silent(side);
    } else {
        timers.add(side, now, side.wakes_at());
    }
}

/// Slower than it has ever been lately: a loss. A reply takes it back.
void Client::Impl::silent(SideAttempt& side) {
    const Time now = Clock::now();
    timers.add(side, now, side.wakes_at());
    if (side.is_refused()) return;  // its ports were counted
    if (side.step.limited) return;  // over TCP, of which the endpoint need not know
    const bool suspect = side.asking != nullptr ? side.asking->plan->on_silence(side.step, now)
                                                : side.endpoint->note_loss(now, side.began_at);
    note_loss(suspect, *side.health);
}

void Client::Impl::end_beside(SideAttempt& side, Endpoint& endpoint, const UpstreamHealth& health) {
    Asking* const asking = side.asking;
    if (asking != nullptr) *std::find(asking->sides.begin(), asking->sides.end(), &side) = nullptr;
    if (side.outcome == exchange::Outcome::shut_down) return;
    if (asking == nullptr) {
        note_alone(endpoint, health, side, side.step.protocol);
        return;
    }
    const bool hedged = side.role == Role::hedge;
    // What has timed out, or was refused at too many ports, the plan knows already.
    const bool news = side.has_reply() || hedged;
    if (news && judge(*asking, side.step, side)) {
        if (hedged) {
            endpoint.stats().note_hedge_won();
            counters.add(Count::upstream_hedges_won);
        }
        beat(*asking, side.ended_at);
        return;
    }
    count_silence(endpoint, side);
    wake(*asking, hedged, side.ended_at);
}

/// An attempt at the side has ended: is there still something to wait for?
void Client::Impl::wake(Asking& asking, bool hedged, Time now) {
    exchange::Attempt& attempt = asking.attempt;
    if (asking.is_parked) {
        attempt.finish(exchange::Outcome::timeout, now);
    } else if (attempt.is_armed() && !asking.plan->may_wait_for(asking.step, now)) {
        beside(asking, asking.step, Role::beaten, {}, now);  // the same question, the same "no"
        asking.is_parked = true;                             // it has not timed out
        attempt.finish(exchange::Outcome::timeout, now);
    } else if (hedged && attempt.on_late != nullptr && attempt.is_armed()) {  // it is alone again
        attempt.late_after = asking.step.timeout;
        timers.add(attempt, now, attempt.wakes_at());
    }
}

/// The question has its answer. The reply of the first endpoint still says how long that takes.
void Client::Impl::beat(Asking& asking, Time now) {
    if (!asking.is_parked && asking.attempt.outcome == exchange::Outcome::waiting)
        beside(asking, asking.step, Role::beaten, {}, now);
    asking.attempt.finish(exchange::Outcome::beaten, now);
}

}  // namespace peerzone::upstream
