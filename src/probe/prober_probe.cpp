#include <algorithm>
#include <string>

#include "peerzone/upstream/failure.hpp"
#include "probe/probe.hpp"
#include "probe/prober_impl.hpp"

namespace peerzone::probe {
namespace {

using metrics::Count;

constexpr unsigned kInFlightMax = 20;         // probes that listen, per endpoint
constexpr unsigned kTriesMax = 3;             // without EDNS, without mixed case
constexpr Duration kBusyKnown = Seconds(30);  // clients' replies may stand in for probes so long
constexpr Duration kOtherProtocol = Seconds(60);
constexpr Duration kOtherWireSoon = Seconds(5);
constexpr unsigned kBothProtocolsEach = 4;  // of the probes of a silent endpoint

}  // namespace

Duration Prober::Impl::interval(const Target& target, Time now) const {
    const upstream::UpstreamHealth& health = *target.probed->upstream->health;
    const upstream::UpstreamState state = health.state();
    const bool ignored = target.ignores_probes() && !target.endpoint->is_suspect();
    return probe_interval({.held = health.is_held(),
                           .suspect = target.endpoint->is_suspect(),
                           .unusable = target.endpoint->is_unusable(),
                           .unsettled = state == upstream::UpstreamState::suspect ||
                                        state == upstream::UpstreamState::partitioned ||
                                        state == upstream::UpstreamState::recovering,
                           .wanted = health.is_wanted(now),
                           .misses = ignored ? 0 : target.misses});
}

void Prober::Impl::schedule(Target& target, Time now) {
    if (target.probed == nullptr || stopped) return;
    target.due = std::max(now, target.began + jittered(interval(target, now), random.u32()));
    timers.add(target, now, target.due);
}

/// The same when something has changed: a probe that is due earlier stays.
void Prober::Impl::hasten(Target& target, Time now) {
    const Time before = target.is_armed() ? target.due : Time::max();
    schedule(target, now);
    if (target.due <= before) return;
    target.due = before;
    timers.add(target, now, before);
}

/// Calm, and a client has just got a reply there: no need to ask.
bool Prober::Impl::clients_know(const Target& target, Time now) const {
    const auto heard = target.endpoint->last_reply();
    return heard && now - *heard < kProbeCalm && now - target.began < kBusyKnown &&
           interval(target, now) == kProbeCalm && target.endpoint->is_usable();
}

void Prober::Impl::on_due(Target& target, Time now) {
    const Cork::Scope scope(cork);
    identify(target, now);
    if (clients_know(target, now)) {
        target.due = std::max(*target.endpoint->last_reply() + jittered(kProbeCalm, random.u32()),
                              now + kProbeFast);
        timers.add(target, now, target.due);
    } else {
        begin(target, now);
    }
    begin_other(target, now);
}

void Prober::Impl::begin(Target& target, Time now) {
    const upstream::Protocol protocol =
        upstream::usual_protocol(target.probed->upstream->options.transport, *target.endpoint, now);
    target.began = now;
    // In case that nothing comes of it; else what does puts the next one earlier.
    target.due = now + target.probed->upstream->options.deadline;
    timers.add(target, now, target.due);
    if (target.in_flight < kInFlightMax) probe(target.shared_from_this(), protocol, now);
}

/// With transport auto the other transport is looked at now and then, and when this one is silent.
void Prober::Impl::begin_other(Target& target, Time now) {
    if (target.probed->upstream->options.transport != std::nullopt) return;
    const upstream::Protocol usual = upstream::usual_protocol(std::nullopt, *target.endpoint, now);
    const upstream::Protocol other = usual == upstream::Protocol::udp ? upstream::Protocol::tcp : upstream::Protocol::udp;
    const bool first = target.misses == 1 && !target.protocols.is_known(usual);
    const bool down = target.misses > 0 && target.misses % kBothProtocolsEach == 0;
    const bool calm = target.misses == 0 && target.answered && now >= target.other_due;
    if ((!first && !down && !calm) || target.in_flight >= kInFlightMax) return;
    target.other_due = now + jittered(kOtherProtocol, random.u32());
    probe(target.shared_from_this(), other, now);
}

// ---- one probe

void Prober::Impl::prepare(ProbeAttempt& attempt, bool edns, bool mix) {
    const Target& target = *attempt.target;
    // A reload may have changed it since the last attempt: this one keeps what it points at.
    attempt.upstream = target.probed->upstream;
    attempt.set = target.probed->set;
    const upstream::Upstream& upstream = *attempt.upstream;
    attempt.to = target.endpoint->address();
    attempt.tls = attempt.protocol == upstream::Protocol::tls ? attempt.set->tls[target.index].get() : nullptr;
    attempt.type = attempt.expected != nullptr ? attempt.expected->type() : dns::type::ns;
    attempt.edns = edns;
    attempt.server = target.endpoint.get();
    attempt.waker = upstream.health.get();
    // A probe counts as unanswered after a while, and listens on for as long as a question would:
    // slow is not silent.
    const Duration deadline = upstream.options.deadline;
    attempt.late_after = std::max(upstream::initial_timeout(*target.endpoint, attempt.protocol),
                                  std::min(target.endpoint->silent_after(), deadline));
    if (attempt.confirms) attempt.late_after = confirming_patience(attempt.late_after);
    attempt.timeout = std::max(deadline, attempt.late_after);
    attempt.on_late = nullptr;
    if (!attempt.was_late)
        attempt.on_late = [](exchange::Attempt& a) {
            auto& probe = static_cast<ProbeAttempt&>(a);
            static_cast<Impl*>(probe.target->owner)->late(probe);
        };
    const dns::Name name =
        attempt.expected != nullptr ? attempt.expected->name : probe_name(upstream.options);
    attempt.set_name(name.wire(), mix ? &random : nullptr);
}

void Prober::Impl::start(ProbeAttempt& attempt, Time now) {
    if (attempt.case_is_mixed()) sent->note(attempt.name(), now);
    if (attempt.protocol == upstream::Protocol::udp) {
        udp.start(attempt, now);
    } else {
        stream.start(attempt, now);
    }
}

Detached Prober::Impl::probe(std::shared_ptr<Target> target, upstream::Protocol protocol, Time now) {
    // What the attempt points at may leave the configuration meanwhile.
    const std::shared_ptr<const upstream::Upstream> upstream = target->probed->upstream;
    upstream::Endpoint& endpoint = *target->endpoint;
    ProbeAttempt attempt;
    attempt.target = target.get();
    attempt.protocol = protocol;
    attempt.round = target->probed->round;
    attempt.confirms = target->probed->partition.state() == upstream::UpstreamState::suspect;
    ProbeWay way{.edns = endpoint.edns_works(now),
                 .mix = protocol == upstream::Protocol::udp && endpoint.case_works(now),
                 .doubt = upstream::CaseDoubt::none};
    const bool asks_edns = way.edns;
    ++target->in_flight;
    endpoint.stats().note_probe();
    counters.add(Count::upstream_probes);
    const auto is_same = [&] {  // a reload may have taken the target away, or its transport
        return target->probed != nullptr &&
               target->probed->upstream->options.transport == upstream->options.transport;
    };
    for (unsigned tries = 0; tries < kTriesMax && is_same(); ++tries) {
        prepare(attempt, way.edns, way.mix);
        start(attempt, now);
        co_await attempt;
        now = attempt.ended_at;
        if (!ask_otherwise(attempt, way, now)) break;
    }
    --target->in_flight;
    if (target->probed == nullptr || attempt.outcome == exchange::Outcome::shut_down) co_return;
    if (attempt.outcome == exchange::Outcome::reply) {
        answered(attempt, asks_edns && !way.edns, now);
    } else if (!attempt.was_late && attempt.outcome != exchange::Outcome::busy) {
        unanswered(attempt, upstream::failure_of(attempt.outcome), now);
    } else if (attempt.was_late && target->is_unheard()) {
        target->listened_in_vain = true;
        lose(*target, now);
    }
    schedule(*target, now);
}

/// After an attempt: whether the same is asked again in another way.
bool Prober::Impl::ask_otherwise(const ProbeAttempt& attempt, ProbeWay& way, Time now) {
    upstream::Endpoint& endpoint = *attempt.target->endpoint;
    if (attempt.outcome == exchange::Outcome::case_differs) {
        if (endpoint.letter_case().note_changed(now))
            upstream::report_case(endpoint, attempt.upstream->label, counters);
        return std::exchange(way.mix, false);
    }
    if (attempt.outcome != exchange::Outcome::reply) return false;
    const exchange::CheckedReply checked =
        check_reply(attempt.reply, attempt.name(), attempt.type, attempt.edns, index);
    upstream::LetterCase& letter_case = endpoint.letter_case();
    if (const upstream::CaseDoubt doubt = std::exchange(way.doubt, upstream::CaseDoubt::none);
        doubt != upstream::CaseDoubt::none) {
        if (upstream::learn_case(letter_case, doubt, checked, now))
            upstream::report_case(endpoint, attempt.upstream->label, counters);
        // NOERROR, and the same in plain case: so that is what it has to say of NS.
        if (doubt == upstream::CaseDoubt::empty && !confirms(doubt, checked)) letter_case.note_taken();
    } else if (way.mix && !sent->came_back(attempt.name(), now)) {
        way.doubt = upstream::doubt_of(checked);
        if (way.doubt == upstream::CaseDoubt::none) letter_case.note_taken();
        // NOERROR is well enough where mixed case is known to be taken.
        const bool settled = way.doubt == upstream::CaseDoubt::empty && letter_case.is_taken();
        if (way.doubt != upstream::CaseDoubt::none && !settled && letter_case.claim_doubt(now)) {
            way.mix = false;
            return true;
        }
        way.doubt = upstream::CaseDoubt::none;
    }
    return checked.kind == exchange::ReplyKind::no_edns && std::exchange(way.edns, false);
}

void Prober::Impl::late(ProbeAttempt& attempt) {
    const Time now = Clock::now();
    timers.add(attempt, now, attempt.expires_at);
    attempt.was_late = true;
    if (attempt.expected != nullptr) return late_claim(attempt);
    if (attempt.target->probed == nullptr) return;
    unanswered(attempt, upstream::FailureReason::timeout, now);
    schedule(*attempt.target, now);
}

void Prober::Impl::unanswered(const ProbeAttempt& attempt, upstream::FailureReason reason, Time now) {
    Target& target = *attempt.target;
    upstream::Endpoint& endpoint = *target.endpoint;
    counters.add(Count::upstream_probe_failed);
    upstream::note_probe_failure(endpoint, reason, attempt.protocol, attempt.late_after, attempt.why.get(),
                       now);
    learn(target, attempt.protocol, false, now);
    // The other transport may well be blocked: that says nothing about the endpoint.
    if (attempt.protocol !=
        upstream::usual_protocol(target.probed->upstream->options.transport, endpoint, now))
        return;
    ++target.misses;
    tell_result(target, upstream::ProbeResult::silent, now);
    // An endpoint that nothing is known of may be slow: that is told by the end of the deadline.
    if (target.is_unheard() && reason == upstream::FailureReason::timeout) {
        look_soon(*target.probed, now);
        return;
    }
    target.silent_round = attempt.round;
    if (upstream::is_counted_by_port(attempt.protocol, reason)) {
        look_soon(*target.probed, now);
    } else {
        lose(target, now);
    }
}

void Prober::Impl::lose(Target& target, Time now) {
    if (target.silence_counts() && target.endpoint->note_loss(now))
        counters.add(Count::upstream_suspect);
    look_soon(*target.probed, now);
}

void Prober::Impl::answered(const ProbeAttempt& attempt, bool without_edns, Time now) {
    Target& target = *attempt.target;
    upstream::Endpoint& endpoint = *target.endpoint;
    const exchange::CheckedReply checked =
        check_reply(attempt.reply, attempt.name(), attempt.type, attempt.edns, index);
    const upstream::ProbeResult result = judge_probe(checked, target.probed->upstream->options.kind);
    endpoint.note_reply(now - attempt.sent_at, attempt.protocol);
    if (result == upstream::ProbeResult::healthy || result == upstream::ProbeResult::zone_absent) {
        endpoint.note_usable(now);
        if (without_edns) endpoint.note_no_edns(now);
    } else {
        upstream::note_probe_failure(endpoint, checked, now);
    }
    learn(target, attempt.protocol, true, now);
    target.misses = 0;
    const bool first = !std::exchange(target.answered, true);
    if (first) begin_other(target, now);
    tell_result(target, result, now);
    look_soon(*target.probed, now);
}

/// What works there is for people; and for clients, when it is not what they would try.
void Prober::Impl::learn(Target& target, upstream::Protocol protocol, bool answered, Time now) {
    upstream::Endpoint& endpoint = *target.endpoint;
    if (target.probed->upstream->options.transport != std::nullopt) {
        if (!answered) return;
        endpoint.note_reach(protocol == upstream::Protocol::udp   ? upstream::Reach::udp
                            : protocol == upstream::Protocol::tcp ? upstream::Reach::tcp
                                                        : upstream::Reach::tls);
        return;
    }
    target.protocols.note(protocol, answered);
    endpoint.note_reach(target.protocols.reach());
    if (!answered && target.protocols.may_work(protocol))
        target.other_due = now + jittered(kOtherWireSoon, random.u32());
    if (!answered) return;
    if (protocol == upstream::Protocol::udp) {
        endpoint.note_datagrams();
    } else if (endpoint.datagrams_work(now) && target.protocols.misses(upstream::Protocol::udp) > 0) {
        endpoint.note_no_datagrams(now);
    }
}

/// The first of its kind is told; and then what changes, within limits.
void Prober::Impl::tell_result(Target& target, upstream::ProbeResult result, Time now) {
    const upstream::ProbeResult before = target.endpoint->probe_result();
    target.endpoint->note_probe(result);
    if (result == before) return;
    const std::string& label = target.probed->upstream->label;
    const std::string address = target.endpoint->address().to_text();
    if (result == upstream::ProbeResult::zone_absent) {
        if (std::exchange(target.told_absent, true)) return;
        log::warning("zone absent",
                     {{"upstream", label},
                      {"endpoint", address},
                      {"zone", probe_name(target.probed->upstream->options).to_text()},
                      {"what", "it answers, and does not have this zone (yet)"}});
        return;
    }
    const bool news = before != upstream::ProbeResult::none || result != upstream::ProbeResult::healthy;
    std::uint64_t suppressed = 0;
    if (!news || !target.log_limit.allow(now, suppressed)) return;
    log::info("endpoint probe", {{"upstream", label},
                                 {"endpoint", address},
                                 {"result", std::string(upstream::probe_text(result))},
                                 {"was", std::string(upstream::probe_text(before))},
                                 {"suppressed", std::to_string(suppressed)}});
}

}  // namespace peerzone::probe
