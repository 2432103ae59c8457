#include "peerzone/base/segments.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace peerzone {
namespace {

constexpr std::size_t kBufferMax = 65000;  // one buffer is one IP packet until it is cut
constexpr unsigned kPlainCalls = 1000;     // after a refusal

bool same_way(const msghdr& a, const msghdr& b) noexcept {
    return a.msg_namelen == b.msg_namelen && a.msg_controllen == b.msg_controllen &&
           (a.msg_namelen == 0 || std::memcmp(a.msg_name, b.msg_name, a.msg_namelen) == 0) &&
           (a.msg_controllen == 0 ||
            std::memcmp(a.msg_control, b.msg_control, a.msg_controllen) == 0);
}

}  // namespace

std::uint64_t SegmentSender::take_refused() noexcept {
    return std::exchange(refused_, 0);
}

// A kernel before 4.18 would take the control message for nothing and send one large datagram.
bool SegmentSender::may_cut(int fd) noexcept {
    if (!std::exchange(asked_, true)) {
        int size = 0;
        socklen_t length = sizeof size;
        known_ = ::getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &length) == 0;
    }
    if (plain_ == 0) return known_;
    --plain_;
    return false;
}

void SegmentSender::say_size(unsigned message, std::size_t size) noexcept {
    msghdr& header = messages_[message].msg_hdr;
    char* const control = controls_[message].octets.data();
    if (header.msg_controllen != 0) std::memcpy(control, header.msg_control, header.msg_controllen);
    const auto segment = static_cast<std::uint16_t>(size);
    cmsghdr head{};
    head.cmsg_level = IPPROTO_UDP;
    head.cmsg_type = UDP_SEGMENT;
    head.cmsg_len = CMSG_LEN(sizeof segment);
    char* const at = control + header.msg_controllen;
    std::memcpy(at, &head, sizeof head);
    std::memcpy(at + CMSG_LEN(0), &segment, sizeof segment);
    header.msg_control = control;
    header.msg_controllen += CMSG_SPACE(sizeof segment);
}

// All datagrams that a buffer is cut into have one size, but the last may be smaller.
unsigned SegmentSender::pack(std::span<const mmsghdr> datagrams) noexcept {
    unsigned messages = 0;
    for (std::size_t first = 0, end = 0; first < datagrams.size(); first = end) {
        const msghdr& head = datagrams[first].msg_hdr;
        const std::size_t size = head.msg_iov->iov_len;
        std::size_t total = size;
        vectors_[first] = *head.msg_iov;
        for (end = first + 1; end < datagrams.size(); ++end) {
            const msghdr& next = datagrams[end].msg_hdr;
            const std::size_t more = next.msg_iov->iov_len;
            if (vectors_[end - 1].iov_len != size || more > size || more == 0) break;
            if ((total += more) > kBufferMax || head.msg_controllen > kControlMax) break;
            if (!same_way(head, next)) break;
            vectors_[end] = *next.msg_iov;
        }
        messages_[messages].msg_hdr = head;
        messages_[messages].msg_hdr.msg_iov = &vectors_[first];
        messages_[messages].msg_hdr.msg_iovlen = end - first;
        if (end - first > 1) say_size(messages, size);
        ++messages;
    }
    return messages;
}

int SegmentSender::send(int fd, std::span<const mmsghdr> datagrams) noexcept {
    constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const auto count = std::min(datagrams.size(), kMax);
    if (count > 1 && may_cut(fd)) {
        const unsigned messages = pack(datagrams.first(count));
        const int sent = ::sendmmsg(fd, messages_.data(), messages, kFlags);
        if (sent >= 0) {
            std::size_t left = 0;
            for (int i = 0; i < sent; ++i)
                left += messages_[static_cast<std::size_t>(i)].msg_hdr.msg_iovlen;
            return static_cast<int>(left);
        }
        // A device without checksums of its own, IPsec, or a path for smaller packets than this.
        const bool refused = errno == EIO || errno == EINVAL || errno == EMSGSIZE;
        if (!refused || messages_[0].msg_hdr.msg_iovlen < 2) return -1;
        ++refused_;
        plain_ = kPlainCalls;
    }
    return ::sendmmsg(fd, const_cast<mmsghdr*>(datagrams.data()), static_cast<unsigned>(count),
                      kFlags);
}

}  // namespace peerzone
