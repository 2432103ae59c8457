#include "upstream/trouble.hpp"

#include <chrono>

namespace peerzone::upstream {
namespace {

Trouble trouble_of(const CheckedReply& checked) noexcept {
    if (checked.kind == ReplyKind::invalid) return Trouble::invalid;
    if (checked.kind == ReplyKind::lame) return Trouble::lame;
    if (checked.rcode == dns::Rcode::servfail) return Trouble::servfail;
    if (checked.rcode == dns::Rcode::refused) return Trouble::rcode_refused;
    return Trouble::rcode_other;
}

std::string text_of(const CheckedReply& checked) {
    if (checked.kind == ReplyKind::invalid) return "invalid reply";
    if (checked.kind == ReplyKind::truncated) return "reply cut (TC) on a stream";
    if (checked.kind == ReplyKind::lame) return "lame reply: " + lame_text(checked);
    std::string text(dns::rcode_text(checked.rcode));
    if (checked.rcode == dns::Rcode::nxdomain) text += " without a SOA for this zone";
    if (checked.error.present && !checked.error.text.empty()) text += ": " + checked.error.text;
    return text;
}

}  // namespace

Fault fault_of(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::timeout: return Fault::timeout;
        case Outcome::refused: return Fault::refused;
        case Outcome::unreachable: return Fault::unreachable;
        case Outcome::closed: return Fault::closed;
        case Outcome::untrusted: return Fault::untrusted;
        case Outcome::dropped: return Fault::dropped;
        default: return Fault::busy;
    }
}

Trouble trouble_of(Fault fault) noexcept {
    switch (fault) {
        case Fault::timeout: return Trouble::timeout;
        case Fault::refused: return Trouble::refused;
        case Fault::unreachable: return Trouble::unreachable;
        case Fault::closed:
        case Fault::dropped: return Trouble::closed;
        case Fault::untrusted: return Trouble::untrusted;
        case Fault::busy: break;
    }
    return Trouble::count;
}

void tell_trouble(Endpoint& endpoint, Fault fault, Wire wire, Duration waited,
                  const std::string* why, Time now) {
    EndpointStats& stats = endpoint.stats();
    if (fault == Fault::busy || !stats.wants_error(now)) return;
    std::string text = wire_text(wire);
    if (fault == Fault::untrusted && why != nullptr) {
        text += ": " + *why;
    } else {
        text.append(" ").append(fault_text(fault));
        if (fault == Fault::timeout)
            text += " " + std::to_string(std::chrono::round<Millis>(waited).count()) + "ms";
    }
    stats.note_error(std::move(text), wall_time(now));
}

void note_trouble(Endpoint& endpoint, Fault fault, Wire wire, Duration waited,
                  const std::string* why, Time now) {
    if (fault == Fault::busy) return;
    endpoint.stats().note_failure(trouble_of(fault));
    tell_trouble(endpoint, fault, wire, waited, why, now);
}

void note_zone(Endpoint& endpoint, const CheckedReply& checked) noexcept {
    if (checked.kind == ReplyKind::lame) endpoint.note_zone(false);
    if (checked.kind == ReplyKind::data || checked.links != 0) endpoint.note_zone(true);
}

namespace {

void tell_trouble(Endpoint& endpoint, const CheckedReply& checked, Time now) {
    EndpointStats& stats = endpoint.stats();
    if (stats.wants_error(now)) stats.note_error(text_of(checked), wall_time(now));
}

}  // namespace

void note_trouble(Endpoint& endpoint, const CheckedReply& checked, Time now) {
    endpoint.stats().note_failure(trouble_of(checked));
    tell_trouble(endpoint, checked, now);
}

void note_probe_trouble(Endpoint& endpoint, Fault fault, Wire wire, Duration waited,
                        const std::string* why, Time now) {
    if (fault == Fault::busy) return;
    endpoint.stats().note_probe_failure(trouble_of(fault));
    tell_trouble(endpoint, fault, wire, waited, why, now);
}

void note_probe_trouble(Endpoint& endpoint, const CheckedReply& checked, Time now) {
    endpoint.stats().note_probe_failure(trouble_of(checked));
    tell_trouble(endpoint, checked, now);
}

}  // namespace peerzone::upstream
