// What control asks endpoints by itself, how it judges the replies, and how often it asks
// (src/README.md, "Probes"). Pure.
#pragma once

#include <cstdint>

#include "peerzone/base/clock.hpp"
#include "peerzone/exchange/reply_check.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::probe {

/// Every probe asks for the NS of this name, folded: the first zone of the upstream, or, of one with
/// an alias only, what that cluster calls itself.
dns::Name probe_name(const upstream::Options& options);

/// A peer must have the zone. A forwarder or the cluster's own DNS must only be willing to look:
/// whatever it says but SERVFAIL and REFUSED will do.
upstream::ProbeResult judge_probe(const exchange::CheckedReply& checked, upstream::Kind kind) noexcept;

struct ProbeFacts {
    bool held = false;       ///< by an operator: nobody asks, the status shall still be true
    bool suspect = false;    ///< the endpoint
    bool unusable = false;   ///< it replies, but with nothing of use
    bool unsettled = false;  ///< the upstream is suspect, partitioned or recovering
    bool wanted = false;     ///< clients have asked for the upstream's names lately
    unsigned misses = 0;     ///< probes in a row that got no reply
};
/// From the beginning of one probe to the next, before jitter.
Duration probe_interval(const ProbeFacts& facts) noexcept;

/// How long a probe waits for its reply where all endpoints are suspect and it decides whether that
/// is a partition: twice as long as usual, 200–400 ms. A hiccup that delays everybody is none.
Duration confirming_patience(Duration usual) noexcept;

inline constexpr Duration kProbeCalm = Seconds(5);
inline constexpr Duration kProbeFast = Millis(250);

/// Which transports of an endpoint work, as probes with transport auto have found.
class ProtocolsKnown {
public:
    /// A silent transport does not work when it was silent twice while the other one is heard.
    void note(upstream::Protocol protocol, bool answered) noexcept;
    /// In a row.
    unsigned misses(upstream::Protocol protocol) const noexcept { return of(protocol).misses; }
    bool is_known(upstream::Protocol protocol) const noexcept { return of(protocol).works != Works::unknown; }
    /// It is not known that it does not work.
    bool may_work(upstream::Protocol protocol) const noexcept { return of(protocol).works != Works::no; }
    /// For people. Where all is silent nothing is known: it is the endpoint.
    upstream::Reach reach() const noexcept;

private:
    enum class Works : std::uint8_t { unknown, yes, no };
    struct One {
        Works works = Works::unknown;
        unsigned misses = 0;
    };
    const One& of(upstream::Protocol protocol) const noexcept {
        return protocol == upstream::Protocol::udp ? udp_ : tcp_;
    }
    One udp_;
    One tcp_;
};

/// 80–120 % of `interval`, as `random` says, so that many do not probe in step.
Duration jittered(Duration interval, std::uint32_t random) noexcept;

}  // namespace peerzone::probe
