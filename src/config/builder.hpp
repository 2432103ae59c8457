// A configuration while it is read: the values, and where each of those stood that are compared
// with others afterwards.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/reader.hpp"
#include "peerzone/config/config.hpp"

namespace peerzone::config {

/// A value that is compared with others once everything is read, and where it stood.
template <class T>
struct Placed {
    T value;
    Mark mark;
    std::string path;  ///< "peers.westus.zones[0]"
};

struct ConfigBuilder {
    ConfigBuilder(Problems& collected, std::filesystem::path base, std::stop_token stopped)
        : problems(collected), folder(std::move(base)), stop(std::move(stopped)) {}

    Config config;
    Problems& problems;
    std::filesystem::path folder;  ///< what relative paths are relative to
    std::stop_token stop;          ///< load()

    std::vector<std::string> files;  ///< Loaded::files

    std::vector<Placed<dns::Name>> zones;       ///< of peers, local, forward and ourselves
    std::vector<Placed<IpPrefix>> reverse;      ///< of peers and local
    std::vector<Placed<SocketAddress>> listen;  ///< listen.dns and listen.tls
    std::optional<Value> listen_tls;            ///< listen.tls, when it has addresses
    std::optional<Value> tls_certificate, tls_key, tls_client_ca;
    std::vector<Placed<SocketAddress>>
        endpoints;  ///< of peers, local, forward and bootstrap: those given by address
};

// Readers of top-level keys that are no plain section; `config` is the builder's.
void read_workers(const Value& value, Config& config, ConfigBuilder& builder);
void read_bootstrap(const Value& value, Config& config, ConfigBuilder& builder);
void read_tls(const Value& value, Config& config, ConfigBuilder& builder);
void read_peers(const Value& value, Config& config, ConfigBuilder& builder);
void read_zones(const Value& value, Config& config, ConfigBuilder& builder);
void read_forward(const Value& value, Config& config, ConfigBuilder& builder);
void read_views(const Value& value, Config& config, ConfigBuilder& builder);
void read_limits(const Value& value, Config& config, ConfigBuilder& builder);

/// A list of prefixes, each once. `placed`, unless null, gets them with their places.
void read_prefixes(const Value& value, std::vector<IpPrefix>& out,
                   std::vector<Placed<IpPrefix>>* placed);

/// The `tls` of an upstream, after its transport.
void read_upstream_tls(const Value& value, upstream::Options& options, ConfigBuilder& builder);

/// The files of `tls`, when listen.tls uses them.
void check_tls(ConfigBuilder& builder);

/// Contradictions between values that are each right: overlaps of zones, prefixes and addresses,
/// and loops to ourselves.
void check(ConfigBuilder& builder);

}  // namespace peerzone::config
