#include "exchange/stream_connection.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

namespace peerzone::exchange {
namespace {

constexpr std::size_t kMessageBytesFirst = 2048;
constexpr std::size_t kEncryptedBytes = 8192;

}  // namespace

StreamConnection::StreamConnection(boost::asio::io_context& io, const StreamKey& whom,
                                   unsigned most, Time now)
    : key(whom),
      socket(io),
      opened(now),
      used(now),
      heard(now),
      takes(most),
      in_(kMessageBytesFirst) {
    if (whom.tls == nullptr) return;
    identity_ = whom.tls->shared_from_this();
    encrypted_.resize(kEncryptedBytes);
}

bool StreamConnection::begin() {
    if (identity_ == nullptr) return true;
    tls_.emplace(*identity_, key.to);
    return false;
}

bool StreamConnection::fill_writing() {
    writing.clear();
    if (identity_ == nullptr) {
        writing.swap(queued_);
        return !writing.empty();
    }
    // A question never leaves before the handshake is done.
    if (connected && !queued_.empty() && tls_->write(queued_)) queued_.clear();
    if (tls_) tls_->take_output(writing);
    return !writing.empty();
}

MutableBytes StreamConnection::space() noexcept {
    return identity_ != nullptr ? MutableBytes(encrypted_) : MutableBytes(in_).subspan(have_);
}

void StreamConnection::received(std::size_t n) noexcept {
    if (tls_) {
        tls_->receive(Bytes(encrypted_).first(n));
    } else {
        have_ += n;
        fresh_ = n > 0;
    }
}

bool StreamConnection::fill() {
    if (tls_) {
        make_room();
        const std::size_t n = tls_->read(MutableBytes(in_).subspan(have_));
        have_ += n;
        return n > 0;
    }
    if (!fresh_) make_room();
    return std::exchange(fresh_, false);
}

void StreamConnection::make_room() {
    have_ -= taken_;
    std::memmove(in_.data(), in_.data() + taken_, have_);
    taken_ = 0;
    if (in_.size() < needed_) in_.resize(needed_);
}

std::optional<Bytes> StreamConnection::next() {
    const Bytes rest = Bytes(in_).subspan(taken_, have_ - taken_);
    needed_ = kStreamLengthBytes;
    if (rest.size() < kStreamLengthBytes) return std::nullopt;
    needed_ += load_u16(rest.data());
    if (rest.size() < needed_) return std::nullopt;
    taken_ += needed_;
    return rest.subspan(kStreamLengthBytes, needed_ - kStreamLengthBytes);
}

void StreamConnection::cut_off() {
    if (!tls_) return;
    // When the peer refuses us over TLS 1.3, it says so and closes while our first question is on
    // its way; the reset then beats the words, but those are still there to be read.
    while (!is_over()) {
        const ssize_t n =
            ::recv(socket.native_handle(), encrypted_.data(), encrypted_.size(), MSG_DONTWAIT);
        if (n <= 0) break;
        received(static_cast<std::size_t>(n));
        for (std::array<std::uint8_t, 512> unwanted; tls_->read(unwanted) > 0;) {
        }
    }
    tls_->cut_off();
}

void StreamConnection::close() {
    closed = true;
    if (tls_ && !is_writing) {
        tls_->say_goodbye();
        writing.clear();
        tls_->take_output(writing);
        ::send(socket.native_handle(), writing.data(), writing.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    boost::system::error_code ignored;
    socket.close(ignored);
}

}  // namespace peerzone::exchange
