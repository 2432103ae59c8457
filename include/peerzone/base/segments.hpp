// Sends datagrams with few system calls and few ways through the kernel's network stack: neighbours
// of equal size to the same address, and one smaller behind them, go as one buffer that the kernel
// cuts into datagrams behind it (UDP_SEGMENT, udp(7), Linux 4.18). What is on the wire is the same.
// Used on one thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace peerzone {

class SegmentSender {
public:
    static constexpr std::size_t kMax = 64;  ///< datagrams in one call
    static constexpr std::size_t kControlMax =
        CMSG_SPACE(32);  ///< octets of a datagram's own control messages

    /// As sendmmsg(2): how many of `datagrams` left, from the front; -1 with errno when not even
    /// the first could. Each has one vector. Does not wait.
    int send(int fd, std::span<const mmsghdr> datagrams) noexcept;

    /// How often kernel or device refused what they should cut, since the last call of this
    /// function. What was refused leaves one by one, and so does what comes soon after.
    std::uint64_t take_refused() noexcept;

private:
    struct alignas(cmsghdr) Control {
        std::array<char, kControlMax + CMSG_SPACE(sizeof(std::uint16_t))> octets;
    };

    bool may_cut(int fd) noexcept;
    unsigned pack(std::span<const mmsghdr> datagrams) noexcept;
    void say_size(unsigned message, std::size_t size) noexcept;

    std::array<mmsghdr, kMax> messages_;
    std::array<iovec, kMax> vectors_;
    std::array<Control, kMax> controls_;
    std::uint64_t refused_ = 0;
    unsigned plain_ = 0;  // calls that go without
    bool asked_ = false;  // whether the kernel knows how
    bool known_ = false;  // it does
};

}  // namespace peerzone
