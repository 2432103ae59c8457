#include "simulation/control.hpp"

#include <algorithm>

#include "peerzone/base/text.hpp"
#include "simulation/snapshots.hpp"

namespace peerzone::simulation {
namespace {

using upstream::ProbeResult;
using upstream::UpstreamState;

constexpr Duration kLook = Millis(200);
constexpr Duration kCalmLook = Seconds(1);
constexpr Duration kPatience = Millis(300);

// Where nothing is filed in timers.
void no_timer(TimerNode&) {}

ProbeResult result_of(Mode mode) {
    if (mode == Mode::failing) return ProbeResult::servfail;
    return mode == Mode::lame ? ProbeResult::wrong_zone : ProbeResult::healthy;
}

}  // namespace

void Control::follow(const resolver::Snapshot& snapshot, Time now) {
    auto before = std::exchange(followed_, {});
    for (const auto& upstream : snapshot.upstreams) {
        const auto known = std::ranges::find_if(before, [&](const auto& probed) {
            return probed != nullptr && probed->upstream->health == upstream->health;
        });
        auto probed = known != before.end()
                          ? std::move(*known)
                          : std::make_unique<probe::ProbedUpstream>(no_timer, nullptr);
        auto targets = std::exchange(probed->targets, {});
        probed->upstream = upstream;
        for (const auto& endpoint : upstream->set()->endpoints) {
            const auto same = std::ranges::find_if(
                targets, [&](const auto& target) { return target->endpoint == endpoint; });
            auto target = same != targets.end()
                              ? *same
                              : std::make_shared<probe::Target>(no_timer, nullptr, endpoint);
            target->probed = probed.get();
            probed->targets.push_back(std::move(target));
        }
        for (const auto& target : targets)
            if (std::ranges::find(probed->targets, target) == probed->targets.end())
                target->probed = nullptr;
        followed_.push_back(std::move(probed));
    }
    for (const auto& gone : before)
        if (gone != nullptr)
            for (const auto& target : gone->targets) target->probed = nullptr;
    for (const auto& probed : followed_) look(*probed, now);
}

void Control::run(Time now) {
    bool is_calm = true;
    for (const auto& probed : followed_) {
        look(*probed, now);
        const UpstreamState state = probed->partition.state();
        is_calm =
            is_calm && (state == UpstreamState::healthy || state == UpstreamState::unresolved);
        for (const auto& target : probed->targets)
            if (target->in_flight == 0 && now >= target->due) begin_probe(target, now);
    }
    if (is_stopped_) return;
    events_.at(now + (is_calm ? kCalmLook : kLook), [this] { run(Clock::now()); });
}

void Control::look(probe::ProbedUpstream& probed, Time now) {
    for (int changes = 0; changes < 3 && probed.partition.look(probed.facts(), now); ++changes) {
        const UpstreamState state = probed.partition.state();
        probed.upstream->health->enter(state, now, std::chrono::system_clock::now());
        ++tally_.states[std::string(upstream::state_text(state))];
        trace_(now, [&] {
            return probed.upstream->label + " is " + std::string(upstream::state_text(state));
        });
        if (state != UpstreamState::suspect) continue;
        ++probed.round;
        for (const auto& target : probed.targets) begin_probe(target, now);
    }
}

void Control::begin_probe(const std::shared_ptr<probe::Target>& target, Time now) {
    const SocketAddress& address = target->endpoint->address();
    const unsigned upstream = upstream_at(address);
    const unsigned endpoint = endpoint_at(address);
    const upstream::UpstreamHealth& health = *target->probed->upstream->health;
    const Duration interval =
        probe::probe_interval({.held = health.is_held(),
                               .suspect = target->endpoint->is_suspect(),
                               .unusable = target->endpoint->is_unusable(),
                               .unsettled = health.state() != UpstreamState::healthy,
                               .wanted = health.is_wanted(now),
                               .misses = target->misses});
    target->due = now + interval;
    target->began = now;
    ++target->in_flight;
    const bool is_answered = !network_.is_silent(upstream, endpoint);
    const Duration wait = is_answered ? dice_.between(Micros(500), Millis(20)) : kPatience;
    events_.at(now + wait, [this, target, round = target->probed->round, is_answered, wait,
                            mode = network_.mode(upstream, endpoint)] {
        end_probe(*target, round, is_answered, mode, wait);
    });
}

void Control::end_probe(probe::Target& target, std::uint32_t round, bool is_answered, Mode mode,
                        Duration rtt) {
    --target.in_flight;
    if (target.probed == nullptr) return;
    const Time now = Clock::now();
    upstream::Endpoint& endpoint = *target.endpoint;
    if (is_answered) {
        const ProbeResult result = result_of(mode);
        target.answered = true;
        target.misses = 0;
        endpoint.note_reply(rtt);
        endpoint.note_probe(result);
        if (result == ProbeResult::healthy) endpoint.note_usable(now);
    } else {
        ++target.misses;
        target.silent_round = round;
        if (target.is_unheard()) target.listened_in_vain = true;
        endpoint.note_probe(ProbeResult::silent);
        if (target.silence_counts()) endpoint.note_loss(now);
    }
    look(*target.probed, now);
}

}  // namespace peerzone::simulation
