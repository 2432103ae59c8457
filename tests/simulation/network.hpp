// The network between the program and the scripted servers: two transports in place of sockets.
// What becomes of each question is decided when it leaves.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "peerzone/base/timers.hpp"
#include "peerzone/exchange/transport.hpp"
#include "simulation/events.hpp"
#include "simulation/plan.hpp"
#include "simulation/servers.hpp"
#include "simulation/trace.hpp"

namespace peerzone::simulation {

class Network;

/// Matches replies with questions as the real exchanges do.
class ScriptedTransport final : public exchange::Transport {
public:
    ScriptedTransport(Network& network, bool is_datagram)
        : network_(network), is_datagram_(is_datagram) {}

    void start(exchange::Attempt& attempt, Time now) override;
    bool note_late(const exchange::Attempt& attempt) noexcept override;
    void shut_down() override;
    void on_timeout(exchange::Attempt& attempt) override;
    void on_resend(exchange::Attempt& attempt) override;

    /// False when no question waits for it.
    bool deliver(const Message& message, unsigned meant_for);
    void lose(unsigned id, exchange::Outcome how);
    std::size_t waiting() const { return sent_.count() + between_.count(); }

private:
    exchange::Outcome submit(exchange::Attempt& attempt, Time now);
    bool ask_again(exchange::Attempt& attempt, Time now);

    Network& network_;
    bool is_datagram_;
    bool is_down_ = false;
    exchange::AttemptPlace place_;
    exchange::AttemptList sent_;
    exchange::AttemptList between_;  // wait until they go out from another port
};

/// How an endpoint is at present.
enum class Mode : std::uint8_t { well, silent, slow, refusing, failing, lame };

class Network {
public:
    Network(Events& events, Servers& servers, Ledger& ledger, Dice& dice, Tally& tally,
            Trace& trace)
        : events_(events),
          servers_(servers),
          ledger_(ledger),
          dice_(dice),
          tally_(tally),
          trace_(trace) {}

    Timers timers;
    ScriptedTransport udp{*this, true};
    ScriptedTransport stream{*this, false};

    /// Of a thousand questions, how many meet a fault of their own.
    void set_faults(unsigned per_mille) { faults_ = per_mille; }
    void set_mode(unsigned upstream, unsigned endpoint, Mode mode) {
        modes_[upstream][endpoint] = mode;
    }
    Mode mode(unsigned upstream, unsigned endpoint) const { return modes_[upstream][endpoint]; }
    bool is_silent(unsigned upstream, unsigned endpoint) const {
        const Mode now = mode(upstream, endpoint);
        return now == Mode::silent || now == Mode::refusing;
    }

private:
    friend class ScriptedTransport;
    /// Outcome::waiting: it is on its way.
    exchange::Outcome carry(ScriptedTransport& by, const exchange::Attempt& attempt,
                            bool is_datagram, Time now);
    exchange::Outcome carry_badly(ScriptedTransport& by, const Question& question,
                                  std::optional<Fault> said, Time now, Time soon);
    void answer(ScriptedTransport& by, const Question& question, std::optional<Fault> fault,
                Time at);
    void lose_later(ScriptedTransport& by, unsigned id, exchange::Outcome how, Fault fault,
                    Time at);
    Duration delay_of(Mode mode);

    Events& events_;
    Servers& servers_;
    Ledger& ledger_;
    Dice& dice_;
    Tally& tally_;
    Trace& trace_;
    unsigned faults_ = 0;
    std::uint16_t last_id_ = 0;
    std::array<std::array<Mode, kEndpointsEach>, kUpstreams> modes_{};
};

}  // namespace peerzone::simulation
