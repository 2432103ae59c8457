#include "config/keys.hpp"

#include <algorithm>
#include <cassert>

namespace peerzone::config {

std::span<const Section> all_sections() {
    static const std::vector<Section> kSections = {
        {"",
         {"cluster", "workers", "bootstrap", "listen", "local", "peers", "zones", "forward",
          "views", "cache", "limits", "log", "tls"},
         {"clusterset"}},
        {"cluster", {"name", "zone"}, {}},
        {"listen", {"dns", "tls", "admin"}, {}},
        {"tls", {"certificate", "key", "client_ca"}, {}},
        {"local", {"forward"}, {"kubernetes"}},
        {"local.forward",
         {"endpoints", "reverse", "transport", "tls", "deadline", "order", "hedge", "negative_ttl",
          "stale"},
         {}},
        {"local.forward.stale", {"max_age", "answer_ttl"}, {}},
        {"local.forward.tls", {"server_name", "ca", "certificate", "key"}, {}},
        {"peers.*",
         {"zones", "endpoints", "transport", "tls", "reverse", "deadline", "order", "hedge",
          "negative_ttl", "stale"},
         {"alias"}},
        {"peers.*.stale", {"max_age", "answer_ttl"}, {}},
        {"peers.*.tls", {"server_name", "ca", "certificate", "key"}, {}},
        {"zones.*", {"records", "file"}, {}},
        {"forward.*", {"endpoints", "transport", "tls", "deadline", "order", "hedge", "stale"}, {}},
        {"forward.*.stale", {"max_age", "answer_ttl"}, {}},
        {"forward.*.tls", {"server_name", "ca", "certificate", "key"}, {}},
        {"views[]", {"name", "clients"}, {"peers", "zones", "forward", "explain"}},
        {"cache", {"size", "max_ttl", "negative_max_ttl"}, {"save"}},
        {"limits",
         {"in_flight_per_upstream_max", "waiters_per_question_max", "waiters_per_upstream_max",
          "in_flight_per_client_max", "client_misses_per_second_max", "client_misses_burst_max",
          "tcp_connections_max", "tcp_connections_per_client_max",
          "tcp_in_flight_per_connection_max", "tcp_idle", "tcp_write_stall", "tcp_write_queue_max"},
         {}},
        {"log", {"level", "queries"}, {}},
    };
    return kSections;
}

const Section& section(std::string_view path) {
    const auto sections = all_sections();
    const auto found =
        std::find_if(sections.begin(), sections.end(),
                     [&](const Section& candidate) { return candidate.path == path; });
    assert(found != sections.end());
    return *found;
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
