// One question to one endpoint, on its way. It lives in the frame of the coroutine that waits for
// it: start it on an exchange, then await it. Used on one thread.
#pragma once

#include <algorithm>
#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "peerzone/base/bytes.hpp"
#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/base/random.hpp"
#include "peerzone/base/timer_wheel.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::exchange {

enum class Outcome : std::uint8_t {
    waiting,
    reply,
    case_differs,
    timeout,
    refused,
    unreachable,
    closed,
    untrusted,  ///< TLS failed; `why` has the words
    dropped,    ///< the server answers others, and closed each connection with this question on it
    busy,
    beaten,  ///< a second question was answered first
    shut_down
};

class Attempt;
class TlsIdentity;

/// What is known of the server at the other end, as far as an exchange bears on it. Outlives the
/// attempts that name it.
class ServerRecord {
public:
    /// A message came that answers no question of ours.
    virtual void note_mismatch() noexcept = 0;
    /// A port was refused. True when the server became suspect by it.
    virtual bool note_refused_port(Time now) noexcept = 0;
    /// No question should wait for it.
    virtual bool is_suspect() const noexcept = 0;

protected:
    ~ServerRecord() = default;
};

/// Whom to tell that a server became suspect. Outlives the attempts that name it.
class Waker {
public:
    virtual void wake() const noexcept = 0;

protected:
    ~Waker() = default;
};

/// What carries attempts; it is called when one has waited long enough, on its thread.
class Exchange {
public:
    virtual void on_timeout(Attempt& attempt) = 0;  ///< at Attempt::expires_at
    virtual void on_resend(Attempt& attempt) = 0;   ///< at Attempt::resend_at

protected:
    ~Exchange() = default;
};

/// Where an attempt waits in its exchange: a socket or a connection.
struct AttemptPlace {};

/// Attempts that wait at one place. `total` counts those of several lists together.
class AttemptList {
public:
    explicit AttemptList(std::size_t* total = nullptr) noexcept : total_(total) {}
    AttemptList(const AttemptList&) = delete;
    AttemptList& operator=(const AttemptList&) = delete;

    /// Takes the attempt out of the list that it is in.
    void add(Attempt& attempt) noexcept;
    Attempt* first() const noexcept { return first_; }
    std::size_t count() const noexcept { return count_; }
    bool empty() const noexcept { return first_ == nullptr; }
    /// The attempt with this ID or null.
    Attempt* find(std::uint16_t id) const noexcept;

private:
    friend class Attempt;
    Attempt* first_ = nullptr;
    std::size_t count_ = 0;
    std::size_t* total_;
};

class Attempt : public TimerNode {
public:
    Attempt() noexcept : TimerNode(&Attempt::expired) {}
    ~Attempt() { leave(); }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    // What is asked; set before each start.
    SocketAddress to;
    TlsIdentity* tls = nullptr;  ///< on a stream: null is clear text
    std::uint16_t type = 0;
    bool dnssec_ok = false;
    bool checking_disabled = false;
    bool edns = true;
    std::uint8_t hops = 0;   ///< the hop mark (src/README.md, "Loops"); 0: none
    std::uint64_t node = 0;  ///< who we are in it
    Duration timeout{};
    ServerRecord* server = nullptr;  ///< may be null
    const Waker* waker = nullptr;    ///< called when a port makes the server suspect; may be null
    /// Called once when there is no reply after `late_after`, though the wait goes on. It must file
    /// the attempt in its timers again, for wakes_at(). Called early when flows_max is reached.
    void (*on_late)(Attempt&) = nullptr;
    Duration late_after{};
    /// Over UDP: an ICMP error speaks of one flow, so the question goes out again at once from
    /// another port, over so many ports in all …
    std::uint8_t flows_max = 8;
    /// … and then, if this is set, from one more each 50 ms until it expires. Otherwise it ends.
    bool is_persistent = false;
    /// Keeps `name` as it will be sent, with random letter case when `mix` is not null.
    void set_name(Bytes name, Random* mix) noexcept;
    Bytes name() const noexcept { return {name_.data(), name_size_}; }
    bool case_is_mixed() const noexcept { return mixed_; }
    std::size_t write(MutableBytes out) const noexcept;

    // What came of it.
    Outcome outcome = Outcome::waiting;
    Bytes reply;  ///< outcome reply: in the exchange's buffer until the coroutine waits again
    std::shared_ptr<const std::string> why;  ///< outcome untrusted
    Time began_at{};
    Time sent_at{};  ///< when the question left, the last time
    Time ended_at{};
    std::uint8_t flows_lost = 0;  ///< ports that an error closed
    /// As many ports as may be tried at once led nowhere.
    bool is_refused() const noexcept { return flows_lost >= flows_max; }
    bool has_reply() const noexcept {
        return outcome == Outcome::reply || outcome == Outcome::case_differs;
    }

    // The exchange's own.
    std::uint16_t id = 0;
    bool on_used_stream =
        false;  ///< its connection had been used before: the server may just have closed it
    /// Connections that the server closed with this question unanswered: it moved to another one.
    std::uint8_t moves = 0;
    Outcome ending = Outcome::waiting;  ///< what went wrong with its port, the last time
    Time expires_at{};                  ///< when the exchange gives up
    Time resend_at{Time::max()};        ///< when it goes out from another port
    Time late_at() const noexcept {
        return on_late != nullptr ? began_at + late_after : Time::max();
    }
    /// When the timer is to fire next.
    Time wakes_at() const noexcept { return std::min({late_at(), resend_at, expires_at}); }
    AttemptPlace* place = nullptr;  ///< null: on none at present
    Exchange* exchange = nullptr;
    void begin(Time now) noexcept;
    /// Waits from now on instead of `other`, which leaves. File it in the timers for expires_at.
    void take_place_of(Attempt& other) noexcept;
    void leave() noexcept;  ///< the list it waits in, and the timer
    /// Ends the wait. The coroutine goes on within this call, and the attempt may be gone
    /// afterwards.
    void finish(Outcome how, Time now);

    bool await_ready() const noexcept { return outcome != Outcome::waiting; }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }
    void await_resume() const noexcept {}

    Attempt* next() const noexcept { return next_; }  ///< in the list it waits in

private:
    friend class AttemptList;
    static void expired(TimerNode& node);
    void leave_list() noexcept;
    void mix_case(Random& random) noexcept;

    std::coroutine_handle<> waiter_;
    AttemptList* list_ = nullptr;
    Attempt* next_ = nullptr;
    Attempt** link_ = nullptr;
    bool mixed_ = false;
    std::uint8_t name_size_ = 0;
    std::array<std::uint8_t, dns::kNameMax> name_;
};

}  // namespace peerzone::exchange
