// Contradictions between values that are each right. Every complaint stands at the later of the two
// places and names the earlier.
#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "config/builder.hpp"
#include "config/values.hpp"

namespace peerzone::config {
namespace {

constexpr std::size_t kSuffixesMax =
    65'536;  // reverse zones included: what a view's route table is built for

struct Claim {
    dns::Name suffix;
    Mark mark;
    const std::string* path = nullptr;
    const IpPrefix* reverse = nullptr;  // the prefix that a reverse zone comes from
};

std::string place(const std::string& path, const Mark& mark) {
    return path + " (line " + std::to_string(mark.line) + ")";
}

std::string folded_key(const dns::Name& name) {
    return std::string(name.folded().view());
}

template <class T>
void sort_by_place(std::vector<Placed<T>>& values) {
    std::stable_sort(values.begin(), values.end(),
                     [](const auto& a, const auto& b) { return a.mark < b.mark; });
}

bool is_foreign_claim_on_cluster(const Placed<dns::Name>& zone, const Config& config) {
    return zone.value == config.cluster_zone &&
           (zone.path.starts_with("peers.") || zone.path.starts_with("forward."));
}

// Everything under one suffix has one owner: peers, local, forward and our own zones share one
// table. A longer suffix inside a shorter one is no conflict: the longest match wins.
void check_suffixes(ConfigBuilder& builder) {
    std::vector<Claim> claims;
    for (const auto& zone : builder.zones)
        if (!is_foreign_claim_on_cluster(zone, builder.config))  // reported by check_cluster_zone
            claims.push_back({zone.value, zone.mark, &zone.path, nullptr});
    for (const auto& prefix : builder.reverse) {
        for (const dns::Name& zone : dns::reverse_zones(prefix.value))
            claims.push_back({zone, prefix.mark, &prefix.path, &prefix.value});
        if (claims.size() > kSuffixesMax) {
            builder.problems.add(
                prefix.mark, prefix.path,
                "more than " + std::to_string(kSuffixesMax) + " zones and reverse zones",
                "write reverse prefixes that end at whole octets");
            return;
        }
    }
    std::stable_sort(claims.begin(), claims.end(),
                     [](const Claim& a, const Claim& b) { return a.mark < b.mark; });
    std::unordered_map<std::string, const Claim*> taken;
    const Claim* reported = nullptr;
    for (const Claim& claim : claims) {
        const auto [first, is_new] = taken.emplace(folded_key(claim.suffix), &claim);
        // A prefix can collide with another in many zones, and overlap itself: once is enough.
        if (is_new || first->second->path == claim.path) continue;
        if (reported != nullptr && reported->path == claim.path) continue;
        reported = &claim;
        const std::string what = claim.reverse != nullptr ? in_quotes(claim.reverse->to_text()) +
                                                                " with its reverse zone "
                                                          : "the zone ";
        builder.problems.add(claim.mark, *claim.path,
                             what + in_quotes(claim.suffix.to_text()) + " is taken already by " +
                                 place(*first->second->path, first->second->mark),
                             "each zone has one owner");
    }
}

void check_cluster_zone(ConfigBuilder& builder) {
    for (const auto& zone : builder.zones) {
        if (!is_foreign_claim_on_cluster(zone, builder.config)) continue;
        const std::string name = zone.value.to_text();
        builder.problems.add(zone.mark, zone.path,
                             in_quotes(name) + " is this cluster's own zone (cluster.zone)",
                             zone.path.starts_with("peers.")
                                 ? "name the part that the peer answers, such as westus.svc." + name
                                 : "local.forward says who answers it");
    }
}

// Two sockets with the same port see the same datagrams when one of them is bound to every address
// of the family.
bool covers(const SocketAddress& wildcard, const SocketAddress& other) {
    return wildcard.port == other.port && wildcard.ip.is_unspecified() &&
           wildcard.ip.is_v4() == other.ip.is_v4();
}

void check_listen(ConfigBuilder& builder) {
    sort_by_place(builder.listen);
    for (auto later = builder.listen.begin(); later != builder.listen.end(); ++later) {
        for (auto earlier = builder.listen.begin(); earlier != later; ++earlier) {
            const bool is_same = earlier->value == later->value;
            if (!is_same && !covers(earlier->value, later->value) &&
                !covers(later->value, earlier->value))
                continue;
            builder.problems.add(later->mark, later->path,
                                 is_same ? in_quotes(later->value.to_text()) + " is listed twice"
                                         : in_quotes(later->value.to_text()) + " and " +
                                               in_quotes(earlier->value.to_text()) + " overlap",
                                 is_same ? "" : "listen on every address or on single ones");
            break;
        }
    }
}

bool is_loopback(const IpAddress& ip) {
    if (ip.is_v4()) return ip.v4_value() >> 24 == 127;
    std::array<std::uint8_t, 16> one{};
    one.back() = 1;
    return ip.bytes() == one;
}

// An endpoint that is ourselves would ask itself until its deadline.
void check_loops(ConfigBuilder& builder) {
    auto listen = builder.config.listen.dns;
    listen.insert(listen.end(), builder.config.listen.tls.begin(), builder.config.listen.tls.end());
    for (const auto& endpoint : builder.endpoints) {
        const auto own =
            std::find_if(listen.begin(), listen.end(), [&](const SocketAddress& address) {
                return address == endpoint.value ||
                       (covers(address, endpoint.value) && is_loopback(endpoint.value.ip));
            });
        if (own == listen.end()) continue;
        builder.problems.add(endpoint.mark, endpoint.path,
                             in_quotes(endpoint.value.to_text()) +
                                 " is an address we listen on ourselves (" + own->to_text() + ")",
                             "this would be a loop");
    }
}

}  // namespace

void check(ConfigBuilder& builder) {
    check_suffixes(builder);
    check_cluster_zone(builder);
    check_listen(builder);
    check_loops(builder);
}

}  // namespace peerzone::config
