#include "peerzone/upstream/bell.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace peerzone::upstream {
namespace {

bool rings(const Bell& bell, int patience_ms = 0) {
    pollfd ready{bell.fd(), POLLIN, 0};
    return ::poll(&ready, 1, patience_ms) == 1;
}

TEST(Bell, IsSilentUntilSomebodyRings) {
    Bell bell;
    EXPECT_FALSE(rings(bell));
    bell.ring();
    EXPECT_TRUE(rings(bell));
}

TEST(Bell, ManyRingsAreOneWakeUp) {
    Bell bell;
    for (int i = 0; i < 1000; ++i) bell.ring();
    bell.answer();
    EXPECT_FALSE(rings(bell));
    bell.ring();
    EXPECT_TRUE(rings(bell)) << "a ring after the answer is a new one";
}

TEST(Bell, WakesAnotherThreadAndShowsWhatWasWrittenBefore) {
    Bell bell;
    int written = 0;
    std::thread worker([&] {
        written = 42;
        bell.ring();
    });
    EXPECT_TRUE(rings(bell, 10000));
    bell.answer();
    EXPECT_EQ(written, 42);
    worker.join();
}

}  // namespace
}  // namespace peerzone::upstream
