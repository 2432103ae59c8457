// Questions that go round in a circle (src/README.md, "Loops"): the edge that would close it is
// not asked, and everything else goes on. Three signs: the hop mark or the letter case is our own;
// it has come over too many servers; the server that we are asking asks us the same.
//
// What the cluster's own DNS does not have itself and hands back is no failure: there is no such
// name. So it goes with every miss of a search list where CoreDNS falls through to us.
#include <algorithm>

#include "peerzone/upstream/hop_mark.hpp"
#include "resolver/impl.hpp"

namespace peerzone::resolver {
namespace {

using metrics::Count;

constexpr unsigned kHopsMax = 4;
constexpr Seconds kHandedBackTtlMax{5};

bool is_endpoint_of(const upstream::Upstream& upstream, const IpAddress& client) noexcept {
    return std::ranges::any_of(
        upstream.endpoints, [&](const auto& endpoint) { return endpoint->address().ip == client; });
}

enum class Loop : std::uint8_t { none, own_question, hops, same_question };

// Of few letters, people's servers mix the same case now and then. Our probes ask for NS, which
// hardly anybody else does.
bool is_telling(const dns::Query& query) noexcept {
    constexpr std::ptrdiff_t kEnough = 16;
    return query.type == dns::type::ns ||
           std::ranges::count_if(query.asked_name(), dns::is_letter) >= kEnough;
}

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

// A name of cluster.zone, or of the addresses that local.forward answers for.
bool is_name_of_own_dns(const Request& request, const upstream::Upstream& upstream) noexcept {
    return upstream.options.kind == upstream::Kind::local &&
           request.route->kind == view::Route::Kind::upstream;
}

std::string path_of(Loop loop, const Request& request, const upstream::Upstream& upstream) {
    const std::string text = "loop via " + upstream.label + ": ";
    const std::string client = request.client.to_text();
    switch (loop) {
        case Loop::own_question: return text + "our own question came back from " + client;
        case Loop::hops:
            return text + std::to_string(request.query.hops) + " hops, the last one " + client;
        default: return text + client + " asks what we are asking it";
    }
}

}  // namespace

// True when the question must not be asked there; the client has its answer then.
bool Resolver::Impl::cut_loop(const Waiter& waiter, const upstream::Upstream& upstream, Time now) {
    const Request& request = waiter.request;
    const dns::Query& query = request.query;
    const Loop loop = loop_of(request, upstream, snapshot, table, client.sent(), now);
    if (loop == Loop::none) return false;
    client.sent().note_returned(query.asked_name(), now);
    // Without a mark, a server's resolver on its host may ask what another client asks: no proof.
    const bool handed_back =
        loop == Loop::own_question || (loop == Loop::same_question && query.hops != 0);
    if (handed_back && is_name_of_own_dns(request, upstream)) {
        deny_handed_back(waiter, upstream, now);
        return true;
    }
    std::string text = path_of(loop, request, upstream);
    counters.add(Count::loops);
    std::uint64_t suppressed = 0;
    if (loop_log.allow(now, suppressed))
        log::warning("loop", {{"name", dns::name_text(query.name())},
                              {"type", dns::type_text(query.type)},
                              {"why", text},
                              {"suppressed", std::to_string(suppressed)}});
    refuse(waiter, snapshot->views[request.view], upstream, std::move(text), now);
    return true;
}

// NXDOMAIN with a SOA, so that what asked us takes it for proven (RFC 2308 2.1), and for no longer
// than what the cluster's own DNS says itself: the name may exist in a moment.
void Resolver::Impl::deny_handed_back(const Waiter& waiter, const upstream::Upstream& upstream,
                                      Time now) {
    const Request& request = waiter.request;
    const auto ttl = static_cast<std::uint32_t>(
        std::min(negative_cap(upstream, cache), kHandedBackTtlMax).count());
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
    counters.add(Count::handed_back);
    reply_to(waiter, snapshot->views[request.view], answer, now);
}

}  // namespace peerzone::resolver
