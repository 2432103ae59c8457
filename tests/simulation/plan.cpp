#include "simulation/plan.hpp"

#include <algorithm>

#include "simulation/tally.hpp"

namespace peerzone::simulation {
namespace {

unsigned sees(Dice& dice) {
    if (dice.chance(40)) return ~0u;
    return dice.below(1u << kUpstreams) | 1u << dice.below(kUpstreams);
}

// The forwards have their suffix; the others are spread over the peers, now and then twice.
void spread_suffixes(Plan& plan, Dice& dice) {
    for (UpstreamPlan& upstream : plan.upstreams) upstream.suffixes.clear();
    plan.upstreams[kForward].suffixes = {kForwardSuffix};
    plan.upstreams[kCatchAll].suffixes = {kRootSuffix};
    for (unsigned suffix = 0; suffix < kForwardSuffix; ++suffix) {
        const unsigned first = dice.below(kForward);
        plan.upstreams[first].suffixes.push_back(suffix);
        if (!dice.chance(20)) continue;
        const unsigned second = (first + 1) % kForward;
        plan.upstreams[second].suffixes.push_back(suffix);
    }
}

void spread_views(Plan& plan, Dice& dice) {
    plan.views.clear();
    const unsigned count = dice.between(1, 3);
    std::vector<unsigned> numbers{0, 1, 2};
    for (unsigned i = 0; i < count; ++i) {
        const unsigned at = dice.below(static_cast<unsigned>(numbers.size()));
        plan.views.push_back({.number = numbers[at], .nets = {}, .sees = sees(dice)});
        numbers.erase(numbers.begin() + at);
    }
    for (unsigned net = 0; net < kNets; ++net)
        if (dice.chance(92)) plan.views[dice.below(count)].nets.push_back(net);
}

void pick_endpoints(UpstreamPlan& upstream, Dice& dice) {
    upstream.endpoints.clear();
    for (unsigned i = 0; i < kEndpointsEach; ++i)
        if (dice.chance(60)) upstream.endpoints.push_back(i);
    if (upstream.endpoints.empty() && !dice.chance(10))
        upstream.endpoints.push_back(dice.below(kEndpointsEach));
}

void small_limits(resolver::Limits& limits, Dice& dice) {
    limits.in_flight_per_upstream_max = dice.between(2, 8);
    limits.waiters_per_question_max = dice.between(2, 6);
    limits.waiters_per_upstream_max = dice.between(3, 20);
    limits.in_flight_per_client_max = dice.between(2, 10);
    limits.client_misses_per_second_max = dice.between(1, 20);
    limits.client_misses_burst_max = dice.between(1, 10);
}

}  // namespace

bool is_below(std::string_view name, std::string_view suffix) {
    if (suffix == ".") return true;
    if (!name.ends_with(suffix)) return false;
    return name.size() == suffix.size() || name[name.size() - suffix.size() - 1] == '.';
}

unsigned suffix_of(std::string_view name) {
    unsigned best = kRootSuffix;
    for (unsigned i = 0; i < kSuffixes.size(); ++i)
        if (is_below(name, kSuffixes[i]) && (kSuffixes[i].size() > kSuffixes[best].size()))
            best = i;
    return best;
}

const ViewPlan* Plan::view_of(unsigned net) const {
    for (const ViewPlan& view : views)
        if (std::ranges::find(view.nets, net) != view.nets.end()) return &view;
    return nullptr;
}

Owner Plan::owner_of(const ViewPlan& view, std::string_view name) const {
    if (has_zone && is_below(name, kOwnZone)) return {Owner::Kind::zone, 0};
    Owner found;
    std::size_t longest = 0;
    for (unsigned number = 0; number < kUpstreams; ++number) {
        if (!upstreams[number].is_there || !(view.sees >> number & 1)) continue;
        for (const unsigned suffix : upstreams[number].suffixes) {
            if (!is_below(name, kSuffixes[suffix]) || kSuffixes[suffix].size() <= longest) continue;
            longest = kSuffixes[suffix].size();
            found = {Owner::Kind::upstream, number};
        }
    }
    return found;
}

Duration Plan::longest_deadline() const {
    Duration longest{};
    for (const UpstreamPlan& upstream : upstreams)
        if (upstream.is_there) longest = std::max<Duration>(longest, upstream.deadline);
    return longest;
}

Plan first_plan(Dice& dice, bool calm) {
    Plan plan;
    for (unsigned i = 0; i < kUpstreams; ++i) {
        UpstreamPlan& upstream = plan.upstreams[i];
        upstream.is_there = calm || dice.chance(i == kCatchAll ? 70 : 90);
        upstream.transport = dice.chance(70) ? 0 : dice.between(1, 2);
        upstream.listed = dice.chance(20);
        upstream.hedges = dice.chance(80);
        upstream.deadline = Millis(dice.chance(60) ? 1800 : dice.between(300, 4500));
        upstream.stale_max = Seconds(dice.chance(70) ? 86400 : dice.chance(50) ? 0 : 60);
        if (dice.chance(30)) upstream.negative_ttl = Seconds(dice.between(0, 40));
        pick_endpoints(upstream, dice);
        if (calm && upstream.endpoints.empty()) upstream.endpoints.push_back(0);
    }
    plan.has_zone = dice.chance(85);
    spread_suffixes(plan, dice);
    spread_views(plan, dice);
    if (!calm && dice.chance(40)) small_limits(plan.limits, dice);
    return plan;
}

Plan changed(const Plan& before, Dice& dice, Tally& tally) {
    Plan plan = before;
    ++plan.generation;
    tally.add(Fault::reload);
    if (dice.chance(50)) {
        spread_suffixes(plan, dice);
        tally.add(Fault::zone_moved);
    }
    if (dice.chance(40)) {
        spread_views(plan, dice);
        tally.add(Fault::views_changed);
    }
    if (dice.chance(40)) {
        pick_endpoints(plan.upstreams[dice.below(kUpstreams)], dice);
        tally.add(Fault::endpoints_changed);
    }
    if (dice.chance(30)) {
        UpstreamPlan& upstream = plan.upstreams[dice.below(kUpstreams)];
        upstream.is_there = !upstream.is_there;
        tally.add(Fault::upstream_left);
    }
    if (dice.chance(10)) plan.has_zone = !plan.has_zone;
    return plan;
}

Plan moved(const Plan& before, Dice& dice, Tally& tally) {
    Plan plan = before;
    pick_endpoints(plan.upstreams[dice.below(kUpstreams)], dice);
    tally.add(Fault::endpoints_moved);
    return plan;
}

}  // namespace peerzone::simulation
