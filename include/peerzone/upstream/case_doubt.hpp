// Servers that compare letter case: what a reply to a question in mixed case may have to do with
// that, and what the reply to the same question in plain case then says (src/README.md, "The
// exchange"). Pure, but for report_case().
#pragma once

#include <cstdint>
#include <string>

#include "peerzone/exchange/reply_check.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/upstream/endpoint.hpp"

namespace peerzone::upstream {

/// What was said to a question in mixed case that may be otherwise in plain case.
enum class CaseDoubt : std::uint8_t {
    none,
    failed,   ///< SERVFAIL, which may be a passing failure
    refused,  ///< another RCODE that is no answer, or a lame reply (a denial that proves nothing)
    denied,   ///< NXDOMAIN
    empty     ///< NOERROR without records
};
/// An alias shows that the name was found.
CaseDoubt doubt_of(const exchange::CheckedReply& mixed) noexcept;

/// The reply in plain case has what the one in mixed case had not.
bool confirms(CaseDoubt doubt, const exchange::CheckedReply& plain) noexcept;

/// What the reply to a question in plain case says of the endpoint, where the one in mixed case
/// left that doubt. True when mixing was switched off by it.
bool learn_case(LetterCase& letter_case, CaseDoubt doubt, const exchange::CheckedReply& plain,
                Time now) noexcept;

/// Mixing was switched off at the endpoint: an operator should know.
void report_case(const Endpoint& endpoint, const std::string& label, metrics::Counters& counters);

}  // namespace peerzone::upstream
