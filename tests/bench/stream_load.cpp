#include <sched.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "modes.hpp"
#include "stream.hpp"

namespace peerzone::bench {
namespace {

constexpr unsigned kWindowMax = 64;
constexpr std::size_t kReadBytes = 65536;
constexpr auto kLost = std::chrono::milliseconds(1000);

/// A connection with a window of questions, replies in any order.
class Client {
public:
    Client(const Load& load, unsigned number, TlsClient* tls)
        : stream_(load.server, number, tls, load.resume),
          window_(std::min(load.window, kWindowMax)),
          progress_(Clock::now()) {
        in_.reserve(2 * kReadBytes);
    }

    /// Moves what can be moved, asking at most `most` further questions. False: the connection is
    /// of no use any more.
    bool turn(Questions& questions, Judge& judge, std::uint64_t most, Clock::time_point now,
              bool& moved);
    /// It has ended. A server may close a connection after so many answers; one that never answers
    /// is broken.
    void abandon(Judge& judge) noexcept {
        (answered_ && closed_ ? judge.tally.cut : judge.tally.lost) += in_flight_;
        if (!answered_) ++judge.tally.failed;
    }
    unsigned in_flight() const noexcept { return in_flight_; }
    bool resumed() const noexcept { return stream_.resumed(); }

private:
    struct Slot {
        Question question;
        bool used = false;
    };

    void ask(Questions& questions, Judge& judge, std::uint64_t most);
    void take_replies(Judge& judge);

    Stream stream_;
    unsigned window_;
    unsigned in_flight_ = 0;
    std::uint16_t turn_ = 0;
    bool answered_ = false;
    bool closed_ = false;
    Clock::time_point progress_;
    std::vector<std::uint8_t> in_, out_;
    std::array<Slot, kWindowMax> slots_;
};

void Client::ask(Questions& questions, Judge& judge, std::uint64_t most) {
    for (unsigned i = 0; i < window_ && most > 0; ++i) {
        Slot& slot = slots_[i];
        if (slot.used) continue;
        slot.question = questions.next();
        slot.used = true;
        write16(slot.question.octets.data(), static_cast<std::uint16_t>(turn_++ << 6 | i));
        out_.push_back(0);
        out_.push_back(slot.question.size);
        out_.insert(out_.end(), slot.question.octets.begin(),
                    slot.question.octets.begin() + slot.question.size);
        ++in_flight_;
        ++judge.tally.sent;
        --most;
    }
}

void Client::take_replies(Judge& judge) {
    std::size_t at = 0;
    while (in_.size() - at >= 2) {
        const std::size_t size = read16(&in_[at]);
        if (in_.size() - at - 2 < size) break;
        const std::uint8_t* reply = &in_[at + 2];
        at += 2 + size;
        Slot* slot = size >= kHeader ? &slots_[reply[1] & (kWindowMax - 1)] : nullptr;
        if (!slot || !slot->used || std::memcmp(reply, slot->question.octets.data(), 2) != 0) {
            ++judge.tally.unexpected;
            continue;
        }
        slot->used = false;
        answered_ = true;
        --in_flight_;
        judge.take({slot->question.octets.data(), slot->question.size}, slot->question.expected,
                   {reply, size});
    }
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(at));
}

bool Client::turn(Questions& questions, Judge& judge, std::uint64_t most, Clock::time_point now,
                  bool& moved) {
    if (most > 0 && in_flight_ * 2 <= window_) ask(questions, judge, most);
    std::size_t size = 0;
    if (!out_.empty()) {
        const auto step = stream_.write(out_, size);
        closed_ = step == Stream::Step::ended;
        if (closed_) return false;
        if (step == Stream::Step::done) {
            out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(size));
            progress_ = now;
            moved = true;
        }
    }
    if (in_flight_ == 0) return true;
    static std::array<std::uint8_t, kReadBytes> chunk;
    const auto step = stream_.read(chunk, size);
    if (step == Stream::Step::done) {
        in_.insert(in_.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(size));
        take_replies(judge);
        progress_ = now;
        moved = true;
        return true;
    }
    closed_ = step == Stream::Step::ended;
    return !closed_ && now - progress_ < kLost;
}

class Run {
public:
    Run(const Load& load, Judge& judge)
        : judge_(judge),
          most_(load.count ? load.count : ~std::uint64_t{0}),
          end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(load.seconds))) {}

    std::uint64_t room(Clock::time_point now) const noexcept {
        return now < end_ ? most_ - judge_.tally.sent : 0;
    }
    bool over(Clock::time_point now) const noexcept { return now > end_ + 2 * kLost; }

private:
    Judge& judge_;
    std::uint64_t most_;
    Clock::time_point end_;
};

constexpr std::uint64_t kFailuresMax = 100;  // a server that ends every connection: no use to go on

}  // namespace

void saturate_streams(const Load& load, Questions& questions, Judge& judge) {
    TlsClient tls;
    std::vector<std::unique_ptr<Client>> clients(load.sockets);
    const Run run(load, judge);
    for (auto now = Clock::now(); !run.over(now) && judge.tally.failed < kFailuresMax;
         now = Clock::now()) {
        bool moved = false;
        unsigned in_flight = 0;
        for (auto& client : clients) {
            if (!client) {
                // A server may end a connection after so many questions; it is made anew as clients
                // do.
                if (run.room(now) == 0) continue;
                client =
                    std::make_unique<Client>(load, static_cast<unsigned>(judge.tally.connections++),
                                             load.tls ? &tls : nullptr);
            }
            if (!client->turn(questions, judge, run.room(now), now, moved)) {
                client->abandon(judge);
                client.reset();
                continue;
            }
            in_flight += client->in_flight();
        }
        if (run.room(now) == 0 && in_flight == 0) break;
        if (!moved) sched_yield();
    }
}

void connect_streams(const Load& load, Questions& questions, Judge& judge) {
    Load one = load;
    one.window = 1;
    TlsClient tls;
    std::vector<std::unique_ptr<Client>> clients(load.sockets);
    const Run run(load, judge);
    for (auto now = Clock::now(); !run.over(now) && judge.tally.failed < kFailuresMax;
         now = Clock::now()) {
        bool moved = false;
        unsigned in_flight = 0;
        for (auto& client : clients) {
            std::uint64_t most = 0;
            if (!client) {
                if (run.room(now) == 0) continue;
                client =
                    std::make_unique<Client>(one, static_cast<unsigned>(judge.tally.connections++),
                                             load.tls ? &tls : nullptr);
                most = 1;
            }
            const bool good = client->turn(questions, judge, most, now, moved);
            if (!good) client->abandon(judge);
            if (good && client->in_flight() > 0) {
                ++in_flight;
                continue;
            }
            judge.tally.resumed += client->resumed();
            client.reset();
        }
        if (run.room(now) == 0 && in_flight == 0) break;
        if (!moved) sched_yield();
    }
}

}  // namespace peerzone::bench
