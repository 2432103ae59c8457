// Questions about this server (resolver/inquiry.hpp): who may ask them, how often, and what is
// said. The reply is one TXT record with TTL 0, a line a string: records of a set may be reordered
// on their way, strings of a record may not.
#include <algorithm>
#include <new>

#include "peerzone/base/text.hpp"
#include "peerzone/base/version.hpp"
#include "resolver/explain_facts.hpp"
#include "resolver/impl.hpp"
#include "resolver/inquiry.hpp"

namespace peerzone::resolver {
namespace {

using dns::Rcode;
using metrics::Count;

constexpr std::size_t kTextBytesMax = 60'000;  // of the record's 65,535
constexpr std::size_t kPeersLinesMax = 2'000;  // more than fit

constexpr dns::ExtendedError kNotAllowed{
    dns::ede::prohibited, "this client may not ask about the server (views[].explain)"};
constexpr dns::ExtendedError kTooMany{dns::ede::other,
                                      "more than 20 explanations a second, ask again later"};
constexpr dns::ExtendedError kNoMemory{dns::ede::other, "out of memory"};

bool is_private(const IpAddress& client) {
    static const std::vector<IpPrefix> kPrivate = view::default_clients();
    return std::ranges::any_of(kPrivate, [&](const IpPrefix& p) { return p.contains(client); });
}

bool is_endpoint_of_peer(const Snapshot& snapshot, const IpAddress& client) {
    return std::ranges::any_of(snapshot.upstreams, [&](const auto& upstream) {
        if (upstream->options.kind != upstream::Kind::peer) return false;
        const auto set = upstream->set();
        return std::ranges::any_of(
            set->endpoints, [&](const auto& endpoint) { return endpoint->address().ip == client; });
    });
}

// Whom it is for: a forwarder that is trusted to say so names its own client (RFC 7871).
IpAddress client_of(const Request& request) {
    const dns::Query& query = request.query;
    const bool is_named =
        query.subnet_state == dns::SubnetState::answered && query.subnet.gives_address();
    return is_named ? query.subnet.address() : request.client;
}

Asker asker_of(const Request& request) {
    const IpAddress client = client_of(request);
    return {.client = client,
            .forwarder = client == request.client ? "" : request.client.to_text(),
            .listener = request.listener,
            .recursion_desired = request.query.recursion_desired(),
            .dnssec_ok = request.query.dnssec_ok,
            .checking_disabled = request.query.checking_disabled()};
}

Explanation error_lines(const Snapshot& snapshot, const std::string& what, const std::string& hint,
                        Time now) {
    return {
        explain_head(upstream::wall_time(now), snapshot.identity), {"error", what}, {"hint", hint}};
}

std::string view_names(const Snapshot& snapshot) {
    constexpr std::size_t kNamedMax = 8;
    std::string names;
    for (std::size_t i = 0; i < std::min(snapshot.views.size(), kNamedMax); ++i)
        names += (i == 0 ? "" : ", ") + snapshot.views[i].name;
    return names + (snapshot.views.size() > kNamedMax ? " and others" : "");
}

bool equal_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) {
        return dns::kFold[static_cast<std::uint8_t>(x)] == dns::kFold[static_cast<std::uint8_t>(y)];
    });
}

/// Explains one name to one client.
class NameInquiry {
public:
    NameInquiry(Resolver::Impl& worker, const Asker& asker, const Inquiry& inquiry, Time now)
        : worker_(worker), asker_(asker), inquiry_(inquiry), now_(now) {}

    Explanation run() {
        const Snapshot& snapshot = *worker_.snapshot;
        if (!inquiry_.wrong.empty()) {
            Explanation lines{explain_head(upstream::wall_time(now_), snapshot.identity)};
            lines.insert(lines.end(), inquiry_.wrong.begin(), inquiry_.wrong.end());
            return lines;
        }
        if (inquiry_.view.empty()) return explain_in(worker_.snapshot, "");
        const auto& views = snapshot.views;
        const auto found = std::ranges::find_if(
            views, [&](const view::View& view) { return equal_name(view.name, inquiry_.view); });
        if (found == views.end())
            return error_lines(snapshot, "there is no view '" + inquiry_.view + "'",
                               "the views are " + view_names(snapshot), now_);
        return explain_as(static_cast<view::ViewId>(found - views.begin()));
    }

private:
    // As that view's clients see it, where they may see it themselves.
    Explanation explain_as(view::ViewId id) {
        const Snapshot& snapshot = *worker_.snapshot;
        const auto own = snapshot.clients.find(asker_.listener, asker_.client);
        if (own == id) return explain_in(worker_.snapshot, "");
        const view::View& view = snapshot.views[id];
        if (!view.explain.value_or(true))
            return error_lines(snapshot, "the view '" + view.name + "' is not explained",
                               "its configuration has explain: false", now_);
        asker_.listener = 0;
        return explain_in(seen_from(snapshot, id),
                          "asked for; " + asker_.client.to_text() + " itself is in " +
                              (own ? snapshot.views[*own].name : std::string("none")));
    }

    Explanation explain_in(const std::shared_ptr<const Snapshot>& snapshot,
                           const std::string& view_why) {
        const std::uint16_t type = inquiry_.type.value_or(usual_type(inquiry_.name));
        const Outlook outlook = look_ahead(worker_, snapshot, asker_, inquiry_.name, type, now_);
        return explain(facts_of(worker_, outlook, asker_, inquiry_.name, type, view_why, now_));
    }

    Resolver::Impl& worker_;
    Asker asker_;
    const Inquiry& inquiry_;
    const Time now_;
};

// The upstreams of a view, as it sees them.
Explanation peers_lines(const Snapshot& snapshot, const view::View& view, Time now) {
    Explanation lines{explain_head(upstream::wall_time(now), snapshot.identity)};
    std::vector<bool> is_seen(snapshot.upstreams.size());
    for (const view::Route& route : view.routes.routes())
        if (is_upstream(route)) is_seen[route.index] = true;
    for (std::size_t i = 0; i < is_seen.size() && lines.size() < kPeersLinesMax; ++i)
        if (is_seen[i]) explain_upstream(facts_of(*snapshot.upstreams[i], now), lines);
    if (lines.size() == 1) lines.push_back({"upstream", "none in view " + view.name});
    for (ExplanationLine& line : lines) line.text = printable(line.text);
    return lines;
}

std::string hex_text(std::uint64_t number) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[number >> shift & 15];
    return text;
}

Explanation config_lines(const Snapshot& snapshot, Time now) {
    Explanation lines{explain_head(upstream::wall_time(now), snapshot.identity)};
    if (snapshot.config_status == nullptr) {
        lines.push_back({"file", "none"});
        return lines;
    }
    const ConfigStatus::Seen seen = snapshot.config_status->seen();
    lines.push_back({"file", seen.file});
    lines.push_back({"loaded", iso_time(seen.loaded) + ", as number " + std::to_string(seen.loads) +
                                   " since the start"});
    if (seen.digest) lines.push_back({"digest", hex_text(*seen.digest)});
    lines.push_back({"config", config_text(seen)});
    for (ExplanationLine& line : lines) line.text = printable(line.text);
    return lines;
}

}  // namespace

Explanation Resolver::explain(const ExplainRequest& request, Time now) {
    Inquiry inquiry = read_inquiry(request.name.folded().wire(), true);
    if (request.type) inquiry.type = request.type;
    const Asker asker{.client = request.client, .forwarder = {}};
    return NameInquiry(*impl_, asker, inquiry, now).run();
}

std::vector<std::string> Resolver::Impl::answer_inquiry(const Request& request,
                                                        const view::View& view, Time now) {
    const bool is_chaos = request.query.klass == dns::klass::ch;
    const Inquiry inquiry = read_inquiry(request.query.name(), is_chaos);
    switch (inquiry.of) {
        case Inquiry::Of::version: return {"peerzone " + std::string(kVersion)};
        case Inquiry::Of::host: return {snapshot->identity.host};
        case Inquiry::Of::id: return {snapshot->identity.id()};
        case Inquiry::Of::peers: return to_columns(peers_lines(*snapshot, view, now));
        case Inquiry::Of::config: return to_columns(config_lines(*snapshot, now));
        case Inquiry::Of::name: break;
    }
    return to_columns(NameInquiry(*this, asker_of(request), inquiry, now).run());
}

// Those who may ask cost something, so the limit comes before what takes long to find out.
Disposition Resolver::Impl::introspect(const Decision& decision, Request& request, Time now,
                                       ReplyWriter::Out out) noexcept {
    const view::View& view = *decision.view;
    const auto refuse = [&](Count what, Rcode rcode, const dns::ExtendedError& why) noexcept {
        counters.add(what);
        return writer.error(request, rcode, out, &why, view.recursion_available);
    };
    try {
        const IpAddress asker = client_of(request);
        const bool may_ask = view.explain ? *view.explain : is_private(asker);
        if (!may_ask) return refuse(Count::refused, Rcode::refused, kNotAllowed);
        if (!inquiries.allows(now)) return refuse(Count::explain_limited, Rcode::refused, kTooMany);
        if (!view.explain && (is_endpoint_of_peer(*snapshot, asker) ||
                              is_endpoint_of_peer(*snapshot, request.client)))
            return refuse(Count::refused, Rcode::refused, kNotAllowed);
        inquiries.take(now);
        return tell(answer_inquiry(request, view, now), request, view, out);
    } catch (const std::bad_alloc&) {
        return refuse(Count::servfail, Rcode::servfail, kNoMemory);
    }
}

Disposition Resolver::Impl::tell(const std::vector<std::string>& lines, const Request& request,
                                 const view::View& view, ReplyWriter::Out out) noexcept {
    const dns::Query& query = request.query;
    dns::BodyWriter body(out.buffer, dns::body_limit(query, request.udp), query.name());
    std::size_t size = 0;
    for (const std::string& line : lines) {
        const std::size_t length = std::min<std::size_t>(line.size(), 255);
        if (size + 1 + length > kTextBytesMax) break;
        scratch[size++] = static_cast<std::uint8_t>(length);
        std::copy_n(line.begin(), length, scratch.begin() + static_cast<std::ptrdiff_t>(size));
        size += length;
    }
    body.add(dns::Section::answer, query.name(), dns::type::txt, 0, Bytes(scratch).first(size));
    // The writer knows class IN only. The owner is a pointer to the question, but for the root.
    const std::size_t owner_size = query.name_size == 1 ? 1 : 2;
    if (body.info().counts[0] != 0)
        store_u16(&out.buffer[dns::kHeaderSize + query.question_size() + owner_size + 2],
                  query.klass);
    counters.add(Count::explained);
    writer.note().source = Source::zone;
    return writer.from_zone(request, view, body, Rcode::noerror, true, nullptr, out);
}

}  // namespace peerzone::resolver
