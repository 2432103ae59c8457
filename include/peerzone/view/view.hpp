// Which clients see which zones. A View is a set of routes; the ClientTable says which view a
// client address has; both are immutable values of the snapshot, read by every worker without
// locks. Every route, cache key and access decision goes through a view.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/base/ip.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/dns/renaming.hpp"

namespace peerzone::view {

struct Options {
    std::string name = "default";       ///< views[].name
    std::vector<SocketAddress> listen;  ///< views[].listen: only for those who ask there
    std::vector<IpPrefix> clients;      ///< views[].clients; left out: default_clients()
    /// views[].explain: its clients may ask about the server and how names are answered; unset:
    /// those that default_clients() has, if no peer is asked at their address.
    std::optional<bool> explain{};
};

/// Who is served when the configuration has no views: loopback, RFC 1918, 100.64/10, 169.254/16,
/// fc00::/7, fe80::/10.
std::vector<IpPrefix> default_clients();

using ViewId = std::uint16_t;

/// A listening address that has views of its own, numbered by the control plane from 1; 0 stands
/// for every other one.
using ListenerId = std::uint16_t;

/// Who asks, and at which listening address → view. Of the views that a listening address has for
/// itself, the one with the longest prefix around the client; where none of them has the client,
/// the same among the views of every listening address. Built by the control plane, then read by
/// all workers. An IPv4 client is in IPv4 prefixes only, also in its mapped form: ::/0 is all of
/// IPv6.
///
/// A listening address with views of its own has a table of its own, in which all prefixes are
/// resolved to disjoint ranges: a lookup is one binary search, whatever is nested.
class ClientTable {
public:
    ClientTable() : tables_(1) {}
    /// Of one prefix the first view stays. Costs a pass over the table.
    void add(const IpPrefix& prefix, ViewId view) { add(0, prefix, view); }
    void add(ListenerId listener, const IpPrefix& prefix, ViewId view);
    /// No view: the client is refused. Allocates nothing.
    std::optional<ViewId> find(const IpAddress& client) const noexcept { return find(0, client); }
    std::optional<ViewId> find(ListenerId listener, const IpAddress& client) const noexcept;

    /// A view, and for which other clients it is known by the same lookup.
    struct Match {
        std::optional<ViewId> view;
        /// The shortest prefix around the client that lies in one range, counted as
        /// IpPrefix::length: all its addresses have this view, or none. May be longer than every
        /// prefix of the table: what a nested one leaves of its outer one is no prefix.
        std::uint8_t scope_length = 0;
    };
    /// The same for what tells others how long to believe it for whom (RFC 7871 7.2.1). Slower.
    Match find_with_scope(ListenerId listener, const IpAddress& client) const noexcept;

private:
    /// Addresses as numbers, cut where a prefix begins or ends. Range i goes from starts[i] to
    /// before starts[i + 1], the last one to the end; empty: no prefix was added.
    template <class Number>
    struct Ranges {
        struct Value {
            ViewId view = 0;
            std::uint16_t rank = 0;  ///< 0: no view; else the longer prefix has the higher one
        };
        std::vector<Number> starts;
        std::vector<Value> values;

        void add(Number first, Number last, Value value);
        std::optional<ViewId> find(Number address) const noexcept;
        Match find_with_scope(Number address) const noexcept;

    private:
        std::size_t index_of(Number address) const noexcept;
        std::size_t cut(Number at);
    };
    __extension__ using Wide = unsigned __int128;
    struct Table {
        Ranges<std::uint32_t> v4;
        Ranges<Wide> v6;
        void add(const IpPrefix& prefix, ViewId view, std::uint16_t rank);
    };

    std::vector<Table> tables_;  // by ListenerId
};

/// A set of addresses, by prefixes. Built by the control plane, then read by all workers.
class AddressSet {
public:
    void add(const IpPrefix& prefix) { table_.add(prefix, 0); }
    /// An IPv4 address is in IPv4 prefixes only, as in a ClientTable. Allocates nothing.
    bool contains(const IpAddress& address) const noexcept {
        return table_.find(address).has_value();
    }

private:
    ClientTable table_;
};

/// Who answers the names under a suffix. The index is into the snapshot's zones or upstreams.
struct Route {
    enum class Kind : std::uint8_t { zone, upstream };
    dns::Name suffix;
    Kind kind = Kind::zone;
    bool built_in = false;  ///< a special-use name that must not leak (RFC 6761, 6762, 6303), not
                            ///< from the configuration
    std::uint16_t index = 0;
    /// Part of the cache's keys: what one upstream said under one renaming has one scope, in every
    /// view and over reloads, and no number ever stands for anything else. 0: a zone of ours, of
    /// which the cache keeps nothing.
    std::uint32_t scope = 0;
    /// The names below the suffix as the upstream knows them; null: the same. Shared, for it has
    /// the size of two names and more, and one upstream has many routes.
    std::shared_ptr<const dns::Renaming> renaming{};
};

/// Name → route, by the longest suffix.
class RouteTable {
public:
    /// One route per suffix: a later one replaces an earlier one.
    void add(const Route& route);
    /// `name` is folded wire form. Null when nothing matches (there is no route for the root).
    const Route* find(Bytes name) const noexcept;
    /// The route of exactly this suffix.
    const Route* find_exact(const dns::Name& suffix) const noexcept;
    const std::vector<Route>& routes() const noexcept { return routes_; }

private:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    struct Slot {
        std::uint64_t hash = 0;
        std::uint32_t route = kNone;
    };
    const Route* probe(std::uint64_t hash, Bytes suffix) const noexcept;
    void insert(std::uint64_t hash, std::uint32_t route) noexcept;

    std::vector<Route> routes_;
    std::vector<dns::Name> folded_;  // their suffixes
    std::vector<Slot> slots_;        // open addressing; a power of two, at most half full
    std::bitset<dns::kLabelsMax + 1> at_depth_;  // whether a suffix of so many labels is there
    std::size_t deepest_ = 0;                    // the most labels of a suffix
};

struct View {
    /// Of `suffixes`: hints are for people, who know a few.
    static constexpr std::size_t kSuffixesMax = 64;

    std::string name;
    RouteTable routes;
    /// Those of routes that people type, folded: no built-in ones, no reverse zones, not the root.
    std::vector<dns::Name> suffixes{};
    bool recursion_available = false;  ///< RA: this view has at least one upstream
    /// Of answers put together over several routes: views with equal route tables share it.
    std::uint32_t chain_scope = 0;
    /// The first view of the snapshot whose routes lead to the same zones and upstreams: a question
    /// in flight for one of them serves the other. Unset: this one.
    std::optional<ViewId> group{};
    std::optional<bool> explain{};    ///< Options::explain
    std::vector<IpPrefix> clients{};  ///< Options::clients, for people
};

}  // namespace peerzone::view
