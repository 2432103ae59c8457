// Invariants: every attempt in a socket's list has an ID that no other there has. A socket is in
// exactly one of its pool's `active` and `retired`; only active ones get questions. A pool is in
// filling_ exactly while its `filling` is set, and only that socket has unsent attempts. A closed
// socket outlives the wake-up that closed it. No member is touched after a coroutine was resumed
// unless it was looked up again: it may have asked more, which opens and closes sockets.
#include "peerzone/exchange/udp_exchange.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "peerzone/exchange/reply_check.hpp"

namespace peerzone::exchange {
namespace {

using metrics::Count;

constexpr std::size_t kReplyBytes = 65535;
constexpr std::size_t kSocketsFew = 4;  // even one question at a time leaves from one of these
constexpr std::size_t kOneEachUntil =
    8;  // questions in flight with a socket each; then one per kSharedBy
constexpr std::size_t kSharedBy = 4;

Outcome outcome_of(int error) {
    if (error == ECONNREFUSED) return Outcome::refused;
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
        error == EAGAIN)
        return Outcome::busy;
    return Outcome::unreachable;
}

}  // namespace

std::size_t AddressHash::operator()(const SocketAddress& address) const noexcept {
    std::uint64_t high = 0, low = 0;
    std::memcpy(&high, address.ip.bytes().data(), 8);
    std::memcpy(&low, address.ip.bytes().data() + 8, 8);
    const std::uint64_t mixed =
        (high ^ (low + address.port) * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    return mixed ^ mixed >> 32;
}

// One system call's worth of replies. The buffers are large and mostly untouched: a page costs
// memory only once a reply has reached it.
struct UdpExchange::Buffers {
    std::unique_ptr<std::uint8_t[]> replies =
        std::make_unique_for_overwrite<std::uint8_t[]>(kReceiveMax * kReplyBytes);
    std::array<iovec, kReceiveMax> in_vectors;
    std::array<mmsghdr, kReceiveMax> in{};

    Buffers() noexcept {
        for (std::size_t i = 0; i < kReceiveMax; ++i) {
            in_vectors[i] = {&replies[i * kReplyBytes], kReplyBytes};
            in[i].msg_hdr.msg_iov = &in_vectors[i];
            in[i].msg_hdr.msg_iovlen = 1;
        }
    }
};

UdpExchange::Socket::Socket(Fd descriptor, Pool& owner, Time now)
    : fd(std::move(descriptor)),
      pool(&owner),
      pending(&owner.in_flight),
      unsent(&owner.in_flight),
      opened(now),
      used(now),
      heard(now) {}

UdpExchange::SweepNode::SweepNode(UdpExchange& o)
    : TimerNode([](TimerNode& node) { static_cast<SweepNode&>(node).owner.sweep(); }), owner(o) {}

UdpExchange::UdpExchange(boost::asio::io_context& io, Cork& cork, Timers& timers, Random& random,
                         metrics::Counters& counters, const Options& options)
    : cork_(cork),
      timers_(timers),
      random_(random),
      counters_(counters),
      options_(options),
      sweep_node_(*this),
      buffers_(std::make_unique<Buffers>()),
      epoll_(io) {}

UdpExchange::~UdpExchange() {
    shut_down();
}

void UdpExchange::start(Attempt& attempt, Time now) {
    attempt.begin(now);
    attempt.outcome = submit(attempt, now);
}

Outcome UdpExchange::submit(Attempt& attempt, Time now) {
    if (shut_down_) return Outcome::shut_down;
    Outcome why_not = Outcome::busy;
    Socket* socket = pick(attempt.to, now, why_not);
    if (socket == nullptr) return why_not;
    Pool& pool = *socket->pool;
    if (pool.filling == nullptr) {
        pool.filling = socket;
        filling_.push_back(&pool);
    }
    attempt.id = free_id(*socket);
    ++socket->asked;
    ++pool.asked;
    socket->used = now;
    socket->unsent.add(attempt);
    attempt.place = socket;
    attempt.exchange = this;
    attempt.sent_at = now;
    timers_.add(attempt, now, attempt.wakes_at());
    if (socket->unsent.count() == kRunMax) {
        std::erase(filling_, &pool);
        send_run(*socket);
    } else {
        cork_.gather(*this);
    }
    return Outcome::waiting;
}

void UdpExchange::flush() noexcept {
    // Who asked first is sent first. Nothing is added meanwhile: what fails here is told later.
    for (const Pool* pool : filling_) send_run(*pool->filling);
    filling_.clear();
}

/// Sends what waits to leave by `socket`. An attempt that has ended meanwhile has left the list.
void UdpExchange::send_run(Socket& socket) {
    socket.pool->filling = nullptr;
    while (!socket.unsent.empty()) {
        run_.write(socket.unsent);
        const int sent = run_.send(socket.fd.get());
        if (const auto refused = run_.take_refused())
            counters_.add(Count::udp_segments_refused, refused);
        if (sent > 0) {
            counters_.add(Count::upstream_udp_sent, static_cast<std::uint64_t>(sent));
            for (Attempt* a : run_.attempts().first(static_cast<std::size_t>(sent)))
                socket.pending.add(*a);
        } else if (const Outcome how = outcome_of(errno); how == Outcome::busy) {
            collect(socket.unsent, how);
            finish_failed_soon();
        } else if (errno != EINTR) {
            lose_flow(socket, how);
            finish_failed_soon();
            return;
        }
    }
    close_if_done(socket);
}

std::uint16_t UdpExchange::free_id(const Socket& socket) noexcept {
    const auto taken = [&](std::uint16_t id) {
        return socket.pending.find(id) != nullptr || socket.unsent.find(id) != nullptr;
    };
    std::uint16_t id = random_.u16();
    while (taken(id)) id = random_.u16();
    return id;
}

std::size_t UdpExchange::wanted(const Pool& pool) const noexcept {
    const std::size_t n = pool.in_flight + 1;
    const std::size_t by_load =
        n <= kOneEachUntil ? n : kOneEachUntil + (n - kOneEachUntil) / kSharedBy;
    const std::size_t few = std::min<std::size_t>(kSocketsFew, pool.asked + 1);
    return std::min<std::size_t>(std::max(by_load, few), options_.sockets_per_endpoint_max);
}

bool UdpExchange::is_worn(const Socket& socket, Time now) const noexcept {
    return socket.asked > 0 && (socket.asked >= options_.questions_per_socket ||
                                now - socket.opened >= options_.socket_age_max);
}

UdpExchange::Socket* UdpExchange::pick(const SocketAddress& to, Time now, Outcome& why_not) {
    Pool& pool = pools_[to];
    if (pool.filling != nullptr) return pool.filling;
    for (;;) {
        // One for each question of the last run.
        for (std::size_t i = 0; i < kRunMax && pool.active.size() < wanted(pool); ++i)
            if (!open(pool, to, now, why_not)) break;
        if (pool.active.empty()) {
            if (pool.retired.empty()) pools_.erase(to);
            return nullptr;
        }
        if (std::exchange(pool.after_silence, false))
            if (Socket* const heard = last_heard(pool)) return heard;
        const std::size_t index = random_.below(static_cast<std::uint32_t>(pool.active.size()));
        Socket& socket = *pool.active[index];
        if (is_worn(socket, now)) {
            retire(pool, index);
            continue;
        }
        why_not = Outcome::busy;
        return socket.pending.count() < kPendingPerSocketMax ? &socket : nullptr;
    }
}

UdpExchange::Socket* UdpExchange::last_heard(const Pool& pool) noexcept {
    Socket* last = nullptr;
    for (const auto& socket : pool.active) {
        const bool is_heard = socket->heard > socket->opened;
        const bool has_room = socket->pending.count() < kPendingPerSocketMax;
        if (is_heard && has_room && (last == nullptr || socket->heard > last->heard))
            last = socket.get();
    }
    return last;
}

bool UdpExchange::open(Pool& pool, const SocketAddress& to, Time now, Outcome& why_not) {
    why_not = Outcome::busy;
    if (sockets_ >= options_.sockets_max && (!pool.active.empty() || !make_room())) return false;
    if (!epoll_.is_open()) {
        Fd fd(::epoll_create1(EPOLL_CLOEXEC));
        if (!fd) return false;
        epoll_.assign(fd.release());
        wait();
    }
    sockaddr_storage native{};
    const socklen_t length = to.to_native(native);
    Fd fd(::socket(native.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    // Connecting binds to a port that the kernel picks at random, and lets only this endpoint's
    // datagrams and errors in.
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&native), length) != 0) {
        why_not = outcome_of(errno);
        return false;
    }
    auto socket = std::make_unique<Socket>(std::move(fd), pool, now);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = socket.get();
    if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, socket->fd.get(), &event) != 0)
        return false;
    pool.active.push_back(std::move(socket));
    ++sockets_;
    if (!sweep_node_.is_armed()) timers_.add(sweep_node_, now, now + kSweepInterval);
    return true;
}

/// Closes one idle socket of any pool.
bool UdpExchange::make_room() {
    for (auto& [address, pool] : pools_) {
        for (std::size_t i = 0; i < pool.active.size(); ++i) {
            if (!pool.active[i]->idle()) continue;
            close(pool.active, i);
            return true;
        }
    }
    return false;
}

void UdpExchange::retire(Pool& pool, std::size_t index) {
    if (pool.active[index]->idle()) {
        close(pool.active, index);
        return;
    }
    pool.active[index]->retired = true;
    pool.retired.push_back(std::move(pool.active[index]));
    pool.active[index] = std::move(pool.active.back());
    pool.active.pop_back();
}

void UdpExchange::close(Sockets& from, std::size_t index) {
    std::unique_ptr<Socket> socket = std::move(from[index]);
    from[index] = std::move(from.back());
    from.pop_back();
    --sockets_;
    socket->fd.reset();
    if (in_wake_up_) graveyard_.push_back(std::move(socket));
}

void UdpExchange::close_if_done(Socket& socket) {
    if (!socket.retired || !socket.idle() || !socket.fd) return;
    Sockets& retired = socket.pool->retired;
    const auto found = std::find_if(retired.begin(), retired.end(),
                                    [&](const auto& owned) { return owned.get() == &socket; });
    close(retired, static_cast<std::size_t>(found - retired.begin()));
}

void UdpExchange::wait() {
    epoll_.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this, alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
            if (!error && !alive.expired()) on_readable();
        });
}

void UdpExchange::on_readable() {
    const Cork::Scope scope(cork_);
    in_wake_up_ = true;
    std::array<epoll_event, kEventsMax> events;  // NOLINT: filled by the kernel
    for (int round = 0; round < kRoundsMax && !shut_down_; ++round) {
        const int n = ::epoll_wait(epoll_.native_handle(), events.data(), kEventsMax, 0);
        for (int i = 0; i < n && !shut_down_; ++i) {
            auto& socket = *static_cast<Socket*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (socket.fd) receive(socket);
        }
        if (n < kEventsMax) break;
    }
    in_wake_up_ = false;
    graveyard_.clear();
    if (!shut_down_) wait();
}

void UdpExchange::receive(Socket& socket) {
    Buffers& b = *buffers_;
    const auto wanted = std::clamp<std::size_t>(socket.pending.count(), 1, kReceiveMax);
    const int n = ::recvmmsg(socket.fd.get(), b.in.data(), static_cast<unsigned>(wanted),
                             MSG_DONTWAIT, nullptr);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        lose_flow(socket, outcome_of(errno));
        finish_failed();
        return;
    }
    const Time now = n > 0 ? Clock::now() : Time{};
    if (n > 0) socket.heard = now;
    for (int i = 0; i < n && socket.fd; ++i) {
        const auto at = static_cast<std::size_t>(i);
        on_datagram(socket, {&b.replies[at * kReplyBytes], b.in[at].msg_len}, now);
    }
}

void UdpExchange::on_datagram(Socket& socket, Bytes message, Time now) {
    Attempt* attempt = message.size() < 2 ? nullptr : socket.pending.find(load_u16(message.data()));
    Match match = Match::other;
    if (attempt != nullptr)
        match = match_reply(message, attempt->id, attempt->name(), attempt->type);
    if (match == Match::other) {
        // Spoofed, or late. Either way the wait goes on.
        counters_.add(Count::upstream_mismatch);
        const Attempt* asked = attempt != nullptr ? attempt : socket.pending.first();
        if (asked != nullptr && asked->server != nullptr) asked->server->note_mismatch();
        return;
    }
    counters_.add(Count::upstream_udp_replies);
    // Case that we did not vary need not come back.
    const bool same = match == Match::same || !attempt->case_is_mixed();
    if (!same) counters_.add(Count::upstream_case_mismatch);
    attempt->reply = message;
    attempt->leave();
    close_if_done(socket);
    attempt->finish(same ? Outcome::reply : Outcome::case_differs, now);
}

void UdpExchange::on_timeout(Attempt& attempt) {
    auto* const socket = static_cast<Socket*>(attempt.place);
    attempt.leave();
    if (socket != nullptr) close_if_done(*socket);
    attempt.finish(socket != nullptr ? Outcome::timeout : attempt.ending, Clock::now());
}

void UdpExchange::sweep() {
    const Time now = Clock::now();
    for (auto it = pools_.begin(); it != pools_.end();) {
        Pool& pool = it->second;
        for (std::size_t i = pool.active.size(); i-- > 0;) {
            const Socket& socket = *pool.active[i];
            const bool idle = socket.idle() && now - socket.used >= kIdle;
            if (idle || is_worn(socket, now)) retire(pool, i);
        }
        for (std::size_t i = pool.retired.size(); i-- > 0;)
            if (pool.retired[i]->idle()) close(pool.retired, i);
        it = pool.active.empty() && pool.retired.empty() ? pools_.erase(it) : std::next(it);
    }
    if (sockets_ > 0) timers_.add(sweep_node_, now, now + kSweepInterval);
}

void UdpExchange::shut_down() {
    if (shut_down_) return;
    shut_down_ = true;
    alive_.reset();
    sweep_node_.cancel();
    filling_.clear();
    for (auto& [address, pool] : pools_) {
        pool.filling = nullptr;
        for (Sockets* sockets : {&pool.active, &pool.retired}) {
            while (!sockets->empty()) {
                collect(sockets->back()->pending, Outcome::shut_down);
                collect(sockets->back()->unsent, Outcome::shut_down);
                close(*sockets, sockets->size() - 1);
            }
        }
    }
    collect(between_, Outcome::shut_down);
    boost::system::error_code ignored;
    epoll_.close(ignored);
    finish_failed();
}

}  // namespace peerzone::exchange
