// The deadlines of one worker: a wheel behind a single timer of the event loop, or behind a clock
// that the caller moves. Used on the worker's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "peerzone/base/timer_wheel.hpp"

namespace peerzone {

class Timers {
public:
    explicit Timers(boost::asio::io_context& io);
    /// Without an event loop: nothing expires but within expire_due().
    Timers();
    ~Timers() { stop(); }
    Timers(const Timers&) = delete;
    Timers& operator=(const Timers&) = delete;

    /// Calls the node's handler at `deadline` or shortly after, never before.
    void add(TimerNode& node, Time now, Time deadline);
    /// No handler is called after this; nodes stay filed until they leave.
    void stop();

    // Without an event loop.
    /// When to call expire_due() again; nothing when no deadline is left.
    std::optional<Time> next() noexcept { return wheel_.next(); }
    /// Calls the handlers that are due at `now`, those included that become so by it.
    void expire_due(Time now);
    std::size_t count() const noexcept { return wheel_.count(); }

private:
    void arm(Time at);
    void fire();
    bool expire_one(Time now);

    TimerWheel wheel_;
    std::optional<boost::asio::steady_timer> timer_;
    Time armed_for_ = Time::max();
    bool stopped_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // handlers of a gone object see it
};

}  // namespace peerzone
