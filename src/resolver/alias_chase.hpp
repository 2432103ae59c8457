// The way of one question over its aliases, as a machine without I/O: from its name through zones
// of ours, the memory and upstreams, until data, a negative answer or a failure ends it
// (src/README.md, "Order of things", steps 6 to 8). next() says whom to ask, the caller asks, and
// on_reply() takes what came of it. Made for one question and used on the worker's thread.
//
// An answer past its TTL ends a chase in three cases: its upstream is away (src/README.md,
// "Partition"); its upstream was asked and failed; or nothing is to be asked (memory only).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peerzone/dns/record.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/upstream/client.hpp"
#include "resolver/decide.hpp"
#include "resolver/in_flight.hpp"
#include "resolver/memory.hpp"
#include "resolver/reply_writer.hpp"

namespace peerzone::resolver {

/// Whether the last alias of a body, behind a question of this name, leads back to an earlier one.
/// `message` gets the name.
bool ends_in_loop(MutableBytes message, Bytes name, const dns::BodyInfo& info) noexcept;

/// What an upstream is asked for a client's query, at `name`, where its aliases led, as the
/// upstream knows it. Not for one that came over too many hops.
upstream::Question question_of(const dns::Query& query, const dns::Name& name) noexcept;
/// The same as a question of our own, whatever made us think of it.
upstream::Question copy_of(const dns::Query& query, const dns::Name& name) noexcept;

class AliasChase {
public:
    /// What a worker lends to its chases.
    struct Context {
        Memory& memory;
        metrics::Counters& counters;
        std::uint32_t& rotation;  ///< ReplyWriter::rotation()
        /// Room for a message whose question is the name where the chase stands; in the end for
        /// that of the first name. Shared: nothing there survives a wait.
        MutableBytes scratch;
    };
    /// An upstream that is away, of whose names a client has asked.
    struct Canary {
        const upstream::Upstream* upstream;
        dns::Name name;  ///< as it knows it
    };

    /// Begins at the question of `pending`, which must outlive it, as the context must. With
    /// `memory_only` nothing is asked: what is known ends it, past its TTL too, for that reason.
    AliasChase(const Context& context, const PendingQuery& pending, Time now,
               std::optional<std::string_view> memory_only = std::nullopt);

    /// Goes on as far as that needs no waiting. Returns whom to ask question(); null: it has ended.
    const upstream::Upstream* next(Time now);
    upstream::Question question() const;
    /// As seen from the upstream that is asked.
    OtherOwners other_owners() const noexcept;
    /// One deadline, however many owners are asked: the longest of theirs.
    Time deadline(const upstream::Upstream& owner, Time now) noexcept;
    /// What came of asking it.
    void on_reply(const upstream::Upstream& owner, const upstream::Asked& asked, Time now);
    /// It cannot be asked, for a reason of ours. False: nothing is known either, and it has failed.
    bool on_refused(const upstream::Upstream& owner, const std::string& why, Time now);
    /// Keeps what was put together over several owners. Once, at the end.
    void keep(Time now);

    const Request& request() const noexcept { return pending_.question(); }
    const view::View& view() const noexcept { return snapshot().views[request().view]; }
    const Answer& answer() const noexcept { return answer_; }
    /// A part of the answer is past its TTL.
    bool is_stale() const noexcept { return stale_; }
    /// For the name where it stands there is an answer past its TTL.
    bool has_last_known() const noexcept { return last_known_; }
    /// Those met since the last call.
    std::vector<Canary> take_canaries() noexcept { return std::exchange(canaries_, {}); }
    /// The upstream that was not asked since it is away, where the chase failed by that; once.
    const upstream::Upstream* take_failed_at_once() noexcept {
        return std::exchange(failed_at_once_, nullptr);
    }
    /// The aliases followed so far: each name and where it leads.
    std::vector<std::pair<dns::Name, dns::Name>> aliases() const;

private:
    struct Position {
        dns::Name name;                      // folded
        const view::Route* route = nullptr;  // of the name, once next() has looked
        unsigned stops = 0;                  // zones and upstreams passed
        unsigned links = 0;
    };
    struct Deadline {
        Time began;
        Time until{};
        bool is_cut = false;  // the question has less time than its upstream would give it
    };
    struct Keep {
        bool allowed = true;                    // every part of it may be kept
        std::optional<std::uint16_t> source{};  // of the first name, when that is an upstream's
        Duration lifetime = Duration::max();
    };
    struct PassedRecord {
        dns::Section section;
        dns::ResourceRecord record;
    };
    /// How a stop went that asked nothing.
    enum class Visit : std::uint8_t {
        ask,  ///< the upstream must be asked
        over,
        on  ///< it stands at another name
    };
    enum class ChainEnd : std::uint8_t { any, known };

    const Snapshot& snapshot() const noexcept { return *pending_.snapshot; }
    std::uint16_t type() const noexcept { return request().query.type; }
    Subject here() const noexcept;
    bool comes_back() const;
    void stand_at(const dns::Name& name);
    void age(Time now) noexcept;

    // alias_chase.cpp
    void visit_zone(const view::Route& route);
    Visit visit_upstream(const upstream::Upstream& owner, Time now);
    Visit visit_memory(const upstream::Upstream& owner, Time now);
    Visit visit_last_known(const upstream::Upstream& owner, const std::string& why, Time now);
    bool follow_chain(const upstream::Upstream& owner, const std::string* stale_why, ChainEnd end,
                      Time now);
    void follow_passed(std::size_t first);
    bool may_end_at(const dns::Name& target, Time now) const noexcept;
    void end_with(const cache::Hit& hit);
    void rest_on_stale(const upstream::Upstream& owner, const cache::Hit& hit,
                       std::string_view why);
    void end_without_owner();

    // alias_chase_reply.cpp
    bool goes_on(const exchange::CheckedReply& checked, const dns::Name& target) const;
    static std::string failure_text(const upstream::Upstream& owner, const upstream::Asked& asked,
                                    Time now);
    void take_failure(const upstream::Upstream& owner, const upstream::Asked& asked, Time now);
    void take_chain(const upstream::Upstream& owner, const exchange::CheckedReply& checked,
                    const dns::Name& target, const dns::BodyWriter& writer, Time now);
    void take_end(const upstream::Upstream& owner, const exchange::CheckedReply& checked,
                  const dns::Name& target, const dns::BodyWriter& writer, Seconds negative_max,
                  Time now);
    void end_empty();
    void note_end(const upstream::Upstream& owner, const exchange::CheckedReply& checked,
                  const dns::Name& target);
    void pass_on_error(const upstream::Upstream& owner, const exchange::CheckedReply& checked);
    void fail(std::uint16_t code, std::string text);
    void fail_away(const upstream::Upstream& owner);
    void fail_chain(exchange::ChainFault fault, const dns::Name& at);
    void fail_overlong(const upstream::Upstream& owner, const dns::Name& name);
    void pass(const dns::BodyInfo& info, bool answers_only);
    void assemble();

    const Context context_;
    const PendingQuery& pending_;
    std::optional<std::string_view> memory_only_;
    Position at_;
    Deadline deadline_;
    Keep keep_;
    std::vector<PassedRecord> passed_;  // aliases of earlier stops
    Time aged_at_;                      // up to when their TTLs, and what is kept, were lowered
    std::vector<Canary> canaries_;
    const upstream::Upstream* failed_at_once_ = nullptr;
    Answer answer_;
    bool last_known_;
    bool stale_ = false;
    bool over_ = false;
};

}  // namespace peerzone::resolver
