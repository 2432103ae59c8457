// What gets the same number, what does not, and that no number comes twice.
#include "app/scope_table.hpp"

#include <gtest/gtest.h>

#include <set>

#include "support/dns_wire.hpp"

namespace peerzone::app {
namespace {

using dns::Renaming;
using peerzone::testing::name;
using view::Route;
using view::RouteTable;

Route route(const char* suffix, std::uint32_t scope, bool built_in = false) {
    return {.suffix = name(suffix),
            .kind = scope == 0 ? Route::Kind::zone : Route::Kind::upstream,
            .built_in = built_in,
            .index = 0,
            .scope = scope};
}

RouteTable table_of(const std::vector<Route>& routes) {
    RouteTable table;
    for (const Route& each : routes) table.add(each);
    return table;
}

TEST(ScopeTable, NumbersComeInOrderFromOne) {
    ScopeTable table;
    EXPECT_EQ(table.scope_of("peer=westus", Renaming()), 1u);
    EXPECT_EQ(table.scope_of("peer=north", Renaming()), 2u);
    EXPECT_EQ(table.chain_scope_of(table_of({route("westus.test", 1)})), 3u);
    EXPECT_EQ(table.scope_of("forward=.", Renaming()), 4u);
    EXPECT_EQ(table.scope_of("peer=westus", Renaming()), 1u);
}

TEST(ScopeTable, EqualThingsHaveOneNumberHoweverTheyAreWritten) {
    ScopeTable table;
    const auto scope = table.scope_of(
        "peer=w", Renaming(name("w.internal"), name("cluster.local"), {name("a.b"), name("c.d")}));
    EXPECT_EQ(table.scope_of("peer=w", Renaming(name("W.internal"), name("Cluster.LOCAL"),
                                                {name("C.d"), name("a.b"), name("A.B")})),
              scope);
    EXPECT_EQ(table.scope_of("peer=w", Renaming()),
              table.scope_of("peer=w", Renaming(name("x.test"), name("X.test"), {name("a.b")})))
        << "identities";
}

TEST(ScopeTable, EveryPartTellsScopesApart) {
    ScopeTable table;
    const std::vector<std::pair<std::string, Renaming>> all = {
        {"peer=w", Renaming()},
        {"peer=ww", Renaming()},
        {"local", Renaming()},
        {"", Renaming()},
        {"peer=w", Renaming(name("w.internal"), name("cluster.local"))},
        {"peer=w", Renaming(name("cluster.local"), name("w.internal"))},
        {"peer=w", Renaming(name("w.internal"), name("cluster.test"))},
        {"peer=w", Renaming(name("w.internal"), name("."))},
        {"peer=w", Renaming(name("."), name("w.internal"))},
        {"peer=w", Renaming(name("w.internal"), name("cluster.local"), {name("a.b")})},
        {"peer=w", Renaming(name("w.internal"), name("cluster.local"), {name("a"), name("b")})},
        {"peer=w", Renaming(name("w.internal"), name("cluster.local"), {name("b")})},
        {"peer=w", Renaming(name("w"), name("internal.cluster.local"))}};
    std::set<std::uint32_t> scopes;
    for (const auto& [label, renaming] : all) scopes.insert(table.scope_of(label, renaming));
    EXPECT_EQ(scopes.size(), all.size());
}

TEST(ScopeTable, EqualRouteTablesShareTheirChainScope) {
    ScopeTable table;
    const auto scope = table.chain_scope_of(
        table_of({route("west.test", 1), route(".", 2), route("corp.test", 0)}));
    EXPECT_EQ(table.chain_scope_of(
                  table_of({route("CORP.test", 0), route(".", 2), route("west.TEST", 1)})),
              scope);
    const std::vector<std::vector<Route>> others = {
        {},
        {route("west.test", 1), route(".", 2)},
        {route("west.test", 1), route("corp.test", 0), route(".", 3)},
        {route("west.test", 2), route("corp.test", 0), route(".", 1)},
        {route("west.test", 1), route("corp.test", 0, true), route(".", 2)},
        {route("west.test", 1), route("x.corp.test", 0), route(".", 2)},
        {route("west.test", 1), route("corp.test", 0), route(".", 2), route("a.test", 1)}};
    std::set<std::uint32_t> scopes = {scope};
    for (const auto& routes : others) scopes.insert(table.chain_scope_of(table_of(routes)));
    EXPECT_EQ(scopes.size(), others.size() + 1);
}

TEST(ScopeTable, WhatComesBackHasItsNumberAsLongAsItIsRemembered) {
    ScopeTable table(3);
    const auto gone = table.scope_of("peer=gone", Renaming());
    table.end_build();
    for (int build = 0; build < 10; ++build) {
        table.scope_of("peer=a", Renaming());
        table.scope_of("peer=b", Renaming());
        table.end_build();
    }
    EXPECT_EQ(table.size(), 3u);
    EXPECT_EQ(table.scope_of("peer=gone", Renaming()), gone);
}

TEST(ScopeTable, TheLongestUnusedAreForgottenAndTheirNumbersNeverComeAgain) {
    ScopeTable table(4);
    const auto used = table.scope_of("peer=used", Renaming());
    std::set<std::uint32_t> seen = {used};
    for (int build = 0; build < 100; ++build) {
        EXPECT_EQ(table.scope_of("peer=used", Renaming()), used);
        const std::string label = "peer=" + std::to_string(build);
        EXPECT_TRUE(seen.insert(table.scope_of(label, Renaming())).second);
        table.end_build();
        EXPECT_LE(table.size(), 4u);
    }
    const auto forgotten = table.scope_of("peer=0", Renaming());
    EXPECT_TRUE(seen.insert(forgotten).second);
    EXPECT_FALSE(seen.insert(table.scope_of("peer=99", Renaming())).second)
        << "the last ones are remembered";
}

TEST(ScopeTable, WhatIsInUseIsNeverForgotten) {
    ScopeTable table(2);
    std::vector<std::uint32_t> first;
    for (int build = 0; build < 3; ++build) {
        for (int i = 0; i < 50; ++i) {
            const auto scope = table.scope_of("peer=" + std::to_string(i), Renaming());
            if (build == 0) first.push_back(scope);
            EXPECT_EQ(scope, first[static_cast<std::size_t>(i)]);
        }
        table.end_build();
        EXPECT_EQ(table.size(), 50u);
    }
    table.end_build();
    EXPECT_LE(table.size(), 2u);
}

}  // namespace
}  // namespace peerzone::app
