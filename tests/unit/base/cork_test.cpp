#include "peerzone/base/cork.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace peerzone {
namespace {

struct Recorder final : Cork::Sender {
    Recorder(std::string& l, char n) : log(l), name(n) {}
    std::string& log;
    char name;
    Cork* again = nullptr;  // gathers once more while it is flushed

    void flush() noexcept override {
        log += name;
        if (Cork* cork = std::exchange(again, nullptr)) cork->gather(*this);
    }
};

struct CorkTest : testing::Test {
    std::string log;
    Cork cork;
    Recorder a{log, 'a'};
    Recorder b{log, 'b'};
};

TEST_F(CorkTest, OutsideOfAScopeNothingGathers) {
    cork.gather(a);
    EXPECT_EQ(log, "a");
}

TEST_F(CorkTest, EachSenderIsFlushedOnceWhenTheOutermostScopeEnds) {
    {
        const Cork::Scope outer(cork);
        {
            const Cork::Scope inner(cork);
            cork.gather(a);
            cork.gather(b);
            cork.gather(a);
        }
        EXPECT_EQ(log, "");
    }
    EXPECT_EQ(log.size(), 2u);
    EXPECT_NE(log.find('a'), std::string::npos);
    EXPECT_NE(log.find('b'), std::string::npos);
}

TEST_F(CorkTest, WhatGathersWhileFlushingLeavesInTheSameScope) {
    {
        const Cork::Scope scope(cork);
        a.again = &cork;
        cork.gather(a);
    }
    EXPECT_EQ(log, "aa");
    { const Cork::Scope scope(cork); }
    EXPECT_EQ(log, "aa");
}

TEST_F(CorkTest, ASenderThatIsGoneIsForgotten) {
    {
        const Cork::Scope scope(cork);
        const auto gone = std::make_unique<Recorder>(log, 'c');
        cork.gather(a);
        cork.gather(*gone);
        cork.gather(b);
    }
    EXPECT_EQ(log.find('c'), std::string::npos);
    EXPECT_EQ(log.size(), 2u);
}

}  // namespace
}  // namespace peerzone
