// The control plane's health: the states of upstreams as src/probe decides them, with probes whose
// outcome is how the scripted endpoint is at the time.
#pragma once

#include <memory>
#include <vector>

#include "peerzone/resolver/snapshot.hpp"
#include "probe/probed_upstream.hpp"
#include "simulation/network.hpp"

namespace peerzone::simulation {

class Control {
public:
    Control(Events& events, const Network& network, Dice& dice, Tally& tally, Trace& trace)
        : events_(events), network_(network), dice_(dice), tally_(tally), trace_(trace) {}

    /// These upstreams and no others are probed from now on.
    void follow(const resolver::Snapshot& snapshot, Time now);
    /// Looks at every upstream, and again after a while.
    void run(Time now);
    /// No look comes after this one's.
    void stop() { is_stopped_ = true; }

private:
    void look(probe::ProbedUpstream& probed, Time now);
    void begin_probe(const std::shared_ptr<probe::Target>& target, Time now);
    void end_probe(probe::Target& target, std::uint32_t round, bool is_answered, Mode mode,
                   Duration rtt);

    Events& events_;
    const Network& network_;
    Dice& dice_;
    Tally& tally_;
    Trace& trace_;
    std::vector<std::unique_ptr<probe::ProbedUpstream>> followed_;
    bool is_stopped_ = false;
};

}  // namespace peerzone::simulation
