// Answers past their TTL: which of them may be used, how long one waits before, and what is said
// with them (src/README.md, "Partition" and "Refresh"; RFC 8767). No state of its own.
#pragma once

#include <string>
#include <string_view>

#include "peerzone/cache/cache.hpp"
#include "peerzone/upstream/upstream.hpp"
#include "resolver/ede_text.hpp"

namespace peerzone::resolver {

/// How long "no such name" of this upstream is believed at most.
Seconds negative_cap(const upstream::Upstream& upstream, const cache::Cache& cache) noexcept;
/// How far past their TTL answers of this upstream may be used, and the TTL they are given.
cache::Stale stale_of(const upstream::Upstream& upstream, const cache::Cache& cache) noexcept;
/// A failure from before the upstream's state changed says nothing of what it is now: who is back
/// is asked at once.
bool is_outdated(const upstream::Upstream& upstream, const cache::Hit& failure, Time now) noexcept;
/// NXDOMAIN or NODATA.
bool is_denial(const cache::Hit& hit) noexcept;
/// How long a client waits for an answer while one past its TTL is known.
Duration usual_wait(const upstream::Upstream& upstream) noexcept;
/// The extended error that goes with it: 19 for an NXDOMAIN, 3 for everything else (RFC 8914 4.4,
/// 4.20).
std::uint16_t stale_code(const cache::Hit& hit) noexcept;

// Each adds to `ede_text`; the result is all of it. `set`: the upstream's endpoints.
/// "peer=westus 0 of 2 endpoints up since 2026-01-31T10:00:00Z"
std::string_view describe_away(EdeText& ede_text, const upstream::Upstream& upstream,
                               const upstream::EndpointSet& set) noexcept;
/// "peer=westus partitioned: 0 of 2 endpoints up since 2026-01-31T10:00:00Z" (22); where TLS is the
/// reason: "peer=westus 10.2.0.10:853 tls: certificate is for dns.eastus…" (23); where all
/// endpoints are of another cluster: "peer=westus: 10.2.0.10:53 is another cluster: …" (20).
dns::ExtendedError describe_unknown(EdeText& ede_text, const upstream::Upstream& upstream,
                                    const upstream::EndpointSet& set) noexcept;
/// "0 of 2 endpoints up, last 10.2.0.10:53 udp timeout 200ms"
std::string_view describe_outage(EdeText& ede_text, const upstream::EndpointSet& set) noexcept;
/// "peer=westus has just come back", where not everything is asked for at once.
std::string describe_return(const upstream::Upstream& upstream);
/// "peer=westus not answering for 50ms", where clients do not wait any longer.
std::string describe_overdue(const upstream::Upstream& upstream);
/// The reason, then ", answer is 42s old"
std::string_view describe_stale(EdeText& why, Duration age) noexcept;

}  // namespace peerzone::resolver
