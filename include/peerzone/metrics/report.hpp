// What there is to see of a running server at one moment, as plain values: /metrics, /status and
// the status page are written from it. The control thread makes one for each look.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/metrics/counters.hpp"

namespace peerzone::metrics {

using WallTime = std::chrono::system_clock::time_point;
inline constexpr WallTime kNever{};  // of a WallTime: it has not happened

/// What an upstream's and an endpoint's `state` can be.
inline constexpr std::array<std::string_view, 7> kUpstreamStates = {
    "unknown",     // nothing has been heard yet
    "healthy",     // at least one endpoint is usable
    "unusable",    // endpoints reply, but with nothing of use
    "unresolved",  // there are no endpoints
    "suspect",    "partitioned", "recovering"};
inline constexpr std::array<std::string_view, 6> kEndpointStates = {
    "unknown",      "healthy", "zone absent", "suspect",
    "unusable",      // it replies, but with nothing of use: `probe` says with what
    "wrong cluster"  // `identity` says why
};

/// Events by reason; the reasons are words of ours ("timeout").
using Tally = std::vector<std::pair<std::string, std::uint64_t>>;

struct EndpointReport {
    std::string address;      ///< "10.2.0.10:53"
    std::string source;       ///< as the configuration or a lookup gave it
    std::string state;        ///< one of kEndpointStates
    std::string transport;    ///< "udp", "tcp" or "tls": what a question would take now; "udp only"
                              ///< or "tcp only" where probes found that the other one is blocked
    std::string reach;        ///< what works there, as far as known: "udp only"
    std::string probe;        ///< what the last probe said
    bool up = false;          ///< clients' questions are sent there
    bool mixed_case = true;   ///< in mixed letter case; false where that is not understood
    std::string identity;     ///< whose it is, where that is asked: "right", "not shown yet",
                              ///< "another cluster: …"
    WallTime since = kNever;  ///< suspect, or of the wrong cluster, since
    Duration rtt{};           ///< smoothed; zero: not measured
    Duration p95{};           ///< of the round trip; zero: not measured
    std::uint64_t questions = 0;
    std::uint64_t replies = 0;
    std::uint64_t probes = 0;
    std::uint64_t hedges = 0;      ///< second questions sent there …
    std::uint64_t hedges_won = 0;  ///< … and answered first
    Tally failures;                ///< of questions
    Tally probe_failures;          ///< of probes
    std::string last_error;
    WallTime last_error_at = kNever;
    WallTime last_reply = kNever;
};

/// A host name, SRV name or file that endpoints are followed by.
struct SourceReport {
    std::string source;  ///< as the configuration has it
    std::size_t addresses = 0;
    WallTime good_at = kNever;  ///< when what is used was confirmed last
    std::string error;          ///< why the last try gave nothing; empty when it went well
};

struct UpstreamReport {
    std::string name;  ///< "westus"; "local"; a forwarder's zone
    std::string kind;  ///< "peer", "local" or "forward"
    std::vector<std::string> zones;
    std::string state;  ///< upstream::state_text
    std::string order;  ///< "fastest" or "listed": which endpoint is asked first
    bool held = false;
    WallTime since = kNever;
    std::string pending;  ///< why there may be no endpoints
    std::uint64_t in_flight = 0;
    std::uint64_t hedges = 0;
    std::uint64_t stale_answers = 0;
    std::uint64_t failed_at_once = 0;
    std::uint64_t shed = 0;
    std::vector<SourceReport> sources;
    std::vector<EndpointReport> endpoints;

    /// An endpoint would be asked, and is not known to be of no use.
    bool up() const { return !held && state != "partitioned" && up_count() != 0; }
    std::size_t up_count() const {
        std::size_t count = 0;
        for (const EndpointReport& endpoint : endpoints) count += endpoint.up ? 1 : 0;
        return count;
    }
};

struct CacheReport {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::uint64_t stored = 0;
    std::uint64_t evicted = 0;
};

struct Report {
    std::string version;
    std::string node;     ///< our node id in hop marks, 16 hex digits
    std::string cluster;  ///< cluster.name
    std::string config_file;
    bool config_ok = true;  ///< the last load was
    std::string config_problem;
    WallTime config_loaded = kNever;  ///< the one that serves
    WallTime started = kNever;
    WallTime now = kNever;
    bool ready = false;
    CacheReport cache;
    std::vector<const Counters*> counters;  ///< one set per thread that counts
    std::vector<UpstreamReport> upstreams;

    std::uint64_t sum(Count what) const {
        std::uint64_t sum = 0;
        for (const Counters* each : counters) sum += each->value(what);
        return sum;
    }
};

}  // namespace peerzone::metrics
