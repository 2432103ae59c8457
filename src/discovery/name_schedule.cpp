// Each entry that is not under way stands in due_ exactly once, with its own time.
#include "peerzone/discovery/name_schedule.hpp"

#include <algorithm>
#include <iterator>

namespace peerzone::discovery {
namespace {

// `random` as a share of `whole`.
Duration share(Duration whole, std::uint32_t random) {
    return whole / 1024 * (random >> 22);
}

Duration back_off(std::size_t failures, std::uint32_t random) {
    Duration wait = NameSchedule::kBackOffMin;
    for (std::size_t i = 1; i < failures && wait < NameSchedule::kBackOffMax; ++i) wait *= 2;
    wait = std::min(wait, NameSchedule::kBackOffMax);
    return wait * 3 / 4 + share(wait / 2, random);
}

}  // namespace

void NameSchedule::set_due(const NameQuestion& question, Entry& entry, Time at) {
    if (!entry.under_way) due_.erase({entry.due, question});
    entry.under_way = false;
    entry.due = at;
    due_.emplace(at, question);
}

void NameSchedule::want(const std::set<NameQuestion>& questions, Time now) {
    for (auto at = entries_.begin(); at != entries_.end();) {
        if (questions.contains(at->first)) {
            ++at;
            continue;
        }
        due_.erase({at->second.due, at->first});
        at = entries_.erase(at);
    }
    for (const NameQuestion& question : questions) {
        const auto [entry, is_new] = entries_.try_emplace(question);
        if (is_new) set_due(question, entry->second, now);
    }
}

void NameSchedule::retry_failed(Time now) {
    for (auto& [question, entry] : entries_)
        if (entry.failures > 0 && !entry.under_way && entry.due > now)
            set_due(question, entry, now);
}

void NameSchedule::recheck(const NameQuestion& question, Time now) {
    const auto found = entries_.find(question);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (!entry.under_way && entry.due > now && now - entry.asked >= kDoubtInterval)
        set_due(question, entry, now);
}

std::optional<NameSchedule::Due> NameSchedule::take(Time now) {
    if (under_way_ >= kUnderWayMax || due_.empty() || due_.begin()->first > now)
        return std::nullopt;
    const NameQuestion question = due_.begin()->second;
    due_.erase(due_.begin());
    Entry& entry = entries_.at(question);
    entry.under_way = true;
    ++under_way_;
    return Due{question, entry.failures};
}

Time NameSchedule::next() const {
    return under_way_ >= kUnderWayMax || due_.empty() ? Time::max() : due_.begin()->first;
}

void NameSchedule::done(const NameQuestion& question, const discovery::LookupReply& reply, Time now,
                        std::uint32_t random) {
    --under_way_;
    const auto found = entries_.find(question);
    if (found == entries_.end()) return;  // not wanted any more
    Entry& entry = found->second;
    NameAnswer& answer = entry.answer;
    entry.asked = now;
    answer.tried = true;
    answer.error = reply.why;
    using Kind = discovery::LookupReply::Kind;
    if (reply.kind == Kind::found) {
        answer.addresses = reply.addresses;
        answer.targets = reply.targets;
        answer.good_at = now;
        answer.empty_since.reset();
        entry.failures = 0;
        const Duration ttl = std::clamp<Duration>(reply.ttl, kTtlMin, kTtlMax);
        return set_due(question, entry, now + ttl + share(kJitterMax, random));
    }
    if (reply.kind == Kind::empty && !answer.empty_since) answer.empty_since = now;
    ++entry.failures;
    set_due(question, entry, now + back_off(entry.failures, random));
}

void NameSchedule::forget(const NameQuestion& question) {
    const auto found = entries_.find(question);
    if (found == entries_.end()) return;
    found->second.answer.addresses.clear();
    found->second.answer.targets.clear();
    found->second.answer.good_at.reset();
}

const NameAnswer* NameSchedule::find(const NameQuestion& question) const {
    const auto found = entries_.find(question);
    return found == entries_.end() ? nullptr : &found->second.answer;
}

}  // namespace peerzone::discovery
