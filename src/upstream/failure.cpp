#include "peerzone/upstream/failure.hpp"

#include <chrono>

namespace peerzone::upstream {
namespace {

FailureReason reason_of(const exchange::CheckedReply& checked) noexcept {
    if (checked.kind == exchange::ReplyKind::invalid) return FailureReason::invalid;
    if (checked.kind == exchange::ReplyKind::lame) return FailureReason::lame;
    if (checked.rcode == dns::Rcode::servfail) return FailureReason::servfail;
    if (checked.rcode == dns::Rcode::refused) return FailureReason::rcode_refused;
    return FailureReason::rcode_other;
}

std::string text_of(const exchange::CheckedReply& checked) {
    if (checked.kind == exchange::ReplyKind::invalid) return "invalid reply";
    if (checked.kind == exchange::ReplyKind::truncated) return "reply truncated (TC) on a stream";
    if (checked.kind == exchange::ReplyKind::lame) return "lame reply: " + lame_text(checked);
    std::string text(dns::rcode_text(checked.rcode));
    if (checked.rcode == dns::Rcode::nxdomain) text += " without a SOA for this zone";
    if (checked.error.present && !checked.error.text.empty()) text += ": " + checked.error.text;
    return text;
}

}  // namespace

const char* failure_text(FailureReason reason) noexcept {
    switch (reason) {
        case FailureReason::timeout: return "timeout";
        case FailureReason::refused: return "connection refused";
        case FailureReason::unreachable: return "network unreachable";
        case FailureReason::closed: return "connection closed";
        case FailureReason::dropped: return "connection closed each time";
        case FailureReason::busy: return "no socket free";
        default: return "failed";
    }
}

FailureReason failure_of(exchange::Outcome outcome) noexcept {
    switch (outcome) {
        case exchange::Outcome::timeout: return FailureReason::timeout;
        case exchange::Outcome::refused: return FailureReason::refused;
        case exchange::Outcome::unreachable: return FailureReason::unreachable;
        case exchange::Outcome::closed: return FailureReason::closed;
        case exchange::Outcome::untrusted: return FailureReason::untrusted;
        case exchange::Outcome::dropped: return FailureReason::dropped;
        default: return FailureReason::busy;
    }
}

void tell_failure(Endpoint& endpoint, FailureReason reason, Protocol protocol, Duration waited,
                  const std::string* why, Time now) {
    EndpointStats& stats = endpoint.stats();
    if (reason == FailureReason::busy || !stats.wants_error(now)) return;
    std::string text = protocol_text(protocol);
    if (reason == FailureReason::untrusted && why != nullptr) {
        text += ": " + *why;
    } else {
        text.append(" ").append(failure_text(reason));
        if (reason == FailureReason::timeout)
            text += " " + std::to_string(std::chrono::round<Millis>(waited).count()) + "ms";
    }
    stats.note_error(std::move(text), wall_time(now));
}

void note_failure(Endpoint& endpoint, FailureReason reason, Protocol protocol, Duration waited,
                  const std::string* why, Time now) {
    if (reason == FailureReason::busy) return;
    endpoint.stats().note_failure(reason);
    tell_failure(endpoint, reason, protocol, waited, why, now);
}

void note_zone(Endpoint& endpoint, const exchange::CheckedReply& checked) noexcept {
    if (checked.kind == exchange::ReplyKind::lame) endpoint.note_zone(false);
    if (checked.kind == exchange::ReplyKind::data || checked.links != 0) endpoint.note_zone(true);
}

namespace {

void tell_failure(Endpoint& endpoint, const exchange::CheckedReply& checked, Time now) {
    EndpointStats& stats = endpoint.stats();
    if (stats.wants_error(now)) stats.note_error(text_of(checked), wall_time(now));
}

}  // namespace

void note_failure(Endpoint& endpoint, const exchange::CheckedReply& checked, Time now) {
    endpoint.stats().note_failure(reason_of(checked));
    tell_failure(endpoint, checked, now);
}

void note_probe_failure(Endpoint& endpoint, FailureReason reason, Protocol protocol,
                        Duration waited, const std::string* why, Time now) {
    if (reason == FailureReason::busy) return;
    endpoint.stats().note_probe_failure(reason);
    tell_failure(endpoint, reason, protocol, waited, why, now);
}

void note_probe_failure(Endpoint& endpoint, const exchange::CheckedReply& checked, Time now) {
    endpoint.stats().note_probe_failure(reason_of(checked));
    tell_failure(endpoint, checked, now);
}

}  // namespace peerzone::upstream
