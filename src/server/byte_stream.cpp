#include "server/byte_stream.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace peerzone::server {
namespace {

ByteStream::Moved failed(int error) noexcept {
    return error == EAGAIN || error == EWOULDBLOCK ? ByteStream::Moved::none
                                                   : ByteStream::Moved::broken;
}

}  // namespace

ByteStream::Moved PlainStream::receive(MutableBytes into, std::size_t& count) noexcept {
    count = 0;
    ssize_t got = 0;
    do {
        got = ::recv(socket_, into.data(), into.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return failed(errno);
    count = static_cast<std::size_t>(got);
    return got == 0 ? Moved::ended : Moved::some;
}

ByteStream::Moved PlainStream::send(Bytes octets, std::size_t& count) noexcept {
    count = 0;
    ssize_t sent = 0;
    do {
        sent = ::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return failed(errno);
    count = static_cast<std::size_t>(sent);
    return sent == 0 ? Moved::none : Moved::some;
}

}  // namespace peerzone::server
