// Counters of one worker. One thread writes, any thread may read: an add is a plain load and store
// on a line that no other worker writes. The owner is the worker, the prober or the control thread;
// totals are summed for each look.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "peerzone/base/bytes.hpp"
#include "peerzone/metrics/histogram.hpp"

namespace peerzone::metrics {

enum class Count : std::uint8_t {
    udp_queries,
    udp_replies,
    udp_kernel_drops,
    udp_send_failed,
    udp_segments_refused,
    tcp_connections,
    tcp_refused_limit,
    tcp_queries,
    tcp_closed_slow,
    tcp_closed_idle,
    tcp_bad_frame,
    dropped_malformed,
    formerr,
    notimp,
    badvers,
    client_subnet_malformed,  // of a trusted forwarder
    client_subnet_used,
    client_subnet_ignored,  // of other clients
    refused_client,
    refused,
    explained,        // questions about this server (class CH, _explain)
    explain_limited,  // those that were too many
    answered_zone,
    answered_cache,
    answered_failure_cached,
    answered_upstream,
    answered_stale,
    failed_partitioned,
    loops,
    handed_back,
    refreshes,
    servfail,
    truncated,
    chain_too_long,  // more than 16 aliases, or a loop
    shed_in_flight,
    shed_waiters,
    shed_greediest,
    shed_client_rate,
    shed_client_in_flight,
    upstream_udp_sent,
    upstream_udp_replies,
    upstream_tcp_sent,
    upstream_tcp_replies,
    upstream_mismatch,
    upstream_case_mismatch,
    upstream_case_doubted,  // questions asked once more in plain letter case
    upstream_case_off,      // endpoints that get no mixed case for an hour
    upstream_invalid,
    upstream_lame,         // denials of servers that do not have the zone
    upstream_unrelated,    // replies with answer records that do not belong to the question
    upstream_ttl_invalid,  // replies with a TTL of 2^31 or more (RFC 2181 8)
    upstream_no_soa,       // negative replies without a SOA of theirs, which are not kept
    upstream_timeout,
    upstream_error,
    upstream_flow_lost,  // UDP ports that an ICMP error closed; their questions go out from others
    upstream_truncated,
    upstream_suspect,
    upstream_partitions,
    upstream_probes,
    upstream_probe_failed,
    upstream_wrong_cluster,  // endpoints that turned out to be of another one
    upstream_hedges,
    upstream_hedges_won,
    upstream_udp_limited,  // questions whose name and type were in flight to the endpoint too often
    upstream_stream_moved,  // questions asked again on another connection: the server closed one
    upstream_tls_sent,
    upstream_tls_replies,
    upstream_tls_handshakes,  // done, those that went on from an earlier session included
    upstream_tls_resumed,
    upstream_tls_failed,
    tls_handshakes,
    tls_resumed,
    tls_handshake_failed,
    tls_client_refused,
    cache_misses,  // queries that had to wait for an upstream
    admin_connections,
    admin_requests,
    admin_bad_requests,
    admin_closed_limit,
    admin_closed_slow,
    query_log_dropped,
    count
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Count::count)> kCountNames =
    {"udp_queries",
     "udp_replies",
     "udp_kernel_drops",
     "udp_send_failed",
     "udp_segments_refused",
     "tcp_connections",
     "tcp_refused_limit",
     "tcp_queries",
     "tcp_closed_slow",
     "tcp_closed_idle",
     "tcp_bad_frame",
     "dropped_malformed",
     "formerr",
     "notimp",
     "badvers",
     "client_subnet_malformed",
     "client_subnet_used",
     "client_subnet_ignored",
     "refused_client",
     "refused",
     "explained",
     "explain_limited",
     "answered_zone",
     "answered_cache",
     "answered_failure_cached",
     "answered_upstream",
     "answered_stale",
     "failed_partitioned",
     "loops",
     "handed_back",
     "refreshes",
     "servfail",
     "truncated",
     "chain_too_long",
     "shed_in_flight",
     "shed_waiters",
     "shed_greediest",
     "shed_client_rate",
     "shed_client_in_flight",
     "upstream_udp_sent",
     "upstream_udp_replies",
     "upstream_tcp_sent",
     "upstream_tcp_replies",
     "upstream_mismatch",
     "upstream_case_mismatch",
     "upstream_case_doubted",
     "upstream_case_off",
     "upstream_invalid",
     "upstream_lame",
     "upstream_unrelated",
     "upstream_ttl_invalid",
     "upstream_no_soa",
     "upstream_timeout",
     "upstream_error",
     "upstream_flow_lost",
     "upstream_truncated",
     "upstream_suspect",
     "upstream_partitions",
     "upstream_probes",
     "upstream_probe_failed",
     "upstream_wrong_cluster",
     "upstream_hedges",
     "upstream_hedges_won",
     "upstream_udp_limited",
     "upstream_stream_moved",
     "upstream_tls_sent",
     "upstream_tls_replies",
     "upstream_tls_handshakes",
     "upstream_tls_resumed",
     "upstream_tls_failed",
     "tls_handshakes",
     "tls_resumed",
     "tls_handshake_failed",
     "tls_client_refused",
     "cache_misses",
     "admin_connections",
     "admin_requests",
     "admin_bad_requests",
     "admin_closed_limit",
     "admin_closed_slow",
     "query_log_dropped"};
static_assert(!kCountNames.back().empty(), "a Count without a name");

/// Types of queries that are told apart; the last one stands for all others.
inline constexpr std::array<std::pair<std::uint16_t, std::string_view>, 13> kCountedTypes = {
    {{1, "A"},
     {2, "NS"},
     {5, "CNAME"},
     {6, "SOA"},
     {12, "PTR"},
     {15, "MX"},
     {16, "TXT"},
     {28, "AAAA"},
     {33, "SRV"},
     {64, "SVCB"},
     {65, "HTTPS"},
     {255, "ANY"},
     {0, "other"}}};

class alignas(64) Counters {
public:
    void add(Count what, std::uint64_t n = 1) noexcept {
        auto& value = values_[static_cast<std::size_t>(what)];
        value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t value(Count what) const noexcept {
        return values_[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
    }

    /// A query that was understood, by its type.
    void add_question(std::uint16_t type) noexcept {
        auto& value = questions_[type < kTypeSlots.size() ? kTypeSlots[type] : kOtherType];
        value.store(value.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    /// `index` in kCountedTypes.
    std::uint64_t questions(std::size_t index) const noexcept {
        return questions_[index].load(std::memory_order_relaxed);
    }

    /// A reply, by the RCODE in its header. BADVERS stands there as NOERROR: that one is told apart
    /// by its Count.
    void add_reply(Bytes message) noexcept {
        if (message.size() < 4) return;
        auto& value = replies_[message[3] & 15u];
        value.store(value.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    std::uint64_t replies(std::size_t header_rcode) const noexcept {
        return replies_[header_rcode].load(std::memory_order_relaxed);
    }

    /// From reading the query to having sent the reply (to handing it over, where it had to wait).
    /// Of a batch each query counts with the time of the whole batch.
    Histogram at_once;
    Histogram waited;

private:
    static constexpr std::uint8_t kOtherType = kCountedTypes.size() - 1;
    static constexpr std::array<std::uint8_t, 256> kTypeSlots = [] {
        std::array<std::uint8_t, 256> slots{};
        slots.fill(kOtherType);
        for (std::uint8_t i = 0; i < kOtherType; ++i) slots[kCountedTypes[i].first] = i;
        return slots;
    }();

    std::array<std::atomic<std::uint64_t>, 16> replies_{};
    std::array<std::atomic<std::uint64_t>, kCountedTypes.size()> questions_{};
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Count::count)> values_{};
};

}  // namespace peerzone::metrics
