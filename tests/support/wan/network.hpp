// A wide area network without sockets and without a clock of its own: regions, each with an address
// block, and between every two of them a link with delay, jitter, loss and a switch. Packets go in
// with offer(), wait in one queue ordered by the time they are due, and come out of take_due(). All
// settings may change at any time; a packet under way keeps the delay it was given, and a cut loses
// it. Packets of one direction are never reordered, whatever the jitter. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone::wan {

using Packet = std::vector<std::uint8_t>;

struct NetworkOptions {
    /// What may be under way in one direction of one link, with kPacketOverhead for each packet.
    /// Past it the newest packet is dropped, as a router does.
    std::size_t queue_bytes_max = std::size_t{4} << 20;
    std::uint64_t seed = 1;  ///< of jitter and loss: the same packets meet the same luck
};

inline constexpr std::size_t kPacketOverhead = 64;
inline constexpr std::uint32_t kMillion = 1'000'000;

struct LinkSettings {
    Micros delay{0};             ///< one way
    Micros jitter{0};            ///< each packet takes delay ± jitter, evenly spread
    std::uint32_t loss_ppm = 0;  ///< packets lost of a million
    bool cut = false;
};

/// What a command changes; the rest of the settings stays.
struct LinkChange {
    std::optional<Micros> delay{};
    std::optional<Micros> jitter{};
    std::optional<std::uint32_t> loss_ppm{};
    std::optional<bool> cut{};
};

/// One direction of a link.
struct LinkCounters {
    std::uint64_t delivered = 0;
    std::uint64_t delivered_bytes = 0;
    std::uint64_t lost = 0;  ///< by chance, see loss_ppm
    std::uint64_t cut = 0;   ///< met a cut, or were under way when it came
    std::uint64_t full = 0;  ///< no room in the queue
    std::uint64_t queued = 0;
    std::uint64_t queued_bytes = 0;  ///< overhead included
};

struct RegionCounters {
    std::uint64_t received = 0;
    std::uint64_t malformed = 0;    ///< not IPv4, or shorter than its header
    std::uint64_t unroutable = 0;   ///< for no region, or for the one it came from
    std::uint64_t undelivered = 0;  ///< due, but the region's device did not take it
};

struct Delivery {
    std::size_t region = 0;
    Packet packet;
};

class Network {
public:
    explicit Network(const NetworkOptions& options);

    /// Regions are numbered in the order in which they are added. A new one is linked to all others
    /// without delay or loss. False when the name or a part of the block is taken.
    bool add_region(std::string name, const IpPrefix& prefix);
    std::size_t size() const noexcept { return regions_.size(); }
    const std::string& name(std::size_t region) const noexcept { return regions_[region].name; }
    std::optional<std::size_t> find(std::string_view name) const noexcept;

    /// Both directions of the link between two different regions.
    void change(std::size_t a, std::size_t b, const LinkChange& change);
    const LinkSettings& settings(std::size_t from, std::size_t to) const noexcept;

    /// A packet that `from` sends. What cannot be carried is counted and dropped.
    void offer(std::size_t from, std::span<const std::uint8_t> packet, Time now);

    /// When the next packet under way is due; nothing when none is.
    std::optional<Time> next_due() const noexcept;
    /// The next packet that is due by `now` and that no cut has met; nothing when there is none.
    std::optional<Delivery> take_due(Time now);
    /// The region's device did not take what was delivered to it.
    void not_taken(std::size_t region) noexcept { ++regions_[region].counters.undelivered; }

    const LinkCounters& counters(std::size_t from, std::size_t to) const noexcept;
    const RegionCounters& counters(std::size_t region) const noexcept {
        return regions_[region].counters;
    }

private:
    struct Region {
        std::string name;
        IpPrefix prefix;
        RegionCounters counters;
    };
    struct Link {
        LinkSettings settings;
        LinkCounters counters;
        std::uint64_t cuts = 0;  ///< how often it was cut: a packet that saw fewer is lost
        Time last_due{};         ///< of the newest packet under way
    };
    struct Underway {
        Time due{};
        std::uint64_t sequence = 0;  ///< breaks ties: first in, first out
        std::size_t from = 0;
        std::size_t to = 0;
        std::uint64_t cuts = 0;
        Packet packet;
    };
    static bool later(const Underway& a, const Underway& b) noexcept;

    std::optional<std::size_t> destination(std::span<const std::uint8_t> packet) const noexcept;
    void enqueue(std::size_t from, std::size_t to, std::span<const std::uint8_t> packet, Time now);
    Micros travel_time(const LinkSettings& settings);
    Link& link(std::size_t from, std::size_t to) noexcept { return links_[from][to]; }

    NetworkOptions options_;
    std::mt19937_64 random_;
    std::vector<Region> regions_;
    std::vector<std::vector<Link>> links_;  ///< [from][to]
    std::vector<Underway> queue_;           ///< a heap, the earliest first
    std::uint64_t sequence_ = 0;
};

}  // namespace peerzone::wan
