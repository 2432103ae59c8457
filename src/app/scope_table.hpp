// Numbers for what may stand for each other in the cache. Two routes have one scope when the same
// upstream answers under the same renaming: then what one of them learned serves the other,
// whatever view it stands in. A view's chain scope stands for its whole route table: answers put
// together over several routes are right in every view that has equal routes.
//
// Owner: the control plane's SnapshotBuilder, one for the life of the process. Control thread only.
// Numbers are given out in order from 1 and never twice, so an entry of the cache whose scope is
// not in use any more is never found again. Equal things keep their number over reloads, as long as
// they are remembered: always while they are in use, and beyond that as long as there is room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "peerzone/dns/renaming.hpp"
#include "peerzone/view/view.hpp"

namespace peerzone::app {

class ScopeTable {
public:
    static constexpr std::size_t kRememberedMax = 100'000;

    /// `remembered_max`: beyond so many, those that were not asked for in the last build are
    /// forgotten, the longest unused first.
    explicit ScopeTable(std::size_t remembered_max = kRememberedMax) noexcept
        : remembered_max_(remembered_max) {}

    /// `label`: Upstream::label. Suffixes and exceptions count without case, exceptions in any
    /// order; all identities are equal.
    std::uint32_t scope_of(std::string_view label, const dns::Renaming& renaming);

    /// Of a complete table, in any order of its routes: their suffixes, and whose each of them is
    /// by Route::scope. The contents of zones of ours do not count: what rests on them is not kept.
    std::uint32_t chain_scope_of(const view::RouteTable& routes);

    /// Everything in use has been asked for.
    void end_build();

    std::size_t size() const noexcept { return scopes_.size(); }

private:
    struct Interned {
        std::uint32_t scope = 0;
        std::uint64_t last_build = 0;
    };
    std::uint32_t intern(std::string fingerprint);

    std::size_t remembered_max_;
    std::unordered_map<std::string, Interned> scopes_;  // by fingerprint
    std::uint32_t last_scope_ = 0;
    std::uint64_t build_ = 1;
};

}  // namespace peerzone::app
