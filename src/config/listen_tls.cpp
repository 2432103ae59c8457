// tls: our certificate for DNS over TLS. The files are read once, so that their errors are the
// configuration's errors.
#include <optional>

#include "config/builder.hpp"
#include "peerzone/server/tls.hpp"

namespace peerzone::config {
namespace {

void read_file(const Map& map, std::string_view key, ConfigBuilder& builder, std::string& file,
               std::optional<Value>& place) {
    const Value* value = map.get(key);
    if (value == nullptr) return;
    place = *value;
    value->read(file, [&](std::string_view text) -> Parsed<std::string> {
        if (text.empty()) return Wrong{"'' names no file", ""};
        return resolve_path(text, builder.folder);
    });
}

}  // namespace

void read_tls(const Value& value, ConfigBuilder& builder) {
    server::TlsOptions& tls = builder.config.tls;
    const Map map(value, "tls");
    read_file(map, "certificate", builder, tls.certificate, builder.tls_certificate);
    read_file(map, "key", builder, tls.key, builder.tls_key);
    read_file(map, "client_ca", builder, tls.client_ca, builder.tls_client_ca);
    if (builder.tls_certificate.has_value() != builder.tls_key.has_value())
        map.missing(builder.tls_key ? "certificate" : "key",
                    "a certificate and its key, as PEM files");
}

void check_tls(ConfigBuilder& builder) {
    if (!builder.listen_tls) return;
    if (!builder.tls_certificate && !builder.tls_key) {
        builder.listen_tls->problem_at_key("there is no certificate to serve DNS over TLS with",
                                           "tls: {certificate: tls.crt, key: tls.key}");
        return;
    }
    const server::TlsOptions& tls = builder.config.tls;
    for (const std::string& file : {tls.certificate, tls.key, tls.client_ca})
        if (!file.empty()) builder.files.push_back(file);
    if (tls.certificate.empty() || tls.key.empty()) return;  // complained about already
    const server::TlsLoad loaded = server::load_tls(tls);
    if (loaded.context != nullptr) return;
    using Part = server::TlsLoad::Part;
    const bool of_certificate = loaded.part == Part::certificate;
    const bool of_key = loaded.part == Part::key;
    const Value& place = of_certificate ? *builder.tls_certificate
                         : of_key       ? *builder.tls_key
                                        : *builder.tls_client_ca;
    const std::string& file = of_certificate ? tls.certificate : of_key ? tls.key : tls.client_ca;
    place.problem(loaded.problem, "", kind_of_trouble(file));
}

}  // namespace peerzone::config
