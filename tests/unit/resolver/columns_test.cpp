// Lines of at most 80 columns, and back.
#include <gtest/gtest.h>

#include "peerzone/resolver/explanation.hpp"

namespace peerzone::resolver {
namespace {

using Lines = std::vector<std::string>;

Explanation there_and_back(const Explanation& explanation) {
    const Lines lines = to_columns(explanation);
    for (const std::string& line : lines) EXPECT_LE(line.size(), kColumnsMax) << line;
    return from_columns(lines);
}

TEST(Columns, KeysStandInFront) {
    EXPECT_EQ(to_columns({{"view", "pods"}, {"told", "NOERROR"}}),
              (Lines{"view      pods", "told      NOERROR"}));
    EXPECT_EQ(from_columns({"view      pods", "told      NOERROR"}),
              (Explanation{{"view", "pods"}, {"told", "NOERROR"}}));
}

TEST(Columns, LongTextsAreBrokenAtABlank) {
    std::string words;
    for (int i = 0; i < 40; ++i) words += (i == 0 ? "" : " ") + std::string("word");
    const Explanation explanation{{"peer", words}, {"told", "x"}};
    const Lines lines = to_columns(explanation);
    EXPECT_EQ(lines.size(), 4u);
    EXPECT_TRUE(lines[1].starts_with("          word ")) << lines[1];
    EXPECT_EQ(there_and_back(explanation), explanation);
}

TEST(Columns, LongWordsAreBrokenWithAMark) {
    const Explanation explanation{{"alias", "a " + std::string(200, 'x') + " b"},
                                  {"alias", std::string(70, 'y')},
                                  {"alias", std::string(71, 'y')}};
    EXPECT_EQ(there_and_back(explanation), explanation);
    EXPECT_EQ(to_columns({{"k", std::string(71, 'y')}}),
              (Lines{"k         " + std::string(69, 'y') + "\\", "          yy"}));
}

TEST(Columns, CharactersStayWhole) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "\xc3\xb6";
    const Explanation explanation{{"ede", text}};
    EXPECT_EQ(there_and_back(explanation), explanation);
}

TEST(Columns, AnEmptyTextIsALineToo) {
    const Explanation explanation{{"file", ""}, {"x", "y"}};
    EXPECT_EQ(to_columns(explanation).size(), 2u);
    EXPECT_EQ(there_and_back(explanation), explanation);
}

TEST(Columns, LinesOfOthersAreTakenAsTheyAre) {
    EXPECT_EQ(from_columns({"peerzone 0.1.0"}), (Explanation{{"peerzone 0", ".1.0"}}));
    EXPECT_EQ(from_columns({"", "   "}), (Explanation{{"", "" + std::string(" ")}}));
    EXPECT_TRUE(from_columns({}).empty());
}

}  // namespace
}  // namespace peerzone::resolver
