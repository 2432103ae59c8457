// Whom to ask next, over what, for how long, and what to say when nobody answered. A state machine
// without sockets or clocks: it is told what happened and says what to do. What endpoints turned
// out to be is remembered in the Endpoint objects.
//
//   for (Step step = plan.next(now, random); !step.give_up; step = plan.next(now, random)) { ask;
//   plan.on_…(step, …); } plan.failure()
//
// A time-out ends an attempt for the plan, not for its reply: the attempt listens on until the
// deadline, and what comes is told with the step that it belongs to. So a plan may give up while
// replies may still come (may_wait_for), and a late one may make it go on.
//
// Order: endpoints that are not suspect, then fewer tries, then RTT: within the best band one is
// picked at random, and so is one that was never measured. Where servers are not equal (order:
// listed) the place in the list comes before RTT, and no hedge goes to another place. With
// transport auto an endpoint is asked over UDP twice, then over TCP, then over UDP again; with no
// reply from anybody TCP comes earlier when most of the deadline is gone. No endpoint gets more
// than three tries per transport (RFC 9520 3.1), nor more than three that are not answered in time:
// a forwarder may be slow over one name. Where one endpoint has said no, suspect ones are not asked
// and not waited for. What a server seems not to understand is left out of the next question to it:
// mixed letter case where that has not worked yet, then the hop mark, then EDNS. With transport tls
// everything goes over TLS, whatever happens. An endpoint that is of another cluster than the
// peer's is as if it were not there, and one that has not shown yet whose it is comes after those
// that have.
//
// A step over UDP needs a permit (datagram_limit). Without one it goes over TCP (over_stream), and
// what goes wrong there is no loss. Where TCP is known not to work the endpoint is left out at that
// time; with no other one to ask the plan gives up, but may go on later (Step::limited).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "peerzone/base/clock.hpp"
#include "peerzone/exchange/reply_check.hpp"
#include "peerzone/upstream/case_doubt.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone::upstream {

struct Step {
    static constexpr std::size_t kNone = ~std::size_t{0};

    bool give_up = true;
    std::size_t endpoint = kNone;  ///< index into EndpointSet::endpoints
    Protocol protocol = Protocol::udp;
    bool edns = true;
    bool hop_mark = false;     ///< if the question has hops
    Kind kind = Kind::peer;    ///< whose endpoint it is
    bool mix_case = false;     ///< randomise the letter case (0x20)
    bool doubts_case = false;  ///< the same was said no to in mixed case
    bool came_back = false;    ///< it went round in a circle: that is why it was said no to
    bool limited = false;      ///< not over UDP for want of a permit; with give_up: ask again later
    Time asked_at{};
    Duration timeout{};                      ///< then the plan wants to know
    Duration hedge_after = Duration::max();  ///< without a reply by then, see hedge()
    std::size_t copy_to = kNone;  ///< a suspect endpoint that gets a copy; nobody waits for it
    Protocol copy_wire = Protocol::udp;
    /// Of a step that gives up: an endpoint may be asked as soon as it is known whose it is.
    bool awaits_identity = false;
};

struct Failure {
    std::uint16_t code = 0;  ///< RFC 8914
    std::string text;        ///< "peer=westus 10.2.0.10:53 udp timeout 200ms"
    bool ours = false;       ///< it says nothing of the name: a limit of our own, or no endpoint
                             ///< could be asked
};

class AttemptPlan {
public:
    static constexpr std::size_t kEndpointsMax =
        128;                                  ///< an upstream's endpoints past this are not asked
    static constexpr unsigned kTriesMax = 3;  ///< per endpoint and transport
    static constexpr unsigned kSilencesMax = 3;  ///< attempts per endpoint that time out
    static constexpr Millis kBackOffMax{400};  ///< repeated tries double their time-out up to this

    /// `upstream` and `set`, the endpoints to ask, must outlive the plan. `marks_hops`: questions
    /// carry the hop mark, where it is understood. `until` bounds its deadline: that of all
    /// questions along a chain of aliases.
    AttemptPlan(const Upstream& upstream, const EndpointSet& set, Time now, bool marks_hops = false,
                Time until = Time::max()) noexcept;

    Step next(Time now, std::uint32_t random) noexcept;
    /// The endpoints that are as good as any to ask now: one of them is picked at random.
    struct Candidates {
        std::array<bool, kEndpointsMax> is_one;  // NOLINT: filled up to the endpoints there are
        std::size_t count = 0;                   ///< of those that are one
    };
    /// Leaving out `but`. Changes nothing.
    Candidates candidates(Time now, std::size_t but = Step::kNone) const noexcept;
    /// An endpoint is being asked of which cluster it is: a question without candidates waits.
    bool is_identity_awaited() const noexcept;

    /// A second endpoint to ask while the first one of the question still has time: one of the best
    /// others, not suspect, at least as good as the first. Gives up when there is none. Once per
    /// question.
    Step hedge(Time now, std::uint32_t random) noexcept;

    /// There is no permit for this step, which next() or hedge() has just returned for UDP: the
    /// same over TCP. Gives up where that is known not to work; next() at the same `now` leaves the
    /// endpoint out.
    Step over_stream(Step step, Time now) noexcept;

    // What came of a step, of next() or hedge(); at any time until the question ends.
    /// True when this reply is the answer (data, nodata or nxdomain).
    bool on_reply(const Step& step, const exchange::CheckedReply& checked, Duration rtt, Time now);
    void on_case_differs(const Step& step, Time now) noexcept;
    /// True when the endpoint became suspect by it. A time-out is no loss yet, see on_silence().
    /// `why`: the words of FailureReason::untrusted.
    bool on_failure(const Step& step, FailureReason reason, Time now,
                    const std::string* why = nullptr);
    /// No reply within Endpoint::silent_after(): a loss, once per question and endpoint. True when
    /// the endpoint became suspect by it.
    bool on_silence(const Step& step, Time now) noexcept;

    /// A reply to an attempt that has timed out is worth waiting for, though there is nothing to
    /// ask.
    bool may_wait_for(const Step& step, Time now) const noexcept;
    /// A denial without SOA that would have been the answer, had another endpoint not been asked as
    /// well: after next() gave up, it is.
    std::optional<dns::Rcode> doubt() const noexcept { return doubt_; }

    Time deadline() const noexcept { return deadline_; }
    /// The most telling of all that went wrong. After next() gave up.
    Failure failure(Time now) const;

private:
    struct State {  // small: a plan lives in the frame of each question
        std::uint8_t udp_tries : 2 = 0;
        std::uint8_t stream_tries : 2 = 0;
        std::uint8_t silences : 2 = 0;  // attempts that timed out
        bool done : 1 = false;          // it answered, and the answer was no use
        bool full : 1 = false;          // no permit at full_at_, and no TCP
        bool silent : 1 = false;        // a datagram got no reply
        bool lost : 1 = false;          // a loss is noted, once per question
        bool heard : 1 = false;         // any reply of its own
        bool truncated : 1 = false;     // its reply was truncated: only a stream will do
        bool odd_case : 1 = false;      // it does not keep letter case
        bool without_edns : 1 = false;
        bool mark_silent : 1 = false;  // a question with the hop mark got no reply
        bool mark_refused : 1 = false;
        bool plain : 1 = false;  // no mixed case any more, for what was said to it …
        CaseDoubt doubt : 3 = CaseDoubt::none;  // … until there is a reply in plain case

        unsigned tries(Protocol protocol) const noexcept {
            return protocol == Protocol::udp ? udp_tries : stream_tries;
        }
        void set_tries(Protocol protocol, unsigned n) noexcept;
    };
    /// What went wrong, the most telling last.
    enum class Severity : std::uint8_t {
        nothing,
        failed_attempt,
        untrusted,
        invalid,
        truncated,
        lame,
        rcode,
        chain,
        explained
    };
    struct Choice {
        bool possible = false;
        Protocol protocol = Protocol::udp;
    };

    Choice choose_protocol(const State& state, const Endpoint& endpoint, Time now) const noexcept;
    Choice choose_plain(const State& state, const Endpoint& endpoint, Time now) const noexcept;
    Choice choose_automatic(const State& state, const Endpoint& endpoint, Time now) const noexcept;
    std::size_t pick_unasked(Time now, std::uint32_t random) const noexcept;
    bool ask_another(const Step& step, const exchange::CheckedReply& checked, Time now) noexcept;
    std::size_t pick(Time now, std::uint32_t random, std::size_t but = Step::kNone) const noexcept;
    void fill(Step& step, std::size_t chosen, Time now) const noexcept;
    void note_full(std::size_t endpoint, Time now) noexcept;
    Step nothing_to_ask(Time now) noexcept;
    Duration hedge_after(Time now) const noexcept;
    unsigned place_of(std::size_t i) const noexcept;
    unsigned rank(std::size_t i, Protocol protocol, Time now) const noexcept;
    Duration timeout_of(const Endpoint& endpoint, Protocol protocol, unsigned tries_before,
                        Time now) const noexcept;
    bool is_pointless(std::size_t endpoint) const noexcept;
    void force(std::size_t endpoint) noexcept;
    void find_copy(Time now) noexcept;
    bool doubts_case(const Step& step, const exchange::CheckedReply& checked, Time now) noexcept;
    void learn_from_clients(Endpoint& endpoint,
                            const exchange::CheckedReply& checked) const noexcept;
    void judge_failure(const Step& step, const exchange::CheckedReply& checked);
    void note_heard(const Step& step, Time now) const noexcept;
    bool raise(Severity severity, const Step& step) noexcept;
    std::string place(bool with_protocol) const;
    Failure fault_failure(Time now) const;
    Failure unasked_failure() const;
    Failure reply_failure() const;

    const Upstream& upstream_;
    const EndpointSet& set_;
    bool marks_hops_;
    std::size_t count_;
    Time start_;
    Time deadline_;
    Step step_;  // the last one of next()
    bool first_ = true;
    Time full_at_ = Time::min();        // when State::full counts
    bool was_limited_ = false;          // it has given up for want of a permit
    bool heard_ = false;                // from anybody
    std::size_t forced_ = Step::kNone;  // ask this endpoint again at once

    Severity severity_ = Severity::nothing;
    Step told_;  // the step that went wrong so tellingly
    FailureReason reason_ = FailureReason::timeout;
    bool reason_known_ = false;  // truncated: the stream failed too
    dns::Rcode rcode_ = dns::Rcode::noerror;
    exchange::Extended explained_;  // the endpoint's words; lame, chain: ours
    std::optional<dns::Rcode> doubt_;
    bool doubt_asked_ = false;  // another endpoint was asked for it
    std::string untrusted_;
    std::array<State, kEndpointsMax> states_;
};

}  // namespace peerzone::upstream
