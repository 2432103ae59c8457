#include "upstream/question_run.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

namespace peerzone::upstream {

void QuestionRun::write(const AttemptList& attempts) {
    std::array<Attempt*, kMax> listed;
    std::array<std::size_t, kMax> sizes;
    count_ = 0;
    for (Attempt* a = attempts.first(); a != nullptr && count_ < kMax; a = a->next(), ++count_) {
        listed[count_] = a;
        sizes[count_] = a->write(octets_[count_]);
    }
    std::array<std::uint8_t, kMax> by_size;
    std::iota(by_size.begin(), by_size.end(), std::uint8_t{0});
    std::sort(by_size.begin(), by_size.begin() + count_,
              [&](auto a, auto b) { return sizes[a] > sizes[b]; });
    for (std::size_t i = 0; i < count_; ++i) {
        order_[i] = listed[by_size[i]];
        vectors_[i] = {octets_[by_size[i]].data(), sizes[by_size[i]]};
    }
}

// All datagrams that a message is cut into have one size, but the last may be smaller: so one
// message takes the questions of one size and one of the next. Without segments, one for each
// question.
unsigned QuestionRun::pack() noexcept {
    unsigned messages = 0;
    for (std::size_t first = 0, end = 0; first < count_; first = end) {
        const std::size_t size = vectors_[first].iov_len;
        end = first + 1;
        while (segments_work_ && end < count_ && vectors_[end].iov_len == size) ++end;
        if (segments_work_ && end < count_) ++end;
        mmsghdr& message = messages_[messages];
        message = {};
        message.msg_hdr.msg_iov = &vectors_[first];
        message.msg_hdr.msg_iovlen = end - first;
        if (end - first > 1) {
            char* const control = controls_[messages].octets.data();
            const auto segment = static_cast<std::uint16_t>(size);
            cmsghdr head{};
            head.cmsg_level = IPPROTO_UDP;
            head.cmsg_type = UDP_SEGMENT;
            head.cmsg_len = CMSG_LEN(sizeof segment);
            std::memcpy(control, &head, sizeof head);
            std::memcpy(control + CMSG_LEN(0), &segment, sizeof segment);
            message.msg_hdr.msg_control = control;
            message.msg_hdr.msg_controllen = CMSG_SPACE(sizeof segment);
        }
        ++messages;
    }
    return messages;
}

int QuestionRun::send(int fd) noexcept {
    for (;;) {
        const unsigned messages = pack();
        const int sent = ::sendmmsg(fd, messages_.data(), messages, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            std::size_t questions = 0;
            for (int i = 0; i < sent; ++i)
                questions += messages_[static_cast<std::size_t>(i)].msg_hdr.msg_iovlen;
            return static_cast<int>(questions);
        }
        // An old kernel, or a device without checksums of its own (udp(7)): one by one from now on.
        const bool refused = errno == EIO || errno == EINVAL || errno == EMSGSIZE;
        if (!refused || messages_[0].msg_hdr.msg_iovlen < 2) return -1;
        segments_work_ = false;
    }
}

}  // namespace peerzone::upstream
