#include "peerzone/base/text.hpp"

#include <gtest/gtest.h>

namespace peerzone {
namespace {

TEST(CutUtf8, KeepsWholeCharacters) {
    EXPECT_EQ(cut_utf8("abc", 3), "abc");
    EXPECT_EQ(cut_utf8("abc", 2), "ab");
    EXPECT_EQ(cut_utf8("gr\xc3\xb6\xc3\x9f", 3), "gr") << "within a character of two octets";
    EXPECT_EQ(cut_utf8("gr\xc3\xb6\xc3\x9f", 4), "gr\xc3\xb6");
    EXPECT_EQ(cut_utf8("\xe2\x82\xac", 2), "");
    EXPECT_EQ(cut_utf8("", 0), "");
}

}  // namespace
}  // namespace peerzone
