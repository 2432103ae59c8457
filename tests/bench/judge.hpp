// Is this reply right? Every reply's header is judged, every 32nd one whole. A server that answers
// wrongly must not win.
#pragma once

#include <array>
#include <cstdint>

#include "synthetic_answers.hpp"

namespace peerzone::bench {

struct Tally {
    std::uint64_t sent = 0;
    std::uint64_t answers = 0;               ///< replies to questions of ours, right or wrong
    std::array<std::uint64_t, 16> rcodes{};  ///< of those
    std::uint64_t wrong =
        0;  ///< RCODE, counts or (in the sample) records are not what the responder says
    std::uint64_t lost = 0;         ///< no reply within the time-out
    std::uint64_t unexpected = 0;   ///< late, or to nothing we asked
    std::uint64_t sampled = 0;      ///< read record by record
    std::uint64_t additionals = 0;  ///< addresses in their additional sections
    std::uint64_t connections = 0;  ///< streams: made
    std::uint64_t resumed = 0;      ///< TLS: of those, with a session of before
    std::uint64_t failed = 0;       ///< streams that ended or stalled without a single answer
    std::uint64_t cut =
        0;  ///< questions on streams that the server closed after other answers: clients ask again
};

class Judge {
public:
    /// An echo's replies are only counted.
    explicit Judge(bool echo) noexcept : echo_(echo) {}

    /// `asked` is the message we sent, `reply` the one that has its ID.
    void take(Octets asked, SyntheticAnswer expected, Octets reply) noexcept;

    Tally tally;

private:
    bool header_right(SyntheticAnswer expected, const std::uint8_t* reply) const noexcept;
    bool records_right(Octets asked, SyntheticAnswer expected, Octets reply) noexcept;

    bool echo_;
};

}  // namespace peerzone::bench
