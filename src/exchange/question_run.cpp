#include "peerzone/exchange/question_run.hpp"

#include <algorithm>
#include <numeric>

namespace peerzone::exchange {

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
        messages_[i] = {};
        messages_[i].msg_hdr.msg_iov = &vectors_[i];
        messages_[i].msg_hdr.msg_iovlen = 1;
    }
}

int QuestionRun::send(int fd) noexcept {
    return sender_.send(fd, std::span(messages_).first(count_));
}

}  // namespace peerzone::exchange
