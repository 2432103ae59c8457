// What came of the attempts of a plan: which reply is the answer, what is asked again otherwise,
// and what is learned of the endpoint.
#include <algorithm>
#include <utility>

#include "peerzone/upstream/failure.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {

bool AttemptPlan::raise(Severity severity, const Step& step) noexcept {
    if (severity < severity_) return false;
    severity_ = severity;
    told_ = step;
    return true;
}

void AttemptPlan::judge_failure(const Step& step, const exchange::CheckedReply& checked) {
    if (!raise(checked.error.present ? Severity::explained : Severity::rcode, step)) return;
    rcode_ = checked.rcode;
    explained_ = checked.error;
}

/// A usable reply. What the question was asked without is remembered only now that it has helped.
void AttemptPlan::note_heard(const Step& step, Time now) const noexcept {
    Endpoint& endpoint = *set_.endpoints[step.endpoint];
    const State& state = states_[step.endpoint];
    const bool other_protocol = step.protocol == Protocol::tcp && state.silent;
    if (state.without_edns) endpoint.note_no_edns(now);
    if (other_protocol && !step.limited && !state.truncated && !state.odd_case)
        endpoint.note_no_datagrams(now);
    if (step.hop_mark) {
        endpoint.note_hop_mark();
    } else if (state.mark_refused && step.edns) {
        endpoint.note_hop_mark_refused(now);
    } else if (state.mark_silent && step.edns && !other_protocol) {
        endpoint.note_hop_mark_silent(now);
    }
}

/// Whether the reply may be one to the letter case: then the same is asked once more in plain case.
/// Otherwise what it says about that is learned.
bool AttemptPlan::doubts_case(const Step& step, const exchange::CheckedReply& checked,
                              Time now) noexcept {
    if (step.came_back) return false;
    LetterCase& letter_case = set_.endpoints[step.endpoint]->letter_case();
    State& state = states_[step.endpoint];
    const CaseDoubt doubt = doubt_of(checked);
    if (!step.mix_case) {
        learn_case(letter_case, state.doubt, checked, now);
        state.doubt = CaseDoubt::none;
        return false;
    }
    if (doubt == CaseDoubt::none) {
        const bool found = checked.kind == exchange::ReplyKind::data || checked.links != 0;
        if (found) letter_case.note_taken();
        return false;
    }
    if (state.plain || !letter_case.claim_doubt(now)) return false;
    state.plain = true;
    state.doubt = doubt;
    state.set_tries(step.protocol, state.tries(step.protocol) - 1);
    force(step.endpoint);
    return true;
}

/// Health follows the questions of clients: their names count, whatever it says to probes. So does
/// a denial by a server that has the zone.
void AttemptPlan::learn_from_clients(Endpoint& endpoint,
                                     const exchange::CheckedReply& checked) const noexcept {
    switch (checked.kind) {
        case exchange::ReplyKind::data: endpoint.note_client_answer(); break;
        case exchange::ReplyKind::nodata:
        case exchange::ReplyKind::nxdomain: {
            const bool peer = upstream_.options.kind == Kind::peer;
            if (!peer || (checked.has_soa && !checked.soa_owner.is_root()))
                endpoint.note_client_answer();
            break;
        }
        case exchange::ReplyKind::failure:
        case exchange::ReplyKind::lame:
        case exchange::ReplyKind::invalid: endpoint.note_client_failure(); break;
        case exchange::ReplyKind::truncated:
        case exchange::ReplyKind::no_edns: break;
    }
}

bool AttemptPlan::on_reply(const Step& step, const exchange::CheckedReply& checked, Duration rtt,
                           Time now) {
    Endpoint& endpoint = *set_.endpoints[step.endpoint];
    State& state = states_[step.endpoint];
    heard_ = true;
    state.heard = true;
    if (endpoint.identity().is_wrong()) {  // found out while this was on its way
        state.done = true;
        return false;
    }
    if (doubts_case(step, checked, now)) {
        if (checked.kind == exchange::ReplyKind::failure) judge_failure(step, checked);
        if (checked.kind == exchange::ReplyKind::lame && raise(Severity::lame, step))
            explained_.text = lame_text(checked);
        endpoint.note_reply(rtt, step.protocol);
        return false;
    }
    learn_from_clients(endpoint, checked);
    switch (checked.kind) {
        case exchange::ReplyKind::data:
        case exchange::ReplyKind::nodata:
        case exchange::ReplyKind::nxdomain:
            note_heard(step, now);
            endpoint.note_reply(rtt, step.protocol);
            endpoint.note_usable(now);
            endpoint.stats().note_reply();
            note_zone(endpoint, checked);
            if (checked.chain_fault == exchange::ChainFault::none)
                return !ask_another(step, checked, now);
            state.done = true;
            if (raise(Severity::chain, step))
                explained_.text = chain_text(checked.chain_fault, checked.target);
            return false;
        case exchange::ReplyKind::truncated:
            if (step.protocol == Protocol::udp) {
                state.truncated = true;
                reason_known_ = false;
                raise(Severity::truncated, step);
                if (endpoint.stream_works(now)) force(step.endpoint);
                break;
            }
            state.done = true;  // cut on a stream means nothing
            raise(Severity::invalid, step);
            break;
        case exchange::ReplyKind::no_edns:
            if (step.hop_mark) {
                state.mark_refused = true;
                state.set_tries(step.protocol, state.tries(step.protocol) - 1);
                force(step.endpoint);
                break;
            }
            if (step.edns && !state.without_edns) {
                state.without_edns = true;
                state.set_tries(step.protocol, state.tries(step.protocol) - 1);
                force(step.endpoint);
                break;
            }
            [[fallthrough]];
        case exchange::ReplyKind::failure:
            state.done = true;
            judge_failure(step, checked);
            break;
        case exchange::ReplyKind::lame:
            state.done = true;
            note_zone(endpoint, checked);
            if (raise(Severity::lame, step)) explained_.text = lame_text(checked);
            break;
        case exchange::ReplyKind::invalid:
            state.done = true;
            // What came whole says more than that it was cut before.
            if (state.truncated && severity_ == Severity::truncated) severity_ = Severity::nothing;
            raise(Severity::invalid, step);
            break;
    }
    endpoint.note_reply(rtt, step.protocol);
    return false;
}

void AttemptPlan::on_case_differs(const Step& step, Time now) noexcept {
    State& state = states_[step.endpoint];
    heard_ = true;
    state.heard = true;
    state.odd_case = true;
    set_.endpoints[step.endpoint]->note_case_changed(now);
    force(step.endpoint);
}

bool AttemptPlan::on_failure(const Step& step, FailureReason reason, Time now,
                             const std::string* why) {
    Endpoint& endpoint = *set_.endpoints[step.endpoint];
    State& state = states_[step.endpoint];
    const bool truncated = state.truncated && step.protocol == Protocol::tcp;
    if (reason == FailureReason::untrusted) {
        if (raise(Severity::untrusted, step))
            untrusted_ = why != nullptr ? *why : failure_text(reason);
    } else if (raise(truncated ? Severity::truncated : Severity::failed_attempt, step)) {
        reason_ = reason;
        reason_known_ = true;
    }
    if (reason == FailureReason::timeout) {
        if (step.protocol == Protocol::udp) state.silent = true;
        if (step.hop_mark) state.mark_silent = true;
        if (state.silences < kSilencesMax) ++state.silences;
        return false;
    }
    const bool said_no = reason == FailureReason::refused || reason == FailureReason::untrusted;
    if (step.protocol != Protocol::udp && (said_no || reason == FailureReason::closed))
        endpoint.note_no_stream(now);
    // Asking again at once what has just said no would change nothing.
    if (said_no || reason == FailureReason::unreachable || reason == FailureReason::dropped)
        state.set_tries(step.protocol, kTriesMax);
    const bool is_there = reason == FailureReason::busy || reason == FailureReason::dropped;
    if (is_there || step.limited || is_counted_by_port(step.protocol, reason) || state.lost ||
        state.heard)
        return false;
    state.lost = true;
    return endpoint.note_loss(now);
}

bool AttemptPlan::on_silence(const Step& step, Time now) noexcept {
    State& state = states_[step.endpoint];
    if (step.limited || state.lost || state.heard) return false;
    state.lost = true;
    return set_.endpoints[step.endpoint]->note_loss(now, step.asked_at);
}

}  // namespace peerzone::upstream
