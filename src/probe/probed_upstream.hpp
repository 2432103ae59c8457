// What the prober keeps for each upstream and each of its endpoints. Control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "peerzone/base/log.hpp"
#include "peerzone/base/timer_wheel.hpp"
#include "peerzone/upstream/upstream.hpp"
#include "probe/claims.hpp"
#include "probe/partition.hpp"
#include "probe/probe.hpp"

namespace peerzone::probe {

struct ProbedUpstream;

/// One endpoint under probed. Its timer is the next probe.
struct Target : TimerNode, std::enable_shared_from_this<Target> {
    Target(Handler handler, void* prober, std::shared_ptr<upstream::Endpoint> e)
        : TimerNode(handler), owner(prober), endpoint(std::move(e)) {}

    void* owner;
    std::shared_ptr<upstream::Endpoint> endpoint;
    ProbedUpstream* probed = nullptr;  // null: it is gone, and its last probes end unheard
    std::size_t index = 0;             // in the set's endpoints
    unsigned in_flight = 0;
    unsigned misses = 0;             // in a row, over the usual transport
    bool answered = false;           // any probe, ever
    std::uint32_t silent_round = 0;  // the last round in which it was asked in vain
    bool listened_in_vain = false;   // for a question's deadline, and it has never been heard
    Time began = kLongAgo;           // the last probe over the usual transport
    Time due{};
    ProtocolsKnown protocols;   // transport auto
    Time other_due = kLongAgo;  // when the other transport is looked at
    Claims claims;              // where the peer expects something
    bool told_absent = false;
    log::LogLimit log_limit{Seconds(10)};
    log::LogLimit wrong_log{Seconds(10)};
    log::LogLimit right_log{Seconds(10)};

    /// It replies to clients and never to a probe: the probes' silence says nothing.
    bool ignores_probes() const noexcept { return !answered && endpoint->stats().replies() > 0; }
    /// Nothing has ever come from it.
    bool is_unheard() const noexcept { return endpoint->smoothed_rtt() == Duration::zero(); }
    /// It was asked in vain since the upstream is in its state, which began with that round.
    bool is_silent_since(Time since, std::uint32_t round) const noexcept;
    /// Whether silence is a loss. A forwarder that never answered a probe may just not like them.
    bool silence_counts() const noexcept;
};

/// One upstream under probed. Its timer is the next look at its state.
struct ProbedUpstream : TimerNode {
    ProbedUpstream(Handler handler, void* prober) : TimerNode(handler), owner(prober) {}

    void* owner;
    std::shared_ptr<const upstream::Upstream> upstream;
    std::shared_ptr<const upstream::EndpointSet> set;  // that the targets were made of
    std::vector<std::shared_ptr<Target>> targets;
    Partition partition;
    std::uint32_t round = 0;  // grows when every endpoint is asked at once
    log::LogLimit log_limit{Seconds(1)};

    Partition::Facts facts() const noexcept;
};

}  // namespace peerzone::probe
