// views: who sees what. The zones and forwarders of a view are read as those at the top are.
#include <algorithm>
#include <set>
#include <utility>

#include "config/choice.hpp"
#include "config/sections.hpp"

namespace peerzone::config {
namespace {

constexpr std::size_t kViewsMax = 256;
constexpr std::size_t kListenMax = 64;
constexpr std::uint16_t kDnsPort = 53;

void read_clients(const Value& value, View& view, ConfigBuilder& builder) {
    if (value.node().kind == TreeNode::Kind::list && value.node().items.empty())
        value.problem("the list is empty", "a view without clients serves nobody");
    view.clients.clear();
    builder.views.back().clients = read_prefixes(value, view.clients);
}

void read_listen(const Value& value, View& view, ConfigBuilder& builder) {
    const auto items = value.list();
    if (value.node().kind == TreeNode::Kind::list && items.empty())
        value.problem("the list is empty", "leave the key out for every listening address");
    if (items.size() > kListenMax)
        return value.problem("more than " + std::to_string(kListenMax) + " addresses",
                             "leave the key out for every listening address");
    for (const Value& item : items) {
        SocketAddress address;
        if (!item.read(address,
                       [](std::string_view text) { return parse_listen_address(text, kDnsPort); }))
            continue;
        if (std::ranges::find(view.listen, address) != view.listen.end()) {
            item.problem(in_quotes(address.to_text()) + " is listed twice");
            continue;
        }
        view.listen.push_back(address);
        builder.views.back().listen.push_back({address, item.mark(), item.path()});
    }
}

void read_peer_names(const Value& value, View& view, ConfigBuilder& builder) {
    std::vector<std::string>& names = view.peers.emplace();
    for (const Value& item : value.list()) {
        const auto name = item.text();
        if (!name) continue;
        if (std::ranges::find(names, *name) != names.end()) {
            item.problem(in_quotes(*name) + " is listed twice");
            continue;
        }
        names.push_back(*name);
        builder.views.back().peers.push_back({*name, item.mark(), item.path()});
    }
}

Parsed<bool> parse_truth(std::string_view text) {
    static constexpr auto kTruths = std::to_array<Choice<bool>>({{"true", true}, {"false", false}});
    static constexpr auto kOthers = std::to_array<OtherWord>(
        {{"on", "true"}, {"yes", "true"}, {"off", "false"}, {"no", "false"}, {"never", "false"}});
    return parse_choice<bool>(text, kTruths, kOthers);
}

}  // namespace

const KeyTable<View>& view_section() {
    static const KeyTable<View> kTable(
        "views[]",
        {{.name = "name", .read = field(&View::name, parse_identifier), .first = true},
         {.name = "listen", .read = read_listen},
         {.name = "clients", .read = read_clients},
         {.name = "peers", .read = read_peer_names},
         {.name = "zones",
          .read =
              [](const Value& value, View& view, ConfigBuilder& builder) {
                  read_zone_list(value, view.name, view.zones, builder);
              },
          .may_be_empty = true},
         {.name = "forward",
          .read =
              [](const Value& value, View& view, ConfigBuilder& builder) {
                  read_forward_list(value, view.name, view.forwards.emplace(), builder);
              }},
         {.name = "explain", .read = field(&View::explain, parse_truth)}},
        {"namespaces"});
    return kTable;
}

void read_views(const Value& value, Config& config, ConfigBuilder& builder) {
    const auto items = value.list();
    if (value.node().kind != TreeNode::Kind::list) return;
    if (items.empty())
        value.problem("the list is empty", "leave the key out to serve private addresses only");
    if (items.size() > kViewsMax)
        return value.problem("more than " + std::to_string(kViewsMax) + " views");
    if (!items.empty()) config.views.clear();
    for (const Value& item : items) {
        View view;
        view.clients = view::default_clients();
        builder.views.push_back({item, {}, {}, {}});
        const Map map = view_section().read(item, view, builder);
        // By the address that is asked, the usual clients are a good answer; elsewhere a view that
        // names nobody is most likely unfinished.
        if (map.get("clients") == nullptr && map.get("listen") == nullptr)
            map.missing("clients", "the prefixes it serves, such as [10.1.0.0/16]");
        config.views.push_back(std::move(view));
    }
}

}  // namespace peerzone::config
