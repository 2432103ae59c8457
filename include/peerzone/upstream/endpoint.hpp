// One DNS server of a peer or forwarder, and what all workers have learned about it. Relaxed
// atomics: every worker reads and writes, and a lost update costs nothing but a slightly older
// estimate. Shared by snapshots: a reload keeps the object of an address that stays, so what was
// learned survives.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/exchange/attempt.hpp"
#include "peerzone/upstream/datagram_limit.hpp"
#include "peerzone/upstream/endpoint_identity.hpp"
#include "peerzone/upstream/endpoint_stats.hpp"
#include "peerzone/upstream/letter_case.hpp"
#include "peerzone/upstream/quantile.hpp"

namespace peerzone::upstream {

enum class Protocol : std::uint8_t { udp, tcp, tls };
const char* protocol_text(Protocol protocol) noexcept;

/// What the last probe said (src/README.md, "Probes").
enum class ProbeResult : std::uint8_t {
    none,  ///< not probed yet
    healthy,
    zone_absent,  ///< it is there, and does not have the zone yet: usable
    silent,       ///< no reply, or the network's error
    servfail,
    refused,
    wrong_zone,  ///< NXDOMAIN without a SOA or with a foreign one, a lame reply, another RCODE
    invalid      ///< the reply does not parse
};
std::string_view probe_text(ProbeResult result) noexcept;  ///< "zone absent"

/// Which transports work there, as far as known.
enum class Reach : std::uint8_t { unknown, udp, tcp, tls, udp_only, tcp_only, udp_and_tcp };
std::string_view reach_text(Reach reach) noexcept;  ///< "udp only"

/// Whose endpoint it is, as far as it bears on what its denials prove.
struct EndpointRole {
    bool forwarder = false;  ///< it says what others say: a denial without SOA may be all there is
    bool has_root = false;   ///< of the upstream of ".": the root's SOA proves
};

class Endpoint final : public exchange::ServerRecord {
public:
    explicit Endpoint(const SocketAddress& address, EndpointRole role = {}) noexcept
        : address_(address), role_(role) {}
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    const SocketAddress& address() const noexcept { return address_; }
    EndpointRole role() const noexcept { return role_; }

    /// How long to wait for a reply until another attempt is begun: SRTT + 4 × variance (RFC 6298's
    /// terms; at least 5 ms more than SRTT), at least 40 ms; 200 ms at first contact. The attempt
    /// listens on.
    Duration attempt_timeout() const noexcept;
    /// Without a reply for so long it counts as silent: twice what its slowest reply lately took,
    /// at least attempt_timeout(). Slow is not silent.
    Duration silent_after() const noexcept;
    /// Smoothed round trip; zero when nothing was measured yet.
    Duration smoothed_rtt() const noexcept;

    /// What 95 and 99 of 100 replies needed at most, as learned so far; zero when nothing was
    /// measured. The latter is at least 50 ms: below that nobody notices.
    Duration p95() const noexcept { return p95_.value(); }
    Duration p99() const noexcept;

    /// A reply came: the estimate moves, the losses are forgotten, suspicion ends.
    void note_reply(Duration rtt, Protocol protocol = Protocol::udp) noexcept;
    /// A question got no reply, or an error (one loss per question, however often it was repeated).
    /// Three in a row make the endpoint suspect. True when this one did.
    bool note_loss(Time now) noexcept;
    /// The same of a question that left at `sent_at`: no loss where a usable reply to another one
    /// has come since, for then it is that question's flow which is silent, not the endpoint.
    bool note_loss(Time now, Time sent_at) noexcept;
    /// A port that it was asked from got an error in place of a reply. Eight of them in a row are
    /// one loss: fewer speak of their flows (a Service one of whose pods has just ended). True when
    /// the endpoint became suspect by it.
    bool note_refused_port(Time now) noexcept override;
    void note_mismatch() noexcept override { stats_.note_failure(FailureReason::mismatch); }

    /// No client's question waits for a suspect endpoint while another is there.
    bool is_suspect() const noexcept override { return suspect_.load(std::memory_order_relaxed); }
    /// Questions in a row without a reply, as far as they are counted: three make it suspect.
    unsigned losses() const noexcept { return losses_.load(kRelaxed); }
    /// When it became suspect; nothing when it is not.
    std::optional<Time> suspect_since() const noexcept;
    /// True for one caller when a suspect endpoint is due for another try by a copy of a question:
    /// after 250 ms, then twice as long each time, at most 2 s.
    bool claim_retry(Time now) noexcept;

    // What the endpoint turned out not to understand, each remembered for a while.
    bool edns_works(Time now) const noexcept { return after(now, no_edns_until_); }
    void note_no_edns(Time now) noexcept;  ///< 10 minutes
    bool hop_mark_works(Time now) const noexcept { return after(now, no_hop_mark_until_); }
    /// A question with the hop mark was answered: it understands it, or does not care.
    void note_hop_mark() noexcept;
    /// It answered only without the mark, and refused it: none for 10 minutes.
    void note_hop_mark_refused(Time now) noexcept;
    /// It answered only without the mark, and was silent before. At first contact, or three times
    /// in a row, the same: one lost datagram must not switch off what ends loops.
    void note_hop_mark_silent(Time now) noexcept;
    /// Whether questions may leave in mixed letter case, and what is known about that.
    bool case_works(Time now) const noexcept { return letter_case_.may_mix(now); }
    LetterCase& letter_case() noexcept { return letter_case_; }
    const LetterCase& letter_case() const noexcept { return letter_case_; }
    void note_case_changed(Time now) noexcept { letter_case_.note_changed(now); }
    bool stream_works(Time now) const noexcept { return after(now, no_stream_until_); }
    void note_no_stream(Time now) noexcept;  ///< connection refused or reset: 10 s
    bool datagrams_work(Time now) const noexcept { return after(now, no_datagrams_until_); }
    /// TCP answered a question that UDP did not (transport auto). At first contact, or three times
    /// in a row: TCP for 10 minutes. A forwarder that is slow over one name must not lose its UDP.
    void note_no_datagrams(Time now) noexcept;
    /// A probe over UDP was answered after all.
    void note_datagrams() noexcept;
    /// The questions on their way over UDP whose replies may become answers.
    DatagramLimit& datagrams() noexcept { return datagrams_; }
    const DatagramLimit& datagrams() const noexcept { return datagrams_; }

    /// It gave data of the zone, and was neither suspect nor lame since: what it denies without a
    /// SOA is believed.
    bool has_zone() const noexcept { return has_zone_.load(kRelaxed); }
    void note_zone(bool has) noexcept {
        if (has_zone() != has) has_zone_.store(has, kRelaxed);
    }

    /// Whose it is, where its peer expects something of it.
    EndpointIdentity& identity() noexcept { return identity_; }
    const EndpointIdentity& identity() const noexcept { return identity_; }

    // For people, and for probes.
    EndpointStats& stats() noexcept { return stats_; }
    const EndpointStats& stats() const noexcept { return stats_; }
    /// When the last usable reply to a question or a probe came.
    std::optional<Time> last_reply() const noexcept;
    ProbeResult probe_result() const noexcept { return probe_result_.load(kRelaxed); }
    void note_usable(Time now) noexcept {
        last_reply_.store(now.time_since_epoch().count(), kRelaxed);
    }
    void note_probe(ProbeResult result) noexcept { probe_result_.store(result, kRelaxed); }
    /// Clients' names are answered there, whatever probes say: some servers refuse NS.
    void note_client_answer() noexcept;
    /// A client's question got a reply of no use. After three in a row probes are believed again.
    void note_client_failure() noexcept;
    /// Probes say that it has the zone or would have, or clients' names are answered; not where it
    /// is of another cluster, or is still asked for the first time.
    bool is_usable() const noexcept;
    /// It replies, but with nothing of use: others are preferred.
    bool is_unusable() const noexcept {
        return identity_.is_wrong() || (probe_result() >= ProbeResult::servfail && !is_usable());
    }
    /// When a question was lost there last.
    std::optional<Time> last_loss() const noexcept;
    Reach reach() const noexcept { return reach_.load(kRelaxed); }
    void note_reach(Reach reach) noexcept { reach_.store(reach, kRelaxed); }

private:
    static constexpr auto kRelaxed = std::memory_order_relaxed;
    using Ticks = Duration::rep;
    static constexpr Ticks kNever = Duration::min().count();
    static constexpr std::uint8_t kNothing = 0xff;
    static bool after(Time now, const std::atomic<Ticks>& until) noexcept {
        return now.time_since_epoch().count() >= until.load(std::memory_order_relaxed);
    }

    SocketAddress address_;
    EndpointRole role_;
    std::atomic<bool> has_zone_{false};
    std::atomic<std::uint32_t> srtt_us_{0};  // 0: never measured
    std::atomic<std::uint32_t> rttvar_us_{0};
    std::atomic<std::uint32_t> slowest_us_{0};  // lately: sinks towards each faster reply
    std::atomic<std::uint16_t> losses_{0};
    std::atomic<std::uint8_t> refused_ports_{0};
    std::atomic<bool> suspect_{false};
    std::atomic<Ticks> suspect_since_{0};
    std::atomic<Ticks> retry_at_{0};
    std::atomic<Ticks> retry_wait_{0};
    std::atomic<std::uint8_t> silent_datagrams_{0};
    std::atomic<bool> heard_datagram_{false};
    std::atomic<bool> heard_hop_mark_{false};
    std::atomic<std::uint8_t> silent_hop_marks_{0};
    Quantile<950> p95_;
    Quantile<990> p99_;
    std::atomic<Ticks> last_reply_{kNever};
    std::atomic<ProbeResult> probe_result_{ProbeResult::none};
    std::atomic<Reach> reach_{Reach::unknown};
    // What probes said while clients were answered: as long as they say the same, that is no news.
    std::atomic<std::uint8_t> answered_despite_{kNothing};
    std::atomic<std::uint8_t> client_failures_{0};  // in a row
    std::atomic<Ticks> last_loss_{kNever};
    LetterCase letter_case_;
    EndpointIdentity identity_;
    std::atomic<Ticks> no_edns_until_{Duration::min().count()};
    std::atomic<Ticks> no_hop_mark_until_{Duration::min().count()};
    std::atomic<Ticks> no_stream_until_{Duration::min().count()};
    std::atomic<Ticks> no_datagrams_until_{Duration::min().count()};
    alignas(64) EndpointStats stats_;
    alignas(64) DatagramLimit datagrams_;
};

/// What an endpoint is asked over when nothing is known about the question.
Protocol usual_protocol(std::optional<Protocol> transport, const Endpoint& endpoint,
                        Time now) noexcept;
/// How long a first question over this protocol is waited for: longer where hands are shaken first.
Duration initial_timeout(const Endpoint& endpoint, Protocol protocol) noexcept;

}  // namespace peerzone::upstream
