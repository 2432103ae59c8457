#include "peerzone/base/task.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace peerzone {
namespace {

struct Gate {
    std::coroutine_handle<> waiter;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept { waiter = handle; }
    void await_resume() const noexcept {}
};

Task<std::string> inner(Gate& gate, std::string text) {
    co_await gate;
    co_return text + "!";
}

Detached outer(Gate& gate, std::string& out) {
    Task<std::string> task = inner(gate, "hello");
    out = co_await task;
}

TEST(Task, HandsItsValueToTheAwaiter) {
    Gate gate;
    std::string out;
    outer(gate, out);
    EXPECT_EQ(out, "");
    gate.waiter.resume();
    EXPECT_EQ(out, "hello!");
}

TEST(Task, ATaskThatNobodyAwaitsNeverStarts) {
    Gate gate;
    { const Task<std::string> task = inner(gate, "never"); }
    EXPECT_FALSE(gate.waiter);
}

TEST(Task, FramesAreReused) {
    void* first = allocate_frame(500);
    release_frame(first, 500);
    void* second = allocate_frame(490);  // the same class of sizes
    EXPECT_EQ(second, first);
    release_frame(second, 490);
}

TEST(Task, FramesTooBigForThePoolComeAndGo) {
    void* frame = allocate_frame(100'000);
    ASSERT_NE(frame, nullptr);
    release_frame(frame, 100'000);
}

}  // namespace
}  // namespace peerzone
