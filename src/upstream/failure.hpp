// From what came of an attempt to what people are told about the endpoint.
#pragma once

#include <string>

#include "peerzone/upstream/endpoint.hpp"
#include "upstream/attempt.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {

/// Only for outcomes without a reply.
FailureReason failure_of(Outcome outcome) noexcept;

/// Keeps the text of an attempt that got no reply: "udp timeout 200ms". `why`: the words of
/// FailureReason::untrusted. FailureReason::busy is ours and not told.
void tell_failure(Endpoint& endpoint, FailureReason reason, Protocol protocol, Duration waited,
                  const std::string* why, Time now);

/// The same, and counts it.
void note_failure(Endpoint& endpoint, FailureReason reason, Protocol protocol, Duration waited,
                  const std::string* why, Time now);

/// What a reply says of whether the endpoint has the zone (Endpoint::has_zone).
void note_zone(Endpoint& endpoint, const CheckedReply& checked) noexcept;

/// The same for a reply that was of no use: "SERVFAIL: no such upstream".
void note_failure(Endpoint& endpoint, const CheckedReply& checked, Time now);

/// The same of a probe: told as the last error, and counted apart from clients' questions.
void note_probe_failure(Endpoint& endpoint, FailureReason reason, Protocol protocol,
                        Duration timeout, const std::string* why, Time now);
void note_probe_failure(Endpoint& endpoint, const CheckedReply& checked, Time now);

}  // namespace peerzone::upstream
