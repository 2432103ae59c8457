// Flows that lead nowhere: the ports that errors close, or that stay silent, and how the questions
// that waited there go out from others.
#include <algorithm>
#include <boost/asio/post.hpp>

#include "peerzone/exchange/udp_exchange.hpp"

namespace peerzone::exchange {
namespace {

using metrics::Count;

constexpr Millis kResendAfter{50};
constexpr std::size_t kResendShare = 256;  // with more than that in flight, each less often

}  // namespace

void UdpExchange::collect(AttemptList& from, Outcome how) noexcept {
    while (Attempt* attempt = from.first()) {
        attempt->leave();
        attempt->ending = how;
        attempt->place = nullptr;
        failed_.add(*attempt);
    }
}

/// The flow of `socket` leads nowhere. The caller sees to it that finish_failed() follows.
void UdpExchange::lose_flow(Socket& socket, Outcome how) {
    counters_.add(Count::upstream_flow_lost);
    if (how == Outcome::refused) note_refused_port(socket);
    collect(socket.pending, how);
    collect(socket.unsent, how);
    if (Pool& pool = *socket.pool; pool.filling == &socket) {
        pool.filling = nullptr;
        std::erase(filling_, &pool);
    }
    drop(socket);
}

void UdpExchange::note_refused_port(const Socket& socket) {
    const ServerRecord* before = nullptr;  // several upstreams may have this address
    for (const AttemptList* list : {&socket.pending, &socket.unsent}) {
        for (const Attempt* a = list->first(); a != nullptr; a = a->next()) {
            if (a->server == nullptr || a->server == before) continue;
            before = a->server;
            if (!a->server->note_refused_port(Clock::now())) continue;
            counters_.add(Count::upstream_suspect);
            if (a->waker != nullptr) a->waker->wake();
        }
    }
}

/// False when it has ended. Where all ports have been refused for long, one more says enough.
bool UdpExchange::ask_again(Attempt& attempt, Time now) {
    if (shut_down_) attempt.ending = Outcome::shut_down;
    const Outcome how = attempt.ending;
    if ((how != Outcome::refused && how != Outcome::unreachable) || attempt.expires_at <= now)
        return false;
    const bool is_hopeless = attempt.server != nullptr && attempt.server->is_suspect();
    attempt.flows_lost = is_hopeless ? attempt.flows_max
                                     : static_cast<std::uint8_t>(std::min<unsigned>(
                                           attempt.flows_lost + 1u, attempt.flows_max));
    if (!attempt.is_refused()) {
        const Outcome outcome = submit(attempt, now);
        if (outcome != Outcome::waiting) attempt.ending = outcome;
        return outcome == Outcome::waiting;
    }
    if (!attempt.is_persistent) return false;
    between_.add(attempt);
    attempt.place = nullptr;
    attempt.late_after = Duration::zero();  // the plan need not wait for this one
    const auto pool = pools_.find(attempt.to);
    const std::size_t in_flight = pool == pools_.end() ? 0 : pool->second.in_flight;
    attempt.resend_at = now + kResendAfter * (1 + (between_.count() + in_flight) / kResendShare);
    timers_.add(attempt, now, attempt.wakes_at());
    return true;
}

void UdpExchange::on_resend(Attempt& attempt) {
    const Time now = Clock::now();
    // Its question may have ended meanwhile.
    const Outcome outcome = attempt.is_persistent ? submit(attempt, now) : attempt.ending;
    if (outcome == Outcome::waiting) return;
    attempt.leave();
    attempt.finish(outcome, now);
}

bool UdpExchange::note_late(const Attempt& attempt) noexcept {
    if (attempt.place == nullptr) return false;
    Socket& socket = *static_cast<Socket*>(attempt.place);
    Pool& pool = *socket.pool;
    if (socket.heard > attempt.sent_at) return false;
    pool.after_silence = true;
    if (socket.retired || pool.filling == &socket) return false;
    if (pool.retired.size() >= options_.sockets_per_endpoint_max) return false;
    for (std::size_t i = 0; i < pool.active.size(); ++i)
        if (pool.active[i].get() == &socket) {
            retire(pool, i);
            break;
        }
    return false;
}

/// Not at once: another question's coroutine may be running.
void UdpExchange::finish_failed_soon() {
    if (failed_.empty()) return;
    boost::asio::post(epoll_.get_executor(), [this, alive = std::weak_ptr<int>(alive_)] {
        if (alive.expired()) return;
        const Cork::Scope scope(cork_);
        finish_failed();
    });
}

void UdpExchange::finish_failed() {
    const Time now = Clock::now();
    while (Attempt* attempt = failed_.first())
        if (!ask_again(*attempt, now)) attempt->finish(attempt->ending, now);
}

void UdpExchange::drop(Socket& socket) {
    Pool& pool = *socket.pool;
    for (Sockets* sockets : {&pool.active, &pool.retired})
        for (std::size_t i = 0; i < sockets->size(); ++i)
            if ((*sockets)[i].get() == &socket) return close(*sockets, i);
}

}  // namespace peerzone::exchange
