// tls: our certificate for DNS over TLS. The files are read once, so that their errors are the
// configuration's errors.
#include <optional>

#include "config/draft.hpp"
#include "peerzone/server/tls.hpp"

namespace peerzone::config {
namespace {

void read_file(const Map& map, std::string_view key, Draft& draft, std::string& file,
               std::optional<Value>& place) {
    const Value* value = map.get(key);
    if (value == nullptr) return;
    place = *value;
    value->read(file, [&](std::string_view text) -> Parsed<std::string> {
        if (text.empty()) return Wrong{"'' names no file", ""};
        return resolve_path(text, draft.folder);
    });
}

}  // namespace

void read_tls(const Value& value, Draft& draft) {
    server::TlsOptions& tls = draft.config.tls;
    const Map map(value, "tls");
    read_file(map, "certificate", draft, tls.certificate, draft.tls_certificate);
    read_file(map, "key", draft, tls.key, draft.tls_key);
    read_file(map, "client_ca", draft, tls.client_ca, draft.tls_client_ca);
    if (draft.tls_certificate.has_value() != draft.tls_key.has_value())
        map.missing(draft.tls_key ? "certificate" : "key",
                    "a certificate and its key, as PEM files");
}

void check_tls(Draft& draft) {
    if (!draft.listen_tls) return;
    if (!draft.tls_certificate && !draft.tls_key) {
        draft.listen_tls->problem_at_key("there is no certificate to serve DNS over TLS with",
                                         "tls: {certificate: tls.crt, key: tls.key}");
        return;
    }
    const server::TlsOptions& tls = draft.config.tls;
    for (const std::string& file : {tls.certificate, tls.key, tls.client_ca})
        if (!file.empty()) draft.files.push_back(file);
    if (tls.certificate.empty() || tls.key.empty()) return;  // complained about already
    const server::TlsLoad loaded = server::load_tls(tls);
    if (loaded.context != nullptr) return;
    using Part = server::TlsLoad::Part;
    const bool of_certificate = loaded.part == Part::certificate;
    const bool of_key = loaded.part == Part::key;
    const Value& place = of_certificate ? *draft.tls_certificate
                         : of_key       ? *draft.tls_key
                                        : *draft.tls_client_ca;
    const std::string& file = of_certificate ? tls.certificate : of_key ? tls.key : tls.client_ca;
    place.problem(loaded.problem, "", kind_of_trouble(file));
}

}  // namespace peerzone::config
