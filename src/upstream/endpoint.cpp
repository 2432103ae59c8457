// What is learned about an endpoint. Each value is one relaxed atomic; two workers that write at
// once lose one sample, no more.
#include "peerzone/upstream/endpoint.hpp"

#include <algorithm>

namespace peerzone::upstream {
namespace {

constexpr Millis kFirstContact{200};
constexpr Millis kTimeoutMin{40};
constexpr Millis kGranularity{5};  // of the other side's and our own scheduling (RFC 6298's G)
constexpr std::uint16_t kLossesToSuspect = 3;
constexpr std::uint8_t kRefusedPortsToLoss = 8;
constexpr std::uint32_t kSlowestFades = 16;  // of the difference, with each faster reply
constexpr Millis kRetryFirst{250};
constexpr Millis kRetryMax{2000};
constexpr std::uint8_t kClientFailuresMax = 3;
constexpr std::uint8_t kSilentMax = 3;
constexpr auto kNoEdns = std::chrono::minutes(10);
constexpr auto kNoHopMark = std::chrono::minutes(10);
constexpr auto kNoStream = std::chrono::seconds(10);
constexpr auto kNoDatagrams = std::chrono::minutes(10);

constexpr Millis kP99Min{50};
constexpr auto kRelaxed = std::memory_order_relaxed;

Duration::rep ticks(Duration d) {
    return d.count();
}

void remember(std::atomic<Duration::rep>& until, Time now, Duration how_long) {
    until.store(ticks(now.time_since_epoch() + how_long), kRelaxed);
}

/// One silence more: at first contact it is enough, later the third in a row is.
bool is_enough(std::atomic<std::uint8_t>& silent, const std::atomic<bool>& heard) {
    const auto seen = static_cast<std::uint8_t>(silent.load(kRelaxed) + 1);
    const bool enough = seen >= kSilentMax || !heard.load(kRelaxed);
    silent.store(enough ? std::uint8_t{0} : seen, kRelaxed);
    return enough;
}

constexpr Duration kStreamTimeoutMin = Millis(400);  // a connection costs a round trip more

/// Round trips until a reply over this protocol may be there: TCP and TLS 1.3 shake hands first.
int round_trips(Protocol protocol) {
    switch (protocol) {
        case Protocol::udp: return 1;
        case Protocol::tcp: return 2;
        case Protocol::tls: return 3;
    }
    return 1;
}

}  // namespace

const char* protocol_text(Protocol protocol) noexcept {
    switch (protocol) {
        case Protocol::udp: return "udp";
        case Protocol::tcp: return "tcp";
        case Protocol::tls: return "tls";
    }
    return "";
}

std::string_view probe_text(ProbeResult result) noexcept {
    switch (result) {
        case ProbeResult::none: return "not probed yet";
        case ProbeResult::healthy: return "healthy";
        case ProbeResult::zone_absent: return "zone absent";
        case ProbeResult::silent: return "no reply";
        case ProbeResult::servfail: return "SERVFAIL";
        case ProbeResult::refused: return "REFUSED";
        case ProbeResult::wrong_zone: return "wrong zone";
        case ProbeResult::invalid: return "invalid reply";
    }
    return "";
}

std::string_view reach_text(Reach reach) noexcept {
    switch (reach) {
        case Reach::unknown: return "unknown";
        case Reach::udp: return "udp";
        case Reach::tcp: return "tcp";
        case Reach::tls: return "tls";
        case Reach::udp_only: return "udp only";
        case Reach::tcp_only: return "tcp only";
        case Reach::udp_and_tcp: return "udp and tcp";
    }
    return "";
}

Duration Endpoint::p99() const noexcept {
    return std::max<Duration>(p99_.value(), kP99Min);
}

std::optional<Time> Endpoint::last_reply() const noexcept {
    const Ticks at = last_reply_.load(kRelaxed);
    if (at == kNever) return std::nullopt;
    return Time(Duration(at));
}

Duration Endpoint::attempt_timeout() const noexcept {
    const std::uint32_t srtt = srtt_us_.load(kRelaxed);
    if (srtt == 0) return kFirstContact;
    const Duration spread = Micros(4ull * rttvar_us_.load(kRelaxed));
    const Duration wanted = Micros(srtt) + std::max<Duration>(spread, kGranularity);
    return std::max<Duration>(wanted, kTimeoutMin);
}

Duration Endpoint::silent_after() const noexcept {
    return std::max<Duration>(attempt_timeout(), 2 * Micros(slowest_us_.load(kRelaxed)));
}

Duration Endpoint::smoothed_rtt() const noexcept {
    return Micros(srtt_us_.load(kRelaxed));
}

void Endpoint::note_reply(Duration rtt, Protocol protocol) noexcept {
    const auto measured = std::chrono::duration_cast<Micros>(rtt).count();
    const auto sample = static_cast<std::uint32_t>(
        std::clamp<Micros::rep>(measured, 1, Micros(Seconds(10)).count()));
    const std::uint32_t srtt = srtt_us_.load(kRelaxed);
    if (srtt == 0) {  // RFC 6298 2.2
        rttvar_us_.store(sample / 2, kRelaxed);
        srtt_us_.store(sample, kRelaxed);
    } else {  // RFC 6298 2.3, alpha 1/8, beta 1/4
        const std::uint32_t error = srtt > sample ? srtt - sample : sample - srtt;
        const std::uint32_t var = rttvar_us_.load(kRelaxed);
        rttvar_us_.store(var - var / 4 + error / 4, kRelaxed);
        srtt_us_.store(std::max(1u, srtt - srtt / 8 + sample / 8), kRelaxed);
    }
    const std::uint32_t slowest = slowest_us_.load(kRelaxed);
    const std::uint32_t faded =
        slowest > sample ? slowest - (slowest - sample) / kSlowestFades : sample;
    if (faded != slowest) slowest_us_.store(faded, kRelaxed);
    p95_.note(sample);
    p99_.note(sample);
    if (protocol == Protocol::udp) {
        // Plain loads first: on a busy endpoint these lines stay shared between the workers'
        // caches.
        if (!heard_datagram_.load(kRelaxed)) heard_datagram_.store(true, kRelaxed);
        if (silent_datagrams_.load(kRelaxed) != 0) silent_datagrams_.store(0, kRelaxed);
    }
    if (losses_.load(kRelaxed) != 0) losses_.store(0, kRelaxed);
    if (refused_ports_.load(kRelaxed) != 0) refused_ports_.store(0, kRelaxed);
    if (suspect_.load(kRelaxed)) {
        suspect_.store(false, kRelaxed);
        letter_case_.forget_taken();
    }
}

std::optional<Time> Endpoint::last_loss() const noexcept {
    const Ticks at = last_loss_.load(kRelaxed);
    if (at == kNever) return std::nullopt;
    return Time(Duration(at));
}

void Endpoint::note_client_answer() noexcept {
    if (client_failures_.load(kRelaxed) != 0) client_failures_.store(0, kRelaxed);
    const auto said = static_cast<std::uint8_t>(probe_result());
    if (answered_despite_.load(kRelaxed) != said) answered_despite_.store(said, kRelaxed);
}

void Endpoint::note_client_failure() noexcept {
    const std::uint8_t before = client_failures_.load(kRelaxed);
    if (before < kClientFailuresMax)
        client_failures_.store(static_cast<std::uint8_t>(before + 1), kRelaxed);
    if (before + 1 >= kClientFailuresMax) answered_despite_.store(kNothing, kRelaxed);
}

bool Endpoint::is_usable() const noexcept {
    if (identity_.is_barred()) return false;
    const ProbeResult said = probe_result();
    return said == ProbeResult::healthy || said == ProbeResult::zone_absent ||
           answered_despite_.load(kRelaxed) == static_cast<std::uint8_t>(said);
}

bool Endpoint::note_loss(Time now) noexcept {
    last_loss_.store(ticks(now.time_since_epoch()), kRelaxed);
    const std::uint16_t before = losses_.load(kRelaxed);
    if (before < kLossesToSuspect) losses_.store(static_cast<std::uint16_t>(before + 1), kRelaxed);
    if (before + 1 < kLossesToSuspect || suspect_.load(kRelaxed)) return false;
    retry_wait_.store(ticks(kRetryFirst), kRelaxed);
    remember(retry_at_, now, kRetryFirst);
    remember(suspect_since_, now, Duration::zero());
    note_zone(false);
    return !suspect_.exchange(true, kRelaxed);
}

bool Endpoint::note_loss(Time now, Time sent_at) noexcept {
    const auto heard = last_reply();
    return (!heard || *heard <= sent_at) && note_loss(now);
}

bool Endpoint::note_refused_port(Time now) noexcept {
    const auto seen = static_cast<std::uint8_t>(refused_ports_.load(kRelaxed) + 1);
    refused_ports_.store(seen % kRefusedPortsToLoss, kRelaxed);
    return seen >= kRefusedPortsToLoss && note_loss(now);
}

std::optional<Time> Endpoint::suspect_since() const noexcept {
    if (!is_suspect()) return std::nullopt;
    return Time(Duration(suspect_since_.load(kRelaxed)));
}

bool Endpoint::claim_retry(Time now) noexcept {
    if (!is_suspect()) return false;
    Ticks due = retry_at_.load(kRelaxed);
    if (ticks(now.time_since_epoch()) < due) return false;
    const Ticks wait = std::min<Ticks>(2 * retry_wait_.load(kRelaxed), ticks(kRetryMax));
    const Ticks next = ticks(now.time_since_epoch()) + wait;
    if (!retry_at_.compare_exchange_strong(due, next, kRelaxed)) return false;
    retry_wait_.store(wait, kRelaxed);
    return true;
}

void Endpoint::note_no_edns(Time now) noexcept {
    remember(no_edns_until_, now, kNoEdns);
}

void Endpoint::note_hop_mark() noexcept {
    if (!heard_hop_mark_.load(kRelaxed)) heard_hop_mark_.store(true, kRelaxed);
    if (silent_hop_marks_.load(kRelaxed) != 0) silent_hop_marks_.store(0, kRelaxed);
}

void Endpoint::note_hop_mark_refused(Time now) noexcept {
    remember(no_hop_mark_until_, now, kNoHopMark);
}

void Endpoint::note_hop_mark_silent(Time now) noexcept {
    if (is_enough(silent_hop_marks_, heard_hop_mark_))
        remember(no_hop_mark_until_, now, kNoHopMark);
}

void Endpoint::note_no_stream(Time now) noexcept {
    remember(no_stream_until_, now, kNoStream);
}

void Endpoint::note_no_datagrams(Time now) noexcept {
    if (is_enough(silent_datagrams_, heard_datagram_))
        remember(no_datagrams_until_, now, kNoDatagrams);
}

void Endpoint::note_datagrams() noexcept {
    silent_datagrams_.store(0, kRelaxed);
    no_datagrams_until_.store(Duration::min().count(), kRelaxed);
}

Protocol usual_protocol(std::optional<Protocol> transport, const Endpoint& endpoint,
                        Time now) noexcept {
    if (transport) return *transport;
    return endpoint.datagrams_work(now) ? Protocol::udp : Protocol::tcp;
}

Duration initial_timeout(const Endpoint& endpoint, Protocol protocol) noexcept {
    const Duration own = endpoint.attempt_timeout();
    return protocol == Protocol::udp ? own
                                     : std::max(round_trips(protocol) * own, kStreamTimeoutMin);
}

}  // namespace peerzone::upstream
