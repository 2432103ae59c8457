#include "simulation/scenario.hpp"

#include <algorithm>

#include "simulation/clock.hpp"
#include "simulation/inside.hpp"

namespace peerzone::simulation {
namespace {

constexpr std::uint64_t kStepsMax = 200'000;
constexpr std::size_t kCacheLeast = 256u << 10;

}  // namespace

Outcome run_scenario(std::uint64_t seed, bool is_traced, Tally& tally) {
    seed_randomness(seed);
    Scenario scenario(seed, is_traced, tally);
    return scenario.run();
}

// The machine has just booted, or runs for a year.
Time Scenario::first_moment(Dice& dice) {
    constexpr Seconds kMoments[] = {Seconds(2), Seconds(3600), Seconds(400 * 86400)};
    const Time now{Duration(dice.pick(kMoments)) + Micros(dice.below(1'000'000))};
    set_clock(now);
    return now;
}

cache::Options Scenario::cache_options(Dice& dice, Tally& tally) {
    cache::Options options;
    options.size_bytes = 1u << 20;
    if (dice.chance(15)) {
        options.size_bytes = kCacheLeast;
        tally.add(Fault::small_cache);
    }
    if (dice.chance(10)) options.max_ttl = Seconds(dice.between(0, 60));
    return options;
}

Scenario::Scenario(std::uint64_t seed, bool is_traced, Tally& tally)
    : dice_(seed),
      tally_(tally),
      trace_(is_traced),
      now_(first_moment(dice_)),
      is_calm_(dice_.chance(12)),
      servers_(seed, dice_, ledger_, tally_),
      network_(events_, servers_, ledger_, dice_, tally_, trace_),
      cache_options_(cache_options(dice_, tally_)),
      cache_(cache_options_),
      client_options_{{}, 77, std::make_shared<upstream::SentNames>()},
      client_({network_.timers, network_.udp, network_.stream}, counters_, client_options_),
      resolver_(cache_, client_, counters_),
      control_(events_, network_, dice_, tally_, trace_),
      oracle_(ledger_, trace_, cache_options_.max_ttl,
              [this](unsigned upstream) { return is_away(upstream); }) {
    trace_.begin(now_);
    limits_ = {1, 1, 1, 1, 1, 1};
    resolver_.observe(this);
}

Outcome Scenario::run() {
    ++tally_.scenarios;
    const Time began = now_;
    publish(first_plan(dice_, is_calm_));
    control_.run(now_);
    write_script();
    const Time end = now_ + dice_.between(Seconds(2), Seconds(12));
    plan_queries(end);
    if (!is_calm_) plan_faults(end);
    must_work_ = is_calm_;
    go_until(end);
    if (dice_.chance(15)) {
        shut_down();
    } else if (!oracle_.failure()) {
        heal();
    }
    control_.stop();
    go_until(Time::max());
    if (!oracle_.failure()) check_given_back();
    tally_.simulated_seconds += std::chrono::duration<double>(now_ - began).count();
    return {oracle_.failure(), oracle_.digest()};
}

void Scenario::publish(Plan plan) {
    plan_ = std::make_shared<const Plan>(std::move(plan));
    snapshot_ = snapshots_.build(*plan_);
    for (const auto& upstream : snapshot_->upstreams)
        if (std::ranges::find(healths_, upstream->health, &Known::health) == healths_.end())
            healths_.push_back({upstream->id, upstream->health});
    const resolver::Limits& limits = plan_->limits;
    limits_.in_flight_per_upstream_max =
        std::max(limits_.in_flight_per_upstream_max, limits.in_flight_per_upstream_max);
    limits_.waiters_per_upstream_max =
        std::max(limits_.waiters_per_upstream_max, limits.waiters_per_upstream_max);
    control_.follow(*snapshot_, now_);
    resolver_.publish(snapshot_);
    note([&] {
        std::string text = "plan " + std::to_string(plan_->generation) + ":";
        for (const ViewPlan& view : plan_->views) {
            text += " view" + std::to_string(view.number) + "(";
            for (const unsigned net : view.nets) text += " 10." + std::to_string(net);
            text += " )";
        }
        for (unsigned number = 0; number < kUpstreams; ++number) {
            if (!plan_->upstreams[number].is_there) continue;
            text += " " + label_of(number) + "(";
            for (const unsigned suffix : plan_->upstreams[number].suffixes)
                text += " " + std::string(kSuffixes[suffix]);
            for (const unsigned endpoint : plan_->upstreams[number].endpoints)
                text += " #" + std::to_string(endpoint);
            text += " )";
        }
        return text;
    });
}

// Other addresses of a host name: no reload.
void Scenario::move_endpoints() {
    Plan plan = moved(*plan_, dice_, tally_);
    plan_ = std::make_shared<const Plan>(std::move(plan));
    snapshots_.publish_endpoints(*plan_);
    control_.follow(*snapshot_, now_);
    note([] { return "endpoints move"; });
}

void Scenario::ask(Query query) {
    if (is_shut_down_ || oracle_.failure()) return;
    ++tally_.queries;
    query.arrived = now_;
    query.plan = plan_;
    query.must_work = must_work_;
    MessageWriter writer(query.id,
                         (query.recursion ? 0x100u : 0u) | (query.checking_disabled ? 0x10u : 0u));
    Octets asked = wire_of(query.name);
    for (std::uint8_t& octet : asked)
        if (octet >= 'a' && octet <= 'z' && dice_.chance(10)) octet ^= 32;
    writer.question(asked, query.type);
    if (query.edns) writer.opt(dice_.chance(80) ? 1232 : 512, query.dnssec_ok);
    Octets message = std::move(writer.octets());
    query.question.assign(message.begin() + 12,
                          message.begin() + 12 + static_cast<std::ptrdiff_t>(asked.size()) + 4);
    if (!query.is_whole) message.resize(dice_.below(static_cast<unsigned>(message.size())));

    resolver::Request request;
    request.client = client_address(query.net, query.client);
    request.udp = dice_.chance(80);
    const std::uint64_t number = oracle_.on_query(std::move(query)).number;
    static Octets out(dns::kMessageMax);
    std::size_t size = 0;
    const resolver::Disposition done = resolver_.answer_now(message, now_, request, out, size);
    if (done == resolver::Disposition::replied) {
        oracle_.on_reply(number, Bytes(out).first(size), now_);
    } else if (done == resolver::Disposition::dropped) {
        oracle_.on_dropped(number);
    } else {
        resolver_.admit(request,
                        {.sink = this,
                         .session = number,
                         .client = {request.client, 53},
                         .local = {},
                         .interface = 0,
                         .arrived = now_},
                        now_);
    }
}

void Scenario::deliver(const resolver::ReplyTo& to, Bytes reply) noexcept {
    oracle_.on_reply(to.session, reply, Clock::now());
}

void Scenario::on_reply(const resolver::Request&, const resolver::ReplyNote& note) noexcept {
    ++tally_.answers[std::string(resolver::source_text(note.source)) + " rcode " +
                     std::to_string(static_cast<unsigned>(note.rcode))];
}

bool Scenario::is_away(unsigned upstream) const {
    return std::ranges::any_of(healths_, [&](const Known& known) {
        return known.upstream == upstream && known.health->is_away();
    });
}

// Until nothing is left before `end`.
void Scenario::go_until(Time end) {
    while (!oracle_.failure()) {
        const auto timer = network_.timers.next();
        const auto event = events_.next();
        if (!timer && !event) break;
        const Time next = std::min(timer.value_or(Time::max()), event.value_or(Time::max()));
        if (next > end) break;
        step(std::max(now_, next));
    }
    if (end == Time::max() || oracle_.failure()) return;
    now_ = std::max(now_, end);
    set_clock(now_);
}

// The event loop does not say whether timers or sockets come first.
void Scenario::step(Time to) {
    now_ = to;
    set_clock(now_);
    const bool timers_first = dice_.chance(50);
    if (timers_first) network_.timers.expire_due(now_);
    while (events_.next() && *events_.next() <= now_ && !oracle_.failure()) {
        const Events::Action action = events_.take();
        action();
    }
    network_.timers.expire_due(now_);
    oracle_.check_time(now_);
    check_bounds();
    if (++steps_ > kStepsMax) oracle_.fail("it does not end");
}

void Scenario::jump(Duration by) {
    tally_.add(Fault::clock_jump);
    now_ += by;
    set_clock(now_);
    oracle_.on_jump(now_ - by, now_);
    note([&] {
        return "clock jump of " + std::to_string(std::chrono::duration_cast<Millis>(by).count()) +
               "ms";
    });
}

void Scenario::shut_down() {
    if (oracle_.waiting() != 0) tally_.add(Fault::shut_down_waiting);
    note([] { return "shut down"; });
    oracle_.on_shut_down();
    client_.shut_down();
    is_shut_down_ = true;
    if (oracle_.waiting() != 0)
        oracle_.fail(std::to_string(oracle_.waiting()) + " wait after the shut down");
}

void Scenario::check_bounds() {
    const resolver::InFlightTable& table = admission_of(resolver_).table();
    std::size_t waiters = 0;
    for (unsigned id = 0; id < kUpstreams; ++id) {
        const auto upstream = static_cast<std::uint16_t>(id);
        waiters += table.waiters(upstream);
        if (table.waiters(upstream) > limits_.waiters_per_upstream_max)
            oracle_.fail("too many wait for " + label_of(id));
        if (table.in_flight(upstream) > 2 * limits_.in_flight_per_upstream_max)
            oracle_.fail("too many in flight at " + label_of(id));
    }
    if (waiters != oracle_.waiting())
        oracle_.fail(std::to_string(oracle_.waiting()) + " wait, and " + std::to_string(waiters) +
                     " are counted");
    for (const auto& [upstream, health] : healths_)
        if (health->stats().in_flight() > 2 * limits_.in_flight_per_upstream_max)
            oracle_.fail("too many questions to one upstream");
    if (steps_ % 16 == 0 && cache_.stats().bytes > cache_options_.size_bytes)
        oracle_.fail("the cache has " + std::to_string(cache_.stats().bytes) + " octets");
}

// When everything has ended, nothing is held.
void Scenario::check_given_back() {
    check_bounds();
    const resolver::InFlightTable& table = admission_of(resolver_).table();
    const resolver::ClientGuard& guard = guard_of(resolver_);
    if (oracle_.waiting() != 0) oracle_.fail("some have no answer");
    if (table.size() != 0 || resolver_.in_flight() != 0) oracle_.fail("pending queries are left");
    if (network_.udp.waiting() + network_.stream.waiting() != 0) oracle_.fail("attempts are left");
    if (!is_shut_down_ && network_.timers.count() != 0) oracle_.fail("timers are left");
    if (snapshots_.permits() != 0) oracle_.fail("permits are left");
    for (const auto& [upstream, health] : healths_)
        if (health->stats().in_flight() != 0) oracle_.fail("an upstream has questions in flight");
    for (unsigned id = 0; id < kUpstreams; ++id) {
        const auto upstream = static_cast<std::uint16_t>(id);
        if (table.in_flight(upstream) != 0 || table.refreshes(upstream) != 0)
            oracle_.fail("a share of " + label_of(id) + " is left");
        for (unsigned net = 0; net < kNets; ++net)
            for (unsigned client = 0; client < kClientsEach; ++client)
                if (guard.in_flight(guard.place_of(client_address(net, client), upstream)) != 0)
                    oracle_.fail("a client's place is left");
    }
}

}  // namespace peerzone::simulation
