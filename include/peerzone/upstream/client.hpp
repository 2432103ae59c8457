// Asking an upstream: the plan of endpoints, attempts over UDP and TCP, one deadline. One Client
// per worker, used on its thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/cork.hpp"
#include "peerzone/base/task.hpp"
#include "peerzone/base/timer_node.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/exchange/options.hpp"
#include "peerzone/exchange/reply_check.hpp"
#include "peerzone/metrics/counters.hpp"
#include "peerzone/upstream/sent_names.hpp"
#include "peerzone/upstream/upstream.hpp"

namespace peerzone {
class Timers;
}
namespace peerzone::exchange {
class Transport;
}

namespace peerzone::upstream {

struct Question {
    dns::Name name;  ///< folded
    std::uint16_t type = 0;
    bool dnssec_ok = false;
    bool checking_disabled = false;
    std::uint8_t hops = 0;  ///< sent in the hop mark, but not to forwarders; 0: no mark
};

/// How asking ended. Either `message` and `checked` (kind data, nodata or nxdomain), or a failure
/// that people can read.
struct Asked {
    bool ok = false;
    Time ended_at{};
    Bytes message;  ///< ok only; stands in the Client's buffers until the awaiting coroutine next
                    ///< waits
    exchange::CheckedReply checked;               ///< ok only
    const exchange::ReplyIndex* index = nullptr;  ///< ok only: of `message`, and for as long
    std::uint16_t error_code = 0;                 ///< else: RFC 8914 code …
    bool cacheable = true;   ///< the failure is the upstream's, not ours (such as shutting down)
    std::string error_text;  ///< … and "peer=westus 10.2.0.10:53 udp timeout 200ms"
};

/// What bounds a question that is one of several, asked along a chain of aliases.
struct AskScope {
    const exchange::OtherOwners* others = nullptr;  ///< see Replier::others; must outlive the task
    Time until = Time::max();                       ///< the deadline of them all together
};

struct ClientOptions : exchange::Options {
    std::uint64_t node_id =
        0;  ///< who we are in hop marks (make_node_id); the same for all workers
    std::shared_ptr<SentNames> sent = std::make_shared<SentNames>();  ///< the same for all workers
};

/// What a client's questions travel by; all of it outlives the client.
struct Network {
    Timers& timers;
    exchange::Transport& udp;
    exchange::Transport& stream;
};

class Client {
public:
    /// Questions and replies of one turn of the event loop leave together, as `cork` says.
    Client(boost::asio::io_context& io, Cork& cork, metrics::Counters& counters,
           const ClientOptions& options);
    /// By a network that is not ours.
    Client(const Network& network, metrics::Counters& counters, const ClientOptions& options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Asks until there is a reply to believe, every endpoint that the upstream has now was tried,
    /// or upstream.options.deadline or scope.until has passed. `upstream` and `question` must live
    /// until the task ends (the coroutine that awaits holds the snapshot); `now` is when it begins.
    Task<Asked> ask(const Upstream& upstream, const Question& question, Time now,
                    AskScope scope = {});

    /// The endpoints of `upstream` as they are now, for what is done on hits, too: cheap as long as
    /// they stay. The reference is good until the client next looks at them.
    const EndpointSet& endpoints_of(const Upstream& upstream);
    /// With a new snapshot, whose Upstream::id are below `count`: the sets of upstreams that are
    /// gone are kept no longer.
    void forget_endpoints(std::size_t count);

    /// What comes of asking an upstream none of whose endpoints may be asked: there are none, or
    /// all are of another cluster. Nothing: a question that begins now goes somewhere, or waits for
    /// that. Changes nothing; any thread.
    static std::optional<Asked> fails_at_once(const Upstream& upstream, const EndpointSet& set,
                                              Time now);

    /// The letter case that questions left with.
    SentNames& sent() noexcept;

    /// Calls the node's handler at `at` or shortly after, on this thread; not after shut_down. The
    /// node leaves when it is destroyed. Allocates nothing.
    void call_at(TimerNode& node, Time now, Time at);
    /// A client asked for a name of an upstream that is away. At most one probe or copy of the
    /// question goes there, so that its return is noticed; nobody waits. Cheap, and bounded however
    /// often it is called.
    void send_canary(const Upstream& upstream, const Question& question, Time now);

    /// Ends every wait with a failure ("shutting down") and closes all sockets. Coroutines resume
    /// within this call.
    void shut_down();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace peerzone::upstream
