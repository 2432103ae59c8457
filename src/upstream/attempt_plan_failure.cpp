// What a plan that gave up has to say.
#include <algorithm>

#include "peerzone/upstream/failure.hpp"
#include "peerzone/upstream/passed_error.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {
namespace {

std::string millis_text(Duration d) {
    return std::to_string(std::chrono::round<Millis>(d).count()) + "ms";
}

}  // namespace

std::string AttemptPlan::place(bool with_protocol) const {
    std::string text = set_.endpoints[told_.endpoint]->address().to_text();
    if (with_protocol) text.append(" ").append(protocol_text(told_.protocol));
    return text;
}

Failure AttemptPlan::fault_failure(Time now) const {
    std::string last = place(true) + " " + failure_text(reason_);
    if (reason_ == FailureReason::timeout) last += " " + millis_text(now - told_.asked_at);
    std::size_t count = 0;
    bool all_tried = true;
    for (std::size_t i = 0; i < count_; ++i) {
        if (set_.endpoints[i]->identity().is_barred()) continue;
        ++count;
        all_tried = all_tried && states_[i].udp_tries + states_[i].stream_tries > 0;
    }
    if (count == 0) return unasked_failure();
    const bool ours = reason_ == FailureReason::busy || told_.limited;
    if (heard_ || !all_tried || ours)
        return {dns::ede::network_error, upstream_.label + " " + last, ours};
    return {dns::ede::no_reachable_authority, upstream_.label + " no endpoint answered (0/" +
                                                  std::to_string(count) + "), last " + last};
}

Failure AttemptPlan::reply_failure() const {
    const bool wrong_zone = rcode_ == dns::Rcode::refused;
    std::string text =
        upstream_.label + " " + place(false) + " " + std::string(dns::rcode_text(rcode_));
    if (severity_ != Severity::explained)
        return {wrong_zone ? dns::ede::not_authoritative : dns::ede::other, std::move(text)};
    return {explained_.code, pass_error(text, explained_.text)};
}

/// There was nothing to ask, or no time.
Failure AttemptPlan::unasked_failure() const {
    if (count_ == 0)
        return {dns::ede::no_reachable_authority,
                upstream_.label + " " + (set_.pending.empty() ? "has no endpoints" : set_.pending)};
    for (std::size_t i = 0; i < count_; ++i)
        if (const auto wrong = set_.endpoints[i]->identity().wrong())
            return {.code = dns::ede::not_authoritative,
                    .text = upstream_.label + ": " + set_.endpoints[i]->address().to_text() +
                            " is " + wrong->why,
                    .ours = true};
    if (was_limited_)
        return {dns::ede::network_error,
                upstream_.label + " has " + std::to_string(DatagramLimit::kMax) +
                    " questions for this name in flight over udp, and no tcp",
                true};
    return {dns::ede::network_error, upstream_.label + " deadline passed before a reply"};
}

Failure AttemptPlan::failure(Time now) const {
    switch (severity_) {
        case Severity::nothing: return unasked_failure();
        case Severity::failed_attempt: return fault_failure(now);
        case Severity::untrusted:
            return {dns::ede::network_error,
                    upstream_.label + " " + place(false) + " tls: " + untrusted_};
        case Severity::invalid:
            return {dns::ede::invalid_data, upstream_.label + " " + place(true) + " invalid reply"};
        case Severity::truncated: {
            std::string text = upstream_.label + " " + place(false) + " reply truncated (TC), tcp ";
            text += reason_known_ ? failure_text(reason_) : "not tried before the deadline";
            return {dns::ede::network_error, std::move(text)};
        }
        case Severity::lame:
            return {dns::ede::not_authoritative,
                    upstream_.label + " " + place(false) + " lame reply: " + explained_.text};
        case Severity::chain:
            return {dns::ede::other, upstream_.label + " " + place(false) + " " + explained_.text};
        case Severity::rcode:
        case Severity::explained: return reply_failure();
    }
    return {};
}

}  // namespace peerzone::upstream
