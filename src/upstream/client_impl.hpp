// The two halves of the Client: client.cpp (one question, attempt by attempt) and client_listen.cpp
// (attempts beside the one that the question waits for: second questions, and those that have timed
// out and listen on).
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "peerzone/base/random.hpp"
#include "peerzone/base/timers.hpp"
#include "peerzone/exchange/attempt.hpp"
#include "peerzone/exchange/reply_index.hpp"
#include "peerzone/exchange/stream_exchange.hpp"
#include "peerzone/exchange/udp_exchange.hpp"
#include "peerzone/upstream/client.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {

struct Client::Impl {
    /// The sockets of a client of its own.
    struct Sockets {
        Sockets(boost::asio::io_context& io, Cork& cork, Random& random, metrics::Counters& c,
                const ClientOptions& options)
            : timers(io),
              udp(io, cork, timers, random, c, options),
              stream(io, cork, timers, random, c, options) {}

        Timers timers;
        exchange::UdpExchange udp;
        exchange::StreamExchange stream;
    };

    Impl(boost::asio::io_context& io, Cork& cork, metrics::Counters& c,
         const ClientOptions& options)
        : counters(c),
          node_id(options.node_id),
          sent(options.sent),
          sockets(std::in_place, io, cork, random, c, options),
          timers(sockets->timers),
          udp(sockets->udp),
          stream(sockets->stream) {}
    Impl(const Network& network, metrics::Counters& c, const ClientOptions& options)
        : counters(c),
          node_id(options.node_id),
          sent(options.sent),
          timers(network.timers),
          udp(network.udp),
          stream(network.stream) {}

    struct Asking;
    /// An attempt whose reply may be the answer. Over UDP it is counted until it ends.
    struct CountedAttempt : exchange::Attempt {
        DatagramLimit::Permit permit;

        /// Before the coroutine goes on: what it asks next finds room.
        void await_resume() noexcept { permit.release(); }
    };
    struct QuestionAttempt : CountedAttempt {
        Impl* impl = nullptr;
        Asking* asking = nullptr;
    };
    enum class Role : std::uint8_t {
        hedge,  ///< a second question
        late,   ///< it has timed out, and listens until the question's deadline
        beaten  ///< another one was answered first: its reply still says how long that takes
    };
    /// Where a question waits that has nothing left to ask.
    struct NoExchange final : exchange::Exchange {
        void on_timeout(exchange::Attempt& attempt) override {
            attempt.finish(exchange::Outcome::timeout, Clock::now());
        }
        void on_resend(exchange::Attempt& /*attempt*/) override {}
    };
    /// An attempt beside the one that the question waits for, in the frame of a coroutine of its
    /// own.
    struct SideAttempt : CountedAttempt {
        Impl* impl = nullptr;
        Asking* asking = nullptr;  // null: the question has ended meanwhile
        Endpoint* endpoint = nullptr;
        const UpstreamHealth* health = nullptr;
        Step step;
        Role role = Role::late;

        /// It listens on, and is not sent again. Its reply is no answer any more.
        void leave_question() noexcept {
            permit.release();
            asking = nullptr;
            is_persistent = false;
        }
    };
    static constexpr std::size_t kSidesMax = 3;
    /// One question while it waits, in the frame of ask().
    struct Asking {
        Asking(const Upstream& u, std::shared_ptr<const EndpointSet> endpoints, const Question& q,
               const AskScope& scope, Time now)
            : upstream(u),
              set(std::move(endpoints)),
              question(q),
              others(scope.others),
              key(DatagramLimit::key_of(q.name.wire(), q.type)),
              plan(std::in_place, u, *set, now, marks_hops(), scope.until) {}
        ~Asking() { leave_sides(); }
        Asking(const Asking&) = delete;
        Asking& operator=(const Asking&) = delete;

        bool marks_hops() const noexcept {
            return question.hops != 0 && upstream.options.takes_hop_mark();
        }
        void leave_sides() noexcept {
            for (SideAttempt*& side : sides)
                if (side != nullptr) std::exchange(side, nullptr)->leave_question();
        }
        /// The endpoint that failed is not among those of the upstream any more; of a parked
        /// question, none is that was asked. A denial that is doubted only waits for its end.
        bool is_left_by(const EndpointSet& now, bool was_parked) const {
            const auto is_there = [&](const auto& endpoint) {
                return std::ranges::find(now.endpoints, endpoint) != now.endpoints.end();
            };
            if (now.endpoints.empty() || plan->doubt()) return false;
            return was_parked ? std::ranges::none_of(set->endpoints, is_there)
                              : !is_there(set->endpoints[step.endpoint]);
        }
        /// The upstream has other endpoints now: they are asked from the beginning, within the
        /// same deadline. What is on its way to the others goes on without the question.
        void begin_again(const std::shared_ptr<const EndpointSet>& endpoints, Time now) {
            const Time until = plan->deadline();
            leave_sides();
            set = endpoints;
            plan.emplace(upstream, *set, now, marks_hops(), until);
        }

        const Upstream& upstream;
        std::shared_ptr<const EndpointSet> set;  // as it was when the plan began
        const Question& question;
        const exchange::OtherOwners* others;
        std::uint64_t key;  // in each endpoint's DatagramLimit
        std::optional<AttemptPlan> plan;
        Step step;
        QuestionAttempt attempt;
        std::array<SideAttempt*, kSidesMax> sides{};
        bool is_parked = false;  // `attempt` is not on its way: it waits for those at its sides, or
                                 // for whose an endpoint is, or was given up
        bool is_limited = false;  // a step of it was, which is counted once
        Asked asked;
    };

    void prepare(exchange::Attempt& attempt, Endpoint& endpoint, const Question& question,
                 const Step& step);
    void start(exchange::Attempt& attempt, Protocol protocol, Time now);
    void send_copy(const Upstream& upstream, const EndpointSet& set, std::size_t to,
                   Protocol protocol, const Question& question, Time now);
    Detached copy(std::shared_ptr<Endpoint> endpoint, std::shared_ptr<UpstreamHealth> health,
                  std::shared_ptr<exchange::TlsIdentity> tls, Question question, Step step,
                  Time now);
    Step next_step(Asking& asking, Time now);
    DatagramLimit::Permit claim(Asking& asking, Step& step, Time now);
    void ask_next(Asking& asking, Time now);
    void watch_time_out(Asking& asking);
    void unusually_late(Asking& asking);
    void time_out(Asking& asking);
    bool may_wait(const Asking& asking, Time now) const;
    void park(Asking& asking, Time now);
    void wake(Asking& asking, bool hedged, Time now);
    Detached beside(Asking& asking, Step step, Role role, DatagramLimit::Permit permit, Time now);
    void begin_beside(SideAttempt& side, Time now);
    void end_beside(SideAttempt& side, Endpoint& endpoint, const UpstreamHealth& health);
    void make_room(Asking& asking, Time now);
    void silent(SideAttempt& side);
    void beat(Asking& asking, Time now);
    void note_loss(bool became_suspect, const UpstreamHealth& health);
    void note_alone(Endpoint& endpoint, const UpstreamHealth& health,
                    const exchange::Attempt& attempt, Protocol protocol);
    bool judge(Asking& asking, const Step& step, const exchange::Attempt& attempt);
    void fail_attempt(Endpoint& endpoint, const exchange::Attempt& attempt, Protocol protocol);
    static void count_silence(Endpoint& endpoint, const exchange::Attempt& attempt);
    void count_oddities(const exchange::CheckedReply& checked);
    exchange::CheckedReply check(const exchange::Attempt& attempt, const Endpoint& endpoint,
                                 const exchange::OtherOwners* others);
    Asked given_up(const Asking& asking, Time now) const;
    static Asked failed(const AttemptPlan& plan, Time now);
    Asked away(const AttemptPlan& plan, Time now) const;
    Asked shutting_down(const Upstream& upstream, Time now) const;

    metrics::Counters& counters;
    std::uint64_t node_id;  // who we are in hop marks
    std::shared_ptr<SentNames> sent;
    Random random;
    std::optional<Sockets> sockets;  // none: by the network of the caller
    Timers& timers;
    exchange::Transport& udp;
    exchange::Transport& stream;
    EndpointReader endpoints;
    NoExchange no_exchange;
    exchange::AttemptList parked;
    exchange::ReplyIndex index;  // of the reply that was judged last
};

}  // namespace peerzone::upstream
