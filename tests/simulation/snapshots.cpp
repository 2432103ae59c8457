#include "simulation/snapshots.hpp"

#include <array>

#include "app/view_routes.hpp"
#include "peerzone/zone/zone.hpp"

namespace peerzone::simulation {
namespace {

constexpr std::array<std::string_view, kUpstreams> kLabels{"peer=one", "peer=two", "peer=three",
                                                           "forward=fwd.test", "forward=."};

std::shared_ptr<const zone::Zone> own_zone() {
    static const std::shared_ptr<const zone::Zone> made =
        zone::load({.origin = dns::Name::from_text(kOwnZone).value(),
                    .records = {"@ A 198.51.100.1", "host A 198.51.100.2", "to0 CNAME n0.a.test.",
                                "to1 CNAME n1.b.test.", "to2 CNAME n2.fwd.test.",
                                "to3 CNAME loop0.c.test.", "to4 CNAME n1.elsewhere.",
                                "in CNAME host", "*.wild CNAME n3.sub.a.test."},
                    .file = {}})
            .zone;
    return made;
}

std::optional<upstream::Protocol> transport_of(const UpstreamPlan& plan) {
    if (plan.transport == 0) return std::nullopt;
    return plan.transport == 1 ? upstream::Protocol::udp : upstream::Protocol::tcp;
}

}  // namespace

std::string label_of(unsigned upstream) {
    return std::string(kLabels[upstream]);
}

SocketAddress address_of(unsigned upstream, unsigned endpoint) {
    return {IpAddress::v4(0xc0000200u + upstream * 16 + endpoint), 53};
}

unsigned upstream_at(const SocketAddress& address) {
    return (address.ip.v4_value() & 0xff) / 16;
}

unsigned endpoint_at(const SocketAddress& address) {
    return address.ip.v4_value() & 15;
}

IpAddress client_address(unsigned net, unsigned client) {
    return IpAddress::v4(0x0a000000u + (net << 16) + client + 1);
}

std::shared_ptr<upstream::Upstream> Snapshots::make_upstream(const UpstreamPlan& plan,
                                                             unsigned number) {
    auto made = std::make_shared<upstream::Upstream>();
    made->id = static_cast<std::uint16_t>(number);
    made->label = label_of(number);
    made->health = health_.try_emplace(number, made->health).first->second;
    upstream::Options& options = made->options;
    options.name = made->label;
    options.kind = number >= kForward ? upstream::Kind::forward : upstream::Kind::peer;
    for (const unsigned suffix : plan.suffixes)
        options.zones.push_back(dns::Name::from_text(kSuffixes[suffix]).value());
    options.transport = transport_of(plan);
    options.order = plan.listed ? upstream::Order::listed : upstream::Order::fastest;
    options.hedge = plan.hedges;
    options.deadline = plan.deadline;
    options.negative_ttl = plan.negative_ttl;
    options.stale.max_age = plan.stale_max;
    if (const auto before = upstreams_.find(number);
        before != upstreams_.end() && before->second->options == options)
        made->board = before->second->board;
    upstreams_[number] = made;
    publish_endpoints(plan, number);
    return made;
}

void Snapshots::publish_endpoints(const UpstreamPlan& plan, unsigned number) {
    const upstream::EndpointRole role{.forwarder = number >= kForward,
                                      .has_root = number == kCatchAll};
    upstream::EndpointSet set;
    for (const unsigned endpoint : plan.endpoints) {
        auto& known = endpoints_[{number, endpoint}];
        if (known == nullptr)
            known = std::make_shared<upstream::Endpoint>(address_of(number, endpoint), role);
        set.endpoints.push_back(known);
        set.sources.push_back(known->address().to_text());
        if (plan.listed) set.places.push_back(static_cast<std::uint8_t>(set.places.size()));
    }
    upstream::EndpointBoard& board = *upstreams_[number]->board;
    if (set != *board.current()) board.publish(std::move(set));
}

void Snapshots::publish_endpoints(const Plan& plan) {
    for (const auto& [number, upstream] : upstreams_)
        publish_endpoints(plan.upstreams[number], number);
}

std::size_t Snapshots::permits() const {
    std::size_t sum = 0;
    for (const auto& [place, endpoint] : endpoints_) sum += endpoint->datagrams().held();
    return sum;
}

std::shared_ptr<const resolver::Snapshot> Snapshots::build(const Plan& plan) {
    auto snapshot = std::make_shared<resolver::Snapshot>();
    snapshot->limits = plan.limits;
    snapshot->node_id = 77;
    if (plan.has_zone) snapshot->zones.push_back(own_zone());
    std::array<std::uint16_t, kUpstreams> places{};
    for (unsigned number = 0; number < kUpstreams; ++number) {
        if (!plan.upstreams[number].is_there) {
            health_.erase(number);
            upstreams_.erase(number);
            std::erase_if(endpoints_, [&](const auto& e) { return e.first.first == number; });
            continue;
        }
        places[number] = static_cast<std::uint16_t>(snapshot->upstreams.size());
        snapshot->upstreams.push_back(make_upstream(plan.upstreams[number], number));
    }
    for (const ViewPlan& view_plan : plan.views) {
        const auto id = static_cast<view::ViewId>(snapshot->views.size());
        for (const unsigned net : view_plan.nets)
            snapshot->clients.add(IpPrefix::parse("10." + std::to_string(net) + ".0.0/16").value(),
                                  id);
        view::View& view = snapshot->views.emplace_back();
        view.name = "view" + std::to_string(view_plan.number);
        app::Visible visible;
        if (plan.has_zone) visible.zones = {0};
        for (unsigned number = 0; number < kUpstreams; ++number)
            if (plan.upstreams[number].is_there && (view_plan.sees >> number & 1))
                visible.upstreams.push_back(places[number]);
        app::add_routes(view, *snapshot, visible, scopes_);
    }
    scopes_.end_build();
    app::group_views(snapshot->views);
    return snapshot;
}

}  // namespace peerzone::simulation
