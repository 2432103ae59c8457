// Questions that go round in a circle (src/README.md, "Loops"): the edge that would close it is
// not asked, and everything else goes on. Three signs: the hop mark or the letter case is our own;
// it has come over too many servers; the server that we are asking asks us the same.
#include <algorithm>

#include "resolver/impl.hpp"

namespace peerzone::resolver {
namespace {

using metrics::Count;

constexpr unsigned kHopsMax = 4;

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
    if (query.hops != 0 && query.hop_node == snapshot->node_id) return Loop::own_question;
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

}  // namespace peerzone::resolver
