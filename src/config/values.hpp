// Texts of the configuration as values: durations, sizes, names, addresses. Pure functions; an
// error has a message and a hint.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::config {

/// What is wrong with a text, and what to write instead (may be empty).
struct Wrong {
    Wrong() = default;
    Wrong(std::string what, std::string instead)
        : message(std::move(what)), hint(std::move(instead)) {}
    std::string message;
    std::string hint;
};

template <class T>
using Parsed = boost::system::result<T, Wrong>;

/// Text from the file in single quotes, shortened, without control characters: safe for a terminal
/// and a log.
std::string in_quotes(std::string_view text);

/// Replaces each ${NAME} by the environment variable; "$${" stands for "${". A variable that is not
/// set is an error.
Parsed<std::string> expand_environment(const std::string& text);

/// A whole number and its unit: ms, s, m, h, d. Within [min, max].
Parsed<Millis> parse_duration(std::string_view text, Millis min, Millis max);
/// The same in whole seconds.
Parsed<Seconds> parse_seconds(std::string_view text, Seconds min, Seconds max);
/// "250ms", "5s", "1m", "1h", "1d": the largest unit that fits.
std::string duration_text(Millis duration);

/// A whole number and its unit: B, KiB, MiB, GiB. Octets within [min, max].
Parsed<std::size_t> parse_size(std::string_view text, std::size_t min, std::size_t max);
std::string size_text(std::size_t octets);

/// A plain number within [min, max].
Parsed<std::size_t> parse_count(std::string_view text, std::size_t min, std::size_t max);

/// The suffix of a route: letters, digits, '-', '_' and '/' (RFC 2317) in its labels; "." is
/// the root. No wildcards.
Parsed<dns::Name> parse_zone_name(std::string_view text);

/// The name of a cluster, peer or view, for logs and extended errors: 1–63 letters, digits, '-',
/// '_' or '.'.
Parsed<std::string> parse_identifier(std::string_view text);

Parsed<IpPrefix> parse_prefix(std::string_view text);

/// An address to listen on, with `port` unless it has one.
Parsed<SocketAddress> parse_listen_address(std::string_view text, std::uint16_t port);

/// Which kinds of endpoint a list takes besides addresses, and what stands beside it.
struct EndpointKinds {
    bool hosts = true;
    bool resolv_conf = true;
    bool transport = true;                    ///< its section has that key
    std::uint16_t port = upstream::kDnsPort;  ///< of those that name none
};
/// "10.2.0.10", "10.2.0.10:5353", "dns.example.com:53", "resolv.conf:/path" (relative to `folder`).
Parsed<upstream::EndpointSpec> parse_endpoint(std::string_view text,
                                              const std::filesystem::path& folder,
                                              EndpointKinds kinds);
/// "_dns._udp.example.com" (RFC 2782).
Parsed<upstream::EndpointSpec> parse_srv_endpoint(std::string_view text, EndpointKinds kinds);

/// The path of a file, which must not be empty; see resolve_path().
Parsed<std::string> parse_file(std::string_view text, const std::filesystem::path& folder);

/// A path of the file, relative to its folder unless absolute.
std::string resolve_path(std::string_view text, const std::filesystem::path& folder);

}  // namespace peerzone::config
