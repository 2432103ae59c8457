// Questions over UDP. Per endpoint a pool of connected sockets, each on a port of its own that the
// kernel chose; the pool grows with the questions in flight, a question leaves by any of them, and
// each is retired after a while (RFC 5452 9.2). Questions that are asked in one turn of the event
// loop leave in short runs: each run by a socket picked at random, with one system call.
//
// Behind an address there may be several servers, and what lies between picks one by the port that
// is asked from. So an ICMP error speaks of one flow: its socket is closed, and what waited on it
// goes out again from other ports (Attempt::flows_max). Used on one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "peerzone/base/cork.hpp"
#include "peerzone/base/fd.hpp"
#include "peerzone/base/random.hpp"
#include "peerzone/base/timers.hpp"
#include "peerzone/exchange/options.hpp"
#include "peerzone/exchange/question_run.hpp"
#include "peerzone/exchange/transport.hpp"
#include "peerzone/metrics/counters.hpp"

namespace peerzone::exchange {

struct AddressHash {
    std::size_t operator()(const SocketAddress& address) const noexcept;
};

class UdpExchange final : public Transport, private Cork::Sender {
public:
    UdpExchange(boost::asio::io_context& io, Cork& cork, Timers& timers, Random& random,
                metrics::Counters& counters, const Options& options);
    ~UdpExchange();
    UdpExchange(const UdpExchange&) = delete;
    UdpExchange& operator=(const UdpExchange&) = delete;

    /// Sends the question to attempt.to, within this call or when the Cork's scope ends. It may
    /// have ended when this returns (its outcome says so); await it otherwise.
    void start(Attempt& attempt, Time now) override;
    /// The attempt takes longer than it should. A port that was silent all the while takes no more
    /// questions: the flow may lead to a server that is gone. What is asked there next, the same
    /// question as a rule, leaves from the port that was answered last. False.
    bool note_late(const Attempt& attempt) noexcept override;
    /// Every attempt ends with shut_down, within this call; later ones at once.
    void shut_down() override;
    std::size_t socket_count() const noexcept { return sockets_; }

private:
    static constexpr Duration kSweepInterval = Seconds(1);
    static constexpr Duration kIdle = Seconds(2);
    static constexpr std::size_t kPendingPerSocketMax = 256;
    static constexpr int kEventsMax = 64;
    static constexpr int kRoundsMax = 16;  // of kEventsMax, before others get their turn
    static constexpr std::size_t kRunMax = QuestionRun::kMax;
    static constexpr std::size_t kReceiveMax = 16;  // replies that one system call takes in
    struct Buffers;

    struct Pool;
    struct Socket : AttemptPlace {
        Socket(Fd descriptor, Pool& owner, Time now);
        bool idle() const noexcept { return pending.empty() && unsent.empty(); }
        Fd fd;
        Pool* pool;
        AttemptList pending;  // sent, and not answered
        AttemptList unsent;   // leave with the next flush
        Time opened;
        Time used;
        Time heard;  // the last reply
        std::uint32_t asked = 0;
        bool retired = false;
    };
    using Sockets = std::vector<std::unique_ptr<Socket>>;
    struct Pool {
        Sockets active;
        Socket* filling = nullptr;   // takes the questions of the current run
        bool after_silence = false;  // the next question was silent at another port
        Sockets retired;             // wait for their last replies
        std::size_t in_flight = 0;   // over active and retired
        std::uint64_t asked = 0;
    };

    Outcome submit(Attempt& attempt, Time now);
    Socket* pick(const SocketAddress& to, Time now, Outcome& why_not);
    static Socket* last_heard(const Pool& pool) noexcept;
    bool open(Pool& pool, const SocketAddress& to, Time now, Outcome& why_not);
    bool make_room();
    std::size_t wanted(const Pool& pool) const noexcept;
    bool is_worn(const Socket& socket, Time now) const noexcept;
    void retire(Pool& pool, std::size_t index);
    void drop(Socket& socket);
    void close(Sockets& from, std::size_t index);
    void close_if_done(Socket& socket);
    std::uint16_t free_id(const Socket& socket) noexcept;
    void flush() noexcept override;
    void send_run(Socket& socket);
    void wait();
    void on_readable();
    void receive(Socket& socket);
    void on_datagram(Socket& socket, Bytes message, Time now);
    void collect(AttemptList& from, Outcome how) noexcept;
    void lose_flow(Socket& socket, Outcome how);
    void note_refused_port(const Socket& socket);
    bool ask_again(Attempt& attempt, Time now);
    void finish_failed_soon();
    void finish_failed();
    void on_resend(Attempt& attempt) override;
    void sweep();
    void on_timeout(Attempt& attempt) override;

    struct SweepNode : TimerNode {
        explicit SweepNode(UdpExchange& o);
        UdpExchange& owner;
    };

    Cork& cork_;
    Timers& timers_;
    Random& random_;
    metrics::Counters& counters_;
    Options options_;
    std::unordered_map<SocketAddress, Pool, AddressHash> pools_;
    std::size_t sockets_ = 0;
    std::vector<Pool*> filling_;  // those with a run to send
    Sockets graveyard_;           // closed during a wake-up; its events may still name them
    AttemptList failed_;          // to be asked again, or their coroutines are about to go on
    AttemptList between_;         // wait until they go out from another port
    bool in_wake_up_ = false;
    bool shut_down_ = false;
    SweepNode sweep_node_;
    QuestionRun run_;
    std::unique_ptr<Buffers> buffers_;
    boost::asio::posix::stream_descriptor epoll_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace peerzone::exchange
