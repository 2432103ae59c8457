// What the parts of a Resolver share: resolver.cpp (answers at once), admission.cpp (who waits),
// loops.cpp (who asks in a circle), chase.cpp (the way of a question that waits), store.cpp (what
// upstreams said), known.cpp (what the cache says of it), deliver.cpp (its end).
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "peerzone/base/log.hpp"
#include "peerzone/dns/record.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "peerzone/upstream/task.hpp"
#include "resolver/ede_text.hpp"
#include "resolver/in_flight.hpp"
#include "resolver/last_known.hpp"
#include "resolver/refresh.hpp"

namespace peerzone::resolver {

using upstream::kLinksMax;

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
struct AliasChase {
    const PendingQuery* pending;
    const view::View* view;
    dns::Name name;      ///< folded; what is asked for now
    unsigned stops = 0;  ///< zones and upstreams passed
    unsigned links = 0;
    Time until{};               ///< the deadline of all questions together, once somebody is asked
    bool deadline_cut = false;  ///< the question has less time than its upstream would give it
    bool first_is_upstream = false;
    std::uint16_t first_source = 0;
    std::vector<PassedRecord> passed{};  ///< aliases of earlier stops
    bool cacheable = true;               ///< every part of it is
    Duration lifetime = Duration::max();
    bool last_known = false;   ///< for the current name there is an answer past its TTL
    bool stale = false;        ///< a part of the answer is past its TTL
    bool memory_only = false;  ///< nobody is asked: what is known ends it, past its TTL too
    std::string_view why{};    ///< memory_only: the reason, for people
    Answer answer{};

    std::uint16_t type() const noexcept { return pending->question().query.type; }
};

/// How a stop of a walk went that asked nobody.
enum class Visit : std::uint8_t {
    ask,   ///< the upstream must be asked
    over,  ///< the walk has ended
    on     ///< it stands at another name
};

/// What the routes of a view take out of a zone: names with a longer suffix.
class LongerRoutes final : public zone::NamesOwnedElsewhere {
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

/// Whose a question is: the longest suffix's. The DS of a zone of ours is its parent's to answer
/// where that is ours, too, and delegates it (RFC 4035 3.1.4.1).
inline const view::Route* find_route(const Snapshot& snapshot, const view::View& view, Bytes name,
                                     std::uint16_t type) noexcept {
    const view::Route* route = view.routes.find(name);
    if (type != dns::type::ds || route == nullptr || name.size() <= 1) return route;
    const dns::Name asked = dns::Name::from_checked(name);
    if (route->kind != view::Route::Kind::zone || !(route->suffix == asked)) return route;
    const view::Route* parent = view.routes.find(name.subspan(name[0] + 1u));
    const bool is_ours = parent != nullptr && parent->kind == view::Route::Kind::zone &&
                         snapshot.zones[parent->index]->delegates(asked);
    return is_ours ? parent : route;
}

/// The RCODE of what a zone of ours says.
inline dns::Rcode rcode_of(zone::Outcome outcome) noexcept {
    return outcome == zone::Outcome::nxdomain   ? dns::Rcode::nxdomain
           : outcome == zone::Outcome::overlong ? dns::Rcode::yxdomain
                                                : dns::Rcode::noerror;
}

struct Resolver::Impl {
    cache::Cache& cache;
    upstream::Client& client;
    metrics::Counters& counters;
    std::shared_ptr<const Snapshot> snapshot = std::make_shared<Snapshot>();
    ClientGuard guard;
    InFlightTable table;
    HeaviestClientScan heaviest_scan;
    RefreshQueue refreshes;
    RefreshTimer refresh_timer{*this};
    std::uint32_t rotation = 0;
    log::LogLimit failure_log;
    log::LogLimit loop_log;
    ReplyObserver* observer = nullptr;
    ReplyNote note;               ///< of the reply that is being made
    dns::ExtendedError extended;  ///< what note.error may point at
    EdeText ede_text;             ///< its text
    std::array<std::uint8_t, dns::kMessageMax>
        scratch;  ///< a message whose question is the walk's current name
    std::array<std::uint8_t, dns::kMessageMax> out;  ///< one waiter's reply

    Impl(cache::Cache& c, upstream::Client& u, metrics::Counters& m)
        : cache(c), client(u), counters(m), guard(random_seed()), table(guard) {}
    static std::uint64_t random_seed();

    // resolver.cpp
    Disposition answer_now(Bytes message, Time now, Request& request, MutableBytes out,
                           std::size_t& size) noexcept;
    Disposition error(const Request& request, dns::Rcode rcode, MutableBytes out, std::size_t& size,
                      const dns::ExtendedError* why = nullptr, bool recursion = false) noexcept;
    Disposition from_zone(const view::View& view, const view::Route& route, Request& request,
                          MutableBytes out, std::size_t& size) noexcept;
    Disposition from_cache(const view::View& view, Request& request, Time now, MutableBytes out,
                           std::size_t& size) noexcept;

    Disposition from_memory(const view::View& view, Request& request,
                            const upstream::Upstream& upstream, Time now, MutableBytes out,
                            std::size_t& size) noexcept;
    Disposition reply_kept(const view::View& view, const Request& request, const cache::Hit& hit,
                           MutableBytes out, std::size_t& size,
                           const dns::ExtendedError* why) noexcept;
    bool stale_from_cache(Request& request, const upstream::Upstream& upstream, Time now,
                          MutableBytes message, cache::Hit& hit) noexcept;

    // known.cpp
    bool find_fresh(const Snapshot& its, const upstream::Upstream& owner, const cache::Key& key,
                    Time now, MutableBytes message, cache::Hit& hit) noexcept;
    bool last_known(Bytes name, std::uint64_t hash, const Request& request,
                    const upstream::Upstream& upstream, Time now, MutableBytes message,
                    cache::Hit& hit) noexcept;
    bool find_known_chain(Bytes name, std::uint64_t hash, const Request& request,
                          const upstream::Upstream& upstream, Time now, MutableBytes message,
                          cache::Hit& hit) noexcept;
    bool find_known(cache::Kind kind, unsigned other_flags, Bytes name, std::uint64_t hash,
                    const Request& request, const upstream::Upstream& upstream, Time now,
                    MutableBytes message, cache::Hit& hit) noexcept;
    void drop_proofs(Bytes name, std::uint16_t type, MutableBytes message,
                     cache::Hit& hit) noexcept;
    cache::Held other_types(const AliasChase& chase, std::span<const std::uint16_t> types,
                            const upstream::Upstream& upstream, Time now) const noexcept;

    // admission.cpp
    void admit(const Request& request, const ReplyTo& to, Time now);
    const upstream::Upstream* first_upstream(const Request& request);
    bool is_crowded(const Request& request, const upstream::Upstream& upstream,
                    Time now) const noexcept;
    Visit find_no_room(AliasChase& chase, const upstream::Upstream& upstream, Join full, Time now);
    bool answer_from_memory(const Waiter& waiter, const std::shared_ptr<const Snapshot>& its,
                            std::string_view why, Time now);
    bool answer_from_memory(const PendingQuery& pending, std::string_view why, Time now);
    void wait_along(PendingQuery& pending, const upstream::Upstream& upstream, Time now);
    void arm_response_timer(PendingQuery& pending, const upstream::Upstream& upstream, Time now);
    void on_overdue(PendingQuery& pending, const upstream::Upstream& upstream, Time now);
    std::string describe_overdue(const upstream::Upstream& upstream);
    bool admit(Waiter& waiter, const upstream::Upstream& upstream, Time now);
    void start(const Waiter& waiter, const upstream::Upstream& upstream, Time now);
    WaiterRef heaviest(const Waiter& waiter, std::uint16_t upstream, Join full,
                       PendingQuery* pending, Time now);
    bool make_room(const Waiter& waiter, const upstream::Upstream& upstream, Join full,
                   PendingQuery* pending, Time now);
    void shed(const Waiter& waiter, const upstream::Upstream& upstream, metrics::Count what,
              std::string_view why, Time now);

    void refuse(const Waiter& waiter, const view::View& view, const upstream::Upstream& upstream,
                std::string text, Time now);

    // refresh.cpp
    std::size_t refreshes_max(const upstream::Upstream& upstream) const noexcept;
    void plan_refresh(const Request& request, const upstream::Upstream& upstream, cache::Kind kind,
                      Time now) noexcept;
    void start_refreshes(Time now);

    // loops.cpp
    bool cut_loop(const Waiter& waiter, const upstream::Upstream& upstream, Time now);
    void deny_handed_back(const Waiter& waiter, const upstream::Upstream& upstream, Time now);

    // chase.cpp
    upstream::Detached run(PendingQuery& pending, Time now);
    Join move(PendingQuery& pending, const upstream::Upstream& upstream, Time now);
    const upstream::Upstream* visit(AliasChase& chase, Time now);
    Visit visit_upstream(AliasChase& chase, const upstream::Upstream& next, Time now);
    void visit_zone(AliasChase& chase, const view::Route& route);
    Visit visit_cache(AliasChase& chase, const upstream::Upstream& upstream, Time now);
    Visit visit_last_known(AliasChase& chase, const upstream::Upstream& upstream,
                           const std::string& why, Time now);
    enum class End : std::uint8_t { any, known };
    bool visit_chain(AliasChase& chase, const upstream::Upstream& upstream,
                     const std::string* stale_why, End end, Time now);
    void follow_passed(AliasChase& chase, const upstream::Upstream& upstream, std::size_t first);
    bool may_end_at(const AliasChase& chase, const dns::Name& target, Time now) const noexcept;
    void end_with(AliasChase& chase, const cache::Hit& hit);
    void rest_on_stale(AliasChase& chase, const upstream::Upstream& upstream, const cache::Hit& hit,
                       std::string_view why);

    // store.cpp
    bool take(AliasChase& chase, const upstream::Upstream& upstream, const upstream::Asked& asked,
              Time now);
    bool take_failure(AliasChase& chase, const upstream::Upstream& upstream,
                      const upstream::Asked& asked, Time now);
    void take_chain(AliasChase& chase, const upstream::Upstream& upstream,
                    const upstream::CheckedReply& checked, const dns::BodyWriter& writer, Time now);
    void take_end(AliasChase& chase, const upstream::Upstream& upstream,
                  const upstream::CheckedReply& checked, const dns::BodyWriter& writer,
                  std::uint32_t negative_max, Time now);
    void pass_on_error(AliasChase& chase, const upstream::Upstream& upstream,
                       const upstream::CheckedReply& checked);
    void keep_end(AliasChase& chase, const upstream::Upstream& upstream,
                  const upstream::CheckedReply& checked, const dns::BodyWriter& writer,
                  Duration lifetime, Time now);
    Seconds negative_max(const AliasChase& chase, const upstream::Upstream& upstream,
                         const upstream::CheckedReply& checked, Time now) const noexcept;
    cache::Key failed_key(const AliasChase& chase) const;
    cache::Key key_here(const AliasChase& chase, cache::Kind kind) const;

    // deliver.cpp
    void fail(AliasChase& chase, std::uint16_t code, std::string text);
    void fail_away(AliasChase& chase, const upstream::Upstream& upstream);
    void fail_chain(AliasChase& chase, upstream::ChainFault fault);
    void pass(AliasChase& chase, const dns::BodyInfo& info, bool answers_only);
    void assemble(AliasChase& chase);
    void deliver(const PendingQuery& pending, AliasChase& chase, Time now);
    void reply_to_all(const PendingQuery& pending, AliasChase& chase, Time now);
    void reply_to(const Waiter& waiter, const view::View& view, const Answer& answer, Time now);
};

/// Where the body stands in a message with this question.
inline std::size_t body_offset(Bytes name) noexcept {
    return dns::kHeaderSize + name.size() + 4;
}

/// Whether the last alias of a body, behind a question of this name, leads back to an earlier one.
/// `message` gets the name.
bool ends_in_loop(MutableBytes message, Bytes name, const dns::BodyInfo& info) noexcept;

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

/// What an upstream is asked for a client's query, at `name`, where its aliases led. Not for one
/// that came over too many hops.
inline upstream::Question question_of(const dns::Query& query, const dns::Name& name) {
    return {.name = name,
            .type = query.type,
            .dnssec_ok = query.dnssec_ok,
            .checking_disabled = query.checking_disabled(),
            .hops = static_cast<std::uint8_t>(query.hops + 1u)};
}

/// The same as a question of our own, whoever made us think of it.
inline upstream::Question copy_of(const dns::Query& query, const dns::Name& name) {
    upstream::Question question = question_of(query, name);
    question.hops = 1;
    return question;
}

/// AD only for clients that can tell (RFC 6840 5.7, 5.8).
inline bool wants_ad(const dns::Query& query) noexcept {
    return query.dnssec_ok || (query.flags & dns::kFlagAd);
}

}  // namespace peerzone::resolver
