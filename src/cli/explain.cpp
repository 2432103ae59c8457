#include "cli/explain.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "cli/text_question.hpp"
#include "peerzone/app/app.hpp"
#include "peerzone/app/explain.hpp"
#include "peerzone/config/config.hpp"
#include "peerzone/dns/record.hpp"

namespace peerzone::cli {
namespace {

using resolver::Explanation;

constexpr std::uint16_t kDnsPort = 53;

int complain(std::ostream& complaints, int status, const std::string& what) {
    complaints << "peerzone: " << what << '\n';
    return status;
}

void write(const Explanation& explanation, bool as_json, std::ostream& out) {
    if (!as_json) {
        for (const std::string& line : to_columns(explanation)) out << line << '\n';
        return;
    }
    boost::json::array lines;
    for (const auto& [key, text] : explanation)
        lines.push_back(boost::json::object{{"key", key}, {"text", text}});
    out << boost::json::serialize(lines) << '\n';
}

// Somebody whom the configuration serves at any address, this host where that may be.
IpAddress usual_client(const config::Config& config) {
    const IpAddress here = IpAddress::v4(0x7f000001);
    const IpPrefix* first = nullptr;
    for (const view::Options& view : config.views) {
        if (!view.listen.empty()) continue;
        for (const IpPrefix& prefix : view.clients) {
            if (prefix.contains(here)) return here;
            if (first == nullptr) first = &prefix;
        }
    }
    return first != nullptr ? first->address : here;
}

int explain_offline(const ExplainOptions& options, resolver::ExplainRequest request,
                    std::ostream& out, std::ostream& complaints) {
    const config::Loaded loaded = config::load(options.config_file);
    for (const config::Problem& problem : loaded.problems) complaints << problem.to_text() << '\n';
    if (!loaded.config) return app::exit_status(loaded.problems);
    request.client = usual_client(*loaded.config);
    if (!options.client.empty()) {
        const auto client = IpAddress::parse(options.client);
        if (!client) return complain(complaints, kUsageError, client.error().message);
        request.client = *client;
    }
    const auto explanation = app::explain(*loaded.config, request);
    if (!explanation)
        return complain(complaints, app::kExitUnavailable, explanation.error().message);
    write(*explanation, options.as_json, out);
    return 0;
}

// The name in class CH, with the type in front where one is given.
Result<dns::Name> name_to_ask(const resolver::ExplainRequest& request) {
    if (!request.type) return request.name;
    const auto with_front =
        dns::Name::from_text("_" + dns::type_text(*request.type) + "._explain").value();
    const auto name = with_front.with_suffix(dns::Name(), request.name);
    if (!name) return fail("with a type in front this name has more than 255 octets");
    return *name;
}

int explain_online(const ExplainOptions& options, const resolver::ExplainRequest& request,
                   std::ostream& out, std::ostream& complaints) {
    const auto server =
        SocketAddress::parse(options.server.empty() ? "127.0.0.1" : options.server, kDnsPort);
    if (!server)
        return complain(complaints, kUsageError,
                        server.error().message +
                            " (hint: --server takes ADDRESS or ADDRESS:PORT, such as "
                            "10.1.0.53:53)");
    const auto name = name_to_ask(request);
    if (!name) return complain(complaints, kUsageError, name.error().message);
    const auto lines = ask_text(*server, *name);
    if (!lines)
        return complain(complaints, 1,
                        lines.error().message +
                            "\n--server ADDRESS:PORT says which server is asked, --config FILE "
                            "explains without one");
    write(resolver::from_columns(*lines), options.as_json, out);
    return 0;
}

}  // namespace

int explain(const ExplainOptions& options, std::ostream& out, std::ostream& complaints) {
    resolver::ExplainRequest request;
    const auto name = dns::Name::from_text(options.name);
    if (!name) return complain(complaints, kUsageError, name.error().message);
    request.name = *name;
    if (!options.type.empty()) {
        const auto type = dns::parse_type(options.type);
        if (!type) return complain(complaints, kUsageError, type.error().message);
        request.type = *type;
    }
    if (!options.config_file.empty()) return explain_offline(options, request, out, complaints);
    if (!options.client.empty())
        return complain(complaints, kUsageError,
                        "--client needs --config: a server explains to those who ask it");
    return explain_online(options, request, out, complaints);
}

}  // namespace peerzone::cli
