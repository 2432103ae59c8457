// Explanations: facts in, lines out. The facts are plain values, gathered by explain_facts; one
// function makes the lines of them for dig, the command line and tests, always in the same order.
// Pure; any thread; allocates.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/dns/types.hpp"
#include "peerzone/resolver/config_status.hpp"
#include "peerzone/resolver/explanation.hpp"
#include "peerzone/resolver/observer.hpp"
#include "peerzone/resolver/snapshot.hpp"

namespace peerzone::resolver {

using WallTime = std::chrono::system_clock::time_point;

struct EndpointFacts {
    std::string address;
    std::string_view state;         ///< upstream::state_text
    std::optional<Duration> since;  ///< it has been suspect for so long
    Duration rtt{};                 ///< smoothed; zero: not measured
    std::string_view transport;     ///< upstream::transport_text
    unsigned losses = 0;            ///< in a row
    bool is_next = false;  ///< a question that begins now goes there, or to another next one
    std::string last_error;
};

struct UpstreamFacts {
    std::string label;              ///< "peer=westus"
    std::string state;              ///< "healthy"; "held by an operator"
    std::optional<WallTime> since;  ///< of the state; nothing: since the start
    Duration state_age{};
    std::string reason;  ///< why it is in that state; empty: there is nothing to say
    std::uint64_t in_flight = 0;
    std::vector<EndpointFacts> endpoints;
    std::size_t more_endpoints = 0;  ///< beyond those
};

/// One entry of the cache.
struct CacheFacts {
    std::string what;   ///< "A", "NXDOMAIN"
    std::string holds;  ///< "2 records"
    Duration age{};
    Duration lifetime{};
    std::optional<Duration> usable;  ///< past its TTL, it may be told for so long; nothing: not
    bool is_failure = false;         ///< worth nothing once it has expired
};

struct AliasFacts {
    std::string from, to;
    std::string owner;  ///< of `to`; empty: it has none here
};

struct ExplainFacts {
    WallTime at{};
    Identity identity;
    std::string name;
    std::uint16_t type = 0;
    std::string flags;  ///< ", with DO"; of the question that asks for the explanation
    std::string view;   ///< its name and why; empty: the client has none

    // Where the name belongs.
    std::string route;                 ///< the suffix and its owner; empty: none
    std::optional<std::string> there;  ///< the name as its upstream knows it, where that differs
    std::vector<UpstreamFacts> upstreams;  ///< of the route, and where its aliases end
    bool has_cache = false;                ///< the cache may know of it
    std::vector<CacheFacts> cache;
    std::vector<AliasFacts> aliases;

    // What becomes of it.
    std::string policy;
    std::string asks;  ///< the upstream that must be asked first; empty: the rest is told at once
    dns::Rcode rcode = dns::Rcode::noerror;
    std::size_t answers = 0;
    std::optional<std::uint32_t> ttl;
    Source source = Source::none;
    std::optional<std::uint16_t> error_code;
    std::string error_text;

    std::optional<ConfigStatus::Seen> config;
};

Explanation explain(const ExplainFacts& facts);

// Parts of it, which stand elsewhere too.
/// When, and who says it: the first line.
ExplanationLine explain_head(WallTime at, const Identity& identity);
/// The upstream's line, and one for each endpoint.
void explain_upstream(const UpstreamFacts& upstream, Explanation& lines);
/// Whether the configuration in force is the one on disk, in one line.
std::string config_text(const ConfigStatus::Seen& config);

}  // namespace peerzone::resolver
