// What carries questions to servers and their replies back. The real ones are UdpExchange and
// StreamExchange; a test may bring others. Used on one thread.
#pragma once

#include "peerzone/exchange/attempt.hpp"

namespace peerzone::exchange {

class Transport : public Exchange {
public:
    /// Sends the question to attempt.to. It may have ended when this returns (its outcome says so);
    /// await it otherwise.
    virtual void start(Attempt& attempt, Time now) = 0;
    /// The attempt takes longer than it should: where it waits may be dead without a word. True
    /// when it stands in the server's queue instead: that is not silence.
    virtual bool note_late(const Attempt& attempt) noexcept = 0;
    /// Every attempt ends with shut_down, within this call; later ones at once.
    virtual void shut_down() = 0;

protected:
    ~Transport() = default;
};

}  // namespace peerzone::exchange
