// Invariants: links_ is as long and as wide as regions_; for each direction, queued and
// queued_bytes are what of it stands in queue_; last_due never goes back while packets are under
// way.
#include "network.hpp"

#include <algorithm>
#include <utility>

namespace peerzone::wan {

namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kDestinationAt = 16;

std::optional<IpAddress> ipv4_destination(std::span<const std::uint8_t> packet) noexcept {
    if (packet.size() < kIpv4Header || packet[0] >> 4 != 4) return std::nullopt;
    std::uint32_t value = 0;
    for (const auto octet : packet.subspan(kDestinationAt, 4)) value = value << 8 | octet;
    return IpAddress::v4(value);
}

}  // namespace

Network::Network(const NetworkOptions& options) : options_(options), random_(options.seed) {}

bool Network::add_region(std::string name, const IpPrefix& prefix) {
    for (const auto& other : regions_) {
        if (other.name == name || other.prefix.contains(prefix.address) ||
            prefix.contains(other.prefix.address)) {
            return false;
        }
    }
    regions_.push_back({std::move(name), prefix, {}});
    links_.resize(regions_.size());
    for (auto& row : links_) row.resize(regions_.size());
    return true;
}

std::optional<std::size_t> Network::find(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < regions_.size(); ++i) {
        if (regions_[i].name == name) return i;
    }
    return std::nullopt;
}

void Network::change(std::size_t a, std::size_t b, const LinkChange& change) {
    for (auto* direction : {&link(a, b), &link(b, a)}) {
        auto& settings = direction->settings;
        settings.delay = change.delay.value_or(settings.delay);
        settings.jitter = change.jitter.value_or(settings.jitter);
        settings.loss_ppm = change.loss_ppm.value_or(settings.loss_ppm);
        const bool cut = change.cut.value_or(settings.cut);
        if (cut && !settings.cut) ++direction->cuts;
        settings.cut = cut;
    }
}

const LinkSettings& Network::settings(std::size_t from, std::size_t to) const noexcept {
    return links_[from][to].settings;
}

const LinkCounters& Network::counters(std::size_t from, std::size_t to) const noexcept {
    return links_[from][to].counters;
}

std::optional<std::size_t> Network::destination(
    std::span<const std::uint8_t> packet) const noexcept {
    const auto address = ipv4_destination(packet);
    for (std::size_t i = 0; address && i < regions_.size(); ++i) {
        if (regions_[i].prefix.contains(*address)) return i;
    }
    return std::nullopt;
}

void Network::offer(std::size_t from, std::span<const std::uint8_t> packet, Time now) {
    auto& counters = regions_[from].counters;
    ++counters.received;
    if (!ipv4_destination(packet)) {
        ++counters.malformed;
        return;
    }
    const auto to = destination(packet);
    if (!to || *to == from) {
        ++counters.unroutable;
        return;
    }
    enqueue(from, *to, packet, now);
}

void Network::enqueue(std::size_t from, std::size_t to, std::span<const std::uint8_t> packet,
                      Time now) {
    auto& way = link(from, to);
    auto& counters = way.counters;
    const auto size = packet.size() + kPacketOverhead;
    if (way.settings.cut) {
        ++counters.cut;
        return;
    }
    if (random_() % kMillion < way.settings.loss_ppm) {
        ++counters.lost;
        return;
    }
    if (counters.queued_bytes + size > options_.queue_bytes_max) {
        ++counters.full;
        return;
    }
    const Time due = std::max(now + travel_time(way.settings), way.last_due);
    way.last_due = due;
    ++counters.queued;
    counters.queued_bytes += size;
    queue_.push_back({due, sequence_++, from, to, way.cuts, Packet(packet.begin(), packet.end())});
    std::push_heap(queue_.begin(), queue_.end(), later);
}

Micros Network::travel_time(const LinkSettings& settings) {
    const auto jitter = settings.jitter.count();
    if (jitter == 0) return settings.delay;
    const auto spread = static_cast<std::uint64_t>(2 * jitter + 1);
    const Micros offset{static_cast<std::int64_t>(random_() % spread) - jitter};
    return std::max(settings.delay + offset, Micros{0});
}

bool Network::later(const Underway& a, const Underway& b) noexcept {
    return a.due != b.due ? a.due > b.due : a.sequence > b.sequence;
}

std::optional<Time> Network::next_due() const noexcept {
    if (queue_.empty()) return std::nullopt;
    return queue_.front().due;
}

std::optional<Delivery> Network::take_due(Time now) {
    while (!queue_.empty() && queue_.front().due <= now) {
        std::pop_heap(queue_.begin(), queue_.end(), later);
        Underway taken = std::move(queue_.back());
        queue_.pop_back();
        auto& way = link(taken.from, taken.to);
        --way.counters.queued;
        way.counters.queued_bytes -= taken.packet.size() + kPacketOverhead;
        if (taken.cuts != way.cuts) {
            ++way.counters.cut;
            continue;
        }
        ++way.counters.delivered;
        way.counters.delivered_bytes += taken.packet.size();
        return Delivery{taken.to, std::move(taken.packet)};
    }
    return std::nullopt;
}

}  // namespace peerzone::wan
