#include "unit/config/option_table.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "config/values.hpp"
#include "peerzone/cache/cache.hpp"
#include "resolver/last_known.hpp"

namespace peerzone::config {
namespace {

// Where the keys of a section stand, and those that each mapping of it must have.
struct Surroundings {
    std::string section;
    std::string before;
    std::string after;
    std::vector<std::string> required = {};
};

const std::vector<Surroundings>& all_surroundings() {
    static const std::vector<Surroundings> kAll = {
        {"", "", ""},
        {"cluster", "local: {forward: {endpoints: [10.96.0.10]}}, cluster: {", "}"},
        {"listen",
         "tls: {certificate: example-tls/client.crt, key: example-tls/client.key}, listen: {", "}"},
        {"tls", "tls: {", "}"},
        {"local", "local: {", "}"},
        {"local.forward", "local: {forward: {", "}}", {"endpoints: [10.96.0.10]"}},
        {"local.forward.stale", "local: {forward: {endpoints: [10.96.0.10], stale: {", "}}}"},
        {"local.forward.tls", "local: {forward: {endpoints: [10.96.0.10], transport: tls, tls: {",
         "}}}"},
        {"peers.*", "peers: {w: {", "}}", {"zones: [w.test]", "endpoints: [10.2.0.10]"}},
        {"peers.*.alias",
         "peers: {w: {endpoints: [10.2.0.10], alias: {",
         "}}}",
         {"here: w.internal"}},
        {"peers.*.stale", "peers: {w: {zones: [w.test], endpoints: [10.2.0.10], stale: {", "}}}"},
        {"peers.*.tls",
         "peers: {w: {zones: [w.test], endpoints: [10.2.0.10], transport: tls, tls: {", "}}}"},
        {"zones.*", "zones: {x.test: {", "}}"},
        {"forward.*", "forward: {.: {", "}}", {"endpoints: [10.2.0.53]"}},
        {"forward.*.stale", "forward: {.: {endpoints: [10.2.0.53], stale: {", "}}}"},
        {"forward.*.tls", "forward: {.: {endpoints: [10.2.0.53], transport: tls, tls: {", "}}}"},
        {"views[]",
         "peers: {w: {zones: [w.test], endpoints: [10.2.0.10]}}, views: [{",
         "}]",
         {"clients: [10.0.0.0/8]"}},
        {"cache", "cache: {", "}"},
        {"limits", "limits: {", "}"},
        {"log", "log: {", "}"},
    };
    return kAll;
}

Loaded load_option(const Option& option, const std::vector<std::string>& keys) {
    const auto& all = all_surroundings();
    const auto found = std::ranges::find(all, option.section, &Surroundings::section);
    if (found == all.end()) throw std::logic_error("no surroundings for " + option.section);
    std::vector<std::string> entries;
    for (const std::string& required : found->required)
        if (!required.starts_with(option.key + ":")) entries.push_back(required);
    entries.insert(entries.end(), keys.begin(), keys.end());
    std::string yaml = "{" + found->before;
    for (const std::string& entry : entries) yaml += entry + ", ";
    return load_text(yaml + found->after + "}\n", file_beside_the_examples());
}

std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
    return all.empty() ? "none" : all;
}

template <class T>
std::string text_of(const std::vector<T>& values) {
    std::vector<std::string> texts;
    for (const T& value : values) texts.push_back(value.to_text());
    return joined(texts);
}

std::string text_of(const std::vector<upstream::EndpointSpec>& endpoints) {
    std::vector<std::string> texts;
    for (const auto& endpoint : endpoints) texts.push_back(upstream::source_text(endpoint));
    return joined(texts);
}

std::string text_of(const std::vector<upstream::Expectation>& expect) {
    std::vector<std::string> texts;
    for (const auto& [name, answer] : expect)
        texts.push_back(name.to_text() + " is " + upstream::expected_text(answer));
    return joined(texts);
}

// As it was written: relative to the folder of the examples.
std::string file_text(const std::string& path, const std::string& when_empty = "none") {
    const std::string folder = PEERZONE_SOURCE_DIR "/config/";
    if (path.empty()) return when_empty;
    return path.starts_with(folder) ? path.substr(folder.size()) : path;
}

std::string text_of(log::Level level) {
    constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};
    return std::string(kNames[static_cast<std::size_t>(level)]);
}

std::string text_of(log::Queries queries) {
    constexpr std::string_view kNames[] = {"off", "errors", "all"};
    return std::string(kNames[static_cast<std::size_t>(queries)]);
}

std::string text_of(std::optional<upstream::Protocol> transport) {
    return transport ? upstream::protocol_text(*transport) : "auto";
}

// Of NXDOMAIN; how long it is when the option is left out is the resolver's decision.
std::string negative_ttl_text(const Config& config, const upstream::Options& options) {
    upstream::Upstream upstream;
    upstream.options = options;
    const cache::Cache cache(
        {.size_bytes = 1u << 20, .negative_max_ttl = config.cache.negative_max_ttl});
    return duration_text(resolver::negative_cap(upstream, cache));
}

// A few short ones, so that the table below has a line for a key.
using Get = std::function<std::string(const Config&)>;

Get resolver_limit(std::size_t resolver::Limits::*limit) {
    return [limit](const Config& config) { return std::to_string(config.resolver_limits.*limit); };
}

Get server_limit(std::size_t server::Limits::*limit) {
    return [limit](const Config& config) { return std::to_string(config.server_limits.*limit); };
}

Get server_time(Seconds server::Limits::*limit) {
    return [limit](const Config& config) { return duration_text(config.server_limits.*limit); };
}

Get tls_file(std::string server::TlsOptions::*file) {
    return [file](const Config& config) { return file_text(config.tls.*file); };
}

std::string alias_text(const upstream::Options& options) {
    return options.alias ? options.alias->here.to_text() + " for " + options.alias->there.to_text()
                         : "none";
}

std::vector<Option> process_options() {
    return {
        {"cluster", "name", "eastus", [](const Config& c) { return c.cluster_name; }},
        {"cluster", "zone", "k8s.corp", [](const Config& c) { return c.cluster_zone.to_text(); }},
        {"cluster", "alias", "eastus.internal",
         [](const Config& c) { return alias_text(c.local.value()); },
         "eastus.internal for cluster.local"},
        {"", "workers", "3",
         [](const Config& c) { return c.workers == 0 ? "auto" : std::to_string(c.workers); }},
        {"", "bootstrap", "[192.0.2.1]", [](const Config& c) { return text_of(c.bootstrap); },
         "192.0.2.1:53"},
        {"listen", "dns", "[127.0.0.1:5300]", [](const Config& c) { return text_of(c.listen.dns); },
         "127.0.0.1:5300"},
        {"listen", "tls", "[127.0.0.1]", [](const Config& c) { return text_of(c.listen.tls); },
         "127.0.0.1:853"},
        {"listen", "admin", "off",
         [](const Config& c) { return c.listen.admin ? c.listen.admin->to_text() : "off"; }},
        {"tls", "certificate", "a.crt", tls_file(&server::TlsOptions::certificate), "",
         "key: a.key"},
        {"tls", "key", "a.key", tls_file(&server::TlsOptions::key), "", "certificate: a.crt"},
        {"tls", "client_ca", "ca.crt", tls_file(&server::TlsOptions::client_ca)},
        {"", "trusted_forwarders", "[192.0.2.53]",
         [](const Config& c) { return text_of(c.trusted_forwarders); }, "192.0.2.53/32"},
        {"", "views", "[{clients: [192.0.2.0/24]}]",
         [](const Config& c) { return text_of(c.views.at(0).clients); }, "192.0.2.0/24"},
        {"views[]", "explain", "false",
         [](const Config& c) {
             const auto explain = c.views.at(0).explain;
             return explain ? (*explain ? "true" : "false") : "unset";
         }},
        {"views[]", "name", "pods", [](const Config& c) { return c.views.at(0).name; }},
        {"views[]", "clients", "[192.0.2.0/24]",
         [](const Config& c) { return text_of(c.views.at(0).clients); }, "192.0.2.0/24"},
        {"views[]", "listen", "[192.0.2.1]",
         [](const Config& c) { return text_of(c.views.at(0).listen); }, "192.0.2.1:53"},
        {"views[]", "peers", "[w]",
         [](const Config& c) {
             const auto& peers = c.views.at(0).peers;
             return peers ? joined(*peers) : "all of them";
         },
         "w"},
        {"views[]", "zones", "{x.test: {records: [db A 10.0.0.5]}}",
         [](const Config& c) {
             const auto& zones = c.views.at(0).zones;
             return zones.empty() ? "none" : zones[0].origin.to_text();
         },
         "x.test"},
        {"views[]", "forward", "{.: {endpoints: [10.2.0.53]}}",
         [](const Config& c) {
             const auto& forwards = c.views.at(0).forwards;
             return forwards ? forwards->at(0).name : "those above";
         },
         "forward ."},
        {"cache", "size", "1MiB", [](const Config& c) { return size_text(c.cache.size_bytes); }},
        {"cache", "max_ttl", "5m", [](const Config& c) { return duration_text(c.cache.max_ttl); }},
        {"cache", "negative_max_ttl", "10s",
         [](const Config& c) { return duration_text(c.cache.negative_max_ttl); }},
        {"log", "level", "debug", [](const Config& c) { return text_of(c.log.level); }},
        {"log", "queries", "all", [](const Config& c) { return text_of(c.log.queries); }},
    };
}

std::vector<Option> limit_options() {
    using Waiting = resolver::Limits;
    using Clients = server::Limits;
    const auto option = [](const char* key, const char* value, Get in_force) {
        return Option{"limits", key, value, std::move(in_force)};
    };
    return {
        option("in_flight_per_upstream_max", "11",
               resolver_limit(&Waiting::in_flight_per_upstream_max)),
        option("waiters_per_question_max", "12",
               resolver_limit(&Waiting::waiters_per_question_max)),
        option("waiters_per_upstream_max", "1300",
               resolver_limit(&Waiting::waiters_per_upstream_max)),
        option("in_flight_per_client_max", "14",
               resolver_limit(&Waiting::in_flight_per_client_max)),
        option("client_misses_per_second_max", "15",
               resolver_limit(&Waiting::client_misses_per_second_max)),
        option("client_misses_burst_max", "16", resolver_limit(&Waiting::client_misses_burst_max)),
        option("tcp_connections_max", "1700", server_limit(&Clients::tcp_connections_max)),
        option("tcp_connections_per_client_max", "18",
               server_limit(&Clients::tcp_connections_per_client_max)),
        option("tcp_in_flight_per_connection_max", "19",
               server_limit(&Clients::tcp_in_flight_per_connection_max)),
        option("tcp_idle", "17s", server_time(&Clients::tcp_idle)),
        option("tcp_write_stall", "1m", server_time(&Clients::tcp_write_stall)),
        option(
            "tcp_write_queue_max", "128KiB",
            [](const Config& c) { return size_text(c.server_limits.tcp_write_queue_bytes_max); }),
    };
}

// The zones and upstreams as a whole, and the keys that one kind has alone.
std::vector<Option> route_options() {
    return {
        {"local", "forward", "{endpoints: [10.96.0.10]}",
         [](const Config& c) { return c.local ? text_of(c.local->endpoints) : "none"; },
         "10.96.0.10:53"},
        {"", "peers", "{w: {zones: [w.test], endpoints: [10.2.0.10]}}",
         [](const Config& c) { return c.peers.empty() ? "none" : c.peers[0].name; }, "w"},
        {"", "zones", "{x.test: {records: []}}",
         [](const Config& c) { return c.zones.empty() ? "none" : c.zones[0].origin.to_text(); },
         "x.test"},
        {"", "forward", "{.: {endpoints: [10.2.0.53]}}",
         [](const Config& c) { return c.forwards.empty() ? "none" : c.forwards[0].name; },
         "forward ."},
        {"peers.*", "zones", "[a.test, b.test]",
         [](const Config& c) { return text_of(c.peers.at(0).zones); }, "a.test, b.test"},
        {"peers.*", "alias", "w.internal",
         [](const Config& c) { return alias_text(c.peers.at(0)); }, "w.internal for cluster.local"},
        {"peers.*.alias", "here", "v.internal",
         [](const Config& c) { return alias_text(c.peers.at(0)); }, "v.internal for cluster.local"},
        {"peers.*.alias", "there", "k8s.north.example",
         [](const Config& c) {
             return c.peers.at(0).alias->there == c.cluster_zone
                        ? "cluster.zone"
                        : c.peers.at(0).alias->there.to_text();
         }},
        {"peers.*", "expect", "{id.svc: w.}",
         [](const Config& c) { return text_of(c.peers.at(0).expect); },
         "id.svc.cluster.local is w."},
        {"zones.*", "records", "[db A 10.0.0.5]",
         [](const Config& c) { return joined(c.zones.at(0).records); }, "db A 10.0.0.5"},
        {"zones.*", "file", "corp.internal.zone",
         [](const Config& c) { return file_text(c.zones.at(0).file); }},
    };
}

using Find = const upstream::Options& (*)(const Config&);

void add_upstream_tls(std::vector<Option>& options, const std::string& section, Find find) {
    const auto file = [find](std::string exchange::TlsOptions::*path, const char* when_empty) {
        return [=](const Config& c) { return file_text(find(c).tls.*path, when_empty); };
    };
    options.insert(
        options.end(),
        {{section, "server_name", "dns.example",
          file(&exchange::TlsOptions::server_name, "the endpoint's host name")},
         {section, "ca", "example-tls/ca.crt",
          file(&exchange::TlsOptions::ca, "the system's store")},
         {section, "certificate", "example-tls/client.crt",
          file(&exchange::TlsOptions::certificate, "none"), "", "key: example-tls/client.key"},
         {section, "key", "example-tls/client.key", file(&exchange::TlsOptions::key, "none"), "",
          "certificate: example-tls/client.crt"}});
}

// The keys that all kinds of upstream have.
void add_upstream(std::vector<Option>& options, const std::string& section, Find find) {
    options.insert(
        options.end(),
        {{section, "endpoints", "[10.9.0.1]",
          [=](const Config& c) { return text_of(find(c).endpoints); }, "10.9.0.1:53"},
         {section, "transport", "tcp", [=](const Config& c) { return text_of(find(c).transport); }},
         {section, "deadline", "2s",
          [=](const Config& c) { return duration_text(find(c).deadline); }},
         {section, "order", "listed",
          [=](const Config& c) {
              return find(c).order == upstream::Order::listed ? "listed" : "fastest";
          }},
         {section, "hedge", "off", [=](const Config& c) { return find(c).hedge ? "on" : "off"; }},
         {section + ".stale", "max_age", "2h",
          [=](const Config& c) { return duration_text(find(c).stale.max_age); }},
         {section + ".stale", "answer_ttl", "7s",
          [=](const Config& c) { return duration_text(find(c).stale.answer_ttl); }}});
    add_upstream_tls(options, section + ".tls", find);
}

// Those of peers and local.
void add_cluster_upstream(std::vector<Option>& options, const std::string& section, Find find) {
    add_upstream(options, section, find);
    options.insert(options.end(),
                   {{section, "pods", "[10.2.0.0/16]",
                     [=](const Config& c) { return text_of(find(c).pods); }, "10.2.0.0/16"},
                    {section, "services", "[10.3.0.0/16]",
                     [=](const Config& c) { return text_of(find(c).services); }, "10.3.0.0/16"},
                    {section, "reverse", "[10.2.0.0/16]",
                     [=](const Config& c) { return text_of(find(c).reverse); }, "10.2.0.0/16"},
                    {section, "negative_ttl", "5s",
                     [=](const Config& c) { return negative_ttl_text(c, find(c)); }}});
}

}  // namespace

std::string Option::path() const {
    return section.empty() ? key : section + "." + key;
}

const std::vector<Option>& all_options() {
    static const std::vector<Option> kOptions = [] {
        std::vector<Option> options = process_options();
        for (auto more : {limit_options(), route_options()})
            options.insert(options.end(), more.begin(), more.end());
        add_cluster_upstream(
            options, "local.forward",
            [](const Config& c) -> const auto& { return c.local.value(); });
        add_cluster_upstream(
            options, "peers.*", [](const Config& c) -> const auto& { return c.peers.at(0); });
        add_upstream(
            options, "forward.*", [](const Config& c) -> const auto& { return c.forwards.at(0); });
        return options;
    }();
    return kOptions;
}

std::string file_beside_the_examples() {
    return PEERZONE_SOURCE_DIR "/config/pz.yaml";
}

Loaded load_with(const Option& option) {
    std::vector<std::string> keys = {option.key + ": " + option.value};
    if (!option.beside.empty()) keys.push_back(option.beside);
    return load_option(option, keys);
}

Loaded load_without(const Option& option) {
    return load_option(option, {});
}

}  // namespace peerzone::config
