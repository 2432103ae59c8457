#include "router.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "control.hpp"

namespace peerzone::wan {

namespace {

constexpr std::uint64_t kInputTag = ~std::uint64_t{0};
constexpr std::uint64_t kTimerTag = kInputTag - 1;
constexpr std::size_t kPacketMax = 65535;
constexpr std::size_t kPacketsPerTurn = 64;  ///< of one device, then the others have their turn
constexpr std::size_t kLineMax = 1024;

void require(bool good, const char* what) {
    if (!good) throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Router::Router(Network network, std::vector<Fd> devices)
    : network_(std::move(network)),
      devices_(std::move(devices)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    require(epoll_ && timer_, "epoll, timer");
    watch(STDIN_FILENO, kInputTag);
    watch(timer_.get(), kTimerTag);
    for (std::size_t i = 0; i < devices_.size(); ++i) watch(devices_[i].get(), i);
}

void Router::watch(int fd, std::uint64_t tag) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag;
    require(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

void Router::run() {
    std::array<epoll_event, 16> events{};
    while (true) {
        deliver_due();
        arm_timer();
        const int count =
            ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
        require(count >= 0 || errno == EINTR, "epoll_wait");
        for (int i = 0; i < count; ++i) {
            const auto tag = events[static_cast<std::size_t>(i)].data.u64;
            if (tag == kInputTag) {
                if (!read_commands()) return;
            } else if (tag != kTimerTag) {
                read_device(tag);
            }
        }
    }
}

void Router::read_device(std::size_t region) {
    static std::array<std::uint8_t, kPacketMax> buffer;
    for (std::size_t i = 0; i < kPacketsPerTurn; ++i) {
        const auto size = ::read(devices_[region].get(), buffer.data(), buffer.size());
        require(size >= 0 || errno != EBADFD, "a region's namespace has gone");
        if (size <= 0) return;  // nothing there, or the device is down
        network_.offer(region, std::span(buffer).first(static_cast<std::size_t>(size)),
                       Clock::now());
    }
}

void Router::deliver_due() {
    while (auto delivery = network_.take_due(Clock::now())) {
        const auto& packet = delivery->packet;
        const auto written =
            ::write(devices_[delivery->region].get(), packet.data(), packet.size());
        if (written != static_cast<ssize_t>(packet.size())) network_.not_taken(delivery->region);
    }
}

/// Setting a timer forgets that it has run, so it need not be read. Without a due time it rests.
void Router::arm_timer() const {
    itimerspec when{};
    if (const auto due = network_.next_due()) {
        const auto since = std::max<std::int64_t>(
            1,
            std::chrono::duration_cast<std::chrono::nanoseconds>(due->time_since_epoch()).count());
        when.it_value = {since / 1'000'000'000, since % 1'000'000'000};
    }
    require(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0, "timer");
}

bool Router::read_commands() {
    std::array<char, kLineMax> buffer{};
    const auto size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size <= 0) return size < 0 && (errno == EINTR || errno == EAGAIN);
    unread_.append(buffer.data(), static_cast<std::size_t>(size));
    while (true) {
        const auto end = unread_.find('\n');
        if (end == std::string::npos) break;
        obey(std::string_view(unread_).substr(0, end));
        unread_.erase(0, end + 1);
    }
    if (unread_.size() > kLineMax) {
        unread_.clear();
        too_long_ = true;
    }
    return true;
}

void Router::obey(std::string_view line) {
    const bool too_long = std::exchange(too_long_, false) || line.size() > kLineMax;
    const auto reply = too_long ? "error: the line is too long\n" : execute(network_, line);
    std::fputs(reply.c_str(), stdout);
    std::fflush(stdout);
}

}  // namespace peerzone::wan
