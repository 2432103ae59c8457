// Coroutines for queries that must wait: small, with frames from a pool of the thread that runs
// them, so that a miss does not go to the allocator. A worker's coroutines start, run and end on
// the worker's thread; nothing here is safe across threads.
//
// g++ 12.2 destroys some temporaries in co_await expressions twice: give arguments of an awaited
// call a name on the line before.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace peerzone {

/// Memory for coroutine frames of this thread, kept in free lists by size; at most kFramesKeptMax
/// per size class are kept.
void* allocate_frame(std::size_t size);
void release_frame(void* frame, std::size_t size) noexcept;
inline constexpr std::size_t kFramesKeptMax = 1024;

struct PooledFrame {
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept {
        release_frame(frame, size);
    }
};

/// Runs at once until it first waits and ends by itself; it cannot be awaited. An exception that
/// leaves it ends the program: the data plane does not throw.
struct Detached {
    struct promise_type : PooledFrame {
        Detached get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };
};

/// Starts when awaited, hands its value to the awaiter. The Task owns the frame.
template <class T>
class [[nodiscard]] Task {
public:
    struct promise_type : PooledFrame {
        std::coroutine_handle<> awaiter;
        std::optional<T> value;

        Task get_return_object() noexcept {
            return Task{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept {
            struct Resume {
                bool await_ready() noexcept { return false; }
                std::coroutine_handle<> await_suspend(
                    std::coroutine_handle<promise_type> h) noexcept {
                    return h.promise().awaiter;
                }
                void await_resume() noexcept {}
            };
            return Resume{};
        }
        template <class U>
        void return_value(U&& result) {
            value.emplace(std::forward<U>(result));
        }
        [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };

    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (frame_) frame_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
        frame_.promise().awaiter = awaiter;
        return frame_;
    }
    T await_resume() { return std::move(*frame_.promise().value); }

private:
    explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

}  // namespace peerzone
