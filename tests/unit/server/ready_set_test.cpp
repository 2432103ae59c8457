#include "server/ready_set.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <utility>
#include <vector>

#include "peerzone/base/fd.hpp"

namespace peerzone::server {
namespace {

constexpr ReadySet::Interest kNothing{};
constexpr ReadySet::Interest kReading{true, false};
constexpr ReadySet::Interest kBoth{true, true};

class ReadySetTest : public testing::Test {
protected:
    ReadySetTest() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
        ours_ = Fd(ends[0]);
        theirs_ = Fd(ends[1]);
    }
    /// What is told until nothing is due any more, at most some looks.
    std::vector<std::pair<std::uint64_t, ReadySet::Interest>> told() {
        told_.clear();
        for (int i = 0; i < 3; ++i) {
            io_.restart();
            io_.poll_one();
        }
        return told_;
    }

    boost::asio::io_context io_{1};
    std::vector<std::pair<std::uint64_t, ReadySet::Interest>> told_;
    ReadySet set_{
        io_, [this](std::uint64_t id, ReadySet::Interest ready) { told_.emplace_back(id, ready); }};
    Fd ours_;
    Fd theirs_;
};

TEST_F(ReadySetTest, TellsOfASocketAgainAndAgainWhileItIsReady) {
    ASSERT_TRUE(set_.watch(ours_.get(), 7, kNothing, kReading));
    EXPECT_TRUE(told().empty());
    ASSERT_EQ(::send(theirs_.get(), "x", 1, 0), 1);
    const auto events = told();
    ASSERT_GE(events.size(), 2u);
    EXPECT_EQ(events.front(), std::make_pair(std::uint64_t{7}, kReading));
    EXPECT_EQ(events.back(), events.front());
}

TEST_F(ReadySetTest, TellsOnlyWhatIsAskedFor) {
    ASSERT_TRUE(set_.watch(ours_.get(), 7, kNothing, kBoth));
    ASSERT_FALSE(told().empty());
    EXPECT_EQ(told_.front().second, (ReadySet::Interest{false, true}));
    ASSERT_TRUE(set_.watch(ours_.get(), 7, kBoth, kReading));
    EXPECT_TRUE(told().empty());
}

TEST_F(ReadySetTest, AFailedSocketThatNobodyWatchesIsSilent) {
    ASSERT_TRUE(set_.watch(ours_.get(), 7, kNothing, kReading));
    theirs_.reset();
    EXPECT_FALSE(told().empty());
    ASSERT_TRUE(set_.watch(ours_.get(), 7, kReading, kNothing));
    EXPECT_TRUE(told().empty());
    ASSERT_TRUE(set_.watch(ours_.get(), 7, kNothing, kReading)) << "and comes back";
    EXPECT_FALSE(told().empty());
}

TEST_F(ReadySetTest, AClosedSocketHasLeft) {
    ASSERT_TRUE(set_.watch(ours_.get(), 7, kNothing, kReading));
    ASSERT_EQ(::send(theirs_.get(), "x", 1, 0), 1);
    ours_.reset();
    EXPECT_TRUE(told().empty());
}

TEST_F(ReadySetTest, AfterTheStopTheLoopHasNothingToWaitFor) {
    ASSERT_TRUE(set_.watch(ours_.get(), 7, kNothing, kReading));
    ASSERT_EQ(::send(theirs_.get(), "x", 1, 0), 1);
    set_.stop();
    io_.run();
    EXPECT_TRUE(told_.empty());
    EXPECT_FALSE(set_.watch(theirs_.get(), 8, kNothing, kReading));
}

}  // namespace
}  // namespace peerzone::server
