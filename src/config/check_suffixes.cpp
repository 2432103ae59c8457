// Who answers what: everything under one suffix has one owner in a view. Peers, local, forward and
// zones of ours share one table there. A longer suffix inside a shorter one is no conflict: the
// longest match wins.
#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>

#include "config/builder.hpp"
#include "config/values.hpp"

namespace peerzone::config {
namespace {

constexpr std::size_t kSuffixesMax =
    65'536;  // reverse zones included: what a view's route table is built for

bool sees_peer(const View& view, const std::string& name) {
    return !view.peers || std::ranges::find(*view.peers, name) != view.peers->end();
}

bool sees(const View& view, const Claimant& by) {
    if (!by.view.empty()) return by.view == view.name;
    if (by.kind == Claimant::Kind::forward) return !view.forwards;
    return by.kind != Claimant::Kind::peer || sees_peer(view, by.peer);
}

// A zone of the view's own stands instead of the one of the same name.
bool is_replaced(const View& view, const SuffixClaim& claim) {
    return claim.by.kind == Claimant::Kind::zone && claim.by.view.empty() &&
           std::ranges::find(view.zones, claim.value, &zone::Options::origin) != view.zones.end();
}

bool is_foreign_claim_on_cluster(const SuffixClaim& claim, const Config& config) {
    return claim.value == config.cluster_zone &&
           (claim.by.kind == Claimant::Kind::peer || claim.by.kind == Claimant::Kind::forward);
}

std::string folded_key(const dns::Name& name) {
    return std::string(name.folded().view());
}

/// The claims of one view, as they are compared.
class Claims {
public:
    Claims(ConfigBuilder& builder, std::set<std::string>& reported)
        : builder_(builder), reported_(reported) {}

    // Of zones: the later one is told.
    void add_zone(const SuffixClaim& claim) {
        const auto [first, is_new] = zones_.emplace(folded_key(claim.value), &claim);
        if (!is_new) tell(claim, "the zone " + in_quotes(claim.value.to_text()), *first->second);
    }

    // Of two equal prefixes: but for services, which every k3s has at the same addresses.
    void add_prefix(const PrefixClaim& claim) {
        const auto [first, is_new] = prefixes_.emplace(claim.value.to_text(), &claim);
        if (is_new || (claim.may_be_shared && first->second->may_be_shared)) return;
        tell(claim, in_quotes(claim.value.to_text()), *first->second);
    }

    // A reverse zone of a prefix that is a zone by its name as well. Gives how many there are.
    std::size_t compare(const PrefixClaim& claim) {
        const auto reverse = dns::reverse_zones(claim.value);
        for (const dns::Name& zone : reverse) {
            const auto named = zones_.find(folded_key(zone));
            if (named == zones_.end()) continue;
            const auto what = [&](const IpPrefix& prefix) {
                return in_quotes(prefix.to_text()) + " with its reverse zone " +
                       in_quotes(zone.to_text());
            };
            if (named->second->mark < claim.mark) {
                tell(claim, what(claim.value), *named->second);
            } else {
                tell(*named->second, "the zone " + in_quotes(zone.to_text()), claim);
            }
            break;  // once is enough
        }
        return reverse.size();
    }

    std::size_t size() const noexcept { return zones_.size(); }

private:
    template <class Later, class Earlier>
    void tell(const Later& later, const std::string& what, const Earlier& earlier) {
        if (later.path == earlier.path || !reported_.insert(later.path).second) return;
        builder_.problems.add(
            later.mark, later.path,
            what + " is taken already by " + place_text(earlier.path, earlier.mark),
            "each zone has one owner");
    }

    ConfigBuilder& builder_;
    std::set<std::string>& reported_;  // paths: what is wrong in several views is told once
    std::unordered_map<std::string, const SuffixClaim*> zones_;
    std::unordered_map<std::string, const PrefixClaim*> prefixes_;
};

// False when there are too many of them.
bool check_view(ConfigBuilder& builder, const View& view, std::set<std::string>& reported) {
    Claims claims(builder, reported);
    for (const SuffixClaim& claim : builder.zones)
        if (sees(view, claim.by) && !is_replaced(view, claim) &&
            !is_foreign_claim_on_cluster(claim, builder.config))  // told by check_cluster_zone
            claims.add_zone(claim);
    std::size_t count = claims.size();
    for (const PrefixClaim& claim : builder.prefixes) {
        if (!sees(view, claim.by)) continue;
        claims.add_prefix(claim);
        count += claims.compare(claim);
        if (count <= kSuffixesMax) continue;
        builder.problems.add(
            claim.mark, claim.path,
            "more than " + std::to_string(kSuffixesMax) + " zones and reverse zones",
            "write reverse prefixes that end at whole octets");
        return false;
    }
    return true;
}

void check_cluster_zone(ConfigBuilder& builder) {
    for (const SuffixClaim& zone : builder.zones) {
        if (!is_foreign_claim_on_cluster(zone, builder.config)) continue;
        const std::string name = zone.value.to_text();
        const bool is_peer = zone.by.kind == Claimant::Kind::peer;
        builder.problems.add(zone.mark, zone.path,
                             in_quotes(name) + " is this cluster's own zone (cluster.zone)",
                             is_peer ? "name the part that the peer answers, such as westus.svc." +
                                           name + ", or give the peer an alias"
                                     : "local.forward says who answers it");
    }
}

}  // namespace

void check_suffixes(ConfigBuilder& builder) {
    const auto by_place = [](const auto& a, const auto& b) { return a.mark < b.mark; };
    std::ranges::stable_sort(builder.zones, by_place);
    std::ranges::stable_sort(builder.prefixes, by_place);
    std::set<std::string> reported;
    for (const View& view : builder.config.views)
        if (!check_view(builder, view, reported)) break;
    check_cluster_zone(builder);
}

}  // namespace peerzone::config
