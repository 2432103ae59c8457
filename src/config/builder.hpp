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

/// Whose a suffix or a prefix is: to tell which views see it.
struct Claimant {
    enum class Kind : unsigned char { zone, local, peer, forward };
    Kind kind = Kind::zone;
    std::string peer;  ///< its name, of kind peer
    std::string view;  ///< the view that it belongs to; empty: none
};
Claimant claimant_of(const upstream::Options& options);

/// A suffix that is answered by one of them.
struct SuffixClaim : Placed<dns::Name> {
    Claimant by;
};
/// A prefix whose PTR questions go to one of them.
struct PrefixClaim : Placed<IpPrefix> {
    Claimant by;
    bool may_be_shared = false;  ///< `services`
};
/// The names of a cluster below a suffix here.
struct AliasClaim : Placed<upstream::Alias> {
    Claimant by;
};
/// An item of `views`, for what is wrong with it as a whole.
struct ViewPlace {
    Value value;
    std::vector<Placed<std::string>> peers;
    std::vector<Placed<IpPrefix>> clients;
    std::vector<Placed<SocketAddress>> listen;
};
/// What a peer expects, and where that stood.
struct ExpectingPeer {
    std::vector<upstream::Expectation> expect;
    Mark mark;
    std::string path;  ///< "peers.westus.expect"
};

struct ConfigBuilder {
    ConfigBuilder(Problems& collected, std::filesystem::path base, std::stop_token stopped)
        : problems(collected), folder(std::move(base)), stop(std::move(stopped)) {}

    Config config;
    Problems& problems;
    std::filesystem::path folder;  ///< what relative paths are relative to
    std::stop_token stop;          ///< load()

    std::vector<std::string> files;  ///< Loaded::files

    std::vector<SuffixClaim> zones;      ///< of peers, local, forward and ourselves
    std::vector<PrefixClaim> prefixes;   ///< of peers and local
    std::vector<AliasClaim> aliases;     ///< of peers and the cluster; its `here` is in zones
    std::vector<ViewPlace> views;        ///< as config.views; none: left out
    std::optional<Value> cluster_alias;  ///< cluster.alias
    std::vector<ExpectingPeer> expecting;
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
void read_trusted_forwarders(const Value& value, Config& config, ConfigBuilder& builder);
void read_views(const Value& value, Config& config, ConfigBuilder& builder);
void read_limits(const Value& value, Config& config, ConfigBuilder& builder);

// What is read at the top and in a view.
void read_zone_list(const Value& value, const std::string& view, std::vector<zone::Options>& out,
                    ConfigBuilder& builder);
void read_forward_list(const Value& value, const std::string& view,
                       std::vector<upstream::Options>& out, ConfigBuilder& builder);

/// A list of prefixes, each once. Gives them with their places.
std::vector<Placed<IpPrefix>> read_prefixes(const Value& value, std::vector<IpPrefix>& out);

/// The `tls` of an upstream, after its transport.
void read_upstream_tls(const Value& value, upstream::Options& options, ConfigBuilder& builder);

/// The `expect` of a peer.
void read_expect(const Value& value, upstream::Options& options, ConfigBuilder& builder);
/// Warns of peers that it does not tell apart.
void check_expectations(ConfigBuilder& builder);

/// The files of `tls`, when listen.tls uses them.
void check_tls(ConfigBuilder& builder);

/// Contradictions between values that are each right: overlaps of zones, prefixes, aliases and
/// addresses, and loops to ourselves.
void check(ConfigBuilder& builder);
void check_suffixes(ConfigBuilder& builder);  ///< zones and prefixes, view by view
void check_aliases(ConfigBuilder& builder);
void check_views(ConfigBuilder& builder);

/// "peers.westus.zones[0] (line 2)".
std::string place_text(const std::string& path, const Mark& mark);

}  // namespace peerzone::config
