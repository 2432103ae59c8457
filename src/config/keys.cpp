#include "config/keys.hpp"

#include <array>

#include "config/sections.hpp"

namespace peerzone::config {

std::span<const Section* const> all_sections() {
    using upstream::Kind;
    static const auto kSections = std::to_array<const Section*>({
        &top_section(),
        &cluster_section(),
        &listen_section(),
        &tls_section(),
        &local_section(),
        &upstream_section(Kind::local),
        &stale_section(Kind::local),
        &upstream_tls_section(Kind::local),
        &upstream_section(Kind::peer),
        &alias_section(),
        &stale_section(Kind::peer),
        &upstream_tls_section(Kind::peer),
        &zone_section(),
        &upstream_section(Kind::forward),
        &stale_section(Kind::forward),
        &upstream_tls_section(Kind::forward),
        &view_section(),
        &cache_section(),
        &limits_section(),
        &log_section(),
    });
    return kSections;
}

std::string listed(std::span<const std::string_view> words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
        text += words[i];
    }
    return text;
}

}  // namespace peerzone::config
