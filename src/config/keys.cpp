#include "config/keys.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>

namespace peerzone::config {
namespace {

// Adjacent letters exchanged count as one edit (the "optimal string alignment" distance): that is
// how people mistype.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

}  // namespace

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

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
    constexpr std::size_t kWordMax = 64;  // longer ones are no slips of the finger
    if (word.size() > kWordMax) return {};
    std::string_view best;
    std::size_t best_distance = std::clamp<std::size_t>(word.size() / 3, 1, 3) + 1;
    for (const std::string_view candidate : candidates) {
        const bool is_abbreviation = word.size() >= 3 && candidate.starts_with(word);
        const std::size_t distance = is_abbreviation ? 1 : edit_distance(word, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
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
