// The sections with fixed keys and plain values. Each option's default stays what its Options
// struct says.
#include <array>
#include <span>
#include <type_traits>

#include "config/builder.hpp"
#include "config/choice.hpp"
#include "config/keys.hpp"

namespace peerzone::config {
namespace {

constexpr std::size_t kKiB = 1u << 10;
constexpr std::size_t kMiB = 1u << 20;
constexpr std::size_t kGiB = 1u << 30;
constexpr std::size_t kListenMax = 64;

struct CountLimit {
    std::string_view key;
    std::size_t& field;
    std::size_t max;
};

struct TimeLimit {
    std::string_view key;
    Seconds& field;
};

// `smaller` is a share of `larger`. Given both, they must agree; given one, the other's default
// gives way.
void reconcile(const Map& limits, std::string_view smaller_key, std::size_t& smaller,
               std::string_view larger_key, std::size_t& larger) {
    if (smaller <= larger) return;
    const Value* given = limits.get(smaller_key);
    if (given == nullptr) {
        smaller = larger;
    } else if (limits.get(larger_key) == nullptr) {
        larger = smaller;
    } else {
        given->problem(std::to_string(smaller) + " is more than " + std::string(larger_key) +
                       ", which is " + std::to_string(larger));
    }
}

void read_addresses(const Value& list, std::uint16_t port, std::vector<SocketAddress>& out,
                    ConfigBuilder& builder) {
    const auto items = list.list();
    if (items.size() > kListenMax) {
        list.problem("more than " + std::to_string(kListenMax) + " addresses",
                     "0.0.0.0 and [::] are every address");
        return;
    }
    out.clear();
    for (const Value& item : items) {
        SocketAddress address;
        if (!item.read(address,
                       [port](std::string_view text) { return parse_listen_address(text, port); }))
            continue;
        out.push_back(address);
        builder.listen.push_back({address, item.mark(), item.path()});
    }
}

// "off", or one address.
void read_admin(const Value& value, ConfigBuilder& builder) {
    server::ListenOptions& listen = builder.config.listen;
    listen.admin_is_given = true;
    const auto given = value.text();
    if (!given) return;
    if (*given == "off") {
        listen.admin.reset();
        return;
    }
    const auto address = parse_listen_address(*given, server::kAdminPort);
    if (!address) {
        static constexpr auto kWords =
            std::to_array<std::string_view>({"off", "false", "none", "no", "disabled"});
        const bool off = !nearest(*given, kWords).empty();
        const bool meant = address.error().hint.starts_with("write ");
        value.problem(address.error().message, off ? did_you_mean("off")
                                               : meant
                                                   ? address.error().hint
                                                   : "off, or one address such as 127.0.0.1:9153");
        return;
    }
    listen.admin = *address;
    builder.listen.push_back({*address, value.mark(), value.path()});
}

}  // namespace

void read_cluster(const Value& value, ConfigBuilder& builder) {
    const Map map(value, "cluster");
    map.read("name", builder.config.cluster_name, parse_identifier);
    if (map.read("zone", builder.config.cluster_zone, parse_zone_name) &&
        builder.config.cluster_zone.is_root())
        map.get("zone")->problem("the root cannot be a cluster's zone", "usually cluster.local");
}

void read_workers(const Value& value, ConfigBuilder& builder) {
    constexpr std::size_t kWorkersMax = 64;
    value.read(builder.config.workers, [](std::string_view text) -> Parsed<std::size_t> {
        if (text == "auto") return std::size_t{0};
        static constexpr auto kWords = std::to_array<std::string_view>({"auto"});
        auto count = parse_count(text, 1, kWorkersMax);
        if (const std::string_view near = nearest(text, kWords); !near.empty())
            return Wrong{count.error().message, did_you_mean(near)};
        if (!count)
            return Wrong{count.error().message, "auto, or a number of threads from 1 to 64"};
        return count;
    });
}

void read_listen(const Value& value, ConfigBuilder& builder) {
    constexpr std::uint16_t kDnsPort = 53;
    constexpr std::uint16_t kTlsPort = 853;  // RFC 7858 3.1
    const Map map(value, "listen");
    if (const Value* dns = map.get("dns")) {
        if (dns->node().kind == TreeNode::Kind::list && dns->node().items.empty())
            dns->problem("the list is empty", "leave the key out for 0.0.0.0:53 and [::]:53");
        if (!dns->is_left_out()) read_addresses(*dns, kDnsPort, builder.config.listen.dns, builder);
    }
    if (const Value* tls = map.get("tls"); tls != nullptr && !tls->is_left_out()) {
        read_addresses(*tls, kTlsPort, builder.config.listen.tls, builder);
        if (!tls->node().items.empty()) builder.listen_tls = *tls;
    }
    if (const Value* admin = map.get("admin")) read_admin(*admin, builder);
}

void read_views(const Value& value, ConfigBuilder& builder) {
    const auto items = value.list();
    if (value.node().kind == TreeNode::Kind::list && items.empty())
        value.problem("the list is empty", "leave the key out to serve private addresses only");
    for (std::size_t i = 0; i < items.size(); ++i) {
        const Map map(items[i], "views[]");
        if (i > 0) {
            items[i].problem("more than one view is not supported yet");
            continue;
        }
        view::Options& view = builder.config.views.front();
        map.read("name", view.name, parse_identifier);
        const Value* clients = map.get("clients");
        if (clients == nullptr) {
            map.missing("clients", "the prefixes it serves, such as [10.1.0.0/16]");
            continue;
        }
        if (clients->node().kind == TreeNode::Kind::list && clients->node().items.empty())
            clients->problem("the list is empty", "a view without clients serves nobody");
        view.clients.clear();
        read_prefixes(*clients, view.clients, nullptr);
    }
}

void read_cache(const Value& value, ConfigBuilder& builder) {
    cache::Options& options = builder.config.cache;
    const Map map(value, "cache");
    map.read("size", options.size_bytes,
             [](std::string_view text) { return parse_size(text, kMiB, 1024 * kGiB); });
    map.read("max_ttl", options.max_ttl, [](std::string_view text) {
        return parse_seconds(text, Seconds(0), std::chrono::hours(7 * 24));  // RFC 8767 section 4
    });
    map.read("negative_max_ttl", options.negative_max_ttl, [](std::string_view text) {
        return parse_seconds(text, Seconds(0), std::chrono::hours(1));
    });
}

void read_limits(const Value& value, ConfigBuilder& builder) {
    resolver::Limits& waiting = builder.config.resolver_limits;
    server::Limits& clients = builder.config.server_limits;
    const Map map(value, "limits");
    for (const CountLimit& limit : std::to_array<CountLimit>({
             {"in_flight_per_upstream_max", waiting.in_flight_per_upstream_max, 65'536},
             {"waiters_per_question_max", waiting.waiters_per_question_max, 65'536},
             {"waiters_per_upstream_max", waiting.waiters_per_upstream_max, 1'000'000},
             {"in_flight_per_client_max", waiting.in_flight_per_client_max, 1'000'000},
             {"client_misses_per_second_max", waiting.client_misses_per_second_max, 1'000'000},
             {"client_misses_burst_max", waiting.client_misses_burst_max, 1'000'000},
             {"tcp_connections_max", clients.tcp_connections_max, 1'000'000},
             {"tcp_connections_per_client_max", clients.tcp_connections_per_client_max, 1'000'000},
             {"tcp_in_flight_per_connection_max", clients.tcp_in_flight_per_connection_max, 65'536},
         }))
        map.read(limit.key, limit.field,
                 [&](std::string_view text) { return parse_count(text, 1, limit.max); });
    for (const TimeLimit& limit : std::to_array<TimeLimit>(
             {{"tcp_idle", clients.tcp_idle}, {"tcp_write_stall", clients.tcp_write_stall}}))
        map.read(limit.key, limit.field, [](std::string_view text) {
            return parse_seconds(text, Seconds(1), std::chrono::hours(1));
        });
    // At least one reply of 64 KiB with its length must fit.
    map.read("tcp_write_queue_max", clients.tcp_write_queue_bytes_max,
             [](std::string_view text) { return parse_size(text, 128 * kKiB, kGiB); });
    reconcile(map, "tcp_connections_per_client_max", clients.tcp_connections_per_client_max,
              "tcp_connections_max", clients.tcp_connections_max);
    reconcile(map, "waiters_per_question_max", waiting.waiters_per_question_max,
              "waiters_per_upstream_max", waiting.waiters_per_upstream_max);
}

void read_log(const Value& value, ConfigBuilder& builder) {
    static constexpr auto kLevels =
        std::to_array<Choice<log::Level>>({{"debug", log::Level::debug},
                                           {"info", log::Level::info},
                                           {"warning", log::Level::warning},
                                           {"error", log::Level::error}});
    const Map map(value, "log");
    map.read("level", builder.config.log.level,
             [](std::string_view text) { return parse_choice<log::Level>(text, kLevels); });
    static constexpr auto kQueries = std::to_array<Choice<log::Queries>>(
        {{"off", log::Queries::off}, {"errors", log::Queries::errors}, {"all", log::Queries::all}});
    map.read("queries", builder.config.log.queries,
             [](std::string_view text) { return parse_choice<log::Queries>(text, kQueries); });
}

}  // namespace peerzone::config
