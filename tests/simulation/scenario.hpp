// One scenario: a worker's resolver and the health of its upstreams, under a clock and a network
// that the seed moves. Everything happens on this thread, in the order of its time.
#pragma once

#include <optional>
#include <string>

#include "peerzone/resolver/resolver.hpp"
#include "simulation/control.hpp"
#include "simulation/network.hpp"
#include "simulation/oracle.hpp"
#include "simulation/snapshots.hpp"

namespace peerzone::simulation {

struct Outcome {
    std::optional<std::string> failure;
    std::uint64_t digest = 0;
};

Outcome run_scenario(std::uint64_t seed, bool is_traced, Tally& tally);

class Scenario final : resolver::ReplySink, resolver::ReplyObserver {
public:
    Scenario(std::uint64_t seed, bool is_traced, Tally& tally);
    ~Scenario() { client_.shut_down(); }
    Scenario(const Scenario&) = delete;
    Scenario& operator=(const Scenario&) = delete;
    Outcome run();

private:
    static Time first_moment(Dice& dice);
    static cache::Options cache_options(Dice& dice, Tally& tally);

    // scenario_script.cpp: what will happen
    void write_script();
    void plan_queries(Time end);
    void plan_faults(Time end);
    void plan_outage(unsigned upstream, Time at, Duration lasts);
    void plan_mode(Time at, Duration lasts);
    void plan_reload(Time at);
    void plan_move(Time at);
    void move_endpoints();
    void plan_jump(Time at);
    void flood();
    std::string some_name();
    void ask_something();
    void heal();

    // scenario.cpp
    struct Known {
        unsigned upstream;
        std::shared_ptr<upstream::UpstreamHealth> health;
    };
    bool is_away(unsigned upstream) const;
    void publish(Plan plan);
    void ask(Query query);
    void go_until(Time end);
    void step(Time to);
    void jump(Duration by);
    void shut_down();
    void check_bounds();
    void check_given_back();
    void deliver(const resolver::ReplyTo& to, Bytes reply) noexcept override;
    void on_reply(const resolver::Request& request,
                  const resolver::ReplyNote& note) noexcept override;
    template <class Words>
    void note(const Words& words) {
        trace_(now_, words);
    }

    Dice dice_;
    Tally& tally_;
    Trace trace_;
    Time now_;
    bool is_calm_;
    Events events_;
    Ledger ledger_;
    Servers servers_;
    Network network_;
    cache::Options cache_options_;
    cache::Cache cache_;
    metrics::Counters counters_;
    upstream::ClientOptions client_options_;
    upstream::Client client_;
    resolver::Resolver resolver_;
    Snapshots snapshots_;
    Control control_;
    Oracle oracle_;
    PlanRef plan_;
    std::shared_ptr<const resolver::Snapshot> snapshot_;
    std::vector<Known> healths_;  // all there ever were
    resolver::Limits limits_;     // the widest there ever were
    bool is_shut_down_ = false;
    bool must_work_ = false;
    std::uint64_t steps_ = 0;
};

}  // namespace peerzone::simulation
