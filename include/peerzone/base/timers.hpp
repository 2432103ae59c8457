// The deadlines of one worker: a wheel behind a single timer of the event loop. Used on the
// worker's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "peerzone/base/timer_wheel.hpp"

namespace peerzone {

class Timers {
public:
    explicit Timers(boost::asio::io_context& io);
    ~Timers() { stop(); }
    Timers(const Timers&) = delete;
    Timers& operator=(const Timers&) = delete;

    /// Calls the node's handler at `deadline` or shortly after, never before.
    void add(TimerNode& node, Time now, Time deadline);
    /// No handler is called after this; nodes stay filed until they leave.
    void stop();

private:
    void arm(Time at);
    void fire();

    TimerWheel wheel_;
    boost::asio::steady_timer timer_;
    Time armed_for_ = Time::max();
    bool stopped_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // handlers of a gone object see it
};

}  // namespace peerzone
