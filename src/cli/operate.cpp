#include "cli/operate.hpp"

#include <boost/url/url.hpp>
#include <ostream>
#include <string_view>

#include "cli/admin_client.hpp"
#include "peerzone/app/app.hpp"
#include "peerzone/config/config.hpp"

namespace peerzone::cli {
namespace {

constexpr unsigned kOk = 200;

// `status`: to exit with when there is none.
Result<SocketAddress> address_in(const std::string& file, int& status) {
    const config::Loaded loaded = config::load(file);
    if (!loaded.config) {
        std::string text;
        for (const config::Problem& problem : loaded.problems)
            text += (text.empty() ? "" : "\n") + problem.to_text();
        status = app::exit_status(loaded.problems);
        return fail(text);
    }
    if (!loaded.config->listen.admin) return fail(file + ": listen.admin is off");
    return *loaded.config->listen.admin;
}

Result<SocketAddress> address_of(const ServerChoice& server, int& status) {
    constexpr std::string_view kHere = "localhost";
    if (!server.config_file.empty()) return address_in(server.config_file, status);
    std::string address = server.address.empty() ? "127.0.0.1" : server.address;
    if (address.starts_with(kHere)) address.replace(0, kHere.size(), "127.0.0.1");
    const auto parsed = SocketAddress::parse(address, server::kAdminPort);
    if (!parsed)
        return fail(parsed.error().message +
                    " (hint: --server takes ADDRESS or ADDRESS:PORT, such as 127.0.0.1:9153)");
    return parsed;
}

int ask(const ServerChoice& server, const std::string& method, const std::string& target,
        const std::string& accept, std::ostream& out, std::ostream& complaints) {
    int status = 1;
    Result<SocketAddress> address = address_of(server, status);
    if (!address) {
        complaints << "peerzone: " << address.error().message << '\n';
        return status;
    }
    if (address->ip.is_unspecified())  // it listens on every address: this host's own will do
        address->ip =
            address->ip.is_v4() ? IpAddress::v4(0x7f000001) : IpAddress::parse("::1").value();
    const Result<AdminReply> reply = ask_admin(*address, method, target, accept);
    if (!reply) {
        complaints
            << "peerzone: " << reply.error().message
            << "\nIs the server running? --server ADDRESS:PORT or --config FILE say where it "
               "listens (listen.admin)\n";
        return 1;
    }
    (reply->status == kOk ? out : complaints) << reply->body;
    return reply->status == kOk ? 0 : 1;
}

int command(const ServerChoice& server, const std::string& path, const std::string& key,
            const std::string& value, std::ostream& out, std::ostream& complaints) {
    boost::urls::url target;
    target.set_path(path);
    target.params().append(boost::urls::param_view(key, value));
    return ask(server, "POST", std::string(target.buffer()), "text/plain", out, complaints);
}

}  // namespace

int status(const ServerChoice& server, bool as_json, std::ostream& out, std::ostream& complaints) {
    return ask(server, "GET", as_json ? "/status" : "/",
               as_json ? "application/json" : "text/plain", out, complaints);
}

int flush(const ServerChoice& server, const std::string& key, const std::string& value,
          std::ostream& out, std::ostream& complaints) {
    return command(server, "/flush", key, value, out, complaints);
}

int hold(const ServerChoice& server, const std::string& peer, std::ostream& out,
         std::ostream& complaints) {
    return command(server, "/hold", "peer", peer, out, complaints);
}

int release(const ServerChoice& server, const std::string& peer, std::ostream& out,
            std::ostream& complaints) {
    return command(server, "/release", "peer", peer, out, complaints);
}

}  // namespace peerzone::cli
