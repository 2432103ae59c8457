// How many questions about this server a worker answers (README.md, "Asking with dig"): each takes
// a dry run and allocates. Pure; used on the worker's thread.
#pragma once

#include <algorithm>

#include "peerzone/base/clock.hpp"

namespace peerzone::resolver {

class InquiryLimit {
public:
    static constexpr int kPerSecondMax = 20;
    static constexpr int kBurstMax = 20;

    bool allows(Time now) const noexcept {
        return full_until_ - now <= kInterval * (kBurstMax - 1);
    }
    /// Only when it allows one.
    void take(Time now) noexcept { full_until_ = std::max(full_until_, now) + kInterval; }

private:
    static constexpr Duration kInterval = Duration(Seconds(1)) / kPerSecondMax;
    Time full_until_ = kLongAgo;  // each one takes an interval; so much is taken in advance
};

}  // namespace peerzone::resolver
