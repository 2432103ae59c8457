#include "app/endpoint_sets.hpp"

#include "peerzone/base/log.hpp"

namespace peerzone::app {
namespace {

// Where its options stand in the configuration.
std::string tls_path(const upstream::Options& options) {
    switch (options.kind) {
        case upstream::Kind::peer: return "peers." + options.name + ".tls";
        case upstream::Kind::local: return "local.forward.tls";
        case upstream::Kind::forward:
            return (options.view.empty() ? "" : "views." + options.view + ".") + "forward.\"" +
                   options.zones.front().to_text() + "\".tls";
    }
    return "tls";
}

// The name that the configuration gave an endpoint by, if it did: its certificate must be for that.
// Of an SRV name it is the domain, since nothing vouches for where its records lead (RFC 9525 6.1).
std::string certified_name(const upstream::EndpointSpec& spec) {
    if (spec.srv.empty()) return spec.host;
    std::string_view domain = spec.srv;
    while (domain.starts_with('_') && domain.find('.') != std::string_view::npos)
        domain.remove_prefix(domain.find('.') + 1);
    return std::string(domain);
}

}  // namespace

std::string label_of(const upstream::Options& options) {
    switch (options.kind) {
        case upstream::Kind::peer: return "peer=" + options.name;
        case upstream::Kind::local: return "local";
        case upstream::Kind::forward:
            return "forward=" + (options.view.empty() ? "" : options.view + ":") +
                   options.zones.front().to_text();
    }
    return options.name;
}

bool EndpointSets::publish(const std::vector<std::shared_ptr<const upstream::Upstream>>& upstreams,
                           const discovery::SourceTable& sources) {
    bool changed = false;
    kept_.clear();
    for (const auto& upstream : upstreams) {
        upstream::EndpointSet made = make(*upstream, sources);
        if (made == *upstream->set()) continue;
        upstream->board->publish(std::move(made));
        changed = true;
    }
    endpoints_ = std::move(kept_);
    kept_.clear();
    tls_.drop_unused();
    return changed;
}

upstream::EndpointSet EndpointSets::make(const upstream::Upstream& upstream,
                                         const discovery::SourceTable& sources) {
    upstream::EndpointSet made;
    for (const upstream::EndpointSpec& spec : upstream.options.endpoints)
        add_endpoints(made, upstream, spec, sources);
    return made;
}

void EndpointSets::add_endpoints(upstream::EndpointSet& made, const upstream::Upstream& upstream,
                                 const upstream::EndpointSpec& spec,
                                 const discovery::SourceTable& sources) {
    if (spec.address) return add_address(made, upstream, *spec.address, spec);
    const std::string text = upstream::source_text(spec);
    const auto known = sources.find(text);
    if (known == sources.end() || known->second.addresses.empty()) {
        const bool failed = known != sources.end() && !known->second.error.empty();
        made.pending = failed ? known->second.error : text + ": not resolved yet";
        return;
    }
    for (SocketAddress address : known->second.addresses) {
        // A resolv.conf file names no ports.
        if (!spec.resolv_conf.empty() && upstream.options.transport == upstream::Protocol::tls)
            address.port = upstream::kTlsPort;
        add_address(made, upstream, address, spec);
    }
}

void EndpointSets::add_address(upstream::EndpointSet& made, const upstream::Upstream& upstream,
                               const SocketAddress& address, const upstream::EndpointSpec& spec) {
    const Key key{upstream.label, address};
    if (kept_.contains(key)) return;  // named twice, perhaps by a host name and its address
    if (made.endpoints.size() >= upstream::kEndpointsMax) {
        if (told_.insert(upstream.label).second)
            log::warning("too many endpoints", {{"upstream", upstream.label},
                                                {"used", std::to_string(upstream::kEndpointsMax)}});
        return;
    }
    const auto known = endpoints_.find(key);
    const bool forwarder = upstream.options.kind == upstream::Kind::forward;
    const upstream::EndpointRole role{
        .forwarder = forwarder, .has_root = forwarder && upstream.options.zones.front().is_root()};
    auto endpoint = known != endpoints_.end() ? known->second
                                              : std::make_shared<upstream::Endpoint>(address, role);
    // No worker asks it before the prober has.
    if (known == endpoints_.end() && !upstream.options.expect.empty())
        endpoint->identity().note(upstream::Identity::awaited);
    kept_.emplace(key, endpoint);
    made.endpoints.push_back(std::move(endpoint));
    // The servers of a resolv.conf file have an order, too; the addresses of a name have none.
    if (upstream.options.order == upstream::Order::listed) {
        const bool same = spec.resolv_conf.empty() && !made.sources.empty() &&
                          made.sources.back() == upstream::source_text(spec);
        const int last = made.places.empty() ? -1 : made.places.back();
        made.places.push_back(static_cast<std::uint8_t>(same ? last : last + 1));
    }
    made.sources.push_back(upstream::source_text(spec));
    if (upstream.options.transport != upstream::Protocol::tls) return;
    const exchange::TlsOptions& tls = upstream.options.tls;
    made.tls.push_back(tls_.get(
        tls, {.label = upstream.label,
              .path = tls_path(upstream.options),
              .server_name = tls.server_name.empty() ? certified_name(spec) : tls.server_name}));
}

}  // namespace peerzone::app
