// Octets leave in the order in which they were written: gathered_ goes before anything else.
#include "server/tls_wire.hpp"

#include <openssl/bio.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>

namespace peerzone::server {
namespace {

// A handshake has some KiB to say, most of it certificates. What is more goes out at once.
constexpr std::size_t kGatheredMax = 32 * 1024;

bool passes(int error) noexcept {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

// What OpenSSL calls.
struct WireBio {
    static TlsWire& of(BIO* bio) { return *static_cast<TlsWire*>(BIO_get_data(bio)); }

    static int read(BIO* bio, char* into, std::size_t size, std::size_t* count) {
        BIO_clear_retry_flags(bio);
        const auto outcome = of(bio).read({reinterpret_cast<std::uint8_t*>(into), size}, *count);
        if (outcome == TlsWire::Outcome::later) BIO_set_retry_read(bio);
        return outcome == TlsWire::Outcome::moved ? 1 : 0;
    }
    static int write(BIO* bio, const char* octets, std::size_t size, std::size_t* count) {
        BIO_clear_retry_flags(bio);
        const auto outcome =
            of(bio).write({reinterpret_cast<const std::uint8_t*>(octets), size}, *count);
        if (outcome == TlsWire::Outcome::later) BIO_set_retry_write(bio);
        return outcome == TlsWire::Outcome::moved ? 1 : 0;
    }
    static long control(BIO* bio, int what, long /*number*/, void* /*pointer*/) {
        if (what == BIO_CTRL_EOF) return of(bio).is_ended_ ? 1 : 0;
        return what == BIO_CTRL_FLUSH ? 1 : 0;
    }
    static BIO_METHOD* make() {
        BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "peerzone");
        if (method == nullptr) return nullptr;
        BIO_meth_set_read_ex(method, read);
        BIO_meth_set_write_ex(method, write);
        BIO_meth_set_ctrl(method, control);
        return method;
    }
};

bio_st* TlsWire::new_bio() noexcept {
    static BIO_METHOD* const method = WireBio::make();
    BIO* bio = method != nullptr ? BIO_new(method) : nullptr;
    if (bio == nullptr) return nullptr;
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    return bio;
}

TlsWire::Outcome TlsWire::read(MutableBytes into, std::size_t& count) noexcept {
    count = 0;
    if (!first_.empty()) {
        count = std::min(first_.size(), into.size());
        std::copy_n(first_.begin(), count, into.begin());
        first_ = first_.subspan(count);
        return Outcome::moved;
    }
    if (is_drained_ || left_ == 0) return Outcome::later;
    const ssize_t got = ::recv(socket_, into.data(), into.size(), 0);
    if (got < 0 && passes(errno)) return Outcome::later;
    is_ended_ = got == 0;
    if (got <= 0) return Outcome::failed;
    count = static_cast<std::size_t>(got);
    is_drained_ = count < into.size();
    left_ -= std::min(left_, count);
    return Outcome::moved;
}

TlsWire::Outcome TlsWire::write(Bytes octets, std::size_t& count) noexcept {
    count = 0;
    if (gathers_ && gather(octets)) {
        count = octets.size();
        return Outcome::moved;
    }
    std::array<iovec, 2> parts{iovec{gathered_.data(), gathered_.size()},
                               iovec{const_cast<std::uint8_t*>(octets.data()), octets.size()}};
    msghdr message{};
    const bool both = !gathered_.empty();
    message.msg_iov = both ? parts.data() : &parts[1];
    message.msg_iovlen = both ? 2 : 1;
    const ssize_t sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (sent < 0 && passes(errno)) return Outcome::later;
    if (sent < 0) {
        gathered_.clear();
        return Outcome::failed;
    }
    const std::size_t old = std::min(static_cast<std::size_t>(sent), gathered_.size());
    gathered_.erase(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(old));
    if (gathered_.empty() && gathered_.capacity() > 0) std::vector<std::uint8_t>{}.swap(gathered_);
    count = static_cast<std::size_t>(sent) - old;
    return count > 0 || octets.empty() ? Outcome::moved : Outcome::later;
}

bool TlsWire::gather(Bytes octets) noexcept {
    if (gathered_.size() + octets.size() > kGatheredMax) return false;
    try {
        gathered_.insert(gathered_.end(), octets.begin(), octets.end());
    } catch (const std::bad_alloc&) {
        return false;
    }
    return true;
}

void TlsWire::flush() noexcept {
    if (gathered_.empty()) return;
    std::size_t none = 0;
    write({}, none);
}

}  // namespace peerzone::server
