// What happens in a scenario, as its dice say.
#include "simulation/scenario.hpp"

namespace peerzone::simulation {

void Scenario::write_script() {
    if (is_calm_) return;
    constexpr unsigned kPerMille[] = {0, 20, 80, 300};
    network_.set_faults(dice_.pick(kPerMille));
    if (plan_->limits.in_flight_per_client_max < 100) tally_.add(Fault::small_limits);
}

void Scenario::plan_queries(Time end) {
    const Time begin = now_;
    const unsigned count = dice_.between(10, 40);
    for (unsigned i = 0; i < count; ++i)
        events_.at(begin + dice_.between(Duration::zero(), end - begin),
                   [this] { ask_something(); });
    for (unsigned n = dice_.below(2); n > 0 && !is_calm_; --n)
        events_.at(begin + dice_.between(Duration::zero(), end - begin), [this] { flood(); });
}

void Scenario::plan_faults(Time end) {
    const Time begin = now_;
    const auto some_time = [&] { return begin + dice_.between(Duration::zero(), end - begin); };
    for (unsigned n = dice_.below(4); n > 0; --n)
        plan_mode(some_time(), dice_.between(Millis(100), Seconds(8)));
    for (unsigned n = dice_.below(3); n > 0; --n)
        plan_outage(dice_.below(kUpstreams), some_time(), dice_.between(Millis(300), Seconds(9)));
    for (unsigned n = dice_.below(5); n > 0; --n) plan_reload(some_time());
    for (unsigned n = dice_.below(4); n > 0; --n) plan_move(some_time());
    for (unsigned n = dice_.below(3); n > 0; --n) plan_jump(some_time());
    for (unsigned n = dice_.below(3); n > 0; --n)
        events_.at(some_time(), [this] {
            tally_.add(Fault::data_changed);
            servers_.change_data(dice_.below(kUpstreams));
        });
    if (!dice_.chance(10)) return;
    const Time held = some_time();
    const auto hold = [this, upstream = dice_.below(kUpstreams)](bool is_held) {
        for (const auto& known : snapshot_->upstreams)
            if (known->id == upstream) known->health->hold(is_held);
    };
    events_.at(held, [this, hold] {
        tally_.add(Fault::held);
        hold(true);
    });
    events_.at(held + dice_.between(Seconds(1), Seconds(5)), [hold] { hold(false); });
}

void Scenario::plan_outage(unsigned upstream, Time at, Duration lasts) {
    const Mode mode = dice_.chance(75) ? Mode::silent : Mode::refusing;
    events_.at(at, [this, upstream, mode] {
        tally_.add(Fault::silent_upstream);
        note([&] { return label_of(upstream) + " falls silent"; });
        for (unsigned i = 0; i < kEndpointsEach; ++i) network_.set_mode(upstream, i, mode);
    });
    events_.at(at + lasts, [this, upstream] {
        note([&] { return label_of(upstream) + " is back"; });
        for (unsigned i = 0; i < kEndpointsEach; ++i) network_.set_mode(upstream, i, Mode::well);
    });
}

void Scenario::plan_mode(Time at, Duration lasts) {
    constexpr std::pair<Mode, Fault> kModes[] = {{Mode::silent, Fault::silent_endpoint},
                                                 {Mode::slow, Fault::slow_endpoint},
                                                 {Mode::refusing, Fault::refusing_endpoint},
                                                 {Mode::failing, Fault::failing_endpoint},
                                                 {Mode::lame, Fault::lame_endpoint}};
    const auto [mode, fault] = dice_.pick(kModes);
    const unsigned upstream = dice_.below(kUpstreams);
    const unsigned endpoint = dice_.below(kEndpointsEach);
    events_.at(at, [this, upstream, endpoint, mode = mode, fault = fault] {
        tally_.add(fault);
        note([&] {
            return label_of(upstream) + "#" + std::to_string(endpoint) + ": " +
                   std::string(kFaultNames[static_cast<std::size_t>(fault)]);
        });
        network_.set_mode(upstream, endpoint, mode);
    });
    events_.at(at + lasts,
               [this, upstream, endpoint] { network_.set_mode(upstream, endpoint, Mode::well); });
}

void Scenario::plan_reload(Time at) {
    events_.at(at, [this] { publish(changed(*plan_, dice_, tally_)); });
}

void Scenario::plan_move(Time at) {
    events_.at(at, [this] { move_endpoints(); });
}

void Scenario::plan_jump(Time at) {
    constexpr Duration kJumps[] = {Millis(300), Seconds(1),  Seconds(3),   Seconds(40),
                                   Seconds(40), Seconds(70), Seconds(400), Seconds(4000)};
    // A day takes the wheel of timers a while.
    if (dice_.chance(4)) return events_.at(at, [this] { jump(Seconds(100'000)); });
    events_.at(at, [this, by = dice_.pick(kJumps)] { jump(by); });
}

// Many at once, of one client or a few, for one name or many.
void Scenario::flood() {
    tally_.add(Fault::flood);
    const unsigned count = dice_.between(5, 20);
    const bool one_name = dice_.chance(40);
    const bool one_client = dice_.chance(50);
    const std::string name = some_name();
    const unsigned client = dice_.below(kNets * kClientsEach);
    for (unsigned i = 0; i < count; ++i) {
        const unsigned of = one_client ? client : dice_.below(kNets * kClientsEach);
        ask({.net = of / kClientsEach,
             .client = of % kClientsEach,
             .id = dice_.below(65536),
             .name = one_name ? name : "x" + std::to_string(dice_.below(500)) + "." + name,
             .question = {},
             .type = 1,
             .arrived = {},
             .due = {},
             .plan = {}});
    }
}

std::string Scenario::some_name() {
    const unsigned kind = dice_.below(100);
    const std::string number = std::to_string(dice_.below(6));
    const unsigned suffix = dice_.below(static_cast<unsigned>(kSuffixes.size()));
    const std::string zone = suffix == kRootSuffix ? "elsewhere" : std::string(kSuffixes[suffix]);
    if (kind < 8) {
        constexpr std::string_view kOwn[] = {"host", "to0", "to1", "to2",   "to3",
                                             "to4",  "in",  "no",  "a.wild"};
        return std::string(dice_.pick(kOwn)) + "." + std::string(kOwnZone);
    }
    if (kind < 12) return "loop" + std::to_string(dice_.below(3)) + "." + zone;
    if (kind < 16) return "chain" + std::to_string(dice_.below(30)) + "." + zone;
    if (kind < 24) return "p" + number + ".dn." + zone;
    return "n" + number + "." + zone;
}

void Scenario::ask_something() {
    constexpr unsigned kTypes[] = {rr::a, rr::a, rr::a, rr::a, rr::aaaa, rr::txt, rr::cname};
    Query query;
    query.net = dice_.below(kNets);
    query.client = dice_.below(kClientsEach);
    query.id = dice_.below(65536);
    query.name = some_name();
    query.type = dice_.pick(kTypes);
    query.recursion = !dice_.chance(3);
    query.edns = !dice_.chance(8);
    query.dnssec_ok = query.edns && dice_.chance(10);
    query.checking_disabled = dice_.chance(5);
    query.is_whole = !dice_.chance(2);
    ask(std::move(query));
}

// Nothing is wrong any more: after a while everything is answered again.
void Scenario::heal() {
    network_.set_faults(0);
    for (unsigned upstream = 0; upstream < kUpstreams; ++upstream)
        for (unsigned i = 0; i < kEndpointsEach; ++i) network_.set_mode(upstream, i, Mode::well);
    for (const auto& [of, health] : healths_) health->hold(false);
    note([] { return "all faults end"; });
    go_until(now_ + Seconds(35));
    if (oracle_.failure()) return;
    note([] { return "everything must work"; });
    must_work_ = true;
    for (unsigned n = 0; n < 6; ++n) {
        ask_something();
        go_until(now_ + Millis(200));
    }
}

}  // namespace peerzone::simulation
