// Questions that no client waits for: copies and canaries, whose replies say that an endpoint is
// back.
#include "peerzone/upstream/failure.hpp"
#include "upstream/client_impl.hpp"

namespace peerzone::upstream {
namespace {

bool is_answer(exchange::ReplyKind kind) {
    return kind == exchange::ReplyKind::data || kind == exchange::ReplyKind::nodata ||
           kind == exchange::ReplyKind::nxdomain;
}

}  // namespace

void Client::Impl::send_copy(const Upstream& upstream, const EndpointSet& set, std::size_t to,
                             Protocol protocol, const Question& question, Time now) {
    const std::shared_ptr<Endpoint>& endpoint = set.endpoints[to];
    Step own;
    own.protocol = protocol;
    own.edns = endpoint->edns_works(now);
    own.hop_mark = question.hops != 0 && upstream.options.takes_hop_mark() && own.edns &&
                   endpoint->hop_mark_works(now);
    own.kind = upstream.options.kind;
    own.mix_case = own.protocol == Protocol::udp && endpoint->case_works(now);
    own.timeout = upstream.options.deadline;
    auto tls = own.protocol == Protocol::tls ? set.tls[to] : nullptr;
    copy(endpoint, upstream.health, std::move(tls), question, own, now);
}

/// Nobody waits for this one: its reply says that the endpoint is back.
Detached Client::Impl::copy(std::shared_ptr<Endpoint> endpoint,
                            std::shared_ptr<UpstreamHealth> health,
                            std::shared_ptr<exchange::TlsIdentity> tls, Question question,
                            Step step, Time now) {
    exchange::Attempt attempt;
    prepare(attempt, *endpoint, question, step);
    attempt.tls = tls.get();
    attempt.waker = health.get();
    start(attempt, step.protocol, now);
    co_await attempt;
    note_alone(*endpoint, *health, attempt, step.protocol);
    const bool over = attempt.outcome == exchange::Outcome::shut_down ||
                      attempt.outcome == exchange::Outcome::busy;
    if (over || attempt.has_reply()) co_return;
    fail_attempt(*endpoint, attempt, step.protocol);
    if (!is_counted_by_port(step.protocol, failure_of(attempt.outcome)))
        note_loss(endpoint->note_loss(attempt.ended_at, attempt.began_at), *health);
}

/// How an attempt ended that no question waits for, or none any more.
void Client::Impl::note_alone(Endpoint& endpoint, const UpstreamHealth& health,
                              const exchange::Attempt& attempt, Protocol protocol) {
    const Time now = attempt.ended_at;
    if (attempt.outcome == exchange::Outcome::reply) {
        const exchange::CheckedReply checked = check(attempt, endpoint, nullptr);
        endpoint.note_reply(now - attempt.sent_at, protocol);
        const bool answered = is_answer(checked.kind);
        if (answered) {
            endpoint.stats().note_reply();
            endpoint.note_usable(now);
            note_zone(endpoint, checked);
            if (checked.kind == exchange::ReplyKind::data) endpoint.note_client_answer();
        } else if (checked.kind != exchange::ReplyKind::truncated &&
                   checked.kind != exchange::ReplyKind::no_edns) {
            endpoint.note_client_failure();
            note_failure(endpoint, checked, now);
        }
        if (answered ? health.waits_for_answer() : health.waits_for_reply()) health.wake();
    } else if (attempt.outcome == exchange::Outcome::case_differs) {
        endpoint.note_case_changed(now);
    } else {
        count_silence(endpoint, attempt);
    }
}

void Client::send_canary(const Upstream& upstream, const Question& question, Time now) {
    UpstreamHealth& health = *upstream.health;
    health.note_wanted(now);
    if (health.is_held()) return;
    const EndpointSet& set = endpoints_of(upstream);
    if (set.endpoints.empty() || !health.claim_nudge(now)) return;
    const std::size_t count = set.endpoints.size();
    std::size_t to = impl_->random.below(static_cast<std::uint32_t>(count));
    for (std::size_t passed = 0; set.endpoints[to]->identity().is_barred(); to = (to + 1) % count)
        if (++passed > count) return;
    const Protocol protocol = usual_protocol(upstream.options.transport, *set.endpoints[to], now);
    impl_->send_copy(upstream, set, to, protocol, question, now);
}

}  // namespace peerzone::upstream
