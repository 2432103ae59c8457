// Something that waits until a deadline, filed in its worker's wheel (Client::call_at). Used on the
// worker's thread.
#pragma once

#include <cstdint>

namespace peerzone {

class TimerWheel;

/// Something that waits until a deadline. Not copied or moved: the wheel points at it.
class TimerNode {
public:
    using Handler = void (*)(TimerNode&);

    /// `handler` is called by the one that takes the node out of the wheel (Timers does).
    explicit TimerNode(Handler handler) noexcept : handler_(handler) {}
    ~TimerNode() { cancel(); }
    TimerNode(const TimerNode&) = delete;
    TimerNode& operator=(const TimerNode&) = delete;

    bool is_armed() const noexcept { return wheel_ != nullptr; }
    void cancel() noexcept;
    void expire() { handler_(*this); }

private:
    friend class TimerWheel;
    Handler handler_;
    TimerWheel* wheel_ = nullptr;
    TimerNode* next_ = nullptr;
    TimerNode** link_ = nullptr;  // the pointer that points here
    std::uint64_t tick_ = 0;      // expires when this millisecond is reached
};

}  // namespace peerzone
