// Invariants: every attempt in a socket's list has an ID that no other there has. A socket is in
// exactly one of its pool's `active` and `retired`; only active ones get questions. A closed socket
// outlives the wake-up that closed it. No member is touched after a coroutine was resumed unless it
// was looked up again: it may have asked more, which opens and closes sockets.
#include "upstream/udp_exchange.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "peerzone/upstream/reply_check.hpp"

namespace peerzone::upstream {
namespace {

using metrics::Count;

constexpr std::size_t kBufferBytes = 65535;
constexpr std::size_t kQuestionBytesMax = 512;
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

UdpExchange::Socket::Socket(Fd descriptor, Pool& owner, Time now)
    : fd(std::move(descriptor)), pool(&owner), pending(&owner.in_flight), opened(now), used(now) {}

UdpExchange::SweepNode::SweepNode(UdpExchange& o)
    : TimerNode([](TimerNode& node) { static_cast<SweepNode&>(node).owner.sweep(); }), owner(o) {}

UdpExchange::UdpExchange(boost::asio::io_context& io, Timers& timers, Random& random,
                         metrics::Counters& counters, const ClientOptions& options)
    : timers_(timers),
      random_(random),
      counters_(counters),
      options_(options),
      sweep_node_(*this),
      buffer_(kBufferBytes),
      epoll_(io) {}

UdpExchange::~UdpExchange() {
    shut_down();
}

void UdpExchange::start(Attempt& attempt) {
    const Time now = Clock::now();
    attempt.begin(now);
    if (shut_down_) {
        attempt.outcome = Outcome::shut_down;
        return;
    }
    Outcome why_not = Outcome::busy;
    Socket* socket = pick(attempt.to, now, why_not);
    if (socket != nullptr) why_not = send(*socket, attempt);
    if (why_not != Outcome::waiting) {
        attempt.outcome = why_not;
        return;
    }
    ++socket->asked;
    ++socket->pool->asked;
    socket->used = now;
    socket->pending.add(attempt);
    attempt.place = socket;
    attempt.exchange = this;
    attempt.on_timeout = &UdpExchange::timed_out;
    timers_.add(attempt, now, attempt.expires_at);
}

Outcome UdpExchange::send(Socket& socket, Attempt& attempt) {
    attempt.id = free_id(socket);
    std::array<std::uint8_t, kQuestionBytesMax> message;  // NOLINT: filled up to size
    const std::size_t size = attempt.write(message);
    if (size == 0) return Outcome::busy;
    for (int tries = 0; tries < 2; ++tries) {
        if (::send(socket.fd.get(), message.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            counters_.add(Count::upstream_udp_sent);
            return Outcome::waiting;
        }
        if (errno == ECONNREFUSED) {
            // This is about what was sent before: that has failed, and this question gets a try of
            // its own.
            fail_soon(socket);
        } else if (errno != EINTR) {
            break;
        }
    }
    return outcome_of(errno);
}

std::uint16_t UdpExchange::free_id(const Socket& socket) noexcept {
    std::uint16_t id = random_.u16();
    while (socket.pending.find(id) != nullptr) id = random_.u16();
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
    for (;;) {
        if (pool.active.size() < wanted(pool) && !open(pool, to, now, why_not) &&
            pool.active.empty()) {
            if (pool.retired.empty()) pools_.erase(to);
            return nullptr;
        }
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
            if (!pool.active[i]->pending.empty()) continue;
            close(pool.active, i);
            return true;
        }
    }
    return false;
}

void UdpExchange::retire(Pool& pool, std::size_t index) {
    if (pool.active[index]->pending.empty()) {
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
    if (!socket.retired || !socket.pending.empty() || !socket.fd) return;
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
    const ssize_t n = ::recv(socket.fd.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n >= 0) {
        on_datagram(socket, {buffer_.data(), static_cast<std::size_t>(n)});
    } else if (errno != EAGAIN && errno != EINTR) {
        fail_all(socket, outcome_of(errno));
    }
}

void UdpExchange::on_datagram(Socket& socket, Bytes message) {
    Attempt* attempt = message.size() < 2 ? nullptr : socket.pending.find(load_u16(message.data()));
    Match match = Match::other;
    if (attempt != nullptr)
        match = match_reply(message, attempt->id, attempt->name(), attempt->type);
    if (match == Match::other) {
        // Spoofed, or late. Either way the wait goes on.
        counters_.add(Count::upstream_mismatch);
        return;
    }
    counters_.add(Count::upstream_udp_replies);
    // Case that we did not vary need not come back.
    const bool same = match == Match::same || !attempt->case_is_mixed();
    if (!same) counters_.add(Count::upstream_case_mismatch);
    attempt->reply = message;
    attempt->leave();
    close_if_done(socket);
    attempt->finish(same ? Outcome::reply : Outcome::case_differs, Clock::now());
}

void UdpExchange::collect(Socket& socket, Outcome how) noexcept {
    while (Attempt* attempt = socket.pending.first()) {
        attempt->leave();
        attempt->outcome = how;
        failed_.add(*attempt);
    }
}

/// Ends all attempts that wait on `socket`.
void UdpExchange::fail_all(Socket& socket, Outcome how) {
    collect(socket, how);
    close_if_done(socket);
    finish_failed();
}

/// The same from within another question's coroutine, so not at once.
void UdpExchange::fail_soon(Socket& socket) {
    if (socket.pending.empty()) return;
    collect(socket, Outcome::refused);
    boost::asio::post(epoll_.get_executor(), [this, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired()) finish_failed();
    });
}

void UdpExchange::finish_failed() {
    const Time now = Clock::now();
    while (Attempt* attempt = failed_.first()) attempt->finish(attempt->outcome, now);
}

void UdpExchange::timed_out(Attempt& attempt) {
    auto& self = *static_cast<UdpExchange*>(attempt.exchange);
    auto& socket = *static_cast<Socket*>(attempt.place);
    attempt.leave();
    self.close_if_done(socket);
    attempt.finish(Outcome::timeout, Clock::now());
}

void UdpExchange::sweep() {
    const Time now = Clock::now();
    for (auto it = pools_.begin(); it != pools_.end();) {
        Pool& pool = it->second;
        for (std::size_t i = pool.active.size(); i-- > 0;) {
            const Socket& socket = *pool.active[i];
            const bool idle = socket.pending.empty() && now - socket.used >= kIdle;
            if (idle || is_worn(socket, now)) retire(pool, i);
        }
        for (std::size_t i = pool.retired.size(); i-- > 0;)
            if (pool.retired[i]->pending.empty()) close(pool.retired, i);
        it = pool.active.empty() && pool.retired.empty() ? pools_.erase(it) : std::next(it);
    }
    if (sockets_ > 0) timers_.add(sweep_node_, now, now + kSweepInterval);
}

void UdpExchange::shut_down() {
    if (shut_down_) return;
    shut_down_ = true;
    alive_.reset();
    sweep_node_.cancel();
    for (auto& [address, pool] : pools_) {
        for (Sockets* sockets : {&pool.active, &pool.retired}) {
            while (!sockets->empty()) {
                collect(*sockets->back(), Outcome::shut_down);
                close(*sockets, sockets->size() - 1);
            }
        }
    }
    boost::system::error_code ignored;
    epoll_.close(ignored);
    finish_failed();
}

}  // namespace peerzone::upstream
