// From what came of an attempt to what people are told about the endpoint.
#pragma once

#include <string>

#include "peerzone/upstream/endpoint.hpp"
#include "upstream/attempt.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {

/// Only for outcomes without a reply.
Fault fault_of(Outcome outcome) noexcept;

/// As what an attempt without a reply counts; Trouble::count for Fault::busy, which is ours.
Trouble trouble_of(Fault fault) noexcept;

/// Keeps the text of an attempt that got no reply: "udp timeout 200ms". `why`: the words of
/// Fault::untrusted. Fault::busy is ours and not told.
void tell_trouble(Endpoint& endpoint, Fault fault, Wire wire, Duration waited,
                  const std::string* why, Time now);

/// The same, and counts it.
void note_trouble(Endpoint& endpoint, Fault fault, Wire wire, Duration waited,
                  const std::string* why, Time now);

/// What a reply says of whether the endpoint has the zone (Endpoint::has_zone).
void note_zone(Endpoint& endpoint, const CheckedReply& checked) noexcept;

/// The same for a reply that was of no use: "SERVFAIL: no such upstream".
void note_trouble(Endpoint& endpoint, const CheckedReply& checked, Time now);

/// The same of a probe: told as the last error, and counted apart from clients' questions.
void note_probe_trouble(Endpoint& endpoint, Fault fault, Wire wire, Duration timeout,
                        const std::string* why, Time now);
void note_probe_trouble(Endpoint& endpoint, const CheckedReply& checked, Time now);

}  // namespace peerzone::upstream
