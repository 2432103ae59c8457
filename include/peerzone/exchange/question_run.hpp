// Questions that leave by one connected UDP socket with one system call, the largest first, so that
// those of equal size share a buffer (base/segments.hpp). Used on one thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "peerzone/base/segments.hpp"
#include "peerzone/exchange/attempt.hpp"

namespace peerzone::exchange {

class QuestionRun {
public:
    static constexpr std::size_t kMax = 8;
    static constexpr std::size_t kQuestionBytesMax = 512;
    // Header, name, type and class, OPT, hop mark: every question fits.
    static_assert(kQuestionBytesMax >= 12 + dns::kNameMax + 4 + 11 + 13);

    /// Writes the questions of `attempts`, at most kMax, in place of those before.
    void write(const AttemptList& attempts);
    /// Sends what was written. How many left, those of attempts()[0, n); -1 with errno when not
    /// even the first could.
    int send(int fd) noexcept;
    std::uint64_t take_refused() noexcept { return sender_.take_refused(); }
    std::span<Attempt* const> attempts() const noexcept { return {order_.data(), count_}; }

private:
    std::size_t count_ = 0;
    std::array<Attempt*, kMax> order_;  // the largest first
    std::array<iovec, kMax> vectors_;
    std::array<std::array<std::uint8_t, kQuestionBytesMax>, kMax> octets_;
    std::array<mmsghdr, kMax> messages_;
    SegmentSender sender_;
};

}  // namespace peerzone::exchange
