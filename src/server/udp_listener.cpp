// A reply is built over the query it answers: answer_now has parsed that into the Request by then.
//
// A UDP socket that is in an epoll set pays for every reply sent on it: each buffer the kernel
// frees wakes the socket's wait queue, which the epoll set is on (0.2 us of 1.7 us). So a socket
// with a lot to do is taken out of its epoll set until it runs dry.
//
// Invariants: Batch::out[0, to_send) are replies of the current batch, whose buffers stay as they
// are until send() returns. Late::out[0, count) are replies that wait for the Cork. The socket is
// in epoll_ exactly while `armed_`.
#include "server/udp_listener.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "peerzone/base/segments.hpp"
#include "peerzone/server/sockets.hpp"

namespace peerzone::server {
namespace {

using metrics::Count;

constexpr int kBatch = 64;
constexpr int kRoundsMax = 16;  // batches per wake-up: then upstreams and streams have their turn
constexpr int kBusy = 8;        // queries in one batch from which on the socket counts as busy
constexpr std::size_t kBufferBytes = 4096;  // a query; then a reply, before it is cut to size
constexpr std::size_t kControlMax = 128;

}  // namespace

struct UdpListener::Batch {
    std::array<std::array<std::uint8_t, kBufferBytes>, kBatch> buffers;
    alignas(cmsghdr) std::array<std::array<char, kControlMax>, kBatch> controls;
    std::array<sockaddr_storage, kBatch> clients;
    std::array<iovec, kBatch> in_vectors;
    std::array<iovec, kBatch> out_vectors;
    std::array<mmsghdr, kBatch> in;
    std::array<mmsghdr, kBatch> out;
    int to_send = 0;
    SegmentSender sender;
    resolver::Request request;
};

/// Replies to queries that had to wait, until they leave together.
struct UdpListener::Late {
    std::array<std::array<std::uint8_t, dns::kUdpEdnsMax>, kBatch> replies;
    alignas(cmsghdr) std::array<std::array<char, kControlMax>, kBatch> controls;
    std::array<sockaddr_storage, kBatch> clients;
    std::array<iovec, kBatch> vectors;
    std::array<mmsghdr, kBatch> out;
    int count = 0;
};

UdpListener::UdpListener(boost::asio::io_context& io, Cork& cork, Fd socket,
                         resolver::Resolver& resolver, metrics::Counters& counters)
    : cork_(cork),
      socket_(std::move(socket)),
      epoll_(io, ::epoll_create1(EPOLL_CLOEXEC)),
      resolver_(resolver),
      counters_(counters),
      batch_(std::make_unique_for_overwrite<Batch>()),
      late_(std::make_unique_for_overwrite<Late>()),
      address_(bound_address(socket_)) {
    prepare(kBatch);
}

UdpListener::~UdpListener() = default;

void UdpListener::start() {
    arm();
    wait();
}

void UdpListener::stop() {
    if (stopped_) return;
    stopped_ = true;
    drain();
    epoll_.cancel();
}

void UdpListener::see(const resolver::Snapshot& snapshot) {
    listener_ = snapshot.listener_of(address_);
    listeners_.clear();
    if (!address_.ip.is_unspecified()) return;
    for (const SocketAddress& address : snapshot.listeners)
        if (address.port == address_.port && !address.ip.is_unspecified())
            listeners_.emplace_back(address.ip, snapshot.listener_of(address));
}

view::ListenerId UdpListener::listener_at(const IpAddress& local) const noexcept {
    const auto found =
        std::ranges::find(listeners_, local, [](const auto& at) { return at.first; });
    return found == listeners_.end() ? listener_ : found->second;
}

void UdpListener::arm() {
    if (armed_) return;
    epoll_event event{};
    event.events = EPOLLIN;
    armed_ = ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, socket_.get(), &event) == 0;
}

void UdpListener::disarm() {
    if (!armed_) return;
    ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, socket_.get(), nullptr);
    armed_ = false;
}

void UdpListener::wait() {
    epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                          if (!error) turn();
                      });
}

// Answers what is there. When there is no end to it, streams and upstreams have their turn in
// between.
void UdpListener::turn() {
    if (stopped_) return;
    if (drain()) {
        arm();
        wait();
    } else {
        boost::asio::post(epoll_.get_executor(), [this] { turn(); });
    }
}

// True when nothing is left.
bool UdpListener::drain() {
    for (int round = 0; round < kRoundsMax; ++round) {
        const int received = receive();
        if (received <= 0) return true;
        if (received >= kBusy) disarm();
        answer(received);
        prepare(received);
        if (armed_ && received < kBatch) return true;  // what came since wakes us
    }
    return false;
}

// Makes the first `count` places of the batch ready to be received into.
void UdpListener::prepare(int count) {
    Batch& b = *batch_;
    for (int i = 0; i < count; ++i) {
        b.in_vectors[i] = {b.buffers[i].data(), kBufferBytes};
        b.in[i].msg_hdr = {.msg_name = &b.clients[i],
                           .msg_namelen = sizeof b.clients[i],
                           .msg_iov = &b.in_vectors[i],
                           .msg_iovlen = 1,
                           .msg_control = b.controls[i].data(),
                           .msg_controllen = kControlMax,
                           .msg_flags = 0};
    }
}

int UdpListener::receive() {
    int received = 0;
    do {
        received = ::recvmmsg(socket_.get(), batch_->in.data(), kBatch, MSG_DONTWAIT, nullptr);
    } while (received < 0 && errno == EINTR);
    return received;
}

void UdpListener::answer(int received) {
    const Cork::Scope scope(cork_);
    const Time now = Clock::now();
    batch_->to_send = 0;
    for (int i = 0; i < received; ++i) answer_one(i, now);
    send(batch_->out.data(), batch_->to_send);
    counters_.add(Count::udp_queries, static_cast<std::uint64_t>(received));
    if (batch_->to_send > 0)  // one look at the clock for all of them: it costs as much as a hit
        counters_.at_once.add(Clock::now() - now, static_cast<std::uint64_t>(batch_->to_send));
}

void UdpListener::answer_one(int index, Time now) {
    Batch& b = *batch_;
    const msghdr& header = b.in[index].msg_hdr;
    const bool cut = header.msg_flags & MSG_TRUNC;
    resolver::ReplyTo to;
    to.client = SocketAddress::from_native(b.clients[index]);
    note_control(index, to);
    if (cut || to.client.port == 0) {  // larger than any query, or nowhere to reply to
        counters_.add(Count::dropped_malformed);
        return;
    }
    b.request.client = to.client.ip;
    b.request.listener = listeners_.empty() ? listener_ : listener_at(to.local);
    b.request.udp = true;
    const int slot = b.to_send;
    std::size_t size = 0;
    const Bytes question(b.buffers[index].data(), b.in[index].msg_len);
    switch (resolver_.answer_now(question, now, b.request, b.buffers[index], size)) {
        case resolver::Disposition::dropped: return;
        case resolver::Disposition::deferred:
            to.sink = this;
            to.arrived = now;
            counters_.add(Count::cache_misses);
            resolver_.admit(b.request, to, now);
            return;
        case resolver::Disposition::replied: break;
    }
    counters_.add_reply(b.buffers[index]);
    b.out_vectors[slot] = {b.buffers[index].data(), size};
    // A reply to a wildcard socket leaves from the address that was asked: the control message that
    // came in says it.
    b.out[slot].msg_hdr = {
        .msg_name = &b.clients[index],
        .msg_namelen = header.msg_namelen,
        .msg_iov = &b.out_vectors[slot],
        .msg_iovlen = 1,
        .msg_control = address_.ip.is_unspecified() ? b.controls[index].data() : nullptr,
        .msg_controllen = address_.ip.is_unspecified() ? header.msg_controllen : 0,
        .msg_flags = 0};
    ++b.to_send;
}

// Reads what the kernel says beside the datagram: where it was sent to, and how many were dropped
// for want of room. Leaves only the packet information, in the form in which sendmsg takes it.
void UdpListener::note_control(int index, resolver::ReplyTo& to) {
    msghdr& header = batch_->in[index].msg_hdr;
    cmsghdr* info = nullptr;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            std::uint32_t drops = 0;
            std::memcpy(&drops, CMSG_DATA(c), sizeof drops);
            if (drops != kernel_drops_)
                counters_.add(Count::udp_kernel_drops, drops - kernel_drops_);
            kernel_drops_ = drops;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            in_pktinfo four;
            std::memcpy(&four, CMSG_DATA(c), sizeof four);
            to.local = IpAddress::v4(ntohl(four.ipi_addr.s_addr));
            four.ipi_spec_dst = four.ipi_addr;
            four.ipi_ifindex = 0;  // routing chooses the way back
            std::memcpy(CMSG_DATA(c), &four, sizeof four);
            info = c;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo six;
            std::memcpy(&six, CMSG_DATA(c), sizeof six);
            std::array<std::uint8_t, 16> bytes;
            std::memcpy(bytes.data(), &six.ipi6_addr, bytes.size());
            to.local = IpAddress::v6(bytes);
            to.interface = static_cast<std::uint32_t>(six.ipi6_ifindex);
            if (to.client.scope == 0) {  // only link-local clients are bound to an interface
                six.ipi6_ifindex = 0;
                to.interface = 0;
                std::memcpy(CMSG_DATA(c), &six, sizeof six);
            }
            info = c;
        }
    }
    char* const control = batch_->controls[index].data();
    header.msg_controllen = 0;
    if (info == nullptr) return;
    const std::size_t size = info->cmsg_len;
    if (reinterpret_cast<char*>(info) != control) std::memmove(control, info, size);
    header.msg_controllen = CMSG_ALIGN(size);
}

void UdpListener::send(mmsghdr* messages, int count) noexcept {
    int sent = 0;
    while (sent < count) {
        const int n = batch_->sender.send(
            socket_.get(), std::span(messages + sent, static_cast<std::size_t>(count - sent)));
        if (n > 0) {
            counters_.add(Count::udp_replies, static_cast<std::uint64_t>(n));
            sent += n;
        } else if (errno != EINTR) {  // this one cannot be sent (no route, no room): the rest may
            counters_.add(Count::udp_send_failed);
            ++sent;
        }
    }
    if (const auto refused = batch_->sender.take_refused())
        counters_.add(Count::udp_segments_refused, refused);
}

void UdpListener::deliver(const resolver::ReplyTo& to, Bytes reply) noexcept {
    Late& l = *late_;
    if (l.count == kBatch) flush();
    const auto at = static_cast<std::size_t>(l.count++);
    const std::size_t size = std::min(reply.size(), l.replies[at].size());
    std::memcpy(l.replies[at].data(), reply.data(), size);
    counters_.add_reply(reply);
    counters_.waited.add(Clock::now() - to.arrived);
    l.vectors[at] = {l.replies[at].data(), size};
    char* const control = l.controls[at].data();
    l.out[at].msg_hdr = {
        .msg_name = &l.clients[at],
        .msg_namelen = to.client.to_native(l.clients[at]),
        .msg_iov = &l.vectors[at],
        .msg_iovlen = 1,
        .msg_control = address_.ip.is_unspecified() ? control : nullptr,
        .msg_controllen = address_.ip.is_unspecified() ? write_control(to, control) : 0,
        .msg_flags = 0};
    cork_.gather(*this);
}

void UdpListener::flush() noexcept {
    send(late_->out.data(), std::exchange(late_->count, 0));
}

// The address that was asked is the one that the reply leaves from.
std::size_t UdpListener::write_control(const resolver::ReplyTo& to, char* control) const noexcept {
    cmsghdr head{};
    const auto write = [&](int level, int type, const auto& info) {
        head.cmsg_level = level;
        head.cmsg_type = type;
        head.cmsg_len = CMSG_LEN(sizeof info);
        std::memcpy(control, &head, sizeof head);
        std::memcpy(control + CMSG_LEN(0), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    };
    if (to.local.is_v4()) {
        in_pktinfo four{};
        four.ipi_spec_dst.s_addr = htonl(to.local.v4_value());
        return write(IPPROTO_IP, IP_PKTINFO, four);
    }
    in6_pktinfo six{};
    std::memcpy(&six.ipi6_addr, to.local.bytes().data(), 16);
    six.ipi6_ifindex = to.interface;
    return write(IPPROTO_IPV6, IPV6_PKTINFO, six);
}

}  // namespace peerzone::server
