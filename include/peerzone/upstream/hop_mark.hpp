// Who asks, in the hop mark of our questions (src/README.md, "Loops"): 8 octets. The front half is
// a hash of cluster.name, so that the replicas of a cluster know each other; the back half is
// random, made by each process at its start. Pure.
//
// In questions to peers the front half is turned over. So a question that our own cluster's DNS was
// asked, and hands back, is told from one that a peer asks us: another cluster may have the same
// cluster.name by mistake, or both have none.
#pragma once

#include <cstdint>
#include <string_view>

#include "peerzone/upstream/upstream.hpp"

namespace peerzone::upstream {

inline constexpr std::uint64_t kClusterHalf = 0xffffffff00000000;

/// FNV-1a: the same in every build, for replicas may be of different versions.
constexpr std::uint64_t make_node_id(std::string_view cluster_name,
                                     std::uint32_t process) noexcept {
    std::uint32_t hash = 2166136261u;
    for (const char c : cluster_name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    return std::uint64_t{hash} << 32 | process;
}

/// As it stands in questions to an upstream of this kind.
constexpr std::uint64_t mark_for(Kind kind, std::uint64_t node_id) noexcept {
    return kind == Kind::local ? node_id : node_id ^ kClusterHalf;
}

/// This very process has sent the question.
constexpr bool is_own_mark(std::uint64_t mark, std::uint64_t node_id) noexcept {
    return mark == mark_for(Kind::local, node_id) || mark == mark_for(Kind::peer, node_id);
}

/// This process or another replica of our cluster has sent it to the cluster's own DNS.
constexpr bool is_mark_for_own_dns(std::uint64_t mark, std::uint64_t node_id) noexcept {
    return ((mark ^ node_id) & kClusterHalf) == 0;
}

}  // namespace peerzone::upstream
