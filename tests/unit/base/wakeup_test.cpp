#include "peerzone/base/wakeup.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace peerzone {
namespace {

bool is_awake(const Wakeup& wakeup, int patience_ms = 0) {
    pollfd ready{wakeup.fd(), POLLIN, 0};
    return ::poll(&ready, 1, patience_ms) == 1;
}

TEST(Wakeup, SleepsUntilItIsWoken) {
    Wakeup wakeup;
    EXPECT_FALSE(is_awake(wakeup));
    wakeup.wake();
    EXPECT_TRUE(is_awake(wakeup));
}

TEST(Wakeup, ManyCallsAreOneWakeUp) {
    Wakeup wakeup;
    for (int i = 0; i < 1000; ++i) wakeup.wake();
    wakeup.clear();
    EXPECT_FALSE(is_awake(wakeup));
    wakeup.wake();
    EXPECT_TRUE(is_awake(wakeup)) << "one after clear() is a new one";
}

TEST(Wakeup, WakesAnotherThreadAndShowsWhatWasWrittenBefore) {
    Wakeup wakeup;
    int written = 0;
    std::thread worker([&] {
        written = 42;
        wakeup.wake();
    });
    EXPECT_TRUE(is_awake(wakeup, 10000));
    wakeup.clear();
    EXPECT_EQ(written, 42);
    worker.join();
}

}  // namespace
}  // namespace peerzone
