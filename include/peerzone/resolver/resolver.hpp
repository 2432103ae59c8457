// The order of things: what happens to a question between its arrival and its answer. One Resolver
// per worker, used on its thread only. answer_now is the synchronous core (up to and including a
// hit: no allocation, no exception, no lock but a cache shard's); admit waits for upstreams.
#pragma once

#include <cstdint>
#include <memory>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/cache/cache.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/query.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/explanation.hpp"
#include "peerzone/resolver/observer.hpp"
#include "peerzone/resolver/snapshot.hpp"
#include "peerzone/upstream/client.hpp"
#include "peerzone/view/view.hpp"

namespace peerzone::resolver {

class ReplySink;

/// Where a reply goes. A value that a waiter keeps; the sink knows what the rest means.
struct ReplyTo {
    ReplySink* sink = nullptr;    ///< outlives the Resolver
    std::uint64_t session = 0;    ///< TCP: the session, which may be gone by then
    SocketAddress client;         ///< UDP: the destination
    IpAddress local;              ///< UDP: the address that was asked, which the reply leaves from
    std::uint32_t interface = 0;  ///< UDP: where it came in (link-local addresses need it)
    Time arrived{};               ///< when the question was read
};

class ReplySink {
public:
    virtual void deliver(const ReplyTo& to, Bytes reply) noexcept = 0;

protected:
    ~ReplySink() = default;
};

/// One question on its way. The server fills the upper part, answer_now the lower.
struct Request {
    IpAddress client;
    view::ListenerId listener = 0;  ///< where it was asked (Snapshot::listener_of)
    bool udp = true;
    std::uint16_t keepalive_100ms = 0;  ///< TCP: the idle time to tell clients that ask (RFC 7828)

    dns::Query query;
    view::ViewId view = 0;
    view::ViewId view_group = 0;         ///< View::group: which views may share its answer
    const view::Route* route = nullptr;  ///< of the snapshot in force; admit keeps that one
    bool other_kinds_possible = true;  ///< the cache may know a failure or a chain of this question
    bool last_known = false;           ///< the cache has an answer to it past its TTL
};

enum class Disposition : std::uint8_t {
    replied,  ///< `size` octets stand in `out`
    dropped,  ///< no reply, ever
    deferred  ///< nothing yet: hand the request to admit()
};

class Resolver {
public:
    Resolver(cache::Cache& cache, upstream::Client& client, metrics::Counters& counters);
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    void publish(std::shared_ptr<const Snapshot> snapshot);
    /// Who is told of every reply from now on; null: nobody. Must outlive the Resolver.
    void observe(ReplyObserver* observer) noexcept;

    /// Answers what can be answered at once into `out` (at least dns::kUdpEdnsMax octets for UDP;
    /// kMessageMax for TCP).
    /// `out` may be the buffer that holds `message`.
    Disposition answer_now(Bytes message, Time now, Request& request, MutableBytes out,
                           std::size_t& size) noexcept;

    /// Joins the identical question in flight or asks; the reply goes to `to` when it is there, in
    /// this call at the earliest.
    void admit(const Request& request, const ReplyTo& to, Time now);

    /// What a client would be told of a name, and why. Changes nothing; allocates.
    Explanation explain(const ExplainRequest& request, Time now);

    /// Questions that wait for an upstream.
    std::size_t in_flight() const noexcept;

    struct Impl;

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace peerzone::resolver
