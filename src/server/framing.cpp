// Invariants. FrameReader: window_ is the unread part of the stream; when window_is_own_ it is the
// tail of own_. ReplyQueue: the octets before head_ were sent.
#include "server/framing.hpp"

#include <array>

#include "peerzone/dns/types.hpp"

namespace peerzone::server {
namespace {

constexpr std::size_t kLengthSize = 2;
// Up to here an emptied queue keeps its memory until shrink(): a busy connection needs it again at
// once.
constexpr std::size_t kReserveKeptMax = 64 * 1024;

}  // namespace

void FrameReader::feed(Bytes octets) {
    if (window_.empty()) {
        window_ = octets;
        window_is_own_ = false;
        return;
    }
    const auto taken = static_cast<std::ptrdiff_t>(own_.size() - window_.size());
    own_.erase(own_.begin(), own_.begin() + taken);
    own_.insert(own_.end(), octets.begin(), octets.end());
    window_ = own_;
}

FrameReader::Next FrameReader::next(Bytes& message) noexcept {
    if (bad_) return Next::bad;
    if (window_.size() < kLengthSize) return Next::incomplete;
    const std::size_t length = load_u16(window_.data());
    if (length < dns::kHeaderSize) {
        bad_ = true;
        window_ = {};
        return Next::bad;
    }
    if (window_.size() - kLengthSize < length) return Next::incomplete;
    message = window_.subspan(kLengthSize, length);
    window_ = window_.subspan(kLengthSize + length);
    return Next::message;
}

void FrameReader::keep_rest() {
    if (window_.empty()) {
        own_.clear();
        window_ = {};
    } else if (!window_is_own_) {
        own_.assign(window_.begin(), window_.end());
        window_ = own_;
    }
    window_is_own_ = true;
}

void FrameReader::shrink() {
    if (own_.capacity() <= 2 * window_.size()) return;
    std::vector<std::uint8_t> smaller(window_.begin(), window_.end());
    own_.swap(smaller);
    window_ = own_;
}

void ReplyQueue::append(Bytes reply) {
    // The part that was sent goes when it is the greater one: every octet is moved at most once on
    // average.
    if (head_ > octets_.size() / 2) {
        octets_.erase(octets_.begin(), octets_.begin() + static_cast<std::ptrdiff_t>(head_));
        head_ = 0;
    }
    std::array<std::uint8_t, kLengthSize> length;
    store_u16(length.data(), reply.size());
    octets_.insert(octets_.end(), length.begin(), length.end());
    octets_.insert(octets_.end(), reply.begin(), reply.end());
}

void ReplyQueue::consume(std::size_t count) noexcept {
    head_ += count;
    if (!empty()) return;
    octets_.clear();
    head_ = 0;
    if (octets_.capacity() > kReserveKeptMax) shrink();
}

void ReplyQueue::shrink() noexcept {
    if (!empty()) return;
    std::vector<std::uint8_t>{}.swap(octets_);
    head_ = 0;
}

}  // namespace peerzone::server
