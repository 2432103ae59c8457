// From what came of an attempt to what people are told about the endpoint.
#pragma once

#include <string>

#include "peerzone/exchange/attempt.hpp"
#include "peerzone/exchange/reply_check.hpp"
#include "peerzone/upstream/endpoint.hpp"

namespace peerzone::upstream {

/// Of an attempt that ended without a reply.
const char* failure_text(FailureReason reason) noexcept;
/// Each port that was refused has been counted by itself (Endpoint::note_refused_port): the attempt
/// as a whole is no further loss.
constexpr bool is_counted_by_port(Protocol protocol, FailureReason reason) noexcept {
    return protocol == Protocol::udp && reason == FailureReason::refused;
}

/// Only for outcomes without a reply.
FailureReason failure_of(exchange::Outcome outcome) noexcept;

/// Keeps the text of an attempt that got no reply: "udp timeout 200ms". `why`: the words of
/// FailureReason::untrusted. FailureReason::busy is ours and not told.
void tell_failure(Endpoint& endpoint, FailureReason reason, Protocol protocol, Duration waited,
                  const std::string* why, Time now);

/// The same, and counts it.
void note_failure(Endpoint& endpoint, FailureReason reason, Protocol protocol, Duration waited,
                  const std::string* why, Time now);

/// What a reply says of whether the endpoint has the zone (Endpoint::has_zone).
void note_zone(Endpoint& endpoint, const exchange::CheckedReply& checked) noexcept;

/// The same for a reply that was of no use: "SERVFAIL: no such upstream".
void note_failure(Endpoint& endpoint, const exchange::CheckedReply& checked, Time now);

/// The same of a probe: told as the last error, and counted apart from clients' questions.
void note_probe_failure(Endpoint& endpoint, FailureReason reason, Protocol protocol,
                        Duration timeout, const std::string* why, Time now);
void note_probe_failure(Endpoint& endpoint, const exchange::CheckedReply& checked, Time now);

}  // namespace peerzone::upstream
