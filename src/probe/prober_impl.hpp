// The three parts of the Prober: prober.cpp (which upstreams, and their states), prober_probe.cpp
// (when an endpoint is probed, and what comes of it) and prober_identity.cpp (whose it is).
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <vector>

#include "peerzone/base/cork.hpp"
#include "peerzone/base/random.hpp"
#include "peerzone/base/timers.hpp"
#include "peerzone/exchange/attempt.hpp"
#include "peerzone/exchange/reply_index.hpp"
#include "peerzone/exchange/stream_exchange.hpp"
#include "peerzone/exchange/udp_exchange.hpp"
#include "peerzone/probe/prober.hpp"
#include "peerzone/upstream/case_doubt.hpp"
#include "probe/probed_upstream.hpp"

namespace peerzone::probe {

struct ProbeAttempt : exchange::Attempt {
    std::shared_ptr<const upstream::Upstream> upstream;
    std::shared_ptr<const upstream::EndpointSet> set;  // whose TLS identity it uses
    Target* target = nullptr;
    upstream::Protocol protocol = upstream::Protocol::udp;
    std::uint32_t round = 0;
    bool confirms = false;  // a partition
    bool was_late = false;
    const upstream::Expectation* expected = nullptr;  // null: it asks for the zone
    std::size_t claim = 0;                            // which one of its peer's that is
    unsigned claims_round = 0;
};

/// How a probe asks: what the server seems not to understand is left out.
struct ProbeWay {
    bool edns = true;
    bool mix = false;
    upstream::CaseDoubt doubt = upstream::CaseDoubt::none;  // it is asked in plain case for that
};

struct Prober::Impl {
    Impl(boost::asio::io_context& io, const upstream::ClientOptions& options)
        : timers(io),
          udp(io, cork, timers, random, counters, options),
          stream(io, cork, timers, random, counters, brief(options)),
          wakeup_descriptor(io),
          sent(options.sent) {}

    /// A probe's connection is closed soon: a server that takes few must have one for clients.
    static upstream::ClientOptions brief(upstream::ClientOptions options) {
        options.stream_idle = Seconds(0);
        return options;
    }

    void follow(const std::vector<std::shared_ptr<const upstream::Upstream>>& upstreams);
    std::unique_ptr<ProbedUpstream> new_probed(const upstream::Upstream& upstream, Time now);
    void adopt(ProbedUpstream& probed, const std::shared_ptr<const upstream::Upstream>& upstream, Time now);
    void wait_for_wakeup();
    void on_wakeup();
    void look_soon(ProbedUpstream& probed, Time now) { timers.add(probed, now, now); }
    void look(ProbedUpstream& probed, Time now);
    void tell(ProbedUpstream& probed, upstream::UpstreamState before, Time since, Time now);
    void probe_all(ProbedUpstream& probed, Time now);

    Duration interval(const Target& target, Time now) const;
    void schedule(Target& target, Time now);
    void hasten(Target& target, Time now);
    void on_due(Target& target, Time now);
    bool clients_know(const Target& target, Time now) const;
    void begin(Target& target, Time now);
    void begin_other(Target& target, Time now);
    Detached probe(std::shared_ptr<Target> target, upstream::Protocol protocol, Time now);
    void prepare(ProbeAttempt& attempt, bool edns, bool mix);
    bool ask_otherwise(const ProbeAttempt& attempt, ProbeWay& way, Time now);
    void lose(Target& target, Time now);
    void start(ProbeAttempt& attempt, Time now);
    void late(ProbeAttempt& attempt);
    void unanswered(const ProbeAttempt& attempt, upstream::FailureReason reason, Time now);
    void answered(const ProbeAttempt& attempt, bool without_edns, Time now);
    void learn(Target& target, upstream::Protocol protocol, bool answered, Time now);
    void tell_result(Target& target, upstream::ProbeResult result, Time now);

    static void expect(Target& target);
    void identify(Target& target, Time now);
    Detached ask_claim(std::shared_ptr<Target> target, std::size_t i, Time now);
    static bool is_of_use(const ProbeAttempt& attempt);
    bool ask_claim_otherwise(ProbeAttempt& attempt, ProbeWay& way, Time now);
    void late_claim(ProbeAttempt& attempt);
    void take_claim(const ProbeAttempt& attempt, Time now);
    void settle(Target& target, Time now);
    void tell_identity(const Target& target, const std::string& why, log::LogLimit& limit,
                       Time now);

    metrics::Counters counters;
    Cork cork;
    Random random;
    Timers timers;
    exchange::UdpExchange udp;
    exchange::StreamExchange stream;
    exchange::ReplyIndex index;
    std::vector<std::unique_ptr<ProbedUpstream>> probed_upstreams;
    std::shared_ptr<Wakeup> wakeup = std::make_shared<Wakeup>();
    boost::asio::posix::stream_descriptor wakeup_descriptor;
    std::shared_ptr<upstream::SentNames> sent;
    bool stopped = false;
    std::shared_ptr<int> alive = std::make_shared<int>(0);  // handlers of a gone object see it
};

}  // namespace peerzone::probe
