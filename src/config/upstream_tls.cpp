// tls of peers, local and forward: DNS over TLS towards upstreams. The files are read once, so that
// their errors are the configuration's errors.
#include "peerzone/exchange/tls.hpp"

#include <string>
#include <string_view>

#include "config/sections.hpp"

namespace peerzone::config {
namespace {

/// A host name without a final dot, or an address.
Parsed<std::string> parse_server_name(std::string_view text) {
    if (const auto address = IpAddress::parse(text)) return address->to_text();
    const auto name = parse_zone_name(text);
    if (!name || name->is_root() || text.find('/') != std::string_view::npos)
        return Wrong{in_quotes(text) + " is not a host name or an address",
                     "the name in the peer's certificate, such as dns.westus.example.com"};
    return name->to_text();
}

auto file_reader(std::string exchange::TlsOptions::*path) {
    return [path](const Value& value, exchange::TlsOptions& tls, ConfigBuilder& builder) {
        if (value.read(tls.*path,
                       [&](std::string_view text) { return parse_file(text, builder.folder); }))
            builder.files.push_back(tls.*path);
    };
}

KeyTable<exchange::TlsOptions> tls_table(std::string_view path) {
    using Tls = exchange::TlsOptions;
    return {path,
            {{.name = "server_name", .read = field(&Tls::server_name, parse_server_name)},
             {.name = "ca", .read = file_reader(&Tls::ca)},
             {.name = "certificate", .read = file_reader(&Tls::certificate)},
             {.name = "key", .read = file_reader(&Tls::key)}}};
}

// The files can be looked at: none is given that could not be read as a path.
bool has_all_paths(const Map& map, const exchange::TlsOptions& tls) {
    const auto is_read = [&map](std::string_view key, const std::string& path) {
        return map.get(key) == nullptr || !path.empty();
    };
    return is_read("ca", tls.ca) && is_read("certificate", tls.certificate) &&
           is_read("key", tls.key);
}

}  // namespace

const KeyTable<exchange::TlsOptions>& upstream_tls_section(upstream::Kind kind) {
    static const KeyTable<exchange::TlsOptions> kPeer = tls_table("peers.*.tls");
    static const KeyTable<exchange::TlsOptions> kLocal = tls_table("local.forward.tls");
    static const KeyTable<exchange::TlsOptions> kForward = tls_table("forward.*.tls");
    return of_kind(kind, kPeer, kLocal, kForward);
}

void read_upstream_tls(const Value& value, upstream::Options& options, ConfigBuilder& builder) {
    const exchange::TlsOptions& tls = options.tls;
    const Map map = upstream_tls_section(options.kind).read(value, options.tls, builder);
    if (options.transport != upstream::Protocol::tls) {
        value.problem_at_key("without 'transport: tls' this has no effect",
                             "write transport: tls, or remove it");
        return;
    }
    const bool has_certificate = map.get("certificate") != nullptr;
    if (has_certificate != (map.get("key") != nullptr)) {
        map.missing(has_certificate ? "key" : "certificate",
                    "our certificate and its key, as PEM files");
        return;
    }
    if (!has_all_paths(map, tls)) return;
    for (const exchange::TlsProblem& problem : exchange::check_tls(tls))
        if (const Value* place = map.get(problem.key)) {
            const std::string path = resolve_path(place->text().value_or(""), builder.folder);
            place->problem(problem.message, "", kind_of_trouble(path));
        }
}

}  // namespace peerzone::config
