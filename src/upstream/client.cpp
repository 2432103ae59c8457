// Drives the attempt plan over the exchanges. A question's state lives in the frame of its
// coroutine; nothing here is allocated for it.
#include "peerzone/upstream/client.hpp"

#include <algorithm>
#include <utility>

#include "peerzone/upstream/failure.hpp"
#include "peerzone/upstream/hop_mark.hpp"
#include "upstream/client_impl.hpp"

namespace peerzone::upstream {
namespace {

using metrics::Count;

constexpr std::uint8_t kQuestionFlowsMax = 16;
constexpr Duration kParkedLook = Millis(50);

/// Counted as waiting for the upstream while it lives.
class InFlight {
public:
    explicit InFlight(UpstreamHealth& health) noexcept : stats_(health.stats()) {
        stats_.note_asked();
    }
    ~InFlight() { stats_.note_done(); }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;

private:
    UpstreamStats& stats_;
};

/// Tells when mixed letter case is switched off at an endpoint while this lives.
class CaseWatch {
public:
    CaseWatch(const Endpoint& endpoint, const std::string& label, metrics::Counters& counters,
              Time now) noexcept
        : endpoint_(endpoint),
          label_(label),
          counters_(counters),
          now_(now),
          mixed_(endpoint.case_works(now)) {}
    ~CaseWatch() {
        if (mixed_ && !endpoint_.case_works(now_)) report_case(endpoint_, label_, counters_);
    }
    CaseWatch(const CaseWatch&) = delete;
    CaseWatch& operator=(const CaseWatch&) = delete;

private:
    const Endpoint& endpoint_;
    const std::string& label_;
    metrics::Counters& counters_;
    Time now_;
    bool mixed_;
};

}  // namespace

void Client::Impl::prepare(exchange::Attempt& attempt, Endpoint& endpoint, const Question& question,
                           const Step& step) {
    attempt.to = endpoint.address();
    attempt.type = question.type;
    attempt.dnssec_ok = question.dnssec_ok;
    attempt.checking_disabled = question.checking_disabled;
    attempt.edns = step.edns;
    attempt.hops = step.hop_mark ? question.hops : std::uint8_t{0};
    attempt.node = mark_for(step.kind, node_id);
    attempt.timeout = step.timeout;
    attempt.server = &endpoint;
    endpoint.stats().note_question();
    attempt.set_name(question.name.wire(), step.mix_case ? &random : nullptr);
}

void Client::Impl::start(exchange::Attempt& attempt, Protocol protocol, Time now) {
    if (attempt.case_is_mixed()) sent->note(attempt.name(), now);
    if (protocol == Protocol::udp) {
        udp.start(attempt, now);
    } else {
        stream.start(attempt, now);
    }
}

/// Judges a reply, with what is known of the endpoint that it came from.
exchange::CheckedReply Client::Impl::check(const exchange::Attempt& attempt,
                                           const Endpoint& endpoint,
                                           const exchange::OtherOwners* others) {
    const exchange::Replier replier{.has_root = endpoint.role().has_root, .others = others};
    exchange::CheckedReply checked =
        check_reply(attempt.reply, attempt.name(), attempt.type, attempt.edns, index, replier);
    const bool believed = endpoint.role().forwarder || checked.authoritative || endpoint.has_zone();
    if (is_doubtful(checked) && !believed) checked.kind = exchange::ReplyKind::lame;
    return checked;
}

/// An attempt counts as failed when nothing has come until its end: a late reply is a reply.
void Client::Impl::count_silence(Endpoint& endpoint, const exchange::Attempt& attempt) {
    // One that was refused at too many ports was counted then.
    if (attempt.outcome == exchange::Outcome::timeout && !attempt.is_refused())
        endpoint.stats().note_failure(FailureReason::timeout);
}

void Client::Impl::note_loss(bool became_suspect, const UpstreamHealth& health) {
    if (!became_suspect) return;
    counters.add(Count::upstream_suspect);
    health.wake();
}

void Client::Impl::fail_attempt(Endpoint& endpoint, const exchange::Attempt& attempt,
                                Protocol protocol) {
    const bool timeout = attempt.outcome == exchange::Outcome::timeout;
    counters.add(timeout ? Count::upstream_timeout : Count::upstream_error);
    const FailureReason reason = failure_of(attempt.outcome);
    if (!timeout) endpoint.stats().note_failure(reason);
    tell_failure(endpoint, reason, protocol, attempt.ended_at - attempt.began_at, attempt.why.get(),
                 attempt.ended_at);
}

void Client::Impl::count_oddities(const exchange::CheckedReply& checked) {
    if (checked.kind == exchange::ReplyKind::truncated) counters.add(Count::upstream_truncated);
    if (checked.kind == exchange::ReplyKind::invalid) counters.add(Count::upstream_invalid);
    if (checked.chain_fault != exchange::ChainFault::none) counters.add(Count::chain_too_long);
    if (checked.kind == exchange::ReplyKind::lame) counters.add(Count::upstream_lame);
    if (checked.unrelated) counters.add(Count::upstream_unrelated);
    if (checked.ttl_invalid) counters.add(Count::upstream_ttl_invalid);
    if (is_doubtful(checked)) counters.add(Count::upstream_no_soa);
}

/// Tells the plan what came of an attempt; true when `asked` holds the answer.
bool Client::Impl::judge(Asking& asking, const Step& step, const exchange::Attempt& attempt) {
    const Time now = attempt.ended_at;
    AttemptPlan& plan = *asking.plan;
    Asked& asked = asking.asked;
    Endpoint& endpoint = *asking.set->endpoints[step.endpoint];
    UpstreamHealth& health = *asking.upstream.health;
    const CaseWatch letter_case(endpoint, asking.upstream.label, counters, now);
    if (attempt.outcome == exchange::Outcome::case_differs) {
        plan.on_case_differs(step, now);
        return false;
    }
    if (attempt.outcome != exchange::Outcome::reply) {
        fail_attempt(endpoint, attempt, step.protocol);
        note_loss(plan.on_failure(step, failure_of(attempt.outcome), now, attempt.why.get()),
                  health);
        return false;
    }
    const exchange::CheckedReply& checked = asked.checked = check(attempt, endpoint, asking.others);
    count_oddities(checked);
    if (checked.kind == exchange::ReplyKind::invalid ||
        checked.kind == exchange::ReplyKind::failure || checked.kind == exchange::ReplyKind::lame)
        note_failure(endpoint, checked, now);
    const Duration rtt = now - attempt.sent_at;
    Step told = step;
    if (step.mix_case && checked.kind != exchange::ReplyKind::data &&
        sent->came_back(attempt.name(), now))
        told.came_back = true;
    const bool answered = plan.on_reply(told, checked, rtt, now);
    if (answered ? health.waits_for_answer() : health.waits_for_reply()) health.wake();
    if (!answered) return false;
    asked.ok = true;
    asked.message = attempt.reply;
    asked.index = &index;
    asked.ended_at = now;
    return true;
}

/// The plan has no step left. A denial that no other reply has confirmed or refuted is passed on.
Asked Client::Impl::given_up(const Asking& asking, Time now) const {
    const std::optional<dns::Rcode> doubt = asking.plan->doubt();
    if (!doubt) return failed(*asking.plan, now);
    Asked asked;
    asked.ok = true;
    asked.ended_at = now;
    asked.index = &index;
    asked.checked.rcode = *doubt;
    asked.checked.kind = *doubt == dns::Rcode::nxdomain ? exchange::ReplyKind::nxdomain
                                                        : exchange::ReplyKind::nodata;
    asked.checked.target = asking.question.name;
    return asked;
}

Asked Client::Impl::failed(const AttemptPlan& plan, Time now) {
    Failure failure = plan.failure(now);
    Asked asked;
    asked.ended_at = now;
    asked.error_code = failure.code;
    asked.error_text = std::move(failure.text);
    asked.cacheable = !failure.ours;
    return asked;
}

/// Of an endpoint that was not asked it is known as well that it does not answer.
Asked Client::Impl::away(const AttemptPlan& plan, Time now) const {
    Asked asked = failed(plan, now);
    if (asked.error_code == dns::ede::network_error)
        asked.error_code = dns::ede::no_reachable_authority;
    return asked;
}

Asked Client::Impl::shutting_down(const Upstream& upstream, Time now) const {
    Asked asked;
    asked.ended_at = now;
    asked.error_code = dns::ede::other;
    asked.error_text = upstream.label + " shutting down";
    asked.cacheable = false;
    return asked;
}

Client::Client(boost::asio::io_context& io, Cork& cork, metrics::Counters& counters,
               const ClientOptions& options)
    : impl_(std::make_unique<Impl>(io, cork, counters, options)) {}

Client::Client(const Network& network, metrics::Counters& counters, const ClientOptions& options)
    : impl_(std::make_unique<Impl>(network, counters, options)) {}

std::optional<Asked> Client::fails_at_once(const Upstream& upstream, const EndpointSet& set,
                                           Time now) {
    const AttemptPlan plan(upstream, set, now);
    if (plan.candidates(now).count != 0 || plan.is_identity_awaited()) return std::nullopt;
    return Impl::failed(plan, now);
}

const EndpointSet& Client::endpoints_of(const Upstream& upstream) {
    return *impl_->endpoints.read(upstream.id, *upstream.board);
}

void Client::forget_endpoints(std::size_t count) {
    impl_->endpoints.forget(count);
}

Client::~Client() {
    shut_down();
}

void Client::shut_down() {
    impl_->udp.shut_down();
    impl_->stream.shut_down();
    while (exchange::Attempt* attempt = impl_->parked.first())
        attempt->finish(exchange::Outcome::shut_down, Clock::now());
    impl_->timers.stop();
}

SentNames& Client::sent() noexcept {
    return *impl_->sent;
}

void Client::call_at(TimerNode& node, Time now, Time at) {
    impl_->timers.add(node, now, at);
}

/// The permit of a step that goes over UDP. Without one the step becomes another one, which needs
/// none.
DatagramLimit::Permit Client::Impl::claim(Asking& asking, Step& step, Time now) {
    if (step.give_up || step.protocol != Protocol::udp) return {};
    auto permit = asking.set->endpoints[step.endpoint]->datagrams().claim(asking.key);
    if (permit) return permit;
    if (!std::exchange(asking.is_limited, true)) counters.add(Count::upstream_udp_limited);
    step = asking.plan->over_stream(step, now);
    return permit;
}

/// What the plan wants next. An endpoint without a permit or a stream is passed over, so each is
/// looked at once at most.
Step Client::Impl::next_step(Asking& asking, Time now) {
    for (;;) {
        Step step = asking.plan->next(now, random.u32());
        if (step.give_up) return step;
        asking.attempt.permit = claim(asking, step, now);
        if (!step.give_up) return step;
    }
}

/// Begins the attempt that the plan wants, and what goes with it.
void Client::Impl::ask_next(Asking& asking, Time now) {
    const Step& step = asking.step;
    QuestionAttempt& attempt = asking.attempt;
    prepare(attempt, *asking.set->endpoints[step.endpoint], asking.question, step);
    attempt.tls = step.protocol == Protocol::tls ? asking.set->tls[step.endpoint].get() : nullptr;
    attempt.timeout = asking.plan->deadline() - now;
    watch_time_out(asking);
    if (step.hedge_after != Duration::max()) {
        attempt.late_after = step.hedge_after;
        attempt.on_late = [](exchange::Attempt& a) {
            auto& question = static_cast<QuestionAttempt&>(a);
            question.impl->unusually_late(*question.asking);
        };
    }
    if (step.doubts_case) counters.add(Count::upstream_case_doubted);
    make_room(asking, now);  // so that three listen, this one included
    start(attempt, step.protocol, now);
    if (step.copy_to != Step::kNone)
        send_copy(asking.upstream, *asking.set, step.copy_to, step.copy_wire, asking.question, now);
}

/// When the attempt times out for the plan.
void Client::Impl::watch_time_out(Asking& asking) {
    asking.attempt.late_after = asking.step.timeout;
    asking.attempt.on_late = [](exchange::Attempt& a) {
        auto& question = static_cast<QuestionAttempt&>(a);
        question.impl->time_out(*question.asking);
    };
}

/// Something may still come, from an attempt that has timed out, or a permit.
bool Client::Impl::may_wait(const Asking& asking, Time now) const {
    return asking.step.limited ||
           std::any_of(asking.sides.begin(), asking.sides.end(), [&](const SideAttempt* side) {
               return side != nullptr && asking.plan->may_wait_for(side->step, now);
           });
}

/// Nothing is left to ask. In short steps: meanwhile the upstream may be found partitioned.
void Client::Impl::park(Asking& asking, Time now) {
    exchange::Attempt& attempt = asking.attempt;
    attempt.timeout = std::min<Duration>(kParkedLook, asking.plan->deadline() - now);
    attempt.on_late = nullptr;
    attempt.begin(now);
    attempt.exchange = &no_exchange;
    parked.add(attempt);
    timers.add(attempt, now, attempt.wakes_at());
    asking.is_parked = true;
}

Task<Asked> Client::ask(const Upstream& upstream, const Question& question, Time now,
                        AskScope scope) {
    Impl& impl = *impl_;
    const InFlight in_flight(*upstream.health);
    upstream.health->note_wanted(now);
    upstream.health->hedges().earn();
    Impl::Asking asking(upstream, impl.endpoints.read(upstream.id, *upstream.board), question,
                        scope, now);
    asking.attempt.impl = &impl;
    asking.attempt.asking = &asking;
    asking.attempt.waker = upstream.health.get();
    asking.attempt.flows_max = kQuestionFlowsMax;
    asking.attempt.is_persistent = true;
    for (;;) {
        asking.step = impl.next_step(asking, now);
        if (!asking.step.give_up) {
            impl.ask_next(asking, now);
        } else if (asking.step.awaits_identity || impl.may_wait(asking, now)) {
            impl.park(asking, now);
        } else {
            co_return impl.given_up(asking, now);
        }
        co_await asking.attempt;
        now = asking.attempt.ended_at;
        const bool was_parked = std::exchange(asking.is_parked, false);
        const exchange::Outcome outcome = asking.attempt.outcome;
        if (outcome == exchange::Outcome::shut_down) co_return impl.shutting_down(upstream, now);
        if (outcome == exchange::Outcome::beaten ||
            (!was_parked && impl.judge(asking, asking.step, asking.attempt)))
            co_return std::move(asking.asked);
        // Meanwhile it is sure that no endpoint is there: asking again would only make clients
        // wait.
        if (upstream.health->is_away()) co_return impl.away(*asking.plan, now);
        const auto& set = impl.endpoints.read(upstream.id, *upstream.board);
        if (set != asking.set && asking.is_left_by(*set, was_parked)) asking.begin_again(set, now);
    }
}

}  // namespace peerzone::upstream
