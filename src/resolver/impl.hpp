// What the two halves of a Resolver share: resolver.cpp (answers at once) and walk.cpp (answers
// later).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "peerzone/base/log.hpp"
#include "peerzone/dns/record.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "peerzone/upstream/task.hpp"
#include "resolver/in_flight.hpp"
#include "resolver/words.hpp"

namespace peerzone::resolver {

/// Aliases followed over all zones and upstreams together (DESIGN section 2, step 8).
inline constexpr unsigned kLinksMax = 8;

/// An answer before it is put behind one client's question: the body stands in Impl::scratch.
struct Answer {
    dns::Rcode rcode = dns::Rcode::noerror;
    Source source = Source::none;
    const upstream::Upstream* upstream = nullptr;  ///< the last one on the way
    bool authoritative = false;
    bool authentic_data = false;
    bool failed = false;  ///< rcode and error are all there is
    dns::BodyInfo info;
    std::uint16_t error_code = 0;
    std::string error_text;  ///< empty: no extended error
};

struct PassedRecord {
    dns::Section section;
    dns::ResourceRecord record;
};

/// The way of one question over its aliases: where it stands, and what was found on the way.
struct Walk {
    const Flight* flight;
    const view::View* view;
    dns::Name name;      ///< folded; what is asked for now
    unsigned stops = 0;  ///< zones and upstreams passed
    unsigned links = 0;
    bool first_is_upstream = false;
    std::uint16_t first_source = 0;
    std::vector<PassedRecord> passed{};  ///< aliases of earlier stops
    bool cacheable = true;               ///< every part of it is
    Duration lifetime = Duration::max();
    Answer answer{};

    std::uint16_t type() const noexcept { return flight->question().query.type; }
};

/// What the routes of a view take out of a zone: names with a longer suffix.
class LongerRoutes final : public zone::Elsewhere {
public:
    LongerRoutes(const view::View& view, const view::Route& here) noexcept
        : routes_(view.routes), here_(here) {}
    bool owns(const dns::Name& name) const noexcept override {
        return routes_.find(name.folded().wire()) != &here_;
    }

private:
    const view::RouteTable& routes_;
    const view::Route& here_;
};

struct Resolver::Impl {
    cache::Cache& cache;
    upstream::Client& client;
    metrics::Counters& counters;
    std::shared_ptr<const Snapshot> snapshot = std::make_shared<Snapshot>();
    InFlightTable table;
    std::uint32_t rotation = 0;
    log::LogLimit failure_log;
    ReplyObserver* observer = nullptr;
    ReplyNote note;               ///< of the reply that is being made
    dns::ExtendedError extended;  ///< what note.error may point at
    Words words;                  ///< its text
    std::array<std::uint8_t, dns::kMessageMax>
        scratch;  ///< a message whose question is the walk's current name
    std::array<std::uint8_t, dns::kMessageMax> out;  ///< one waiter's reply

    Impl(cache::Cache& c, upstream::Client& u, metrics::Counters& m)
        : cache(c), client(u), counters(m) {}

    // resolver.cpp
    Now answer_now(Bytes message, Time now, Request& request, MutableBytes out,
                   std::size_t& size) noexcept;
    Now error(const Request& request, dns::Rcode rcode, MutableBytes out, std::size_t& size,
              const dns::ExtendedError* why = nullptr, bool recursion = false) noexcept;
    Now from_zone(const view::View& view, const view::Route& route, Request& request,
                  MutableBytes out, std::size_t& size) noexcept;
    Now from_cache(const view::View& view, Request& request, Time now, MutableBytes out,
                   std::size_t& size) noexcept;

    // walk.cpp
    void answer_later(const Request& request, const ReplyTo& to, Time now);
    upstream::Detached run(Flight& flight, Time now);
    const upstream::Upstream* visit(Walk& walk, Time now);
    void visit_zone(Walk& walk, const view::Route& route);
    bool visit_cache(Walk& walk, Time now);
    bool visit_chain(Walk& walk, Time now);
    bool take(Walk& walk, const upstream::Upstream& upstream, const upstream::Asked& asked,
              Time now);
    void fail(Walk& walk, std::uint16_t code, std::string text);
    void fail_chain(Walk& walk);
    void pass(Walk& walk, const dns::BodyInfo& info, bool answers_only);
    void assemble(Walk& walk);
    void finish(const Flight& flight, Walk& walk, Time now);
    bool answer_from_memory(const Request& request, const ReplyTo& to, Time now);
    void reply_to(const Waiter& waiter, const view::View& view, const Answer& answer, Time now);
    const upstream::Upstream* first_upstream(const Request& request);
    void shed(const Request& request, const ReplyTo& to, const upstream::Upstream& upstream,
              Join why, Time now);
};

inline cache::Key key_of(Bytes name, std::uint64_t hash, const Request& request,
                         cache::Kind kind) noexcept {
    const dns::Query& q = request.query;
    return {.name = name,
            .name_hash = hash,
            .type = kind == cache::Kind::nxdomain ? std::uint16_t{0} : q.type,
            .view = request.view,
            .dnssec_ok = q.dnssec_ok,
            .checking_disabled = q.checking_disabled(),
            .kind = kind};
}

/// AD only for clients that can tell (RFC 6840 5.7, 5.8).
inline bool wants_ad(const dns::Query& query) noexcept {
    return query.dnssec_ok || (query.flags & dns::kFlagAd);
}

}  // namespace peerzone::resolver
