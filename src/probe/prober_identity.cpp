// Whose an endpoint is: the names that its peer is expected to have (upstream/expectation.hpp) are
// asked for beside the probes, over the same exchanges. What comes of it decides that, and nothing
// else: whether the endpoint is there is for the probes to say.
#include <string>

#include "peerzone/upstream/failure.hpp"
#include "probe/prober_impl.hpp"

namespace peerzone::probe {
namespace {

using metrics::Count;

constexpr unsigned kTriesMax = 4;  // without EDNS, without mixed case, over TCP

}  // namespace

/// By what is expected now nothing is known of whose it is.
void Prober::Impl::expect(Target& target) {
    target.claims.begin(target.probed->upstream->options.expect.size());
    target.endpoint->identity().note(target.claims.state());
}

/// Asks for all names when it is time.
void Prober::Impl::identify(Target& target, Time now) {
    const bool is_suspect = target.endpoint->is_suspect();
    if (!target.claims.is_due(now, is_suspect)) return;
    // The first look after its return asks again, whatever has shown that it is back.
    target.claims.put_off(is_suspect ? now : now + Claims::kInterval);
    const std::size_t count = target.probed->upstream->options.expect.size();
    for (std::size_t i = 0; i < count; ++i)
        if (target.claims.start(i)) ask_claim(target.shared_from_this(), i, now);
}

/// Neither has a reload taken the target away, nor are other names expected of it.
bool Prober::Impl::is_of_use(const ProbeAttempt& attempt) {
    const Target& target = *attempt.target;
    return target.probed != nullptr && target.claims.round() == attempt.claims_round;
}

Detached Prober::Impl::ask_claim(std::shared_ptr<Target> target, std::size_t i, Time now) {
    // What is expected may be something else before the reply comes.
    const std::shared_ptr<const upstream::Upstream> upstream = target->probed->upstream;
    upstream::Endpoint& endpoint = *target->endpoint;
    ProbeAttempt attempt;
    attempt.target = target.get();
    attempt.protocol = upstream::usual_protocol(upstream->options.transport, endpoint, now);
    attempt.expected = &upstream->options.expect[i];
    attempt.claim = i;
    attempt.claims_round = target->claims.round();
    ProbeWay way{.edns = endpoint.edns_works(now),
                 .mix = attempt.protocol == upstream::Protocol::udp && endpoint.case_works(now),
                 .doubt = upstream::CaseDoubt::none};
    endpoint.stats().note_probe();
    counters.add(Count::upstream_probes);
    for (unsigned tries = 0; tries < kTriesMax && is_of_use(attempt); ++tries) {
        prepare(attempt, way.edns, way.mix);
        // One that may be back any moment is asked again soon.
        if (endpoint.is_suspect()) attempt.timeout = attempt.late_after;
        start(attempt, now);
        co_await attempt;
        now = attempt.ended_at;
        if (!ask_claim_otherwise(attempt, way, now)) break;
    }
    if (!is_of_use(attempt) || attempt.outcome == exchange::Outcome::shut_down) co_return;
    take_claim(attempt, now);
    settle(*target, now);
}

/// As a probe is; and a denial in mixed case is never believed, nor what was cut.
bool Prober::Impl::ask_claim_otherwise(ProbeAttempt& attempt, ProbeWay& way, Time now) {
    if (ask_otherwise(attempt, way, now)) return true;
    if (attempt.outcome != exchange::Outcome::reply || attempt.protocol != upstream::Protocol::udp)
        return false;
    const exchange::CheckedReply checked =
        check_reply(attempt.reply, attempt.name(), attempt.type, attempt.edns, index);
    const bool is_cut = checked.kind == exchange::ReplyKind::truncated;
    if (is_cut) attempt.protocol = upstream::Protocol::tcp;
    const bool is_doubtful =
        attempt.case_is_mixed() && upstream::doubt_of(checked) != upstream::CaseDoubt::none;
    if (is_cut || is_doubtful) way.mix = false;
    return is_cut || is_doubtful;
}

/// Clients wait no longer for what it says; it may say it later.
void Prober::Impl::late_claim(ProbeAttempt& attempt) {
    if (!is_of_use(attempt)) return;
    attempt.target->claims.note_late(attempt.claim);
    settle(*attempt.target, Clock::now());
}

void Prober::Impl::take_claim(const ProbeAttempt& attempt, Time now) {
    Target& target = *attempt.target;
    Claim claim;
    if (attempt.outcome == exchange::Outcome::reply) {
        const exchange::CheckedReply checked =
            check_reply(attempt.reply, attempt.name(), attempt.type, attempt.edns, index);
        claim = judge_claim(*attempt.expected, checked, index);
        if (claim.said == Said::right && !attempt.edns) target.endpoint->note_no_edns(now);
    }
    std::string why;
    if (claim.said == Said::wrong)
        why = "another cluster: " + attempt.expected->name.to_text() + " is " + claim.answer +
              " not " + upstream::expected_text(attempt.expected->answer);
    target.claims.end(attempt.claim, claim.said, std::move(why));
}

/// What has been said so far decides whether clients' questions go there.
void Prober::Impl::settle(Target& target, Time now) {
    upstream::EndpointIdentity& identity = target.endpoint->identity();
    const upstream::Identity before = identity.state();
    const upstream::Identity state = target.claims.state();
    if (state == upstream::Identity::wrong) {
        const std::string why = target.claims.why_wrong();
        identity.note_wrong(why, std::chrono::system_clock::now());
        if (before == state) return;
        counters.add(Count::upstream_wrong_cluster);
        tell_identity(target, why, target.wrong_log, now);
    } else if (before != state) {
        identity.note(state);
        if (before == upstream::Identity::wrong) tell_identity(target, "", target.right_log, now);
    }
    look_soon(*target.probed, now);
}

/// `why` it is wrong; empty: it is right again.
void Prober::Impl::tell_identity(const Target& target, const std::string& why, log::LogLimit& limit,
                                 Time now) {
    std::uint64_t suppressed = 0;
    if (!limit.allow(now, suppressed)) return;
    log::write(why.empty() ? log::Level::info : log::Level::warning,
               why.empty() ? "right cluster" : "wrong cluster",
               {{"upstream", target.probed->upstream->label},
                {"endpoint", target.endpoint->address().to_text()},
                {"what", why.empty() ? "it answers as expected again" : "it is " + why},
                {"suppressed", std::to_string(suppressed)}});
}

}  // namespace peerzone::probe
