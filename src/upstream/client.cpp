// Drives the attempt plan over the exchanges. A question's state lives in the frame of its
// coroutine; nothing here is allocated for it.
#include "peerzone/upstream/client.hpp"

#include "upstream/attempt.hpp"
#include "upstream/attempt_plan.hpp"
#include "upstream/random.hpp"
#include "upstream/reply_index.hpp"
#include "upstream/stream_exchange.hpp"
#include "upstream/timers.hpp"
#include "upstream/udp_exchange.hpp"

namespace peerzone::upstream {
namespace {

using metrics::Count;

/// Only for outcomes without a reply.
Fault fault_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::timeout: return Fault::timeout;
        case Outcome::refused: return Fault::refused;
        case Outcome::unreachable: return Fault::unreachable;
        case Outcome::closed: return Fault::closed;
        case Outcome::untrusted: return Fault::untrusted;
        default: return Fault::busy;
    }
}

}  // namespace

struct Client::Impl {
    Impl(boost::asio::io_context& io, Cork& cork, metrics::Counters& c,
         const ClientOptions& options)
        : counters(c),
          timers(io),
          udp(io, cork, timers, random, c, options),
          stream(io, cork, timers, random, c, options) {}

    void prepare(Attempt& attempt, const Endpoint& endpoint, const Question& question,
                 const Step& step);
    void start(Attempt& attempt, Wire wire, Time now);
    void send_copy(const Upstream& upstream, const Question& question, const Step& step, Time now);
    Detached copy(std::shared_ptr<Endpoint> endpoint, std::shared_ptr<TlsIdentity> tls,
                  Question question, Step step, Time now);
    bool judge(AttemptPlan& plan, const Attempt& attempt, Asked& asked);
    void count_fault(Outcome outcome);
    void count_oddities(const CheckedReply& checked);
    Asked failed(const AttemptPlan& plan, Time now) const;
    Asked shutting_down(const Upstream& upstream, Time now) const;

    metrics::Counters& counters;
    Random random;
    Timers timers;
    UdpExchange udp;
    StreamExchange stream;
    ReplyIndex index;  // of the reply that was judged last
};

void Client::Impl::prepare(Attempt& attempt, const Endpoint& endpoint, const Question& question,
                           const Step& step) {
    attempt.to = endpoint.address();
    attempt.type = question.type;
    attempt.dnssec_ok = question.dnssec_ok;
    attempt.checking_disabled = question.checking_disabled;
    attempt.edns = step.edns;
    attempt.timeout = step.timeout;
    attempt.set_name(question.name.wire(), step.mix_case ? &random : nullptr);
}

void Client::Impl::start(Attempt& attempt, Wire wire, Time now) {
    if (wire == Wire::udp) {
        udp.start(attempt, now);
    } else {
        stream.start(attempt, now);
    }
}

void Client::Impl::send_copy(const Upstream& upstream, const Question& question, const Step& step,
                             Time now) {
    const std::shared_ptr<Endpoint>& endpoint = upstream.endpoints[step.copy_to];
    Step own;
    own.wire = step.copy_wire;
    own.edns = endpoint->edns_works(now);
    own.mix_case = own.wire == Wire::udp && endpoint->case_works(now);
    // With time for the handshakes of TCP and TLS: nobody waits.
    own.timeout = own.wire == Wire::tls ? 3 * AttemptPlan::kTimeoutMax : AttemptPlan::kTimeoutMax;
    auto tls = own.wire == Wire::tls ? upstream.tls[step.copy_to] : nullptr;
    copy(endpoint, std::move(tls), question, own, now);
}

/// Nobody waits for this one: its reply says that the endpoint is back.
Detached Client::Impl::copy(std::shared_ptr<Endpoint> endpoint, std::shared_ptr<TlsIdentity> tls,
                            Question question, Step step, Time now) {
    Attempt attempt;
    prepare(attempt, *endpoint, question, step);
    attempt.tls = tls.get();
    start(attempt, step.wire, now);
    co_await attempt;
    if (attempt.outcome == Outcome::reply) {
        endpoint->note_reply(attempt.ended_at - attempt.sent_at, step.wire);
    } else if (attempt.outcome == Outcome::case_differs) {
        endpoint->note_case_changed(attempt.ended_at);
    } else if (attempt.outcome != Outcome::shut_down && attempt.outcome != Outcome::busy) {
        count_fault(attempt.outcome);
        endpoint->note_loss(attempt.ended_at);
    }
}

void Client::Impl::count_fault(Outcome outcome) {
    counters.add(outcome == Outcome::timeout ? Count::upstream_timeout : Count::upstream_error);
}

void Client::Impl::count_oddities(const CheckedReply& checked) {
    const bool negative = checked.kind == ReplyKind::nodata || checked.kind == ReplyKind::nxdomain;
    if (checked.kind == ReplyKind::truncated) counters.add(Count::upstream_truncated);
    if (checked.kind == ReplyKind::invalid) counters.add(Count::upstream_invalid);
    if (checked.unrelated) counters.add(Count::upstream_unrelated);
    if (checked.ttl_invalid) counters.add(Count::upstream_ttl_invalid);
    if (negative && checked.links == 0 && !checked.has_soa) counters.add(Count::upstream_no_soa);
}

/// Tells the plan what came of the attempt; true when `asked` holds the answer.
bool Client::Impl::judge(AttemptPlan& plan, const Attempt& attempt, Asked& asked) {
    const Time now = attempt.ended_at;
    if (attempt.outcome == Outcome::case_differs) {
        plan.on_case_differs(now);
        return false;
    }
    if (attempt.outcome != Outcome::reply) {
        count_fault(attempt.outcome);
        if (plan.on_fault(fault_of(attempt.outcome), now, attempt.why.get()))
            counters.add(Count::upstream_suspect);
        return false;
    }
    asked.checked = check_reply(attempt.reply, attempt.name(), attempt.type, attempt.edns, index);
    count_oddities(asked.checked);
    if (!plan.on_reply(asked.checked, now - attempt.sent_at, now)) return false;
    asked.ok = true;
    asked.message = attempt.reply;
    asked.index = &index;
    return true;
}

Asked Client::Impl::failed(const AttemptPlan& plan, Time now) const {
    Failure failure = plan.failure();
    Asked asked;
    asked.ended_at = now;
    asked.error_code = failure.code;
    asked.error_text = std::move(failure.text);
    asked.cacheable = !failure.ours;
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

Client::~Client() {
    shut_down();
}

void Client::shut_down() {
    impl_->udp.shut_down();
    impl_->stream.shut_down();
    impl_->timers.stop();
}

void Client::call_at(TimerNode& node, Time now, Time at) {
    impl_->timers.add(node, now, at);
}

Task<Asked> Client::ask(const Upstream& upstream, const Question& question, Time now) {
    Impl& impl = *impl_;
    AttemptPlan plan(upstream, now);
    Attempt attempt;
    Asked asked;
    for (;;) {
        const Step step = plan.next(now, impl.random.u32());
        if (step.give_up) co_return impl.failed(plan, now);
        impl.prepare(attempt, *upstream.endpoints[step.endpoint], question, step);
        attempt.tls = step.wire == Wire::tls ? upstream.tls[step.endpoint].get() : nullptr;
        impl.start(attempt, step.wire, now);
        if (step.copy_to != Step::kNone) impl.send_copy(upstream, question, step, now);
        co_await attempt;
        now = asked.ended_at = attempt.ended_at;
        if (attempt.outcome == Outcome::shut_down) co_return impl.shutting_down(upstream, now);
        if (impl.judge(plan, attempt, asked)) co_return std::move(asked);
    }
}

}  // namespace peerzone::upstream
