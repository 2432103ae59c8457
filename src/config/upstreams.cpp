// peers, local, forward and bootstrap: who is asked.
#include <algorithm>
#include <array>
#include <set>

#include "config/builder.hpp"
#include "config/choice.hpp"
#include "peerzone/upstream/resolv_conf.hpp"

namespace peerzone::config {
namespace {

constexpr std::size_t kEndpointsMax = 256;
constexpr std::size_t kPrefixesMax = 4096;
constexpr Millis kDeadlineMin{100};
constexpr Millis kDeadlineMax{4500};  // client libraries give up after 5 s

Parsed<upstream::Transport> parse_transport(std::string_view text) {
    static constexpr auto kTransports =
        std::to_array<Choice<upstream::Transport>>({{"auto", upstream::Transport::automatic},
                                                    {"udp", upstream::Transport::udp},
                                                    {"tcp", upstream::Transport::tcp},
                                                    {"tls", upstream::Transport::tls}});
    static constexpr auto kOthers = std::to_array<OtherWord>(
        {{"dot", "tls"}, {"ssl", "tls"}, {"any", "auto"}, {"both", "auto"}});
    return parse_choice<upstream::Transport>(text, kTransports, kOthers);
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

void read_endpoints(const Value& value, EndpointKinds kinds,
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
            if (const auto read = upstream::read_resolv_conf(endpoint.resolv_conf); !read)
                item.warn(read.error().message,
                          "it is looked at each second, and used as soon as it is there");
        if (endpoint.address)
            builder.endpoints.push_back({*endpoint.address, item.mark(), item.path()});
        out.push_back(std::move(endpoint));
    }
}

void read_negative_ttl(const Map& map, upstream::Options& options) {
    Seconds ttl{0};
    if (map.read("negative_ttl", ttl, [](std::string_view text) {
            return parse_seconds(text, Seconds(0), std::chrono::hours(1));
        }))
        options.negative_ttl = ttl;
}

void read_stale(const Map& map, std::string_view section, upstream::StaleOptions& stale) {
    const Value* value = map.get("stale");
    if (value == nullptr) return;
    if (value->is_left_out()) return;
    const Map inner(*value, section);
    inner.read("max_age", stale.max_age, [](std::string_view text) {
        return parse_seconds(text, Seconds(0), std::chrono::hours(7 * 24));  // RFC 8767 section 4
    });
    inner.read("answer_ttl", stale.answer_ttl, [](std::string_view text) {
        return parse_seconds(text, Seconds(1), std::chrono::hours(1));
    });
}

void read_reverse(const Map& map, upstream::Options& options, ConfigBuilder& builder) {
    const Value* reverse = map.get("reverse");
    if (reverse == nullptr || reverse->is_left_out()) return;
    read_prefixes(*reverse, options.reverse, &builder.reverse);
}

struct CommonSections {
    std::string_view tls;
    std::string_view stale;
};

// What peers, local and forward have in common. The transport comes first: it decides the port.
void read_common(const Map& map, const CommonSections& sections, EndpointKinds kinds,
                 upstream::Options& options, ConfigBuilder& builder) {
    map.read("transport", options.transport, parse_transport);
    if (options.transport == upstream::Transport::tls) kinds.port = upstream::kTlsPort;
    if (const Value* endpoints = map.get("endpoints"))
        read_endpoints(*endpoints, kinds, options.endpoints, builder);
    else
        map.missing("endpoints", "at least one address or host name");
    read_upstream_tls(map, sections.tls, options, builder);
    read_stale(map, sections.stale, options.stale);
    map.read("deadline", options.deadline, [](std::string_view text) {
        return parse_duration(text, kDeadlineMin, kDeadlineMax);
    });
    map.read("order", options.order, parse_order);
    map.read("hedge", options.hedge, parse_switch);
}

void read_peer_zones(const Map& map, upstream::Options& options, ConfigBuilder& builder) {
    const Value* zones = map.get("zones");
    if (zones == nullptr) {
        map.missing("zones", "the zones this peer answers, such as [westus.svc.cluster.local]");
        return;
    }
    const auto items = zones->list();
    if (zones->node().kind == TreeNode::Kind::list && items.empty())
        zones->problem("the list is empty", "a peer without zones is never asked");
    for (const Value& item : items) {
        dns::Name zone;
        if (!item.read(zone, parse_zone_name)) continue;
        if (zone.is_root()) {
            item.problem("a peer cannot answer the root", "use forward for everything else");
            continue;
        }
        options.zones.push_back(zone);
        builder.zones.push_back({zone, item.mark(), item.path()});
    }
}

}  // namespace

void read_prefixes(const Value& value, std::vector<IpPrefix>& out,
                   std::vector<Placed<IpPrefix>>* placed) {
    const auto items = value.list();
    if (items.size() > kPrefixesMax) {
        value.problem("more than " + std::to_string(kPrefixesMax) + " prefixes",
                      "write larger blocks");
        return;
    }
    for (const Value& item : items) {
        IpPrefix prefix;
        if (!item.read(prefix, parse_prefix)) continue;
        if (std::find(out.begin(), out.end(), prefix) != out.end()) {
            item.problem(in_quotes(prefix.to_text()) + " is listed twice");
            continue;
        }
        out.push_back(prefix);
        if (placed != nullptr) placed->push_back({prefix, item.mark(), item.path()});
    }
}

void read_bootstrap(const Value& value, ConfigBuilder& builder) {
    read_endpoints(value, {.hosts = false, .transport = false}, builder.config.bootstrap, builder);
}

void read_local(const Value& value, ConfigBuilder& builder) {
    const Map map(value, "local");
    const Value* forward = map.get("forward");
    if (forward == nullptr) return;
    const Map inner(*forward, "local.forward");
    upstream::Options options;
    options.name = "local";
    options.kind = upstream::Kind::local;
    options.zones = {builder.config.cluster_zone};
    builder.zones.push_back({builder.config.cluster_zone, forward->key_mark(), forward->path()});
    read_common(inner, {"local.forward.tls", "local.forward.stale"}, {}, options, builder);
    read_reverse(inner, options, builder);
    read_negative_ttl(inner, options);
    builder.config.local = std::move(options);
}

void read_peers(const Value& value, ConfigBuilder& builder) {
    for (const auto& [name, peer] : value.named_entries("peers.*", "a peer", "westus")) {
        if (const auto identifier = parse_identifier(name); !identifier)
            peer.problem_at_key(identifier.error().message, identifier.error().hint);
        else if (name == "local")
            peer.problem_at_key("'local' means this cluster, not a peer",
                                "give the peer another name");
        const Map map(peer, "peers.*");
        upstream::Options options;
        options.name = name;
        options.kind = upstream::Kind::peer;
        read_peer_zones(map, options, builder);
        read_common(map, {"peers.*.tls", "peers.*.stale"}, {.hosts = true, .resolv_conf = false},
                    options, builder);
        read_reverse(map, options, builder);
        read_negative_ttl(map, options);
        builder.config.peers.push_back(std::move(options));
    }
}

void read_forward(const Value& value, ConfigBuilder& builder) {
    for (const auto& [suffix, forward] : value.named_entries("forward.*", "a suffix", "\".\"")) {
        const Map map(forward, "forward.*");
        upstream::Options options;
        options.kind = upstream::Kind::forward;
        if (const auto zone = parse_zone_name(suffix)) {
            options.name = "forward " + zone->to_text();
            options.zones = {*zone};
            builder.zones.push_back({*zone, forward.key_mark(), forward.path()});
        } else {
            forward.problem_at_key(zone.error().message, zone.error().hint);
        }
        read_common(map, {"forward.*.tls", "forward.*.stale"}, {}, options, builder);
        builder.config.forwards.push_back(std::move(options));
    }
}

}  // namespace peerzone::config
