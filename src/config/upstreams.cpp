// peers, local, forward and bootstrap: which servers are asked.
#include <algorithm>
#include <array>
#include <set>

#include "config/choice.hpp"
#include "config/sections.hpp"
#include "peerzone/discovery/resolv_conf.hpp"

namespace peerzone::config {
namespace {

constexpr std::size_t kEndpointsMax = 256;
constexpr std::size_t kPrefixesMax = 4096;
constexpr Millis kDeadlineMin{100};
constexpr Millis kDeadlineMax{4500};  // client libraries give up after 5 s

Parsed<std::optional<upstream::Protocol>> parse_transport(std::string_view text) {
    static constexpr auto kTransports = std::to_array<Choice<std::optional<upstream::Protocol>>>(
        {{"auto", std::nullopt},
         {"udp", upstream::Protocol::udp},
         {"tcp", upstream::Protocol::tcp},
         {"tls", upstream::Protocol::tls}});
    static constexpr auto kOthers = std::to_array<OtherWord>(
        {{"dot", "tls"}, {"ssl", "tls"}, {"any", "auto"}, {"both", "auto"}});
    return parse_choice<std::optional<upstream::Protocol>>(text, kTransports, kOthers);
}

Parsed<upstream::Order> parse_order(std::string_view text) {
    static constexpr auto kOrders = std::to_array<Choice<upstream::Order>>(
        {{"fastest", upstream::Order::fastest}, {"listed", upstream::Order::listed}});
    return parse_choice<upstream::Order>(text, kOrders);
}

Parsed<bool> parse_switch(std::string_view text) {
    static constexpr auto kPositions = std::to_array<Choice<bool>>({{"on", true}, {"off", false}});
    static constexpr auto kOthers = std::to_array<OtherWord>(
        {{"true", "on"}, {"yes", "on"}, {"false", "off"}, {"no", "off"}, {"never", "off"}});
    return parse_choice<bool>(text, kPositions, kOthers);
}

// `- srv: NAME`. `- kubernetes: {…}` is designed and comes later; every other mapping is a slip of
// the pen.
bool read_mapping(const Value& item, EndpointKinds kinds, upstream::EndpointSpec& endpoint) {
    const auto entries = item.entries();
    const std::string kind = entries.empty() ? "" : entries.front().first;
    if (kind == "srv") {
        for (std::size_t i = 1; i < entries.size(); ++i)
            entries[i].second.problem_at_key("unknown key " + in_quotes(entries[i].first),
                                             "the records of the name say the port");
        return entries.size() == 1 && entries.front().second.read(endpoint, [&](auto text) {
            return parse_srv_endpoint(text, kinds);
        });
    }
    if (kind == "kubernetes") {
        entries.front().second.problem_at_key("unknown kind of endpoint " + in_quotes(kind),
                                              "not supported yet");
    } else {
        static constexpr auto kKinds = std::to_array<std::string_view>({"srv"});
        const std::string_view near = nearest(kind, kKinds);
        item.problem("a text or srv is expected, not a mapping",
                     !near.empty() ? did_you_mean(near)
                                   : "an address or a host name, each with an optional port, or "
                                     "srv: _dns._udp.example.com");
    }
    return false;
}

bool read_endpoint(const Value& item, EndpointKinds kinds, const ConfigBuilder& builder,
                   upstream::EndpointSpec& endpoint) {
    if (item.node().kind == TreeNode::Kind::map) return read_mapping(item, kinds, endpoint);
    return item.read(endpoint, [&](std::string_view text) {
        return parse_endpoint(text, builder.folder, kinds);
    });
}

// What must not be listed twice: names are equal whatever their letter case.
std::string identity_of(const upstream::EndpointSpec& endpoint) {
    std::string text = upstream::source_text(endpoint);
    if (endpoint.resolv_conf.empty())
        std::transform(text.begin(), text.end(), text.begin(), [](char c) {
            return static_cast<char>(dns::kFold[static_cast<unsigned char>(c)]);
        });
    return text;
}

void read_endpoint_list(const Value& value, EndpointKinds kinds,
                        std::vector<upstream::EndpointSpec>& out, ConfigBuilder& builder) {
    const auto items = value.list();
    if (items.size() > kEndpointsMax) {
        value.problem("more than " + std::to_string(kEndpointsMax) + " endpoints");
        return;
    }
    if (value.node().kind == TreeNode::Kind::list && items.empty())
        value.problem("the list is empty", kinds.hosts
                                               ? "at least one address or host name"
                                               : "at least one address or resolv.conf:/path");
    out.clear();
    std::set<std::string> seen;
    for (const Value& item : items) {
        upstream::EndpointSpec endpoint;
        if (!read_endpoint(item, kinds, builder, endpoint)) continue;
        if (!seen.insert(identity_of(endpoint)).second) {
            item.problem(in_quotes(upstream::source_text(endpoint)) + " is listed twice");
            continue;
        }
        if (!endpoint.resolv_conf.empty())
            if (const auto read = discovery::read_resolv_conf(endpoint.resolv_conf); !read)
                item.warn(read.error().message,
                          "it is looked at each second, and used as soon as it is there");
        if (endpoint.address)
            builder.endpoints.push_back({*endpoint.address, item.mark(), item.path()});
        out.push_back(std::move(endpoint));
    }
}

void read_endpoints(const Value& value, upstream::Options& options, ConfigBuilder& builder) {
    EndpointKinds kinds{.resolv_conf = options.kind != upstream::Kind::peer};
    if (options.transport == upstream::Protocol::tls) kinds.port = upstream::kTlsPort;
    read_endpoint_list(value, kinds, options.endpoints, builder);
}

auto prefixes(std::vector<IpPrefix> upstream::Options::*member) {
    return [member](const Value& value, upstream::Options& options, ConfigBuilder& builder) {
        const bool shared = member == &upstream::Options::services;
        for (Placed<IpPrefix>& placed : read_prefixes(value, options.*member))
            builder.prefixes.push_back({std::move(placed), claimant_of(options), shared});
    };
}

void read_negative_ttl(const Value& value, upstream::Options& options, ConfigBuilder&) {
    Seconds ttl{0};
    if (value.read(ttl, seconds_within(Seconds(0), std::chrono::hours(1))))
        options.negative_ttl = ttl;
}

void read_stale(const Value& value, upstream::Options& options, ConfigBuilder& builder) {
    stale_section(options.kind).read(value, options.stale, builder);
}

void read_peer_zones(const Value& value, upstream::Options& options, ConfigBuilder& builder) {
    const auto items = value.list();
    if (value.node().kind == TreeNode::Kind::list && items.empty())
        value.problem("the list is empty", "a peer without zones is never asked");
    for (const Value& item : items) {
        dns::Name zone;
        if (!item.read(zone, parse_zone_name)) continue;
        if (zone.is_root()) {
            item.problem("a peer cannot answer the root", "use forward for everything else");
            continue;
        }
        options.zones.push_back(zone);
        builder.zones.push_back({{zone, item.mark(), item.path()}, claimant_of(options)});
    }
}

void add_alias(const Value& value, const upstream::Alias& alias, upstream::Options& options,
               ConfigBuilder& builder) {
    options.alias = alias;
    const Claimant by = claimant_of(options);
    builder.zones.push_back({{alias.here, value.mark(), value.path()}, by});
    builder.aliases.push_back({{alias, value.mark(), value.path()}, by});
}

bool read_alias_name(const Value& value, dns::Name& name) {
    if (!value.read(name, parse_zone_name)) return false;
    if (name.is_root())
        value.problem("the root is not the name of a cluster", "such as westus.internal");
    return !name.is_root();
}

// A suffix, or {here: …, there: …} for a cluster whose own zone is not called as ours is.
void read_alias(const Value& value, upstream::Options& options, ConfigBuilder& builder) {
    upstream::Alias alias{{}, builder.config.cluster_zone};
    if (value.node().kind != TreeNode::Kind::map) {
        if (read_alias_name(value, alias.here)) add_alias(value, alias, options, builder);
        return;
    }
    const std::size_t before = builder.problems.size();
    alias_section().read(value, alias, builder);
    if (builder.problems.size() == before) add_alias(value, alias, options, builder);
}

void read_peer(const Value& value, upstream::Options& options, ConfigBuilder& builder) {
    const Map map = upstream_section(options.kind).read(value, options, builder);
    if (map.get("zones") == nullptr && map.get("alias") == nullptr)
        map.missing("zones",
                    "the zones this peer answers, such as [westus.svc.cluster.local], or alias, "
                    "such as westus.internal, for a cluster that calls itself as this one does");
}

void read_local_forward(const Value& value, Config& config, ConfigBuilder& builder) {
    upstream::Options options;
    options.name = "local";
    options.kind = upstream::Kind::local;
    options.zones = {config.cluster_zone};
    builder.zones.push_back(
        {{config.cluster_zone, value.key_mark(), value.path()}, claimant_of(options)});
    if (builder.cluster_alias) {
        upstream::Alias alias{{}, config.cluster_zone};
        if (read_alias_name(*builder.cluster_alias, alias.here))
            add_alias(*builder.cluster_alias, alias, options, builder);
    }
    upstream_section(options.kind).read(value, options, builder);
    config.local = std::move(options);
}

// The keys that peers, local and forward have in common.
using UpstreamKey = Key<upstream::Options>;

UpstreamKey endpoints_key() {
    return {.name = "endpoints",
            .read = read_endpoints,
            .missing_hint = "at least one address or host name"};
}
// It decides the port of the endpoints, and whether there is TLS.
UpstreamKey transport_key() {
    return {.name = "transport",
            .read = field(&upstream::Options::transport, parse_transport),
            .first = true};
}
UpstreamKey tls_key() {
    return {.name = "tls", .read = read_upstream_tls};
}
UpstreamKey pods_key() {
    return {.name = "pods", .read = prefixes(&upstream::Options::pods), .may_be_empty = true};
}
UpstreamKey services_key() {
    return {
        .name = "services", .read = prefixes(&upstream::Options::services), .may_be_empty = true};
}
UpstreamKey reverse_key() {
    return {.name = "reverse", .read = prefixes(&upstream::Options::reverse), .may_be_empty = true};
}
UpstreamKey deadline_key() {
    return {
        .name = "deadline",
        .read = field(&upstream::Options::deadline, duration_within(kDeadlineMin, kDeadlineMax))};
}
UpstreamKey order_key() {
    return {.name = "order", .read = field(&upstream::Options::order, parse_order)};
}
UpstreamKey hedge_key() {
    return {.name = "hedge", .read = field(&upstream::Options::hedge, parse_switch)};
}
UpstreamKey negative_ttl_key() {
    return {.name = "negative_ttl", .read = read_negative_ttl};
}
UpstreamKey stale_key() {
    return {.name = "stale", .read = read_stale, .may_be_empty = true};
}

KeyTable<upstream::StaleOptions> stale_table(std::string_view path) {
    using Stale = upstream::StaleOptions;
    constexpr auto kMaxAgeMax = std::chrono::hours(7 * 24);  // RFC 8767 section 4
    return {
        path,
        {{.name = "max_age",
          .read = field(&Stale::max_age, seconds_within(Seconds(0), kMaxAgeMax))},
         {.name = "answer_ttl",
          .read = field(&Stale::answer_ttl, seconds_within(Seconds(1), std::chrono::hours(1)))}}};
}

}  // namespace

const KeyTable<upstream::Options>& upstream_section(upstream::Kind kind) {
    static const KeyTable<upstream::Options> kPeer("peers.*",
                                                   {{.name = "zones", .read = read_peer_zones},
                                                    {.name = "alias", .read = read_alias},
                                                    endpoints_key(),
                                                    transport_key(),
                                                    tls_key(),
                                                    {.name = "expect", .read = read_expect},
                                                    pods_key(),
                                                    services_key(),
                                                    reverse_key(),
                                                    deadline_key(),
                                                    order_key(),
                                                    hedge_key(),
                                                    negative_ttl_key(),
                                                    stale_key()});
    static const KeyTable<upstream::Options> kLocal(
        "local.forward",
        {endpoints_key(), pods_key(), services_key(), reverse_key(), transport_key(), tls_key(),
         deadline_key(), order_key(), hedge_key(), negative_ttl_key(), stale_key()});
    static const KeyTable<upstream::Options> kForward(
        "forward.*", {endpoints_key(), transport_key(), tls_key(), deadline_key(), order_key(),
                      hedge_key(), stale_key()});
    return of_kind(kind, kPeer, kLocal, kForward);
}

const KeyTable<upstream::Alias>& alias_section() {
    static const auto name = [](dns::Name upstream::Alias::*member) {
        return [member](const Value& value, upstream::Alias& alias, ConfigBuilder&) {
            read_alias_name(value, alias.*member);
        };
    };
    static const KeyTable<upstream::Alias> kTable(
        "peers.*.alias", {{.name = "here",
                           .read = name(&upstream::Alias::here),
                           .missing_hint = "the suffix that clients use, such as westus.internal"},
                          {.name = "there", .read = name(&upstream::Alias::there)}});
    return kTable;
}

const KeyTable<upstream::StaleOptions>& stale_section(upstream::Kind kind) {
    static const KeyTable<upstream::StaleOptions> kPeer = stale_table("peers.*.stale");
    static const KeyTable<upstream::StaleOptions> kLocal = stale_table("local.forward.stale");
    static const KeyTable<upstream::StaleOptions> kForward = stale_table("forward.*.stale");
    return of_kind(kind, kPeer, kLocal, kForward);
}

const KeyTable<Config>& local_section() {
    static const KeyTable<Config> kTable("local", {{.name = "forward", .read = read_local_forward}},
                                         {"kubernetes"});
    return kTable;
}

Claimant claimant_of(const upstream::Options& options) {
    using Kind = Claimant::Kind;
    const Kind kind = of_kind(options.kind, Kind::peer, Kind::local, Kind::forward);
    return {kind, kind == Kind::peer ? options.name : "", options.view};
}

std::vector<Placed<IpPrefix>> read_prefixes(const Value& value, std::vector<IpPrefix>& out) {
    std::vector<Placed<IpPrefix>> placed;
    const auto items = value.list();
    if (items.size() > kPrefixesMax) {
        value.problem("more than " + std::to_string(kPrefixesMax) + " prefixes",
                      "write larger blocks");
        return placed;
    }
    for (const Value& item : items) {
        IpPrefix prefix;
        if (!item.read(prefix, parse_prefix)) continue;
        if (std::find(out.begin(), out.end(), prefix) != out.end()) {
            item.problem(in_quotes(prefix.to_text()) + " is listed twice");
            continue;
        }
        out.push_back(prefix);
        placed.push_back({prefix, item.mark(), item.path()});
    }
    return placed;
}

void read_bootstrap(const Value& value, Config& config, ConfigBuilder& builder) {
    read_endpoint_list(value, {.hosts = false, .transport = false}, config.bootstrap, builder);
}

void read_peers(const Value& value, Config& config, ConfigBuilder& builder) {
    const auto& section = upstream_section(upstream::Kind::peer);
    for (const auto& [name, peer] : value.named_entries(section, "a peer", "westus")) {
        if (const auto identifier = parse_identifier(name); !identifier)
            peer.problem_at_key(identifier.error().message, identifier.error().hint);
        else if (name == "local")
            peer.problem_at_key("'local' means this cluster, not a peer",
                                "give the peer another name");
        upstream::Options options;
        options.name = name;
        options.kind = upstream::Kind::peer;
        read_peer(peer, options, builder);
        config.peers.push_back(std::move(options));
    }
}

void read_forward(const Value& value, Config& config, ConfigBuilder& builder) {
    read_forward_list(value, "", config.forwards, builder);
}

void read_forward_list(const Value& value, const std::string& view,
                       std::vector<upstream::Options>& out, ConfigBuilder& builder) {
    const auto& section = upstream_section(upstream::Kind::forward);
    for (const auto& [suffix, forward] : value.named_entries(section, "a suffix", "\".\"")) {
        upstream::Options options;
        options.kind = upstream::Kind::forward;
        options.view = view;
        if (const auto zone = parse_zone_name(suffix)) {
            options.name = "forward " + zone->to_text();
            options.zones = {*zone};
            builder.zones.push_back(
                {{*zone, forward.key_mark(), forward.path()}, claimant_of(options)});
        } else {
            forward.problem_at_key(zone.error().message, zone.error().hint);
        }
        section.read(forward, options, builder);
        out.push_back(std::move(options));
    }
}

}  // namespace peerzone::config
