// Answers past their TTL: which of them may be used, how long one waits before, and what is said
// with them (src/README.md, "Partition" and "Refresh"; RFC 8767).
#include "resolver/last_known.hpp"

#include <algorithm>
#include <array>

namespace peerzone::resolver {
namespace {

constexpr Millis kUsualWaitMin{50};
constexpr Millis kReturnWaitMin{250};

EdeText& add_up(EdeText& ede_text, const upstream::EndpointSet& set) noexcept {
    const auto up = std::ranges::count_if(set.endpoints, [](const auto& endpoint) {
        return !endpoint->is_suspect() && endpoint->is_usable();
    });
    return ede_text.add(static_cast<std::uint64_t>(up))
        .add(" of ")
        .add(set.endpoints.size())
        .add(" endpoints up");
}

EdeText& add_endpoints(EdeText& ede_text, const upstream::Upstream& upstream,
                       const upstream::EndpointSet& set) noexcept {
    return add_up(ede_text, set).add(" since ").add_time(upstream.health->since_wall());
}

/// What went wrong last with the first endpoint whose error begins like this.
/// False: there is none.
bool add_error(EdeText& ede_text, std::string_view before, const upstream::EndpointSet& set,
               std::string_view begins) noexcept {
    std::array<char, 192> text;
    for (const auto& endpoint : set.endpoints) {
        const std::size_t size = endpoint->stats().copy_last_error(text);
        const std::string_view why(text.data(), size);
        if (why.empty() || !why.starts_with(begins)) continue;
        ede_text.add(before).add(endpoint->address().to_text()).add(" ").add(why);
        return true;
    }
    return false;
}

/// Why the first endpoint of another cluster is not asked. False: there is none.
bool add_wrong_cluster(EdeText& ede_text, std::string_view before,
                       const upstream::EndpointSet& set) noexcept {
    std::array<char, 192> text;
    for (const auto& endpoint : set.endpoints) {
        const std::size_t size = endpoint->identity().copy_why(text);
        if (size == 0) continue;
        ede_text.add(before)
            .add(endpoint->address().to_text())
            .add(" is ")
            .add({text.data(), size});
        return true;
    }
    return false;
}

}  // namespace

Seconds negative_cap(const upstream::Upstream& upstream, const cache::Cache& cache) noexcept {
    const Seconds most = cache.negative_max_ttl();
    const Seconds unset = upstream.options.kind == upstream::Kind::forward ? most : Seconds(1);
    return std::min(most, upstream.options.negative_ttl.value_or(unset));
}

cache::Stale stale_of(const upstream::Upstream& upstream, const cache::Cache& cache) noexcept {
    const Seconds ttl = upstream.options.stale.answer_ttl;
    // Who is there may say the opposite in a moment, and clients must not hold on to "no".
    const bool away = upstream.health->is_away();
    return {.max_age = upstream.options.stale.max_age,
            .answer_ttl = ttl,
            .negative_ttl = away ? ttl : std::min(ttl, negative_cap(upstream, cache))};
}

bool is_outdated(const upstream::Upstream& upstream, const cache::Hit& failure, Time now) noexcept {
    return now - failure.age < upstream.health->since();
}

bool is_denial(const cache::Hit& hit) noexcept {
    return hit.rcode != dns::Rcode::noerror || hit.info.counts[0] == 0;
}

Duration usual_wait(const upstream::Upstream& upstream) noexcept {
    Duration least = Duration::max();
    for (const auto set = upstream.set(); const auto& endpoint : set->endpoints)
        if (endpoint->p95() != Duration::zero() && !endpoint->is_suspect() &&
            !endpoint->identity().is_wrong())
            least = std::min(least, endpoint->p99());
    // A reply that is a little late is still better than what is past its TTL.
    const bool is_far = least != Duration::max() && least > kUsualWaitMin;
    const Duration usual = is_far ? least + least / 8 : kUsualWaitMin;
    // Who is just back may say something else than what was known before: that is worth a wait.
    const bool is_back = upstream.health->state() == upstream::UpstreamState::recovering;
    return is_back ? std::max<Duration>(2 * usual, kReturnWaitMin) : usual;
}

std::uint16_t stale_code(const cache::Hit& hit) noexcept {
    return hit.rcode == dns::Rcode::nxdomain ? dns::ede::stale_nxdomain : dns::ede::stale;
}

std::string_view describe_away(EdeText& ede_text, const upstream::Upstream& upstream,
                               const upstream::EndpointSet& set) noexcept {
    ede_text.add(upstream.label);
    if (upstream.health->is_held()) return ede_text.add(" held by operator").text();
    return add_endpoints(ede_text.add(" "), upstream, set).text();
}

dns::ExtendedError describe_unknown(EdeText& ede_text, const upstream::Upstream& upstream,
                                    const upstream::EndpointSet& set) noexcept {
    constexpr std::uint16_t kAway = dns::ede::no_reachable_authority;
    ede_text.add(upstream.label);
    if (upstream.health->is_held()) return {kAway, ede_text.add(" held by operator").text()};
    if (upstream.options.transport == upstream::Protocol::tls &&
        add_error(ede_text, " ", set, "tls: "))
        return {dns::ede::network_error, ede_text.text()};
    const bool all_wrong = std::ranges::all_of(
        set.endpoints, [](const auto& endpoint) { return endpoint->identity().is_wrong(); });
    if (all_wrong && add_wrong_cluster(ede_text, ": ", set))
        return {dns::ede::not_authoritative, ede_text.text()};
    add_endpoints(ede_text.add(" partitioned: "), upstream, set);
    add_error(ede_text, ", last ", set, "");
    add_wrong_cluster(ede_text, ", ", set);
    return {kAway, ede_text.text()};
}

std::string_view describe_outage(EdeText& ede_text, const upstream::EndpointSet& set) noexcept {
    add_up(ede_text, set);
    add_error(ede_text, ", last ", set, "");
    return ede_text.text();
}

std::string describe_return(const upstream::Upstream& upstream) {
    return upstream.label + " has just come back";
}

std::string describe_overdue(const upstream::Upstream& upstream) {
    const auto waited = std::chrono::ceil<Millis>(usual_wait(upstream)).count();
    return upstream.label + " not answering for " + std::to_string(waited) + "ms";
}

std::string_view describe_stale(EdeText& why, Duration age) noexcept {
    return why.add(", answer is ").add_age(age).add(" old").text();
}

}  // namespace peerzone::resolver
