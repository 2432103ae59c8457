// The document as a tree: places, duplicates, and what a hostile file can cost.
#include "config/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/keys.hpp"
#include "config/reader.hpp"
#include "config/values.hpp"

namespace peerzone::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Parsing {
    std::shared_ptr<const TreeNode> root;
    std::vector<std::string> problems;
};

Parsing parse(const std::string& text) {
    Problems problems("t.yaml");
    Parsing result{parse_tree(text, problems), {}};
    std::vector<Problem> found, warnings;
    std::move(problems).take_sorted(found, warnings);
    for (const Problem& problem : found) result.problems.push_back(problem.to_text());
    EXPECT_EQ(result.root == nullptr, !result.problems.empty());
    return result;
}

TEST(Tree, EveryValueHasItsPlace) {
    const Parsing parsed = parse("a:\n  b: [x, 'y']\n  c:\nd: {e: \"z\"}\n");
    ASSERT_NE(parsed.root, nullptr);
    const TreeNode& a = *parsed.root->items.at(0);
    EXPECT_EQ(a.kind, TreeNode::Kind::map);
    EXPECT_EQ(a.keys.at(0)->mark, (Mark{2, 3}));
    const TreeNode& list = *a.items.at(0);
    EXPECT_EQ(list.kind, TreeNode::Kind::list);
    EXPECT_EQ(list.mark, (Mark{2, 6}));
    EXPECT_EQ(list.items.at(1)->mark, (Mark{2, 10}));
    EXPECT_EQ(list.items.at(1)->text, "y");
    EXPECT_EQ(a.items.at(1)->kind, TreeNode::Kind::null);
    EXPECT_EQ(parsed.root->items.at(1)->items.at(0)->mark, (Mark{4, 8}));
}

TEST(Tree, DuplicateKeysStayVisible) {
    const Parsing parsed = parse("a: 1\na: 2\n");
    ASSERT_NE(parsed.root, nullptr);
    EXPECT_EQ(parsed.root->keys.size(), 2u);
    EXPECT_EQ(parsed.root->items.at(1)->text, "2");
}

TEST(Tree, QuotedNullIsAText) {
    const Parsing parsed = parse("[null, ~, 'null', \"~\"]\n");
    ASSERT_NE(parsed.root, nullptr);
    EXPECT_EQ(parsed.root->items.at(0)->kind, TreeNode::Kind::null);
    EXPECT_EQ(parsed.root->items.at(1)->kind, TreeNode::Kind::null);
    EXPECT_EQ(parsed.root->items.at(2)->text, "null");
    EXPECT_EQ(parsed.root->items.at(3)->text, "~");
}

// "Billion laughs": each level ten times the one before.
TEST(Tree, AnAliasBombIsRefused) {
    std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int level = 1; level < 12; ++level) {
        const std::string before = "*a" + std::to_string(level - 1);
        bomb += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [";
        for (int i = 0; i < 10; ++i) bomb += before + (i < 9 ? "," : "]\n");
    }
    EXPECT_THAT(parse(bomb).problems,
                ElementsAre(HasSubstr("more than 100000 values, aliases included")));
}

TEST(Tree, AliasesCountAsOftenAsTheyAreUsed) {
    std::string text = "big: &big [";
    for (int i = 0; i < 30'000; ++i) text += "x,";
    text += "x]\n";
    EXPECT_THAT(parse(text + "b: *big\nc: *big\n").problems, IsEmpty());
    EXPECT_THAT(parse(text + "b: *big\nc: *big\nd: *big\n").problems,
                ElementsAre("t.yaml:4:4: more than 100000 values, aliases included"));
}

TEST(Tree, DepthIsBounded) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + "x" + std::string(depth, ']') + "\n";
    };
    EXPECT_THAT(parse(nested(kDepthMax)).problems, IsEmpty());
    EXPECT_THAT(parse(nested(kDepthMax + 1)).problems,
                ElementsAre("t.yaml:1:33: nested deeper than 32 levels"));
    EXPECT_THAT(parse(std::string(kFileBytesMax, '[')).problems,
                ElementsAre(HasSubstr("nested deeper")));
    EXPECT_THAT(parse(std::string(kFileBytesMax, '{')).problems, testing::SizeIs(1));
    std::string dashes;
    for (int i = 0; i < 2000; ++i) dashes += "- ";
    EXPECT_THAT(parse(dashes + "x\n").problems, ElementsAre(HasSubstr("nested deeper")));
}

TEST(Tree, RubbishIsAProblemNeverAnException) {
    for (const char* text : {"\"",
                             "'",
                             "{",
                             "[",
                             "}",
                             "]",
                             ":",
                             "- -\n -",
                             "? ",
                             "&",
                             "*",
                             "%",
                             "%YAML 9.9\n---\n",
                             "!",
                             "!<",
                             "|\n",
                             ">5\n",
                             "@",
                             "`",
                             "a: b: c",
                             "a:\n - b\n c",
                             "&a &b c",
                             "---\n...\n...",
                             "{a: [}",
                             "\t",
                             "a: \"\\q\"",
                             "a: \"\\ud800\"",
                             "<<: *x",
                             "!!binary x",
                             "? ? ?"})
        parse(text);  // says a problem exactly when there is no tree
}

TEST(Tree, OnlyUtf8) {
    const std::string broken = "t.yaml:1:2: this is not UTF-8 text (hint: save the file as UTF-8)";
    EXPECT_THAT(parse(std::string("a\0b", 3)).problems,
                ElementsAre("t.yaml:1:2: a NUL octet: this is not text (hint: save the file as "
                            "UTF-8)"));
    EXPECT_THAT(parse("a\x80").problems, ElementsAre(broken));
    EXPECT_THAT(parse("a\xc0\xaf").problems, ElementsAre(broken));
    EXPECT_THAT(parse("a\xed\xa0\x80").problems, ElementsAre(broken));
    EXPECT_THAT(parse("a\xf4\x90\x80\x80").problems, ElementsAre(broken));
    EXPECT_THAT(parse("a\xe2\x82").problems, ElementsAre(broken));
    EXPECT_THAT(parse("\xff\xfe"
                      "a\0")
                    .problems,
                ElementsAre(HasSubstr("1:1: this is UTF-16 text")));
    EXPECT_THAT(parse("a: \xe2\x82\xac \xf0\x9f\x99\x82\n").problems, IsEmpty());
}

TEST(Keys, TheNearestWordIsWhatWasMeant) {
    const std::string_view words[] = {"endpoints", "zones", "deadline", "transport"};
    EXPECT_EQ(nearest("endpoint", words), "endpoints");
    EXPECT_EQ(nearest("enpdoints", words), "endpoints");
    EXPECT_EQ(nearest("zone", words), "zones");
    EXPECT_EQ(nearest("dead_line", words), "deadline");
    EXPECT_EQ(nearest("alias", words), "");
    EXPECT_EQ(nearest("", words), "");
    EXPECT_EQ(nearest(std::string(100'000, 'z'), words), "");
}

TEST(Text, WhatIsShownCannotForgeALineOrFillTheScreen) {
    EXPECT_EQ(in_quotes("a\nb\x1b[2J\x7f"), "'a\\x0ab\\x1b[2J\\x7f'");
    EXPECT_EQ(in_quotes(std::string(500, 'x')), "'" + std::string(80, 'x') + "…'");
    // 79 octets, then a character of two: it is kept whole.
    EXPECT_EQ(in_quotes(std::string(79, 'x') + "üü"), "'" + std::string(79, 'x') + "ü…'");
}

TEST(Text, DurationsAndSizesSayThemselvesInTheLargestUnit) {
    EXPECT_EQ(duration_text(Millis(0)), "0s");
    EXPECT_EQ(duration_text(Millis(4500)), "4500ms");
    EXPECT_EQ(duration_text(Millis(90'000)), "90s");
    EXPECT_EQ(duration_text(Millis(86'400'000)), "1d");
    EXPECT_EQ(size_text(1u << 20), "1MiB");
    EXPECT_EQ(size_text(1000), "1000B");
}

TEST(Text, NumbersBeyondEveryRangeDoNotWrap) {
    const Millis day = std::chrono::hours(24);
    EXPECT_TRUE(parse_duration("106751991168d", Millis(0), day).has_error());
    EXPECT_TRUE(parse_duration("99999999999999999999999ms", Millis(0), day).has_error());
    EXPECT_TRUE(parse_size("18014398509481985KiB", 0, 1u << 30).has_error());
    EXPECT_TRUE(parse_size("-1KiB", 0, 1u << 30).has_error());
    EXPECT_TRUE(parse_duration("1.5s", Millis(0), day).has_error());
    EXPECT_TRUE(parse_duration(" 1s", Millis(0), day).has_error());
    EXPECT_TRUE(parse_count("+1", 0, 9).has_error());
    EXPECT_EQ(*parse_duration("24h", Millis(0), day), day);
}

}  // namespace
}  // namespace peerzone::config
