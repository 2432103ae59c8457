// Prefixes at random, and the plain look at them that a ClientTable must agree with.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "peerzone/view/view.hpp"

namespace peerzone::view {

// A list of prefixes, looked through from end to end: what ClientTable must agree with.
struct Listed {
    ListenerId listener;
    IpPrefix prefix;
    ViewId view;
};

inline std::optional<ViewId> look_through(const std::vector<Listed>& list, ListenerId listener,
                                          const IpAddress& client) {
    const Listed* best = nullptr;
    for (const Listed& item : list) {
        if ((item.listener != 0 && item.listener != listener) || !item.prefix.contains(client))
            continue;
        const bool is_better = best == nullptr || (item.listener != 0) > (best->listener != 0) ||
                               ((item.listener != 0) == (best->listener != 0) &&
                                item.prefix.length > best->prefix.length);
        if (is_better) best = &item;
    }
    if (best == nullptr) return std::nullopt;
    return best->view;
}

// Few different octets, so that prefixes nest, touch and repeat.
struct RandomPrefixes {
    explicit RandomPrefixes(unsigned seed) : random(seed) {}
    std::mt19937 random;

    unsigned below(unsigned bound) { return static_cast<unsigned>(random() % bound); }
    IpAddress address() {
        static constexpr std::uint8_t kOctets[] = {0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff};
        const auto octet = [&] { return kOctets[below(8)]; };
        if (below(2) == 0)
            return IpAddress::v4(std::uint32_t{octet()} << 24 | std::uint32_t{octet()} << 16 |
                                 std::uint32_t{octet()} << 8 | octet());
        std::array<std::uint8_t, 16> octets{};
        for (std::size_t i = 0; i < 16; ++i) octets[i] = below(3) == 0 ? octet() : octets[i];
        return IpAddress::v6(octets);
    }
    IpPrefix prefix() {
        const IpAddress base = address();
        const unsigned bits = base.is_v4() ? 32 : 128;
        const unsigned kind = below(8);
        const unsigned length = kind == 0 ? 0 : kind == 1 ? bits : below(bits + 1);
        auto octets = base.bytes();
        const unsigned kept = length + 128 - bits;
        for (unsigned bit = kept; bit < 128; ++bit)
            octets[bit / 8] = static_cast<std::uint8_t>(octets[bit / 8] & ~(0x80 >> bit % 8));
        return {IpAddress::v6(octets), static_cast<std::uint8_t>(kept)};
    }
};

// The addresses where an answer may change: both ends of a prefix, and their neighbours.
inline std::vector<IpAddress> edges_of(const IpPrefix& prefix) {
    auto last = prefix.address.bytes();
    for (unsigned bit = prefix.length; bit < 128; ++bit)
        last[bit / 8] = static_cast<std::uint8_t>(last[bit / 8] | 0x80 >> bit % 8);
    auto before = prefix.address.bytes();
    for (std::size_t i = 16; i-- > 0;)
        if (before[i]-- != 0) break;
    auto behind = last;
    for (std::size_t i = 16; i-- > 0;)
        if (++behind[i] != 0) break;
    return {prefix.address, IpAddress::v6(last), IpAddress::v6(before), IpAddress::v6(behind)};
}

}  // namespace peerzone::view
