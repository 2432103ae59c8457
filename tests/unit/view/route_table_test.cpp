#include <gtest/gtest.h>

#include <string>

#include "peerzone/view/view.hpp"

namespace peerzone::view {
namespace {

dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).value();
}

Route route(std::string_view suffix, std::uint16_t index) {
    Route result;
    result.suffix = name(suffix);
    result.index = index;
    return result;
}

RouteTable table_of(std::initializer_list<std::string_view> suffixes) {
    RouteTable table;
    std::uint16_t index = 0;
    for (const std::string_view suffix : suffixes) table.add(route(suffix, index++));
    return table;
}

// The suffix of the route found for a name, "-" without one.
std::string match(const RouteTable& table, std::string_view text) {
    const dns::Name folded = name(text).folded();
    // In a block of exactly its size, so that a step outside is seen.
    const std::vector<std::uint8_t> wire(folded.wire().begin(), folded.wire().end());
    const Route* found = table.find(wire);
    return found == nullptr ? "-" : found->suffix.to_text();
}

TEST(RouteTable, EmptyTableMatchesNothing) {
    const RouteTable table;
    EXPECT_EQ(match(table, "."), "-");
    EXPECT_EQ(match(table, "a.b.c"), "-");
}

TEST(RouteTable, TheLongestSuffixWins) {
    const RouteTable table = table_of(
        {"cluster.local", "westus.svc.cluster.local", "local", "b.westus.svc.cluster.local"});
    EXPECT_EQ(match(table, "x.westus.svc.cluster.local"), "westus.svc.cluster.local");
    EXPECT_EQ(match(table, "westus.svc.cluster.local"), "westus.svc.cluster.local");
    EXPECT_EQ(match(table, "a.b.westus.svc.cluster.local"), "b.westus.svc.cluster.local");
    EXPECT_EQ(match(table, "svc.cluster.local"), "cluster.local");
    EXPECT_EQ(match(table, "eastus.svc.cluster.local"), "cluster.local");
    EXPECT_EQ(match(table, "printer.local"), "local");
    EXPECT_EQ(match(table, "local"), "local");
    EXPECT_EQ(match(table, "example.com"), "-");
    EXPECT_EQ(match(table, "."), "-");
}

TEST(RouteTable, OnlyWholeLabelsMatch) {
    const RouteTable table = table_of({"westus.local", "b.c"});
    EXPECT_EQ(match(table, "notwestus.local"), "-");
    EXPECT_EQ(match(table, "x.notwestus.local"), "-");
    EXPECT_EQ(match(table, "westus.local.com"), "-");
    EXPECT_EQ(match(table, "westus"), "-");
    EXPECT_EQ(match(table, "a\\.b.c"), "-") << "a dot within a label is no boundary";
    EXPECT_EQ(match(table, "x\\001b.c"), "-") << "nor is an octet that looks like the length of b";
    EXPECT_EQ(match(table, "a.b.c"), "b.c");
}

TEST(RouteTable, TheRootRouteTakesWhatNothingElseTakes) {
    const RouteTable table = table_of({".", "cluster.local"});
    EXPECT_EQ(match(table, "."), ".");
    EXPECT_EQ(match(table, "com"), ".");
    EXPECT_EQ(match(table, "a.b.c.d.e.f.g"), ".");
    EXPECT_EQ(match(table, "x.cluster.local"), "cluster.local");
    const RouteTable only_root = table_of({"."});
    EXPECT_EQ(match(only_root, "."), ".");
    EXPECT_EQ(match(only_root, "example.com"), ".");
}

TEST(RouteTable, SuffixesMatchInAnyCase) {
    RouteTable table;
    table.add(route("WestUS.Local", 3));
    EXPECT_EQ(match(table, "x.westus.local"), "WestUS.Local");
    EXPECT_NE(table.find_exact(name("westus.LOCAL")), nullptr);
    table.add(route("westus.local", 4));
    EXPECT_EQ(table.routes().size(), 1u) << "case makes no second route";
    EXPECT_EQ(table.find_exact(name("westus.local"))->index, 4);
}

TEST(RouteTable, ALaterRouteReplacesAnEarlierOne) {
    RouteTable table;
    Route built_in = route("localhost", 1);
    built_in.built_in = true;
    table.add(built_in);
    table.add(route("other", 2));
    Route configured = route("localhost", 3);
    configured.kind = Route::Kind::upstream;
    table.add(configured);
    ASSERT_EQ(table.routes().size(), 2u);
    const Route* found = table.find(name("x.localhost").wire());
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->index, 3);
    EXPECT_EQ(found->kind, Route::Kind::upstream);
    EXPECT_FALSE(found->built_in);
    EXPECT_EQ(table.find_exact(name("other"))->index, 2);
}

TEST(RouteTable, EveryRouteIsFoundHoweverManyCameAfterIt) {
    RouteTable table;
    for (std::uint16_t i = 0; i < 500; ++i) {
        table.add(route("r" + std::to_string(i) + (i % 2 ? ".example" : ".deep.er.example"), i));
        for (std::uint16_t j = i % 50; j <= i; j = static_cast<std::uint16_t>(j + 50)) {
            const std::string suffix = j % 2 ? ".example" : ".deep.er.example";
            const Route* found = table.find(name("x.r" + std::to_string(j) + suffix).wire());
            ASSERT_NE(found, nullptr) << j << " of " << i;
            EXPECT_EQ(found->index, j);
        }
    }
    EXPECT_EQ(table.find(name("r500.example").wire()), nullptr);
}

TEST(RouteTable, FindExactLooksAtNoOtherSuffix) {
    const RouteTable table = table_of({"cluster.local", "."});
    EXPECT_NE(table.find_exact(name("cluster.local")), nullptr);
    EXPECT_NE(table.find_exact(name(".")), nullptr);
    EXPECT_EQ(table.find_exact(name("x.cluster.local")), nullptr);
    EXPECT_EQ(table.find_exact(name("local")), nullptr);
}

TEST(RouteTable, VeryDeepNamesAndSuffixes) {
    std::string deep;
    for (int i = 0; i < 126; ++i) deep += "a.";
    const std::string deepest = deep + "b";  // 127 labels, 255 octets
    ASSERT_EQ(name(deepest).size(), dns::kNameMax);
    EXPECT_EQ(match(table_of({"b"}), deepest), "b");
    EXPECT_EQ(match(table_of({"c", "."}), deepest), ".");
    EXPECT_EQ(match(table_of({"c"}), deepest), "-");
    const RouteTable table = table_of({deepest, deepest.substr(2), "a.b"});
    EXPECT_EQ(match(table, deepest), deepest);
    EXPECT_EQ(match(table, deepest.substr(2)), deepest.substr(2));
    EXPECT_EQ(match(table, deepest.substr(4)), "a.b");
    EXPECT_EQ(match(table, "b"), "-");
}

TEST(RouteTable, EveryRouteOfALargeTableIsFound) {
    RouteTable table;
    for (std::uint16_t i = 0; i < 2000; ++i)
        table.add(route("z" + std::to_string(i) + ".example", i));
    for (std::uint16_t i = 0; i < 2000; ++i) {
        const Route* found = table.find(name("host.z" + std::to_string(i) + ".example").wire());
        ASSERT_NE(found, nullptr);
        EXPECT_EQ(found->index, i);
    }
    EXPECT_EQ(table.find(name("host.z2000.example").wire()), nullptr);
}

}  // namespace
}  // namespace peerzone::view
