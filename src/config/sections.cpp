// The sections with fixed keys and plain values.
#include <array>
#include <span>

#include "config/choice.hpp"
#include "config/sections.hpp"

namespace peerzone::config {
namespace {

constexpr std::size_t kKiB = 1u << 10;
constexpr std::size_t kMiB = 1u << 20;
constexpr std::size_t kGiB = 1u << 30;
constexpr std::size_t kListenMax = 64;

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

void read_dns(const Value& value, server::ListenOptions& listen, ConfigBuilder& builder) {
    constexpr std::uint16_t kDnsPort = 53;
    if (value.node().kind == TreeNode::Kind::list && value.node().items.empty())
        value.problem("the list is empty", "leave the key out for 0.0.0.0:53 and [::]:53");
    read_addresses(value, kDnsPort, listen.dns, builder);
}

void read_dns_over_tls(const Value& value, server::ListenOptions& listen, ConfigBuilder& builder) {
    constexpr std::uint16_t kTlsPort = 853;  // RFC 7858 3.1
    read_addresses(value, kTlsPort, listen.tls, builder);
    if (!value.node().items.empty()) builder.listen_tls = value;
}

// "off", or one address.
void read_admin(const Value& value, server::ListenOptions& listen, ConfigBuilder& builder) {
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

void read_cluster_zone(const Value& value, Config& config, ConfigBuilder&) {
    if (value.read(config.cluster_zone, parse_zone_name) && config.cluster_zone.is_root())
        value.problem("the root cannot be a cluster's zone", "usually cluster.local");
}

template <class Field, class Parse>
auto resolver_limit(Field resolver::Limits::*member, Parse parse) {
    return [member, parse](const Value& value, Config& config, ConfigBuilder&) {
        value.read(config.resolver_limits.*member, parse);
    };
}

template <class Field, class Parse>
auto server_limit(Field server::Limits::*member, Parse parse) {
    return [member, parse](const Value& value, Config& config, ConfigBuilder&) {
        value.read(config.server_limits.*member, parse);
    };
}

Parsed<log::Level> parse_level(std::string_view text) {
    static constexpr auto kLevels =
        std::to_array<Choice<log::Level>>({{"debug", log::Level::debug},
                                           {"info", log::Level::info},
                                           {"warning", log::Level::warning},
                                           {"error", log::Level::error}});
    return parse_choice<log::Level>(text, kLevels);
}

Parsed<log::Queries> parse_queries(std::string_view text) {
    static constexpr auto kQueries = std::to_array<Choice<log::Queries>>(
        {{"off", log::Queries::off}, {"errors", log::Queries::errors}, {"all", log::Queries::all}});
    return parse_choice<log::Queries>(text, kQueries);
}

}  // namespace

const KeyTable<Config>& cluster_section() {
    static const KeyTable<Config> kTable(
        "cluster",
        {{.name = "name", .read = field(&Config::cluster_name, parse_identifier)},
         {.name = "zone", .read = read_cluster_zone},
         {.name = "alias", .read = [](const Value& value, Config&, ConfigBuilder& builder) {
              builder.cluster_alias = value;
          }}});
    return kTable;
}

void read_workers(const Value& value, Config& config, ConfigBuilder&) {
    constexpr std::size_t kWorkersMax = 64;
    value.read(config.workers, [](std::string_view text) -> Parsed<std::size_t> {
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

const KeyTable<server::ListenOptions>& listen_section() {
    static const KeyTable<server::ListenOptions> kTable(
        "listen", {{.name = "dns", .read = read_dns, .may_be_empty = true},
                   {.name = "tls", .read = read_dns_over_tls, .may_be_empty = true},
                   {.name = "admin", .read = read_admin}});
    return kTable;
}

void read_trusted_forwarders(const Value& value, Config& config, ConfigBuilder& builder) {
    for (const auto& prefix : read_prefixes(value, config.trusted_forwarders))
        if (prefix.value.family_length() == 0)
            builder.problems.add(prefix.mark, prefix.path,
                                 in_quotes(prefix.value.to_text()) +
                                     " trusts every client: each may choose its own view",
                                 "name the addresses that the forwarders ask from",
                                 Problem::Kind::warning);
}

const KeyTable<cache::Options>& cache_section() {
    using Options = cache::Options;
    constexpr auto kTtlMax = std::chrono::hours(7 * 24);  // RFC 8767 section 4
    static const KeyTable<Options> kTable(
        "cache",
        {{.name = "size", .read = field(&Options::size_bytes, size_within(kMiB, 1024 * kGiB))},
         {.name = "max_ttl", .read = field(&Options::max_ttl, seconds_within(Seconds(0), kTtlMax))},
         {.name = "negative_max_ttl",
          .read = field(&Options::negative_max_ttl,
                        seconds_within(Seconds(0), std::chrono::hours(1)))}},
        {"save"});
    return kTable;
}

const KeyTable<Config>& limits_section() {
    using Waiting = resolver::Limits;
    using Clients = server::Limits;
    static const auto kUpTo64Ki = count_within(1, 65'536);
    static const auto kUpToAMillion = count_within(1, 1'000'000);
    static const auto kUpToAnHour = seconds_within(Seconds(1), std::chrono::hours(1));
    static const auto kQueue = size_within(128 * kKiB, kGiB);  // a reply of 64 KiB must fit
    static const KeyTable<Config> kTable(
        "limits",
        {
            {.name = "in_flight_per_upstream_max",
             .read = resolver_limit(&Waiting::in_flight_per_upstream_max, kUpTo64Ki)},
            {.name = "waiters_per_question_max",
             .read = resolver_limit(&Waiting::waiters_per_question_max, kUpTo64Ki)},
            {.name = "waiters_per_upstream_max",
             .read = resolver_limit(&Waiting::waiters_per_upstream_max, kUpToAMillion)},
            {.name = "in_flight_per_client_max",
             .read = resolver_limit(&Waiting::in_flight_per_client_max, kUpToAMillion)},
            {.name = "client_misses_per_second_max",
             .read = resolver_limit(&Waiting::client_misses_per_second_max, kUpToAMillion)},
            {.name = "client_misses_burst_max",
             .read = resolver_limit(&Waiting::client_misses_burst_max, kUpToAMillion)},
            {.name = "tcp_connections_max",
             .read = server_limit(&Clients::tcp_connections_max, kUpToAMillion)},
            {.name = "tcp_connections_per_client_max",
             .read = server_limit(&Clients::tcp_connections_per_client_max, kUpToAMillion)},
            {.name = "tcp_in_flight_per_connection_max",
             .read = server_limit(&Clients::tcp_in_flight_per_connection_max, kUpTo64Ki)},
            {.name = "tcp_idle", .read = server_limit(&Clients::tcp_idle, kUpToAnHour)},
            {.name = "tcp_write_stall",
             .read = server_limit(&Clients::tcp_write_stall, kUpToAnHour)},
            {.name = "tcp_write_queue_max",
             .read = server_limit(&Clients::tcp_write_queue_bytes_max, kQueue)},
        });
    return kTable;
}

void read_limits(const Value& value, Config& config, ConfigBuilder& builder) {
    const Map map = limits_section().read(value, config, builder);
    resolver::Limits& waiting = config.resolver_limits;
    server::Limits& clients = config.server_limits;
    reconcile(map, "tcp_connections_per_client_max", clients.tcp_connections_per_client_max,
              "tcp_connections_max", clients.tcp_connections_max);
    reconcile(map, "waiters_per_question_max", waiting.waiters_per_question_max,
              "waiters_per_upstream_max", waiting.waiters_per_upstream_max);
}

const KeyTable<log::Options>& log_section() {
    static const KeyTable<log::Options> kTable(
        "log", {{.name = "level", .read = field(&log::Options::level, parse_level)},
                {.name = "queries", .read = field(&log::Options::queries, parse_queries)}});
    return kTable;
}

}  // namespace peerzone::config
