#include "simulation/oracle.hpp"

#include <algorithm>

#include "simulation/snapshots.hpp"

namespace peerzone::simulation {
namespace {

// The wheel's tick, and what a decision may take.
constexpr Duration kTolerance = Millis(5);
constexpr unsigned kServfail = 2, kNxdomain = 3, kRefused = 5;
constexpr unsigned kStale = 3, kStaleNxdomain = 19;
constexpr std::uint32_t kStaleTtl = 30;
constexpr int kStopsMax = 4;
constexpr Seconds kNegativeMax{30};  // cache::Options::negative_max_ttl

std::string text_of(const ReadRecord& record) {
    std::string text =
        record.owner + " " + std::to_string(record.ttl) + " " + std::to_string(record.type);
    if (!record.target.empty()) text += " " + record.target;
    if (const auto number = number_of(record)) text += " (s" + std::to_string(*number) + ")";
    return text;
}

std::string text_of(const ReadMessage& message) {
    std::string text = "rcode " + std::to_string(message.rcode);
    if (message.error_code)
        text +=
            ", error " + std::to_string(*message.error_code) + " \"" + message.error_text + "\"";
    for (const ReadRecord& record : message.records) text += ", " + text_of(record);
    return text;
}

bool leads_nowhere(const ReadMessage& message) {
    return message.error_text.find("loop") != std::string::npos ||
           message.error_text.find("chain longer") != std::string::npos;
}

}  // namespace

/// One reply, record by record.
struct Oracle::Judgement {
    const Query& query;
    const ReadMessage& message;
    const ViewPlan& view;
    Time now;
    std::string name;                  // where the chain stands
    std::optional<unsigned> before{};  // which upstream told the last link
    bool is_over = false;              // data stand at the end
    bool has_links = false;
    bool is_stale = false;

    Owner owner() const { return query.plan->owner_of(view, name); }
};

const Query& Oracle::on_query(Query query) {
    query.number = queries_.size();
    // It may join one that began earlier, and before the last jump.
    query.asked_since = std::min(query.arrived, jumped_from_) - query.plan->longest_deadline();
    query.due = query.arrived + query.plan->longest_deadline() + kTolerance;
    waiting_.push_back(query.number);
    trace_(query.arrived, [&] {
        return "query " + std::to_string(query.number) + " of " +
               client_address(query.net, query.client).to_text() + ": " + query.name + " " +
               std::to_string(query.type) + (query.dnssec_ok ? " DO" : "") +
               (query.checking_disabled ? " CD" : "") + (query.recursion ? "" : " RD=0");
    });
    queries_.push_back(std::move(query));
    return queries_.back();
}

void Oracle::fail(const Query& query, const std::string& what) {
    fail("query " + std::to_string(query.number) + " for " + query.name + ": " + what);
}

void Oracle::on_dropped(std::uint64_t number) {
    std::erase(waiting_, number);
    const Query& query = queries_[number];
    if (query.is_whole) fail(query, "was dropped");
}

void Oracle::on_jump(Time from, Time now) {
    jumped_from_ = from;
    for (const std::uint64_t number : waiting_) {
        Query& query = queries_[number];
        query.due = std::max<Time>(query.due, now + kTolerance);
    }
}

void Oracle::check_time(Time now) {
    jumped_from_ = Time::max();
    for (const std::uint64_t number : waiting_)
        if (queries_[number].due < now) fail(queries_[number], "has no answer by its deadline");
}

void Oracle::on_reply(std::uint64_t number, Bytes reply, Time now) {
    digest_ =
        mix(digest_ ^ hash_of({reinterpret_cast<const char*>(reply.data()), reply.size()}, number) ^
            static_cast<std::uint64_t>(now.time_since_epoch().count()));
    Query& query = queries_[number];
    std::erase(waiting_, number);
    const auto message = read_message(reply);
    trace_(now, [&] {
        return "answer to " + std::to_string(number) + ": " +
               (message ? text_of(*message) : std::string("does not parse"));
    });
    if (++query.answers > 1) return fail(query, "was answered twice");
    if (now > query.due) return fail(query, "was answered after its deadline");
    if (!message) return fail(query, "its answer does not parse");
    judge(query, *message, now);
}

void Oracle::judge(const Query& query, const ReadMessage& message, Time now) {
    if (!query.is_whole || !judge_head(query, message)) return;
    const ViewPlan* view = query.plan->view_of(query.net);
    const Owner owner = view == nullptr ? Owner{} : query.plan->owner_of(*view, query.name);
    const bool is_served = owner.kind != Owner::Kind::none;
    if (!is_served && (message.rcode != kRefused || !message.records.empty()))
        return fail(query, "has no owner, and is not refused");
    if (message.rcode == kRefused) {
        if (is_served && query.recursion) fail(query, "is refused");
        return;
    }
    if (message.rcode == kServfail) {
        if (!message.records.empty()) fail(query, "SERVFAIL has records");
        const bool has_endpoints = owner.kind != Owner::Kind::upstream ||
                                   !query.plan->upstreams[owner.upstream].endpoints.empty();
        if (query.must_work && !is_shut_down_ && query.edns && has_endpoints &&
            !leads_nowhere(message) && message.error_text.find("no endpoint") == std::string::npos)
            fail(query, "fails though nothing is wrong: " + message.error_text);
        return;
    }
    if (message.rcode != 0 && message.rcode != kNxdomain)
        return fail(query, "has RCODE " + std::to_string(message.rcode));
    Judgement judgement{query, message, *view, now, query.name};
    judge_records(judgement);
}

bool Oracle::judge_head(const Query& query, const ReadMessage& message) {
    if (message.id != query.id || !(message.flags & 0x8000))
        return fail(query, "wrong head"), false;
    if (message.question != query.question) return fail(query, "question is not its own"), false;
    if (message.has_opt != query.edns) return fail(query, "EDNS though not asked for"), false;
    return true;
}

void Oracle::judge_records(Judgement& judgement) {
    const ReadMessage& message = judgement.message;
    judgement.has_links = std::ranges::any_of(message.records, [](const ReadRecord& record) {
        return record.type == rr::cname || record.type == rr::dname;
    });
    judgement.is_stale = !judgement.query.edns || message.error_code == kStale ||
                         message.error_code == kStaleNxdomain;
    for (const ReadRecord& record : message.records)
        if (record.section <= 2 && !failure_) judge_record(judgement, record);
}

void Oracle::judge_record(Judgement& judgement, const ReadRecord& record) {
    const Query& query = judgement.query;
    const bool is_link = record.type == rr::cname || record.type == rr::dname;
    const bool is_data = record.section == 1 && (!is_link || record.type == query.type);
    if (record.section == 2 && record.type != rr::soa)
        return fail(query, "authority has " + text_of(record));
    if (is_data && record.type != query.type) return fail(query, "data of another type");
    if (record.section == 1 && record.type != rr::dname && record.owner != judgement.name)
        return fail(query, "record of " + record.owner + " where " + judgement.name + " stands");
    if (record.type == rr::dname && !is_below(judgement.name, record.owner))
        return fail(query, "DNAME of " + record.owner);
    if (is_link && judgement.is_over && !is_data) return fail(query, "alias behind data");

    const auto number = number_of(record);
    const Owner owner = judgement.owner();
    if (owner.kind == Owner::Kind::zone) {
        if (is_data && record.type == rr::a && record.data[0] != 198)
            return fail(query, "data of an upstream in a zone of ours");
    } else if (record.type == rr::cname && !number) {
        if (!record.owner.starts_with("loop")) return fail(query, "alias of unknown origin");
    } else {
        const Told* told = number ? ledger_.find(*number) : nullptr;
        if (told == nullptr) return fail(query, "data of unknown origin: " + text_of(record));
        judge_told(judgement, record, *told);
        if (record.section == 1) judgement.before = told->upstream;
    }
    if (owner.kind == Owner::Kind::zone) judgement.before.reset();
    if (is_data) judgement.is_over = true;
    if (record.type == rr::cname && !is_data) judgement.name = record.target;
}

void Oracle::judge_told(Judgement& judgement, const ReadRecord& record, const Told& told) {
    const Query& query = judgement.query;
    const std::string what = text_of(record) + " of " + label_of(told.upstream);
    const bool is_made = record.type == rr::cname && told.type == rr::dname;
    if (is_made ? !is_below(record.owner, told.owner) : record.owner != told.owner)
        return fail(query, what + " was told of " + told.owner);
    if (!is_made && record.type != told.type) return fail(query, what + " has another type");
    if (told.is_spoiled) return fail(query, what + " comes from a reply of no use");
    if (!told.at) return fail(query, what + " was never received");
    if ((judgement.message.flags & 0x20) && (!told.authentic || told.upstream < kForward))
        return fail(query, what + " with AD");
    const bool same_flags =
        told.dnssec_ok == query.dnssec_ok && told.checking_disabled == query.checking_disabled;
    if (!same_flags && !judgement.is_stale && !is_away_(told.upstream))
        return fail(query, what + " under other flags");
    judge_owner(judgement, record, told);
    judge_ttl(judgement, record, told);
}

// A name is answered by whom it belongs to; one without an owner here, by who told the link before.
void Oracle::judge_owner(Judgement& judgement, const ReadRecord& record, const Told& told) {
    const Owner owner = judgement.owner();
    const bool is_free = owner.kind == Owner::Kind::none || owner.is(kCatchAll);
    const bool is_as_seen = is_free && judgement.before == told.upstream;
    if (owner.is(told.upstream) || is_as_seen) return;
    fail(judgement.query,
         text_of(record) + " was told by " + label_of(told.upstream) + ", but is " +
             (owner.kind == Owner::Kind::upstream ? label_of(owner.upstream) : "no upstream") +
             "'s");
}

// Never above what was told, less its age; past it only with the words for it.
void Oracle::judge_ttl(Judgement& judgement, const ReadRecord& record, const Told& told) {
    const Query& query = judgement.query;
    // Each stop of a chain may leave out what is less than a second.
    const Duration slack = judgement.has_links ? Duration(kStopsMax * Seconds(1)) : Millis(2);
    const Seconds most = record.type == rr::soa ? kNegativeMax : max_ttl_;
    const Seconds lifetime = std::min(Seconds(told.ttl), most);
    const Duration age = std::max<Duration>(judgement.now - *told.at - slack, Duration::zero());
    const auto aged = std::chrono::floor<Seconds>(age);
    if (age <= lifetime && Seconds(record.ttl) <= lifetime - aged) return;
    // It expired while the rest of its chain was asked for.
    if (judgement.has_links && record.ttl == 0 && *told.at >= query.asked_since) return;
    const std::string what = text_of(record) + ", told with " + std::to_string(told.ttl) + " " +
                             std::to_string(std::chrono::floor<Millis>(age).count()) + "ms ago";
    if (!judgement.is_stale) return fail(query, what + ": TTL");
    const Seconds stale_max = query.plan->upstreams[told.upstream].stale_max;
    if (stale_max == Seconds(0)) return fail(query, what + ": may not be used past its TTL");
    if (age > lifetime + stale_max) return fail(query, what + ": too old");
    if (record.ttl > kStaleTtl) fail(query, what + ": stale with its TTL");
}

}  // namespace peerzone::simulation
