// The two halves of the Client: client.cpp (one question, attempt by attempt) and client_hedge.cpp
// (a second question while the first one has time).
#pragma once

#include <memory>

#include "peerzone/upstream/client.hpp"
#include "upstream/attempt.hpp"
#include "upstream/attempt_plan.hpp"
#include "upstream/random.hpp"
#include "upstream/reply_index.hpp"
#include "upstream/stream_exchange.hpp"
#include "upstream/timers.hpp"
#include "upstream/udp_exchange.hpp"

namespace peerzone::upstream {

struct Client::Impl {
    Impl(boost::asio::io_context& io, Cork& cork, metrics::Counters& c,
         const ClientOptions& options)
        : counters(c),
          node_id(options.node_id),
          sent(options.sent),
          timers(io),
          udp(io, cork, timers, random, c, options),
          stream(io, cork, timers, random, c, options) {}

    struct Asking;
    struct QuestionAttempt : Attempt {
        Impl* impl = nullptr;
        Asking* asking = nullptr;
    };
    struct BeatenAttempt : Attempt {
        Impl* impl = nullptr;
        Endpoint* endpoint = nullptr;
        const UpstreamHealth* health = nullptr;
        Wire wire = Wire::udp;
        bool was_late = false;
    };
    struct HedgeAttempt : Attempt {  // in the frame of a coroutine of its own
        Asking* asking = nullptr;    // null: the question has ended meanwhile
    };
    /// One question while it waits, in the frame of ask().
    struct Asking {
        Asking(const Upstream& u, const Question& q, const Chase& chase, Time now)
            : upstream(u),
              question(q),
              others(chase.others),
              plan(u, now, q.hops != 0 && u.options.takes_hop_mark(), chase.until) {}
        ~Asking() {
            if (hedge != nullptr) hedge->asking = nullptr;
        }
        Asking(const Asking&) = delete;
        Asking& operator=(const Asking&) = delete;

        const Upstream& upstream;
        const Question& question;
        const OtherOwners* others;
        AttemptPlan plan;
        Step step;
        QuestionAttempt attempt;
        Time gives_up{};                // of the attempt, were there no hedge
        HedgeAttempt* hedge = nullptr;  // on its way
        Asked asked;
    };

    void prepare(Attempt& attempt, Endpoint& endpoint, const Question& question, const Step& step);
    void start(Attempt& attempt, Wire wire, Time now);
    void send_copy(const Upstream& upstream, std::size_t to, Wire wire, const Question& question,
                   Time now);
    Detached copy(std::shared_ptr<Endpoint> endpoint, std::shared_ptr<UpstreamHealth> health,
                  std::shared_ptr<TlsIdentity> tls, Question question, Step step, Time now);
    void ask_next(Asking& asking, Time now);
    void late(Asking& asking);
    Detached hedge(Asking& asking, Step step, Time now);
    void beat(Asking& asking, Time now);
    Detached linger(Asking& asking, std::shared_ptr<Endpoint> endpoint,
                    std::shared_ptr<UpstreamHealth> health, std::shared_ptr<TlsIdentity> tls,
                    Time now);
    void note_loss(Endpoint& endpoint, const UpstreamHealth& health, Time now);
    void beaten_late(BeatenAttempt& attempt);
    void note_alone(Endpoint& endpoint, const UpstreamHealth& health, const Attempt& attempt,
                    Wire wire);
    enum class Which : std::uint8_t { first, second };
    bool judge(Asking& asking, const Step& step, const Attempt& attempt, Which which);
    void fail_attempt(Endpoint& endpoint, const Attempt& attempt, Wire wire);
    void count_oddities(const CheckedReply& checked);
    CheckedReply check(const Attempt& attempt, const Endpoint& endpoint, const OtherOwners* others);
    Asked given_up(const Asking& asking, Time now) const;
    Asked failed(const AttemptPlan& plan, Time now) const;
    Asked away(const AttemptPlan& plan, Time now) const;
    Asked shutting_down(const Upstream& upstream, Time now) const;

    metrics::Counters& counters;
    std::uint64_t node_id;  // who we are in hop marks
    std::shared_ptr<SentNames> sent;
    Random random;
    Timers timers;
    UdpExchange udp;
    StreamExchange stream;
    ReplyIndex index;  // of the reply that was judged last
};

}  // namespace peerzone::upstream
