#include "peerzone/base/timers.hpp"

namespace peerzone {
namespace {

constexpr std::size_t kTurnMax = 64;

}  // namespace

Timers::Timers(boost::asio::io_context& io) : wheel_(Clock::now()), timer_(std::in_place, io) {}

// Armed for what is always earlier, so add() arms nothing.
Timers::Timers() : wheel_(Clock::now()), armed_for_(Time::min()) {}

void Timers::add(TimerNode& node, Time now, Time deadline) {
    wheel_.add(node, now, deadline);
    // Rounded as the wheel does, or each deadline of the same millisecond would arm again.
    const Time at = deadline + TimerWheel::kTick;
    if (!stopped_ && at < armed_for_) arm(at);
}

void Timers::stop() {
    stopped_ = true;
    alive_.reset();
    if (timer_) timer_->cancel();
}

void Timers::arm(Time at) {
    armed_for_ = at;
    timer_->expires_at(at);  // cancels an older wait
    timer_->async_wait(
        [this, alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
            if (!error && !alive.expired()) fire();
        });
}

void Timers::fire() {
    // A later wait may have been armed while this handler stood in the queue.
    const Time now = Clock::now();
    armed_for_ = Time::max();
    // The questions to a dead peer expire by the thousand at once: other handlers have a turn
    // between some of them and the next.
    for (std::size_t n = 0; n < kTurnMax; ++n) {
        if (!expire_one(now)) {
            const auto next = wheel_.next();
            if (!stopped_ && next && *next < armed_for_) arm(*next);
            return;
        }
    }
    if (!stopped_) arm(now);
}

bool Timers::expire_one(Time now) {
    TimerNode* const node = stopped_ ? nullptr : wheel_.pop_expired(now);
    if (node != nullptr) node->expire();
    return node != nullptr;
}

void Timers::expire_due(Time now) {
    while (expire_one(now)) {
    }
}

}  // namespace peerzone
