#include <algorithm>

#include "upstream/client_impl.hpp"
#include "upstream/trouble.hpp"

namespace peerzone::upstream {
namespace {

using metrics::Count;

/// How long a reply that lost against a second question is listened for.
constexpr Duration kLinger = Seconds(1);

}  // namespace

/// The first endpoint takes longer than most replies: if the budget allows, another one is asked
/// as well, and the first usable reply is taken.
void Client::Impl::late(Asking& asking) {
    const Time now = Clock::now();
    Attempt& attempt = asking.attempt;
    const Step step =
        asking.upstream.health->hedges().take() ? asking.plan.hedge(now, random.u32()) : Step{};
    // Whoever comes third would only be asked because two are on their way.
    if (!step.give_up) {
        const Endpoint& other = *asking.upstream.endpoints[step.endpoint];
        const Time both = std::min(now + patience(other, step.wire), asking.plan.deadline());
        attempt.expires_at = std::max(attempt.expires_at, both);
    }
    timers.add(attempt, now, attempt.expires_at);
    if (!step.give_up) hedge(asking, step, now);
}

Detached Client::Impl::hedge(Asking& asking, Step step, Time now) {
    const std::shared_ptr<Endpoint> endpoint = asking.upstream.endpoints[step.endpoint];
    const std::shared_ptr<UpstreamHealth> health = asking.upstream.health;
    const std::shared_ptr<TlsIdentity> tls =
        step.wire == Wire::tls ? asking.upstream.tls[step.endpoint] : nullptr;
    HedgeAttempt attempt;
    attempt.asking = &asking;
    asking.hedge = &attempt;
    endpoint->stats().note_hedge();
    health->stats().note_hedge();
    counters.add(Count::upstream_hedges);
    prepare(attempt, *endpoint, asking.question, step);
    attempt.tls = tls.get();
    start(attempt, step.wire, now);
    co_await attempt;
    Asking* const waiting = attempt.asking;
    if (waiting == nullptr) {
        note_alone(*endpoint, *health, attempt, step.wire);
        co_return;
    }
    waiting->hedge = nullptr;
    if (attempt.outcome == Outcome::shut_down) co_return;
    if (judge(*waiting, step, attempt, Which::second)) {
        endpoint->stats().note_hedge_won();
        counters.add(Count::upstream_hedges_won);
        beat(*waiting, attempt.ended_at);
    } else if (waiting->attempt.is_armed()) {  // the first one is alone again
        Attempt& first = waiting->attempt;
        first.expires_at =
            std::min(first.expires_at, std::max(waiting->gives_up, attempt.ended_at));
        timers.add(first, attempt.ended_at, first.expires_at);
    }
}

/// The question has its answer. The reply of the first endpoint still says how long that takes.
void Client::Impl::beat(Asking& asking, Time now) {
    const Step& step = asking.step;
    const Upstream& upstream = asking.upstream;
    if (asking.attempt.outcome == Outcome::waiting)
        linger(asking, upstream.endpoints[step.endpoint], upstream.health,
               step.wire == Wire::tls ? upstream.tls[step.endpoint] : nullptr, now);
    asking.attempt.finish(Outcome::beaten, now);
}

Detached Client::Impl::linger(Asking& asking, std::shared_ptr<Endpoint> endpoint,
                              std::shared_ptr<UpstreamHealth> health,
                              std::shared_ptr<TlsIdentity> tls, Time now) {
    BeatenAttempt attempt;
    attempt.impl = this;
    attempt.endpoint = endpoint.get();
    attempt.health = health.get();
    attempt.wire = asking.step.wire;
    attempt.take_place_of(asking.attempt);
    attempt.tls = tls.get();
    attempt.expires_at = std::max(asking.gives_up, now + kLinger);
    attempt.on_late = [](Attempt& a) {
        auto& beaten = static_cast<BeatenAttempt&>(a);
        beaten.impl->beaten_late(beaten);
    };
    timers.add(attempt, now, asking.gives_up);
    co_await attempt;
    // Late or never, the loss is noted already; a late reply shows that it is there.
    if (!attempt.was_late || attempt.outcome == Outcome::reply)
        note_alone(*endpoint, *health, attempt, attempt.wire);
}

void Client::Impl::beaten_late(BeatenAttempt& attempt) {
    const Time now = Clock::now();
    timers.add(attempt, now, attempt.expires_at);
    attempt.was_late = true;
    counters.add(Count::upstream_timeout);
    note_trouble(*attempt.endpoint, Fault::timeout, attempt.wire, now - attempt.sent_at, nullptr,
                 now);
    note_loss(*attempt.endpoint, *attempt.health, now);
}

}  // namespace peerzone::upstream
