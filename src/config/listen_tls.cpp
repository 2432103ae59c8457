// tls: our certificate for DNS over TLS. The files are read once, so that their errors are the
// configuration's errors.
#include <optional>

#include "config/sections.hpp"
#include "peerzone/server/tls.hpp"

namespace peerzone::config {
namespace {

// `place` is remembered for check_tls().
auto file_reader(std::string server::TlsOptions::*path,
                 std::optional<Value> ConfigBuilder::*place) {
    return [path, place](const Value& value, server::TlsOptions& tls, ConfigBuilder& builder) {
        builder.*place = value;
        value.read(tls.*path,
                   [&](std::string_view text) { return parse_file(text, builder.folder); });
    };
}

}  // namespace

const KeyTable<server::TlsOptions>& tls_section() {
    using Tls = server::TlsOptions;
    static const KeyTable<Tls> kTable(
        "tls", {{.name = "certificate",
                 .read = file_reader(&Tls::certificate, &ConfigBuilder::tls_certificate)},
                {.name = "key", .read = file_reader(&Tls::key, &ConfigBuilder::tls_key)},
                {.name = "client_ca",
                 .read = file_reader(&Tls::client_ca, &ConfigBuilder::tls_client_ca)}});
    return kTable;
}

void read_tls(const Value& value, Config& config, ConfigBuilder& builder) {
    const Map map = tls_section().read(value, config.tls, builder);
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
