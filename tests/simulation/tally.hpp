// What was done to the program and what it answered, counted over all scenarios.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace peerzone::simulation {

enum class Fault : std::uint8_t {
    lost,
    delayed,
    late,
    too_late,
    doubled,
    garbage,
    cut_short,
    truncated,
    wrong_id,
    wrong_question,
    case_changed,
    refused,
    unreachable,
    closed,
    dropped,
    busy,
    queued,
    servfail,
    rcode_refused,
    formerr,
    notimp,
    foreign_soa,
    referral,
    without_soa,
    nxdomain,
    nodata,
    alias,
    alias_away,
    foreign_data,
    dname,
    loop,
    long_chain,
    unrelated,
    ttl_zero,
    ttl_invalid,
    data_changed,
    silent_endpoint,
    slow_endpoint,
    refusing_endpoint,
    failing_endpoint,
    lame_endpoint,
    silent_upstream,
    held,
    reload,
    zone_moved,
    views_changed,
    endpoints_changed,
    endpoints_moved,
    upstream_left,
    clock_jump,
    flood,
    small_limits,
    small_cache,
    shut_down_waiting,
    count
};
inline constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::count);

inline constexpr std::array<std::string_view, kFaults> kFaultNames{
    "lost",
    "delayed",
    "late",
    "too late",
    "doubled",
    "garbage",
    "cut short",
    "truncated (TC)",
    "wrong ID",
    "wrong question",
    "letter case changed",
    "port refused",
    "unreachable",
    "connection closed",
    "connection dropped",
    "busy",
    "stands in a queue",
    "SERVFAIL",
    "REFUSED",
    "FORMERR",
    "NOTIMP",
    "foreign SOA",
    "referral",
    "denial without SOA",
    "NXDOMAIN",
    "NODATA",
    "alias",
    "alias to another owner",
    "data of another owner",
    "DNAME",
    "alias loop",
    "long chain",
    "unrelated records",
    "TTL 0",
    "TTL of 2^31 or more",
    "data changed",
    "endpoint silent",
    "endpoint slow",
    "endpoint refusing",
    "endpoint failing",
    "endpoint lame",
    "upstream silent",
    "upstream held",
    "reload",
    "zone moved",
    "views changed",
    "endpoints changed",
    "endpoints moved without a reload",
    "upstream left or came",
    "clock jump",
    "flood",
    "small limits",
    "small cache",
    "shut down while waiting",
};

struct Tally {
    std::array<std::uint64_t, kFaults> faults{};
    std::map<std::string, std::uint64_t> answers;  // by source and RCODE
    std::map<std::string, std::uint64_t> states;   // of upstreams that were entered
    std::uint64_t scenarios = 0;
    std::uint64_t queries = 0;
    std::uint64_t questions = 0;  // to upstreams
    double simulated_seconds = 0;

    void add(Fault fault) { ++faults[static_cast<std::size_t>(fault)]; }
};

}  // namespace peerzone::simulation
