#include "resolver/loop_guard.hpp"

#include <algorithm>
#include <array>

#include "peerzone/upstream/hop_mark.hpp"
#include "resolver/decide.hpp"

namespace peerzone::resolver {
namespace {

constexpr unsigned kHopsMax = 4;
constexpr Seconds kHandedBackTtlMax{5};

bool is_endpoint_of(const upstream::Upstream& upstream, const IpAddress& client) noexcept {
    const auto set = upstream.set();
    return std::ranges::any_of(
        set->endpoints, [&](const auto& endpoint) { return endpoint->address().ip == client; });
}

// Of few letters, people's servers mix the same case now and then. Our probes ask for NS, which
// hardly anybody else does.
bool is_telling(const dns::Query& query) noexcept {
    constexpr std::ptrdiff_t kEnough = 16;
    return query.type == dns::type::ns ||
           std::ranges::count_if(query.asked_name(), dns::is_letter) >= kEnough;
}

// A name of cluster.zone, or of the addresses that local.forward answers for.
bool is_name_of_own_dns(const Request& request, const upstream::Upstream& upstream) noexcept {
    return upstream.options.kind == upstream::Kind::local &&
           request.route->kind == view::Route::Kind::upstream;
}

}  // namespace

Loop loop_of(const Request& request, const upstream::Upstream& upstream,
             const std::shared_ptr<const Snapshot>& snapshot, const InFlightTable& table,
             const upstream::SentNames& sent, Time now) noexcept {
    const dns::Query& query = request.query;
    const bool to_own_dns = upstream.options.kind == upstream::Kind::local;
    if (query.hops != 0 &&
        (upstream::is_own_mark(query.hop_node, snapshot->node_id) ||
         (to_own_dns && upstream::is_mark_for_own_dns(query.hop_node, snapshot->node_id))))
        return Loop::own_question;
    if (query.hops >= kHopsMax) return Loop::hops;
    const Bytes name = query.asked_name();
    const bool is_mixed = dns::has_mixed_case(name);
    // From whatever address it comes, a Service's or a NAT's.
    if (is_mixed && is_telling(query) && sent.contain(name, now)) return Loop::own_question;
    // A client may live on the host of a server that we ask, and ask for the same name at the same
    // time. What comes back to us carries a mark, or letter case that somebody mixed.
    const bool may_be = (query.hops != 0 || is_mixed) && is_endpoint_of(upstream, request.client);
    return may_be && table.asks(request, upstream.id, snapshot) ? Loop::same_question : Loop::none;
}

// Without a mark, a server's resolver on its host may ask what another client asks: no proof.
bool is_handed_back(Loop loop, const Request& request,
                    const upstream::Upstream& upstream) noexcept {
    const bool is_ours =
        loop == Loop::own_question || (loop == Loop::same_question && request.query.hops != 0);
    return is_ours && is_name_of_own_dns(request, upstream);
}

std::string describe_loop(Loop loop, const Request& request, const upstream::Upstream& upstream) {
    const std::string text = "loop via " + upstream.label + ": ";
    const std::string client = request.client.to_text();
    switch (loop) {
        case Loop::own_question: return text + "our own question came back from " + client;
        case Loop::hops:
            return text + std::to_string(request.query.hops) + " hops, the last one " + client;
        default: return text + client + " asks what we are asking it";
    }
}

Answer deny_handed_back(const Request& request, const upstream::Upstream& upstream,
                        Seconds negative_max, MutableBytes scratch) {
    const auto ttl = static_cast<std::uint32_t>(std::min(negative_max, kHandedBackTtlMax).count());
    const Bytes zone = request.route->suffix.wire();
    std::array<std::uint8_t, 2 * dns::kNameMax + 20> soa{};
    std::size_t size = 0;
    for (int name = 0; name < 2; ++name) {  // the server, and the mailbox of who runs it
        std::copy(zone.begin(), zone.end(), soa.begin() + static_cast<std::ptrdiff_t>(size));
        size += zone.size();
    }
    for (const std::uint32_t number : {1u, 7200u, 1800u, 86400u, ttl}) {
        store_u32(&soa[size], number);
        size += 4;
    }
    dns::BodyWriter writer(scratch, scratch.size(), request.query.name());
    writer.add(dns::Section::authority, zone, dns::type::soa, ttl, Bytes(soa).first(size));
    Answer answer;
    answer.rcode = dns::Rcode::nxdomain;
    answer.upstream = &upstream;
    answer.info = writer.info();
    answer.error_code = dns::ede::other;
    answer.error_text =
        upstream.label + " does not have this name: it asked us, as " + request.client.to_text();
    return answer;
}

}  // namespace peerzone::resolver
