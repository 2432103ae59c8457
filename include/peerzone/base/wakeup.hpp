// Wakes the control thread when a worker has seen something that cannot wait for the next look. Any
// number of calls before it looks are one wake-up.
#pragma once

#include <atomic>

#include "peerzone/base/fd.hpp"

namespace peerzone {

class Wakeup {
public:
    Wakeup();

    /// Any thread. What the caller has written before is seen after clear().
    void wake() noexcept;

    // Control thread.
    /// Readable from wake() to clear(); -1 when the kernel had none to give.
    int fd() const noexcept { return fd_.get(); }
    /// Call it before looking: a wake() after this is a new one.
    void clear() noexcept;

private:
    Fd fd_;
    std::atomic<bool> awake_{false};
};

}  // namespace peerzone
