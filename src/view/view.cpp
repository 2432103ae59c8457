#include "peerzone/view/view.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

namespace peerzone::view {

std::vector<IpPrefix> default_clients() {
    std::vector<IpPrefix> prefixes;
    for (const char* text : {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                             "100.64.0.0/10", "169.254.0.0/16", "::1", "fc00::/7", "fe80::/10"})
        prefixes.push_back(IpPrefix::parse(text).value());
    return prefixes;
}

void ClientTable::add(const IpPrefix& prefix, ViewId view) {
    const auto shorter = [&](const auto& entry) { return entry.first.length < prefix.length; };
    entries_.insert(std::find_if(entries_.begin(), entries_.end(), shorter), {prefix, view});
}

std::optional<ViewId> ClientTable::find(const IpAddress& client) const noexcept {
    for (const auto& [prefix, view] : entries_)
        if (prefix.contains(client)) return view;
    return std::nullopt;
}

std::size_t RouteTable::Hash::operator()(std::string_view name) const noexcept {
    return std::hash<std::string_view>{}(name);
}

void RouteTable::add(const Route& route) {
    const dns::Name suffix = route.suffix.folded();
    const auto [at, inserted] =
        by_suffix_.emplace(std::string(suffix.view()), static_cast<std::uint32_t>(routes_.size()));
    if (inserted) {
        routes_.push_back(route);
    } else {
        routes_[at->second] = route;
    }
    labels_max_ = std::max(labels_max_, suffix.label_count());
}

const Route* RouteTable::find(Bytes name) const noexcept {
    // Suffixes from the longest that any route has down to the root: the first that is there is the
    // longest match.
    std::size_t labels = 0;
    for (std::size_t at = 0; name[at] != 0; at += name[at] + 1u) ++labels;
    std::size_t at = 0;
    for (; labels > labels_max_; --labels) at += name[at] + 1u;
    for (;;) {
        const std::string_view suffix(reinterpret_cast<const char*>(name.data()) + at,
                                      name.size() - at);
        if (const auto found = by_suffix_.find(suffix); found != by_suffix_.end())
            return &routes_[found->second];
        if (name[at] == 0) return nullptr;
        at += name[at] + 1u;
    }
}

const Route* RouteTable::find_exact(const dns::Name& suffix) const noexcept {
    const dns::Name folded = suffix.folded();
    const auto found = by_suffix_.find(folded.view());
    return found == by_suffix_.end() ? nullptr : &routes_[found->second];
}

}  // namespace peerzone::view
