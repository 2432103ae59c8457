#include "peerzone/config/config.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <string_view>
#include <utility>

#include "config/builder.hpp"
#include "config/sections.hpp"
#include "config/tree.hpp"
#include "peerzone/discovery/resolv_conf.hpp"

namespace peerzone::config {
namespace {

void set_defaults(Config& config) {
    config.cluster_zone = dns::Name::from_text("cluster.local").value();
    upstream::EndpointSpec system;
    system.resolv_conf = "/etc/resolv.conf";
    config.bootstrap = {system};
    config.listen.dns = {SocketAddress::parse("0.0.0.0:53", 53).value(),
                         SocketAddress::parse("[::]:53", 53).value()};
    config.listen.admin = SocketAddress::parse("127.0.0.1", server::kAdminPort).value();
    View everyone;
    everyone.clients = view::default_clients();
    config.views = {everyone};
}

// A Kubernetes object around the configuration: of all its keys none is ours.
bool is_manifest(const Value& whole) {
    if (whole.node().kind != TreeNode::Kind::map) return false;
    std::string kind;
    std::string hint = "give the configuration as a file of its own";
    bool has_version = false;
    const TreeNode& root = whole.node();
    for (std::size_t i = 0; i < root.keys.size(); ++i) {
        const TreeNode& value = *root.items[i];
        if (root.keys[i]->text == "apiVersion") has_version = true;
        if (root.keys[i]->text == "kind") kind = value.text;
        if (root.keys[i]->text == "data" && !value.keys.empty())
            hint = "the configuration is what stands below data." + in_quotes(value.keys[0]->text) +
                   " (line " + std::to_string(value.keys[0]->mark.line) +
                   "): give that as a file of its own";
    }
    if (!has_version || kind.empty()) return false;
    whole.problem(
        "this is a Kubernetes object (kind " + in_quotes(kind) + "), not the configuration in it",
        hint);
    return true;
}

bool needs_bootstrap(const upstream::Options& upstream) {
    return std::ranges::any_of(upstream.endpoints, [](const upstream::EndpointSpec& spec) {
        return !spec.host.empty() || !spec.srv.empty();
    });
}

// The servers that resolve endpoints' host names, where the file leaves them to the system.
void check_default_bootstrap(ConfigBuilder& builder) {
    const Config& config = builder.config;
    const bool views_need_it = std::ranges::any_of(config.views, [](const View& view) {
        return view.forwards && std::ranges::any_of(*view.forwards, needs_bootstrap);
    });
    if (!std::ranges::any_of(config.peers, needs_bootstrap) &&
        !std::ranges::any_of(config.forwards, needs_bootstrap) && !views_need_it &&
        !(config.local && needs_bootstrap(*config.local)))
        return;
    const auto read = discovery::read_resolv_conf(config.bootstrap.front().resolv_conf);
    if (!read)
        builder.problems.add({}, "bootstrap", read.error().message,
                             "host names of endpoints cannot be resolved without: bootstrap: "
                             "[ADDRESS] names a server",
                             Problem::Kind::warning);
}

void read_document(const TreeNode& root, ConfigBuilder& builder) {
    set_defaults(builder.config);
    const Value whole(root, root.mark, "", builder.problems);
    if (is_manifest(whole)) return;
    const Map map = top_section().read(whole, builder.config, builder);
    check(builder);
    check_tls(builder);
    if (map.get("bootstrap") == nullptr) check_default_bootstrap(builder);
}

Loaded failed(const std::string& file, std::string message) {
    std::error_code ignored;
    std::string hint;
    if (std::filesystem::path(file).is_relative())
        hint = "looked for in " + std::filesystem::current_path(ignored).string();
    Loaded loaded;
    loaded.problems.push_back(
        Problem{file, 0, 0, "", std::move(message), std::move(hint), Problem::Kind::unavailable});
    return loaded;
}

// A reader of a mapping with a key table of its own that sets one field of the configuration.
template <class Field, class Target>
auto section(Field Config::*member, const KeyTable<Target>& (*table)()) {
    return [member, table](const Value& value, Config& config, ConfigBuilder& builder) {
        table().read(value, config.*member, builder);
    };
}

// The same for one that sets several.
auto section(const KeyTable<Config>& (*table)()) {
    return [table](const Value& value, Config& config, ConfigBuilder& builder) {
        table().read(value, config, builder);
    };
}

}  // namespace

// cluster comes first: local needs its zone.
const KeyTable<Config>& top_section() {
    static const KeyTable<Config> kTable(
        "",
        {{.name = "cluster", .read = section(cluster_section), .may_be_empty = true},
         {.name = "workers", .read = read_workers},
         {.name = "bootstrap", .read = read_bootstrap, .may_be_empty = true},
         {.name = "listen", .read = section(&Config::listen, listen_section), .may_be_empty = true},
         {.name = "local", .read = section(local_section), .may_be_empty = true},
         {.name = "peers", .read = read_peers, .may_be_empty = true},
         {.name = "zones", .read = read_zones, .may_be_empty = true},
         {.name = "forward", .read = read_forward, .may_be_empty = true},
         {.name = "trusted_forwarders", .read = read_trusted_forwarders, .may_be_empty = true},
         {.name = "views", .read = read_views, .may_be_empty = true},
         {.name = "cache", .read = section(&Config::cache, cache_section), .may_be_empty = true},
         {.name = "limits", .read = read_limits, .may_be_empty = true},
         {.name = "log", .read = section(&Config::log, log_section), .may_be_empty = true},
         {.name = "tls", .read = read_tls, .may_be_empty = true}},
        {"clusterset"});
    return kTable;
}

std::string Problem::to_text() const {
    std::string text = file;
    if (line > 0) text += ":" + std::to_string(line);
    if (line > 0 && column > 0) text += ":" + std::to_string(column);
    if (kind == Kind::warning) text += ": warning";
    if (!path.empty()) text += ": " + path;
    text += ": " + message;
    if (!hint.empty()) text += " (hint: " + hint + ")";
    return text;
}

Loaded load_text(const std::string& text, const std::string& file, const std::stop_token& stop) {
    try {
        Problems problems(file);
        ConfigBuilder builder(problems, std::filesystem::path(file).parent_path(), stop);
        if (const auto root = parse_tree(text, problems)) read_document(*root, builder);
        Loaded loaded;
        if (problems.empty()) loaded.config = std::move(builder.config);
        loaded.files = std::move(builder.files);
        std::move(problems).take_sorted(loaded.problems, loaded.warnings);
        return loaded;
    } catch (const std::exception& error) {  // memory, or a file system that refuses a path
        return failed(file, std::string("cannot be loaded: ") + error.what());
    }
}

Loaded load(const std::string& file, const std::stop_token& stop) {
    errno = 0;
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored))
        return failed(file, "cannot be read: it is a directory");
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return failed(file, std::string("cannot be read: ") + std::strerror(errno));
    // Step by step: clearing room for the largest file would take longer than reading most. One
    // octet more than allowed is enough to know that it is too large.
    std::string text;
    std::array<char, 16384> step;
    while (stream && text.size() <= kFileBytesMax) {
        stream.read(step.data(), step.size());
        text.append(step.data(), static_cast<std::size_t>(stream.gcount()));
    }
    if (stream.bad()) return failed(file, std::string("cannot be read: ") + std::strerror(errno));
    return load_text(text, file, stop);
}

}  // namespace peerzone::config
