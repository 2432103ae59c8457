// Asks every endpoint by itself, from start-up on, and decides from what comes back, and from what
// the workers have seen, in which state each upstream is (upstream/health.hpp). Control thread
// only. It has exchanges of its own, so its probes travel exactly as clients' questions do.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "peerzone/metrics/counters.hpp"
#include "peerzone/upstream/client.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::probe {

class Prober {
public:
    Prober(boost::asio::io_context& io, const upstream::ClientOptions& options);
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    /// These upstreams, and no others, are probed from now on, at the endpoints that stand on their
    /// boards now. Call it before their snapshot goes to the workers, and when a board has changed.
    /// What is known of an upstream whose health object stays goes on.
    void follow(const std::vector<std::shared_ptr<const upstream::Upstream>>& upstreams);

    /// Ends all probes. No state changes after this.
    void shut_down();

    /// Any thread.
    const metrics::Counters& counters() const noexcept;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace peerzone::probe
