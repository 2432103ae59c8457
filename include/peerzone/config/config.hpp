// The configuration file as values: YAML in, every module's Options out, or every problem with its
// place. Control plane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "peerzone/base/ip.hpp"
#include "peerzone/base/log.hpp"
#include "peerzone/cache/cache.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/resolver/limits.hpp"
#include "peerzone/server/options.hpp"
#include "peerzone/upstream/upstream.hpp"
#include "peerzone/view/view.hpp"
#include "peerzone/zone/zone.hpp"

namespace peerzone::config {

/// One problem. to_text(): "file.yaml:12:5: peers.westus.zones[0]: 'x..y' is not a domain name
/// (hint: …)", with "warning: " before the path of a warning.
struct Problem {
    enum class Kind : std::uint8_t {
        wrong,        ///< in what the configuration says
        unavailable,  ///< a file that cannot be read: perhaps only now
        warning       ///< serves all the same
    };
    std::string file;
    std::size_t line =
        0;  ///< 1-based; 0 when the problem has no place (a file that cannot be read)
    std::size_t column = 0;  ///< 1-based
    std::string path;        ///< "peers.westus.zones[0]"
    std::string message;
    std::string hint;  ///< what to do about it; may be empty
    Kind kind = Kind::wrong;

    std::string to_text() const;
};

/// A configuration may have this size.
inline constexpr std::size_t kFileBytesMax = 1u << 20;

/// An item of `views`: whose it is, and what it sees that others do not.
struct View : view::Options {
    std::optional<std::vector<std::string>> peers;  ///< views[].peers: their names; unset: all
    std::vector<zone::Options> zones;  ///< views[].zones: beside the others, and instead of the one
                                       ///< of the same origin
    std::optional<std::vector<upstream::Options>>
        forwards;  ///< views[].forward: instead of the others
};

struct Config {
    std::string cluster_name = "local";  ///< cluster.name: how this cluster calls itself in logs
    dns::Name cluster_zone;   ///< cluster.zone: default cluster.local; asked of local.forward only,
                              ///< where there is one
    std::size_t workers = 0;  ///< workers: 0 is auto
    std::vector<upstream::EndpointSpec> bootstrap;  ///< bootstrap: servers that resolve endpoints'
                                                    ///< names; default resolv.conf:/etc/resolv.conf
    server::ListenOptions listen;
    server::TlsOptions tls;  ///< tls; file names already relative to the configuration's folder
    std::optional<upstream::Options> local;  ///< local.forward
    std::vector<upstream::Options> peers;    ///< in the file's order
    std::vector<zone::Options>
        zones;  ///< file names already relative to the configuration's folder
    std::vector<upstream::Options> forwards;   ///< forward.<suffix>
    std::vector<IpPrefix> trusted_forwarders;  ///< trusted_forwarders: whose Client Subnet option
                                               ///< chooses the view; default none
    std::vector<View> views;                   ///< the file's, or one for private addresses
    cache::Options cache;
    resolver::Limits resolver_limits;
    server::Limits server_limits;
    log::Options log;
};

struct Loaded {
    std::optional<Config> config;    ///< empty exactly when there are problems
    std::vector<Problem> problems;   ///< all of them, in the file's order
    std::vector<Problem> warnings;   ///< with and without problems, in the file's order
    std::vector<std::string> files;  ///< that it names and that are read with it, resolv.conf left
                                     ///< out; as far as they are known when there are problems
};

/// Reads, checks and converts a file, zones included (they are built once to find their errors).
/// Never throws. Any thread; reads files, which takes seconds for large zones. Once stopped it ends
/// between two zones, and what it gives then is of no use.
Loaded load(const std::string& file, const std::stop_token& stop = {});
/// The same for text that did not come from a file; `file` names it in problems and is what
/// relative paths are relative to.
Loaded load_text(const std::string& text, const std::string& file,
                 const std::stop_token& stop = {});

}  // namespace peerzone::config
