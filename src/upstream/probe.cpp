#include "upstream/probe.hpp"

#include <algorithm>

namespace peerzone::upstream {
namespace {

constexpr unsigned kMissesToSuspect = 3;
constexpr Duration kAgain = Millis(50);  // an error may come back at once
constexpr unsigned kWireMissesMax = 2;
constexpr Duration kConfirmMin = Millis(200);
constexpr Duration kConfirmMax = Millis(400);
constexpr Duration kUnusable = Seconds(1);
// While others answer, nobody waits for a dead one: it may be noticed a little later.
constexpr unsigned kFastMisses = 40;
constexpr Duration kLongDead = Seconds(1);

}  // namespace

dns::Name probe_name(const Options& options) {
    return options.zones.empty() ? dns::Name() : options.zones.front().folded();
}

ProbeResult judge_probe(const CheckedReply& checked, Kind kind) noexcept {
    const bool peer = kind == Kind::peer;
    switch (checked.kind) {
        case ReplyKind::data:
        case ReplyKind::nodata:
        case ReplyKind::truncated: return ProbeResult::healthy;
        case ReplyKind::nxdomain:
            if (!peer) return ProbeResult::healthy;
            // Only who answers for the zone, or for what is above it, can tell that it is absent.
            // The root's SOA is what a resolver of the Internet says.
            return checked.has_soa && !checked.soa_owner.is_root() ? ProbeResult::zone_absent
                                                                   : ProbeResult::wrong_zone;
        case ReplyKind::lame: return peer ? ProbeResult::wrong_zone : ProbeResult::healthy;
        case ReplyKind::no_edns:
        case ReplyKind::failure:
            if (checked.rcode == dns::Rcode::servfail) return ProbeResult::servfail;
            if (checked.rcode == dns::Rcode::refused) return ProbeResult::refused;
            return peer ? ProbeResult::wrong_zone : ProbeResult::healthy;
        case ReplyKind::invalid: return ProbeResult::invalid;
    }
    return ProbeResult::invalid;
}

Duration probe_interval(const ProbeFacts& facts) noexcept {
    if (facts.held) return kProbeCalm;
    if (facts.suspect || facts.unsettled) {
        if (facts.wanted)
            return facts.unsettled || facts.misses < kFastMisses ? kProbeFast : kLongDead;
        const unsigned doublings = std::min(facts.misses, 8u) / 2;
        return std::min<Duration>(kProbeFast * (1 << doublings), kProbeCalm);
    }
    if (facts.misses > 0 && facts.misses < kMissesToSuspect) return kAgain;
    if (facts.unusable && facts.wanted) return kUnusable;
    return kProbeCalm;
}

Duration confirming_patience(Duration usual) noexcept {
    return std::max<Duration>(usual, std::clamp<Duration>(2 * usual, kConfirmMin, kConfirmMax));
}

void ProtocolsKnown::note(Protocol protocol, bool answered) noexcept {
    One& one = protocol == Protocol::udp ? udp_ : tcp_;
    const One& other = protocol == Protocol::udp ? tcp_ : udp_;
    if (answered) {
        one = {Works::yes, 0};
        return;
    }
    ++one.misses;
    const bool other_heard = other.works == Works::yes && other.misses == 0;
    if (one.misses >= kWireMissesMax && other_heard) one.works = Works::no;
}

Reach ProtocolsKnown::reach() const noexcept {
    const bool udp = udp_.works == Works::yes;
    const bool tcp = tcp_.works == Works::yes;
    const auto silent = [](const One& one) {
        return one.works != Works::yes || one.misses >= kWireMissesMax;
    };
    if (silent(udp_) && silent(tcp_)) return Reach::unknown;
    if (udp && tcp) return Reach::udp_and_tcp;
    if (udp) return tcp_.works == Works::no ? Reach::udp_only : Reach::udp;
    if (tcp) return udp_.works == Works::no ? Reach::tcp_only : Reach::tcp;
    return Reach::unknown;
}

Duration jittered(Duration interval, std::uint32_t random) noexcept {
    const auto share = static_cast<Duration::rep>(random >> 16);  // of 65,536
    return interval * 4 / 5 + interval / 5 * 2 * share / 65536;
}

}  // namespace peerzone::upstream
