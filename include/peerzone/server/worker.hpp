// One worker: a thread with its own io_context, UDP and TCP listeners, upstream client, resolver
// and counters. Workers share only the cache, the connection limits and the snapshot they were
// handed.
#pragma once

#include <memory>

#include "peerzone/base/fd.hpp"
#include "peerzone/cache/cache.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/resolver/observer.hpp"
#include "peerzone/resolver/snapshot.hpp"
#include "peerzone/server/options.hpp"
#include "peerzone/server/tls.hpp"
#include "peerzone/upstream/client.hpp"

namespace peerzone::server {

class ConnectionLimits;

/// What all workers of a process share. Outlives them.
class Shared {
public:
    Shared(cache::Cache& cache, const Limits& limits);
    ~Shared();
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;

private:
    friend class Worker;
    cache::Cache& cache_;
    Limits limits_;
    std::unique_ptr<ConnectionLimits> connections_;
};

class Worker {
public:
    Worker(Shared& shared, const upstream::ClientOptions& client);
    /// Stops the thread if it runs.
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Before start(), by the thread that made the worker.
    void add_udp(Fd socket);
    void add_tcp(Fd socket);
    /// Listens for DNS over TLS.
    void add_tls(Fd socket);
    void start(std::shared_ptr<const resolver::Snapshot> snapshot);

    // Afterwards, by any thread.
    /// Swaps in what the next queries see; queries in flight keep what they began with.
    void publish(std::shared_ptr<const resolver::Snapshot> snapshot, const Limits& limits);
    /// What new connections over TLS use from now on; those that are open keep theirs. Also before
    /// start().
    void publish_tls(std::shared_ptr<const TlsContext> context);
    /// What is told of every reply from now on; null: nothing is. Outlives the worker. Also before
    /// start().
    void observe(resolver::ReplyObserver* observer);
    /// Takes no more queries, answers what is in flight, at most until `deadline`; then the thread
    /// ends.
    void drain(Duration deadline);
    /// Waits for the thread's end.
    void join();
    const metrics::Counters& counters() const noexcept;
    metrics::Counters& counters() noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace peerzone::server
