// What a configuration says, in the simulation's own words: whose names are whose, for whom. The
// oracle reads it; snapshots.cpp makes the program's snapshot of it. An immutable value.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/resolver/limits.hpp"
#include "simulation/dice.hpp"

namespace peerzone::simulation {

inline constexpr unsigned kUpstreams = 5;
inline constexpr unsigned kForward = 3;   // for one suffix
inline constexpr unsigned kCatchAll = 4;  // the forward of "."
inline constexpr unsigned kEndpointsEach = 3;
inline constexpr unsigned kNets = 4;  // of clients
inline constexpr unsigned kClientsEach = 4;

inline constexpr std::array<std::string_view, 6> kSuffixes{"a.test", "b.test",   "sub.a.test",
                                                           "c.test", "fwd.test", "."};
inline constexpr unsigned kForwardSuffix = 4;
inline constexpr unsigned kRootSuffix = 5;
inline constexpr std::string_view kOwnZone = "own.test";

/// Whose a name is.
struct Owner {
    enum class Kind : std::uint8_t { none, zone, upstream };
    Kind kind = Kind::none;
    unsigned upstream = 0;
    bool is(unsigned number) const { return kind == Kind::upstream && upstream == number; }
};

struct UpstreamPlan {
    bool is_there = false;
    std::vector<unsigned> suffixes;
    std::vector<unsigned> endpoints;
    unsigned transport = 0;  ///< 0 auto, 1 UDP, 2 TCP
    bool listed = false;
    bool hedges = true;
    Millis deadline{1800};
    Seconds stale_max{86400};
    std::optional<Seconds> negative_ttl;
};

struct ViewPlan {
    unsigned number = 0;
    std::vector<unsigned> nets;
    unsigned sees = ~0u;  ///< a bit for each upstream
};

struct Plan {
    unsigned generation = 0;
    std::vector<ViewPlan> views;
    std::array<UpstreamPlan, kUpstreams> upstreams;
    bool has_zone = true;
    resolver::Limits limits;

    const ViewPlan* view_of(unsigned net) const;
    /// `name` is folded text without the last dot.
    Owner owner_of(const ViewPlan& view, std::string_view name) const;
    Duration longest_deadline() const;
};
using PlanRef = std::shared_ptr<const Plan>;

bool is_below(std::string_view name, std::string_view suffix);
/// The longest suffix of kSuffixes.
unsigned suffix_of(std::string_view name);

/// The first one of a scenario, and what a reload makes of one.
Plan first_plan(Dice& dice, bool calm);
struct Tally;
Plan changed(const Plan& plan, Dice& dice, Tally& tally);
/// The same with other endpoints of one upstream.
Plan moved(const Plan& plan, Dice& dice, Tally& tally);

}  // namespace peerzone::simulation
