#include "metrics/families.hpp"

#include <set>

namespace peerzone::metrics {
namespace {

std::vector<CounterFamily> known_families() {
    return {
        {"peerzone_dns_requests_total",
         "Questions that arrived; tcp includes DNS over TLS.",
         "proto",
         {{Count::udp_queries, "udp"}, {Count::tcp_queries, "tcp"}}},
        {"peerzone_dns_dropped_total",
         "Datagrams that got no reply: no DNS question, or no room in the kernel's buffer.",
         "reason",
         {{Count::dropped_malformed, "malformed"}, {Count::udp_kernel_drops, "kernel_buffer"}}},
        {"peerzone_dns_rejected_total",
         "Questions refused before anybody was asked.",
         "reason",
         {{Count::formerr, "formerr"},
          {Count::notimp, "notimp"},
          {Count::badvers, "badvers"},
          {Count::refused_client, "no_view"},
          {Count::refused, "refused"}}},
        {"peerzone_dns_answers_total",
         "Answers by where they came from; failures that are remembered included.",
         "from",
         {{Count::answered_zone, "zone"},
          {Count::answered_cache, "cache"},
          {Count::answered_failure_cached, "failure_cache"},
          {Count::answered_upstream, "upstream"}}},
        {"peerzone_dns_failed_total",
         "Questions answered SERVFAIL after somebody was asked.",
         "",
         {{Count::servfail, ""}}},
        {"peerzone_dns_truncated_total",
         "Replies cut to what the client takes.",
         "",
         {{Count::truncated, ""}}},
        {"peerzone_dns_send_failed_total",
         "UDP replies the kernel did not take.",
         "",
         {{Count::udp_send_failed, ""}}},
        {"peerzone_dns_udp_replies_total", "UDP replies sent.", "", {{Count::udp_replies, ""}}},
        {"peerzone_cache_misses_total",
         "Questions that had to wait for somebody.",
         "",
         {{Count::cache_misses, ""}}},
        {"peerzone_shed_total",
         "Questions given up for a limit.",
         "reason",
         {{Count::shed_in_flight, "in_flight"}, {Count::shed_waiters, "waiters"}}},
        {"peerzone_tcp_connections_total",
         "Clients' connections accepted, DNS over TLS included.",
         "",
         {{Count::tcp_connections, ""}}},
        {"peerzone_tcp_closed_total",
         "Clients' connections refused or cut off.",
         "reason",
         {{Count::tcp_refused_limit, "limit"},
          {Count::tcp_closed_slow, "slow"},
          {Count::tcp_closed_idle, "idle"},
          {Count::tcp_bad_frame, "bad_frame"}}},
        {"peerzone_tls_handshakes_total",
         "TLS handshakes with clients: those done (resumed ones counted in both), and those that "
         "failed.",
         "outcome",
         {{Count::tls_handshakes, "done"},
          {Count::tls_resumed, "resumed"},
          {Count::tls_handshake_failed, "failed"},
          {Count::tls_client_refused, "client_refused"}}},
        {"peerzone_upstream_questions_total",
         "Questions sent to endpoints.",
         "proto",
         {{Count::upstream_udp_sent, "udp"},
          {Count::upstream_tcp_sent, "tcp"},
          {Count::upstream_tls_sent, "tls"}}},
        {"peerzone_upstream_replies_total",
         "Replies from endpoints.",
         "proto",
         {{Count::upstream_udp_replies, "udp"},
          {Count::upstream_tcp_replies, "tcp"},
          {Count::upstream_tls_replies, "tls"}}},
        {"peerzone_upstream_failures_total",
         "Attempts without a reply to believe, and replies that were ignored.",
         "reason",
         {{Count::upstream_timeout, "timeout"},
          {Count::upstream_error, "error"},
          {Count::upstream_mismatch, "mismatch"},
          {Count::upstream_case_mismatch, "case_mismatch"},
          {Count::upstream_invalid, "invalid"}}},
        {"peerzone_upstream_truncated_total",
         "Replies of endpoints that were cut, and asked again over a stream.",
         "",
         {{Count::upstream_truncated, ""}}},
        {"peerzone_upstream_suspected_total",
         "How often an endpoint became suspect.",
         "",
         {{Count::upstream_suspect, ""}}},
        {"peerzone_upstream_tls_handshakes_total",
         "TLS handshakes with endpoints: those done (resumed ones counted in both), and those that "
         "failed.",
         "outcome",
         {{Count::upstream_tls_handshakes, "done"},
          {Count::upstream_tls_resumed, "resumed"},
          {Count::upstream_tls_failed, "failed"}}},
        {"peerzone_query_log_dropped_total",
         "Lines of the query log that stderr did not take fast enough.",
         "",
         {{Count::query_log_dropped, ""}}},
        {"peerzone_admin_connections_total",
         "Connections to admin HTTP.",
         "",
         {{Count::admin_connections, ""}}},
        {"peerzone_admin_requests_total",
         "Requests to admin HTTP.",
         "",
         {{Count::admin_requests, ""}}},
        {"peerzone_admin_refused_total",
         "What admin HTTP did not answer: no HTTP, too slow, or no connection left.",
         "reason",
         {{Count::admin_bad_requests, "bad_request"},
          {Count::admin_closed_slow, "slow"},
          {Count::admin_closed_limit, "limit"}}},
    };
}

}  // namespace

std::vector<CounterFamily> counter_families() {
    std::vector<CounterFamily> families = known_families();
    std::set<Count> placed;
    for (const CounterFamily& family : families)
        for (const auto& [count, label] : family.values) placed.insert(count);
    for (std::size_t i = 0; i < kCountNames.size(); ++i) {
        const auto count = static_cast<Count>(i);
        if (placed.contains(count)) continue;
        const std::string name(kCountNames[i]);
        families.push_back(
            {"peerzone_" + name + "_total", "Events of the kind " + name + ".", "", {{count, ""}}});
    }
    return families;
}

}  // namespace peerzone::metrics
