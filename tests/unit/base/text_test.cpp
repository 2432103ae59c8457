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

TEST(Printable, IsUtf8WithoutControlCharacters) {
    EXPECT_EQ(printable("gr\xc3\xb6\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x98"),
              "gr\xc3\xb6\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x98");
    EXPECT_EQ(printable(std::string_view("a\x1b[2J\r\n\x7f\0.", 10)), "a?[2J????.");
    EXPECT_EQ(printable("a\xc2\x9b"
                        "2J"),
              "a?2J")
        << "a control character of two octets";
    EXPECT_EQ(printable("\xff\xc3"), "??") << "no UTF-8, and half a character";
    EXPECT_EQ(printable("\xc0\xaf \xed\xa0\x80"), "?? ???") << "too long, and a surrogate";
    EXPECT_EQ(printable(""), "");
}

}  // namespace
}  // namespace peerzone
