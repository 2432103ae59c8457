#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>

#include "modes.hpp"
#include "sockets.hpp"

namespace peerzone::bench {
namespace {

constexpr unsigned kWindowMax = 64;  // also the largest batch
constexpr auto kLost = std::chrono::milliseconds(400);
constexpr std::size_t kReplyMax = 1536;

struct Slot {
    Question question;  // a copy: the reply is held against what was sent
    Clock::time_point sent;
    bool used = false;
};

// One connected socket and what is in flight on it. The ID's low six bits name the slot, the others
// tell a late reply from one to the slot's next question.
class Window {
public:
    Window(int fd, unsigned size)
        : fd_(fd), size_(std::min(size, kWindowMax)), looked_(Clock::now()) {}
    ~Window() { close(fd_); }
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;

    bool receive(Judge& judge, Clock::time_point now);
    bool fill(Questions& questions, Judge& judge, std::uint64_t most, Clock::time_point now);
    unsigned in_flight() const noexcept { return in_flight_; }

private:
    void take(Judge& judge, const std::uint8_t* reply, std::size_t size) noexcept;
    void give_up(Judge& judge, Clock::time_point now) noexcept;

    int fd_;
    unsigned size_;
    unsigned in_flight_ = 0;
    std::uint16_t turn_ = 0;
    Clock::time_point looked_;  // for lost questions
    std::array<Slot, kWindowMax> slots_;
};

struct Batch {
    std::array<mmsghdr, kWindowMax> messages;
    std::array<iovec, kWindowMax> parts;
    std::array<std::array<std::uint8_t, kReplyMax>, kWindowMax> buffers;

    void point(std::size_t i, std::uint8_t* data, std::size_t size) noexcept {
        parts[i] = {data, size};
        messages[i] = {};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
};

Batch& batch() {
    static Batch shared;
    return shared;
}

bool Window::receive(Judge& judge, Clock::time_point now) {
    if (in_flight_ == 0) return false;
    if (now - looked_ > kLost / 4) give_up(judge, now);
    Batch& b = batch();
    for (std::size_t i = 0; i < size_; ++i) b.point(i, b.buffers[i].data(), kReplyMax);
    const int got = recvmmsg(fd_, b.messages.data(), size_, MSG_DONTWAIT, nullptr);
    if (got <= 0) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i)
        take(judge, b.buffers[i].data(), b.messages[i].msg_len);
    return true;
}

void Window::take(Judge& judge, const std::uint8_t* reply, std::size_t size) noexcept {
    Slot& slot = slots_[reply[1] & (kWindowMax - 1)];
    if (size < kHeader || !slot.used || std::memcmp(reply, slot.question.octets.data(), 2) != 0) {
        ++judge.tally.unexpected;
        return;
    }
    slot.used = false;
    --in_flight_;
    judge.take({slot.question.octets.data(), slot.question.size}, slot.question.expected,
               {reply, size});
}

// Slot by slot: a question that is lost must not make the window smaller for the rest of the run.
void Window::give_up(Judge& judge, Clock::time_point now) noexcept {
    looked_ = now;
    for (Slot& slot : slots_) {
        if (!slot.used || now - slot.sent < kLost) continue;
        slot.used = false;
        --in_flight_;
        ++judge.tally.lost;
    }
}

// Sends when half of the window is free: batches, not single messages.
bool Window::fill(Questions& questions, Judge& judge, std::uint64_t most, Clock::time_point now) {
    if (most == 0 || in_flight_ * 2 > size_) return false;
    Batch& b = batch();
    const std::size_t room = std::min<std::uint64_t>(size_ - in_flight_, most);
    std::array<Slot*, kWindowMax> chosen;
    std::size_t count = 0;
    for (unsigned i = 0; i < size_ && count < room; ++i) {
        Slot& slot = slots_[i];
        if (slot.used) continue;
        const Question& next = questions.next();
        std::memcpy(slot.question.octets.data(), next.octets.data(), next.size);
        slot.question.size = next.size;
        slot.question.expected = next.expected;
        write16(slot.question.octets.data(), static_cast<std::uint16_t>(turn_++ << 6 | i));
        slot.used = true;
        slot.sent = now;
        chosen[count] = &slot;
        b.point(count++, slot.question.octets.data(), next.size);
    }
    const int sent = sendmmsg(fd_, b.messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    const std::size_t left = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    for (std::size_t i = left; i < count; ++i) chosen[i]->used = false;
    judge.tally.lost += count - left;  // taken from the questions, and not sent
    judge.tally.sent += count;
    in_flight_ += static_cast<unsigned>(left);
    return left > 0;
}

}  // namespace

void saturate_udp(const Load& load, Questions& questions, Judge& judge) {
    std::vector<std::unique_ptr<Window>> windows;
    for (unsigned i = 0; i < load.sockets; ++i) {
        const int fd = connected_socket(load.server);
        if (fd < 0) return;
        windows.push_back(std::make_unique<Window>(fd, load.window));
    }
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(load.seconds));
    const std::uint64_t most = load.count ? load.count : ~std::uint64_t{0};
    for (auto now = Clock::now(); now < end + kLost + kLost; now = Clock::now()) {
        // In the end what is in flight is waited for: it belongs to the count.
        const auto room = [&] { return now < end ? most - judge.tally.sent : 0; };
        bool moved = false;
        unsigned in_flight = 0;
        for (const auto& window : windows) {
            moved |= window->receive(judge, now);
            moved |= window->fill(questions, judge, room(), now);
            in_flight += window->in_flight();
        }
        if (room() == 0 && in_flight == 0) return;
        if (!moved) sched_yield();  // the responder has the same core
    }
}

Latency pace_udp(const Load& load, Questions& questions, Judge& judge) {
    using Micros = std::chrono::duration<double, std::micro>;
    constexpr std::size_t kPending = 1u << 16;  // every ID once
    struct Pending {
        Question question;
        Clock::time_point due;
        bool used = false;
    };
    std::vector<Pending> pending(kPending);
    std::vector<int> fds;
    for (unsigned i = 0; i < load.sockets; ++i) fds.push_back(connected_socket(load.server));
    std::vector<double> latencies, lags;
    std::mt19937 random(7);
    std::exponential_distribution<double> gap(
        load.per_second);  // clients do not come at even times
    Batch& b = batch();
    std::uint16_t id = 0;
    auto due = Clock::now();
    const auto end = due + std::chrono::duration_cast<Clock::duration>(
                               std::chrono::duration<double>(load.seconds));
    const auto last = end + std::chrono::seconds(1);
    for (auto now = due; now < last && (due < end || latencies.size() < judge.tally.sent);
         now = Clock::now()) {
        for (; due <= now && due < end; ++id) {
            Pending& entry = pending[id];
            entry.question = questions.next();
            entry.due = due;
            entry.used = true;
            write16(entry.question.octets.data(), id);
            send(fds[id % fds.size()], entry.question.octets.data(), entry.question.size,
                 MSG_DONTWAIT);
            ++judge.tally.sent;
            lags.push_back(Micros(Clock::now() - due).count());
            due += std::chrono::duration_cast<Clock::duration>(
                std::chrono::duration<double>(gap(random)));
        }
        for (const int fd : fds) {
            const ssize_t got = recv(fd, b.buffers[0].data(), kReplyMax, MSG_DONTWAIT);
            if (got < static_cast<ssize_t>(kHeader)) continue;
            Pending& entry = pending[read16(b.buffers[0].data())];
            if (!entry.used) {
                ++judge.tally.unexpected;
                continue;
            }
            entry.used = false;
            latencies.push_back(Micros(Clock::now() - entry.due).count());
            judge.take({entry.question.octets.data(), entry.question.size}, entry.question.expected,
                       {b.buffers[0].data(), static_cast<std::size_t>(got)});
        }
    }
    for (const int fd : fds) close(fd);
    judge.tally.lost = judge.tally.sent - latencies.size();
    latencies.resize(judge.tally.sent, 1e6);
    std::sort(latencies.begin(), latencies.end());
    std::sort(lags.begin(), lags.end());
    const auto at = [](const std::vector<double>& sorted, double part) {
        return sorted.empty() ? 0
                              : sorted[static_cast<std::size_t>(
                                    part * static_cast<double>(sorted.size() - 1))];
    };
    return {at(latencies, .5), at(latencies, .99), at(latencies, .999), at(latencies, 1),
            at(lags, .99)};
}

}  // namespace peerzone::bench
