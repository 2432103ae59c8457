// Says whether what clients got may be. It knows the plans, what servers have told and when the
// program got it, and nothing of how the program decides.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulation/message.hpp"
#include "simulation/plan.hpp"
#include "simulation/servers.hpp"
#include "simulation/trace.hpp"

namespace peerzone::simulation {

struct Query {
    std::uint64_t number = 0;
    unsigned net = 0;
    unsigned client = 0;
    unsigned id = 0;
    std::string name;  ///< folded
    Octets question;   ///< as sent
    unsigned type = 0;
    bool recursion = true;
    bool edns = true;
    bool dnssec_ok = false;
    bool checking_disabled = false;
    bool is_whole = true;    ///< else it may be dropped, or answered FORMERR
    bool must_work = false;  ///< nothing is wrong with servers and network
    Time arrived{};
    Time due{};          ///< when it must be answered at the latest
    Time asked_since{};  ///< the earliest that what it waits for can have begun
    PlanRef plan;        ///< in force when it arrived
    unsigned answers = 0;
};

class Oracle {
public:
    /// `is_away`: of an upstream, as control has said.
    Oracle(Ledger& ledger, Trace& trace, Seconds max_ttl, std::function<bool(unsigned)> is_away)
        : ledger_(ledger), trace_(trace), max_ttl_(max_ttl), is_away_(std::move(is_away)) {}

    /// Numbers and keeps it.
    const Query& on_query(Query query);
    void on_reply(std::uint64_t number, Bytes reply, Time now);
    void on_dropped(std::uint64_t number);
    /// What was planned meanwhile happens late.
    void on_jump(Time from, Time now);
    /// From now on questions may fail for that.
    void on_shut_down() { is_shut_down_ = true; }
    /// Everything that is due at `now` has happened.
    void check_time(Time now);

    std::size_t waiting() const { return waiting_.size(); }
    void fail(std::string what) {
        if (!failure_) failure_ = std::move(what);
    }
    const std::optional<std::string>& failure() const { return failure_; }
    /// Of all replies and their times.
    std::uint64_t digest() const { return digest_; }

private:
    struct Judgement;

    void judge(const Query& query, const ReadMessage& message, Time now);
    bool judge_head(const Query& query, const ReadMessage& message);
    void judge_records(Judgement& judgement);
    void judge_record(Judgement& judgement, const ReadRecord& record);
    void judge_told(Judgement& judgement, const ReadRecord& record, const Told& told);
    void judge_owner(Judgement& judgement, const ReadRecord& record, const Told& told);
    void judge_ttl(Judgement& judgement, const ReadRecord& record, const Told& told);
    void fail(const Query& query, const std::string& what);

    Ledger& ledger_;
    Trace& trace_;
    Seconds max_ttl_;
    std::function<bool(unsigned)> is_away_;
    std::vector<Query> queries_;
    std::vector<std::uint64_t> waiting_;
    std::optional<std::string> failure_;
    bool is_shut_down_ = false;
    Time jumped_from_ = Time::max();  // within this step
    std::uint64_t digest_ = 0;
};

}  // namespace peerzone::simulation
