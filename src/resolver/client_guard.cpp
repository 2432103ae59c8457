// Invariants: an entry's in_flight is the number of places handed out for it and not released; an
// entry with any is never given to another client.
#include "resolver/client_guard.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace peerzone::resolver {
namespace {

std::uint64_t mix(std::uint64_t x) noexcept {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

}  // namespace

ClientGuard::ClientGuard(std::uint64_t seed) : seed_(seed) {}

std::uint64_t ClientGuard::id_of(const IpAddress& client, std::uint16_t upstream) const noexcept {
    std::uint64_t front = 0;
    std::memcpy(&front, client.bytes().data(), sizeof front);
    const std::uint64_t key = client.is_v4() ? client.v4_value() : front;
    const std::uint64_t kind = std::uint64_t{upstream} << 1 | (client.is_v4() ? 1u : 0u);
    const std::uint64_t id = mix(mix(key ^ seed_) ^ kind);
    return id == 0 ? 1 : id;
}

// Its place, or the one that it takes over; kNone when all that it could have are in use.
ClientGuard::Place ClientGuard::find(std::uint64_t id) noexcept {
    const std::size_t first = id % (kPlaces / kWays) * kWays;
    std::size_t quietest = kPlaces;
    for (std::size_t at = first; at < first + kWays; ++at) {
        Entry& entry = entries_[at];
        if (entry.id == id) return static_cast<Place>(at);
        if (entry.in_flight != 0) continue;
        if (quietest == kPlaces || entry.paid_at < entries_[quietest].paid_at) quietest = at;
    }
    if (quietest == kPlaces) return kNone;
    entries_[quietest] = {.id = id, .paid_at = 0, .in_flight = 0};
    return static_cast<Place>(quietest);
}

ClientGuard::Place ClientGuard::place_of(const IpAddress& client,
                                         std::uint16_t upstream) const noexcept {
    const std::uint64_t id = id_of(client, upstream);
    const std::size_t first = id % (kPlaces / kWays) * kWays;
    for (std::size_t at = first; at < first + kWays; ++at)
        if (entries_[at].id == id) return static_cast<Place>(at);
    return kNone;
}

ClientGuard::Verdict ClientGuard::admit(const IpAddress& client, std::uint16_t upstream,
                                        const Limits& limits, bool pressed, Time now,
                                        Place& place) noexcept {
    place = find(id_of(client, upstream));
    if (place == kNone) return Verdict::ok;
    Entry& entry = entries_[place];
    const Duration::rep at = now.time_since_epoch().count();
    const Duration::rep each = Duration(Seconds(1)).count() /
                               static_cast<Duration::rep>(limits.client_misses_per_second_max);
    const Duration::rep burst = each * static_cast<Duration::rep>(limits.client_misses_burst_max);
    // A client that was never held back owes at most the burst.
    const Duration::rep paid = std::clamp(entry.paid_at, at, at + burst) + each;
    const bool too_fast = paid > at + burst;
    const bool too_many = entry.in_flight >= limits.in_flight_per_client_max;
    if (!(too_fast && pressed) && !too_many) {
        entry.paid_at = std::min(paid, at + burst);
        ++entry.in_flight;
        return Verdict::ok;
    }
    place = kNone;
    return too_many ? Verdict::too_many : Verdict::too_fast;
}

void ClientGuard::release(Place place) noexcept {
    if (place == kNone) return;
    assert(entries_[place].in_flight != 0);
    --entries_[place].in_flight;
}

ClientGuard::Place ClientGuard::move(Place place, const IpAddress& client,
                                     std::uint16_t upstream) noexcept {
    release(place);
    const Place to = find(id_of(client, upstream));
    if (to != kNone) ++entries_[to].in_flight;
    return to;
}

}  // namespace peerzone::resolver
