#include "admin/admin_routes.hpp"

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <optional>

#include "admin/admin_json.hpp"
#include "admin/admin_page.hpp"
#include "peerzone/metrics/render.hpp"
#include "peerzone/server/options.hpp"

namespace peerzone::admin {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kPaths =
    "/ /status /metrics /healthz /readyz; with POST /flush /hold /release";

using Respond = std::function<void(AdminAnswer)>;

AdminAnswer text(unsigned status, std::string words) {
    AdminAnswer answer;
    answer.status = status;
    answer.body = std::move(words) + "\n";
    return answer;
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

// What came from the request, safe for a terminal.
std::string quoted(std::string_view words) {
    std::string out = "'";
    for (const char c : words.substr(0, 255)) out += c > ' ' && c < 0x7f ? c : '?';
    return out + "'";
}

// A foreign name that DNS resolves to this host would make a foreign web page one of ours (DNS
// rebinding): only addresses and localhost are taken.
bool is_address_of_ours(std::string_view host) {
    if (host.empty() || host == "localhost" || host.starts_with("localhost:")) return true;
    return SocketAddress::parse(host, server::kAdminPort).has_value();
}

AdminAnswer read(AdminHost& host, std::string_view path, std::string_view accept) {
    if (path == "/healthz") return text(200, "ok");
    if (path == "/readyz")
        return host.ready() ? text(200, "ready")
                            : text(503, "not ready: " + std::string(host.why_not_ready()));
    AdminAnswer answer;
    if (path == "/metrics") {
        answer.content_type = metrics::kPrometheusContentType;
        answer.body = metrics::render(host.report());
    } else if (path == "/status") {
        answer.content_type = kJson;
        answer.body = status_json(host.report());
    } else if (accept.find("text/html") != std::string_view::npos) {
        answer.content_type = kHtml;
        answer.body = status_page(host.report());
    } else {
        answer.body = status_table(host.report());
    }
    return answer;
}

/// A command's parameters: each at most once, and no others than `known`.
class Parameters {
public:
    Parameters(const boost::urls::url_view& target, std::initializer_list<std::string_view> known) {
        for (const auto& given : target.params()) {
            if (std::find(known.begin(), known.end(), given.key) == known.end())
                wrong_ = "unknown parameter " + quoted(given.key);
            else if (!key_.empty())
                wrong_ = "more than one parameter";
            else if (!given.has_value || given.value.empty())
                wrong_ = "parameter " + quoted(given.key) + " has no value";
            key_ = given.key;
            value_ = given.value;
        }
        if (key_.empty() && wrong_.empty()) {
            for (const std::string_view each : known)
                wrong_ += (wrong_.empty() ? "missing parameter: " : " or ") + std::string(each);
        }
    }
    const std::string& wrong() const noexcept { return wrong_; }
    const std::string& key() const noexcept { return key_; }
    const std::string& value() const noexcept { return value_; }

private:
    std::string key_;
    std::string value_;
    std::string wrong_;
};

// Null when it is known.
std::optional<AdminAnswer> unknown_upstream(const AdminHost& host, const std::string& name) {
    const std::vector<std::string> names = host.upstream_names();
    if (std::find(names.begin(), names.end(), name) != names.end()) return {};
    return text(404, "there is no peer " + quoted(name) +
                         (names.empty() ? "; none is configured" : "; known are " + joined(names)));
}

void flush(AdminHost& host, const boost::urls::url_view& target, const Respond& respond) {
    const Parameters given(target, {"name", "zone", "peer"});
    if (!given.wrong().empty()) return respond(text(400, given.wrong()));
    FlushOrder order;
    if (given.key() == "peer") {
        if (auto unknown = unknown_upstream(host, given.value())) return respond(*unknown);
        order.upstream = given.value();
    } else {
        const auto name = dns::Name::from_text(given.value());
        if (!name) return respond(text(400, quoted(given.value()) + " is not a domain name"));
        order.name = name->folded();
        order.below = given.key() == "zone";
    }
    host.flush(order, [respond, key = given.key(), value = given.value()](std::size_t dropped) {
        respond(text(200, "flushed " + std::to_string(dropped) +
                              (dropped == 1 ? " entry of " : " entries of ") + key + " " +
                              quoted(value)));
    });
}

AdminAnswer hold(AdminHost& host, const boost::urls::url_view& target, bool held) {
    const Parameters given(target, {"peer"});
    if (!given.wrong().empty()) return text(400, given.wrong());
    if (auto unknown = unknown_upstream(host, given.value())) return *unknown;
    const bool changed = host.hold(given.value(), held);
    const std::string which = given.value() + (changed ? " is " : " was ");
    if (held)
        return text(200, which + "held" + (changed ? "" : " already") +
                             ": it is not asked, its names are answered from memory until "
                             "`peerzone release " +
                             given.value() + "`");
    return text(200, changed ? which + "released: it is asked again" : which + "not held");
}

}  // namespace

void answer_admin(AdminHost& host, const AdminRequest& request, Respond respond) {
    static constexpr std::array<std::string_view, 5> kReads = {"/", "/status", "/metrics",
                                                               "/healthz", "/readyz"};
    static constexpr std::array<std::string_view, 3> kCommands = {"/flush", "/hold", "/release"};
    const auto parsed = boost::urls::parse_origin_form(request.target);
    if (!parsed) return respond(text(400, "the request's target is no path"));
    const boost::urls::url_view target = *parsed;
    const std::string path = target.path();
    const bool reads = std::find(kReads.begin(), kReads.end(), path) != kReads.end();
    const bool commands = std::find(kCommands.begin(), kCommands.end(), path) != kCommands.end();
    if (!reads && !commands) return respond(text(404, "there is " + std::string(kPaths)));
    const bool is_get = request.method == "GET" || request.method == "HEAD";
    if (reads ? !is_get : request.method != "POST") {
        AdminAnswer answer = text(405, std::string(reads ? "only GET" : "only POST"));
        answer.allow = reads ? "GET, HEAD" : "POST";
        return respond(std::move(answer));
    }
    if (reads) return respond(read(host, path, request.accept));
    if (!request.from_loopback)
        return respond(text(403, "commands are taken from this host only (loopback)"));
    // A web page in a browser on this host is not the operator.
    if (request.has_origin || !is_address_of_ours(request.host))
        return respond(text(403,
                            "commands are not taken from web pages, and only for an address "
                            "or localhost as Host"));
    if (path == "/flush") return flush(host, target, respond);
    respond(hold(host, target, path == "/hold"));
}

}  // namespace peerzone::admin
