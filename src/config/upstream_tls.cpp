// tls of peers, local and forward: DNS over TLS towards upstreams. The files are read once, so that
// their errors are the configuration's errors.
#include "peerzone/upstream/tls.hpp"

#include <array>
#include <string>
#include <string_view>

#include "config/builder.hpp"

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

struct File {
    std::string_view key;
    std::string& path;
};

std::array<File, 3> files_of(upstream::TlsOptions& tls) {
    return {{{"ca", tls.ca}, {"certificate", tls.certificate}, {"key", tls.key}}};
}

bool read_files(const Map& map, upstream::TlsOptions& tls, ConfigBuilder& builder) {
    bool complete = true;
    for (const File& file : files_of(tls)) {
        const bool read = map.read(file.key, file.path, [&](std::string_view text) {
            return text.empty() ? Parsed<std::string>(Wrong{"'' names no file", ""})
                                : Parsed<std::string>(boost::system::in_place_value,
                                                      resolve_path(text, builder.folder));
        });
        if (read) builder.files.push_back(file.path);
        complete = complete && (read || map.get(file.key) == nullptr);
    }
    return complete;
}

}  // namespace

void read_upstream_tls(const Map& upstream, std::string_view section_path,
                       upstream::Options& options, ConfigBuilder& builder) {
    const Value* value = upstream.get("tls");
    if (value == nullptr) return;
    const Map map(*value, section_path);
    upstream::TlsOptions& tls = options.tls;
    map.read("server_name", tls.server_name, parse_server_name);
    const bool complete = read_files(map, tls, builder);
    if (options.transport != upstream::Transport::tls) {
        value->problem_at_key("without 'transport: tls' this has no effect",
                              "write transport: tls, or remove it");
        return;
    }
    const bool has_certificate = map.get("certificate") != nullptr;
    if (has_certificate != (map.get("key") != nullptr)) {
        map.missing(has_certificate ? "key" : "certificate",
                    "our certificate and its key, as PEM files");
        return;
    }
    if (!complete) return;
    for (const upstream::TlsProblem& problem : upstream::check_tls(tls))
        for (const File& file : files_of(tls))
            if (const Value* place = map.get(problem.key);
                place != nullptr && file.key == problem.key)
                place->problem(problem.message, "", kind_of_trouble(file.path));
}

}  // namespace peerzone::config
