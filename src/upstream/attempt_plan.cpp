#include "upstream/attempt_plan.hpp"

#include <algorithm>
#include <utility>

#include "peerzone/upstream/failure.hpp"

namespace peerzone::upstream {
namespace {

constexpr Duration kBandSlack = Millis(2);
constexpr Duration kHedgeSlack = Millis(1);
constexpr Duration kRemainingMin = Millis(5);  // with less left it is not worth asking

/// With no reply from anybody, TCP is tried once this share of the deadline is gone.
Duration late_after(Duration whole) {
    return whole * 3 / 5;
}

}  // namespace

void AttemptPlan::State::set_tries(Protocol protocol, unsigned n) noexcept {
    const auto capped = static_cast<std::uint8_t>(std::min(n, kTriesMax) & 3u);
    if (protocol == Protocol::udp) {
        udp_tries = capped & 3u;
    } else {
        stream_tries = capped & 3u;
    }
}

AttemptPlan::AttemptPlan(const Upstream& upstream, const EndpointSet& set, Time now,
                         bool marks_hops, Time until) noexcept
    : upstream_(upstream),
      set_(set),
      marks_hops_(marks_hops),
      count_(std::min(set.endpoints.size(), kEndpointsMax)),
      start_(now),
      deadline_(std::min<Time>(now + upstream.options.deadline, until)) {}

AttemptPlan::Choice AttemptPlan::choose_automatic(const State& state, const Endpoint& endpoint,
                                                  Time now) const noexcept {
    const bool stream = endpoint.stream_works(now);
    if (endpoint.datagrams_work(now) || !stream) {
        const bool late = !heard_ && now - start_ >= late_after(deadline_ - start_);
        if (late && stream && state.stream_tries == 0) return {true, Protocol::tcp};
        if (state.udp_tries < 2) return {true, Protocol::udp};
        if (stream && state.stream_tries < 1) return {true, Protocol::tcp};
        return {state.udp_tries < kTriesMax, Protocol::udp};
    }
    if (state.stream_tries < 2) return {true, Protocol::tcp};
    if (state.udp_tries < 1) return {true, Protocol::udp};
    return {state.stream_tries < kTriesMax, Protocol::tcp};
}

/// Plain case is easier to forge a reply to, so it goes over TCP where that is known to work.
AttemptPlan::Choice AttemptPlan::choose_plain(const State& state, const Endpoint& endpoint,
                                              Time now) const noexcept {
    const Reach reach = endpoint.reach();
    const bool stream = endpoint.stream_works(now) && state.stream_tries < 1 &&
                        (reach == Reach::udp_and_tcp || reach == Reach::tcp);
    return {stream || state.udp_tries < kTriesMax, stream ? Protocol::tcp : Protocol::udp};
}

AttemptPlan::Choice AttemptPlan::choose_protocol(const State& state, const Endpoint& endpoint,
                                                 Time now) const noexcept {
    if (state.done || state.silences >= kSilencesMax || endpoint.identity().is_barred()) return {};
    if (state.full && full_at_ == now) return {};
    const Choice udp{state.udp_tries < kTriesMax, Protocol::udp};
    const Choice tcp{state.stream_tries < kTriesMax, Protocol::tcp};
    const std::optional<Protocol> transport = upstream_.options.transport;
    // Encrypted DNS never falls back to clear text.
    if (transport == Protocol::tls) return {state.stream_tries < kTriesMax, Protocol::tls};
    if (state.truncated || transport == Protocol::tcp) return tcp;
    if (transport == Protocol::udp) return udp;
    if (state.doubt != CaseDoubt::none) return choose_plain(state, endpoint, now);
    if (state.odd_case) return state.stream_tries < 1 && endpoint.stream_works(now) ? tcp : udp;
    return choose_automatic(state, endpoint, now);
}

unsigned AttemptPlan::place_of(std::size_t i) const noexcept {
    return i < set_.places.size() ? set_.places[i] : 0u;
}

/// Lower is asked first. Repeating a question goes on to suspect endpoints after two tries of each
/// good one.
unsigned AttemptPlan::rank(std::size_t i, Protocol protocol, Time now) const noexcept {
    const Endpoint& endpoint = *set_.endpoints[i];
    const State& state = states_[i];
    const unsigned tries = unsigned{state.udp_tries} + state.stream_tries;
    const bool demoted =
        endpoint.is_suspect() || (protocol != Protocol::udp && !endpoint.stream_works(now));
    return (tries >= 2 ? 1u : 0u) << 19 | (demoted ? 1u : 0u) << 18 |
           (endpoint.is_unusable() ? 1u : 0u) << 17 |
           (endpoint.identity().is_unproven() ? 1u : 0u) << 16 | tries << 8 | place_of(i);
}

AttemptPlan::Candidates AttemptPlan::candidates(Time now, std::size_t but) const noexcept {
    Candidates found;
    unsigned best_rank = ~0u;
    Duration best_rtt = Duration::max();
    // Read once: other workers write what endpoints are like.
    std::array<unsigned, kEndpointsMax> ranks;  // NOLINT: filled up to count_
    std::array<Duration, kEndpointsMax> rtts;   // NOLINT
    for (std::size_t i = 0; i < count_; ++i) {
        const Choice choice = choose_protocol(states_[i], *set_.endpoints[i], now);
        ranks[i] = choice.possible && i != but ? rank(i, choice.protocol, now) : ~0u;
        rtts[i] = set_.endpoints[i]->smoothed_rtt();
        if (ranks[i] == ~0u || ranks[i] > best_rank) continue;
        if (ranks[i] < best_rank) best_rtt = Duration::max();
        best_rank = ranks[i];
        if (rtts[i] != Duration::zero()) best_rtt = std::min(best_rtt, rtts[i]);
    }
    if (best_rank == ~0u) return found;
    const Duration band =
        best_rtt == Duration::max() ? best_rtt : best_rtt + best_rtt / 2 + kBandSlack;
    for (std::size_t i = 0; i < count_; ++i) {
        found.is_one[i] = ranks[i] == best_rank && rtts[i] <= band;
        found.count += found.is_one[i] ? 1 : 0;
    }
    return found;
}

/// The best there is, leaving out `but`.
std::size_t AttemptPlan::pick(Time now, std::uint32_t random, std::size_t but) const noexcept {
    const Candidates best = candidates(now, but);
    if (best.count == 0) return Step::kNone;
    std::size_t skip = random % best.count;
    for (std::size_t i = 0; i < count_; ++i)
        if (best.is_one[i] && skip-- == 0) return i;
    return Step::kNone;
}

Duration AttemptPlan::timeout_of(const Endpoint& endpoint, Protocol protocol, unsigned tries_before,
                                 Time now) const noexcept {
    const Duration own = initial_timeout(endpoint, protocol);
    const Duration backed_off = std::min<Duration>(own * (1 << tries_before), kBackOffMax);
    const Duration half = (deadline_ - start_) / 2;
    return std::min({std::max(own, backed_off), half, deadline_ - now});
}

/// Another endpoint has said no, and this one, which is suspect, would not even say that.
bool AttemptPlan::is_pointless(std::size_t endpoint) const noexcept {
    return severity_ >= Severity::lame && set_.endpoints[endpoint]->is_suspect();
}

bool AttemptPlan::is_identity_awaited() const noexcept {
    const auto end = set_.endpoints.begin() + static_cast<std::ptrdiff_t>(count_);
    return !upstream_.options.expect.empty() &&
           std::any_of(set_.endpoints.begin(), end, [](const auto& endpoint) {
               return endpoint->identity().state() == Identity::awaited;
           });
}

bool AttemptPlan::may_wait_for(const Step& step, Time now) const noexcept {
    return deadline_ - now >= kRemainingMin && !doubt_ && !states_[step.endpoint].done &&
           !is_pointless(step.endpoint);
}

void AttemptPlan::force(std::size_t endpoint) noexcept {
    if (forced_ == Step::kNone) forced_ = endpoint;
}

void AttemptPlan::find_copy(Time now) noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
        Endpoint& endpoint = *set_.endpoints[i];
        if (i == step_.endpoint || !endpoint.is_suspect() || endpoint.identity().is_barred())
            continue;
        if (!endpoint.claim_retry(now)) continue;
        step_.copy_to = i;
        step_.copy_wire = choose_protocol(states_[i], endpoint, now).protocol;
        return;
    }
}

/// One that is there and was not asked yet.
std::size_t AttemptPlan::pick_unasked(Time now, std::uint32_t random) const noexcept {
    const std::size_t chosen = pick(now, random);
    if (chosen == Step::kNone || set_.endpoints[chosen]->is_suspect()) return Step::kNone;
    return states_[chosen].udp_tries + states_[chosen].stream_tries == 0 ? chosen : Step::kNone;
}

/// A denial without SOA is worth one more question, if it is the first denial of the name.
bool AttemptPlan::ask_another(const Step& step, const exchange::CheckedReply& checked,
                              Time now) noexcept {
    const bool first = !doubt_ && severity_ != Severity::lame;
    if (!is_doubtful(checked) || !first) return false;
    states_[step.endpoint].done = true;
    const std::size_t other = pick_unasked(now, 0);
    // What another place in the list says may be another answer.
    if (other == Step::kNone || place_of(other) != place_of(step.endpoint)) return false;
    doubt_ = checked.rcode;
    return true;
}

Step AttemptPlan::next(Time now, std::uint32_t random) noexcept {
    step_ = Step{};
    if (deadline_ - now < kRemainingMin) return step_;
    // Looked at first: what becomes known meanwhile is found when it is asked next.
    step_.awaits_identity = is_identity_awaited();
    std::size_t chosen = forced_;
    forced_ = Step::kNone;
    if (doubt_ && chosen == Step::kNone) {
        if (!doubt_asked_) chosen = pick_unasked(now, random);
        if (chosen == Step::kNone) return step_;
        doubt_asked_ = true;
    }
    if (chosen == Step::kNone ||
        !choose_protocol(states_[chosen], *set_.endpoints[chosen], now).possible)
        chosen = pick(now, random);
    if (chosen == Step::kNone || is_pointless(chosen)) return nothing_to_ask(now);

    const Endpoint& endpoint = *set_.endpoints[chosen];
    State& state = states_[chosen];
    fill(step_, chosen, now);
    const unsigned tries = state.tries(step_.protocol);
    state.set_tries(step_.protocol, tries + 1);
    step_.timeout = timeout_of(endpoint, step_.protocol, tries, now);
    if (first_ && !endpoint.is_suspect()) {
        find_copy(now);
        step_.hedge_after = hedge_after(now);
    }
    first_ = false;
    return step_;
}

Step AttemptPlan::nothing_to_ask(Time now) noexcept {
    step_.limited = full_at_ == now && !doubt_;
    was_limited_ |= step_.limited;
    return step_;
}

void AttemptPlan::note_full(std::size_t endpoint, Time now) noexcept {
    if (full_at_ != now)
        for (std::size_t i = 0; i < count_; ++i) states_[i].full = false;
    full_at_ = now;
    states_[endpoint].full = true;
}

Step AttemptPlan::over_stream(Step step, Time now) noexcept {
    const Endpoint& endpoint = *set_.endpoints[step.endpoint];
    State& state = states_[step.endpoint];
    state.set_tries(Protocol::udp, state.udp_tries - 1u);
    const unsigned tries = state.stream_tries;
    if (tries >= kTriesMax || !endpoint.stream_works(now) || endpoint.reach() == Reach::udp_only) {
        note_full(step.endpoint, now);
        return Step{};
    }
    state.set_tries(Protocol::tcp, tries + 1);
    step.protocol = Protocol::tcp;
    step.mix_case = false;
    step.limited = true;
    step.timeout = timeout_of(endpoint, Protocol::tcp, tries, now);
    return step;
}

void AttemptPlan::fill(Step& step, std::size_t chosen, Time now) const noexcept {
    const Endpoint& endpoint = *set_.endpoints[chosen];
    const State& state = states_[chosen];
    step.give_up = false;
    step.endpoint = chosen;
    step.asked_at = now;
    step.protocol = choose_protocol(state, endpoint, now).protocol;
    step.edns = !state.without_edns && endpoint.edns_works(now);
    step.hop_mark = marks_hops_ && step.edns && !state.mark_silent && !state.mark_refused &&
                    endpoint.hop_mark_works(now);
    step.kind = upstream_.options.kind;
    step.mix_case = step.protocol == Protocol::udp && !state.odd_case && !state.plain &&
                    endpoint.case_works(now);
    step.doubts_case = state.doubt != CaseDoubt::none;
}

/// When most replies would be there: the p95 of the endpoint that was asked, or that of another one
/// if that is less, for an endpoint that is often slow knows no better.
Duration AttemptPlan::hedge_after(Time now) const noexcept {
    if (!upstream_.options.hedge) return Duration::max();
    const Duration own = set_.endpoints[step_.endpoint]->p95();
    if (own == Duration::zero()) return Duration::max();
    Duration best = Duration::max();
    for (std::size_t i = 0; i < count_; ++i) {
        const Endpoint& endpoint = *set_.endpoints[i];
        const Duration other = endpoint.p95();
        if (i == step_.endpoint || other == Duration::zero() || other >= best) continue;
        if (endpoint.is_suspect() || endpoint.is_unusable()) continue;
        if (endpoint.identity().is_unproven()) continue;
        if (place_of(i) != place_of(step_.endpoint)) continue;
        if (choose_protocol(states_[i], endpoint, now).possible) best = other;
    }
    if (best == Duration::max()) return best;
    const Duration usual = std::min(own, best);
    const Duration after = usual + usual / 8 + kHedgeSlack;
    return after < step_.timeout ? after : Duration::max();
}

Step AttemptPlan::hedge(Time now, std::uint32_t random) noexcept {
    Step step;
    if (deadline_ - now < kRemainingMin) return step;
    const std::size_t chosen = pick(now, random, step_.endpoint);
    if (chosen == Step::kNone) return step;
    const Endpoint& endpoint = *set_.endpoints[chosen];
    if (endpoint.is_suspect() || endpoint.is_unusable()) return step;
    if (endpoint.identity().is_unproven()) return step;
    // Slow is not failed: what another place in the list says may be another answer.
    if (place_of(chosen) != place_of(step_.endpoint)) return step;
    State& state = states_[chosen];
    fill(step, chosen, now);
    const unsigned tries = state.tries(step.protocol);
    state.set_tries(step.protocol, tries + 1);
    step.timeout = timeout_of(endpoint, step.protocol, tries, now);
    return step;
}

}  // namespace peerzone::upstream
