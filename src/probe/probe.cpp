#include "probe/probe.hpp"

#include <algorithm>

namespace peerzone::probe {
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

dns::Name probe_name(const upstream::Options& options) {
    if (!options.zones.empty()) return options.zones.front().folded();
    return options.alias ? options.alias->there.folded() : dns::Name();
}

upstream::ProbeResult judge_probe(const exchange::CheckedReply& checked, upstream::Kind kind) noexcept {
    const bool peer = kind == upstream::Kind::peer;
    switch (checked.kind) {
        case exchange::ReplyKind::data:
        case exchange::ReplyKind::nodata:
        case exchange::ReplyKind::truncated: return upstream::ProbeResult::healthy;
        case exchange::ReplyKind::nxdomain:
            if (!peer) return upstream::ProbeResult::healthy;
            // Only who answers for the zone, or for what is above it, can tell that it is absent.
            // The root's SOA is what a resolver of the Internet says.
            return checked.has_soa && !checked.soa_owner.is_root() ? upstream::ProbeResult::zone_absent
                                                                   : upstream::ProbeResult::wrong_zone;
        case exchange::ReplyKind::lame:
            return peer ? upstream::ProbeResult::wrong_zone : upstream::ProbeResult::healthy;
        case exchange::ReplyKind::no_edns:
        case exchange::ReplyKind::failure:
            if (checked.rcode == dns::Rcode::servfail) return upstream::ProbeResult::servfail;
            if (checked.rcode == dns::Rcode::refused) return upstream::ProbeResult::refused;
            return peer ? upstream::ProbeResult::wrong_zone : upstream::ProbeResult::healthy;
        case exchange::ReplyKind::invalid: return upstream::ProbeResult::invalid;
    }
    return upstream::ProbeResult::invalid;
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

void ProtocolsKnown::note(upstream::Protocol protocol, bool answered) noexcept {
    One& one = protocol == upstream::Protocol::udp ? udp_ : tcp_;
    const One& other = protocol == upstream::Protocol::udp ? tcp_ : udp_;
    if (answered) {
        one = {Works::yes, 0};
        return;
    }
    ++one.misses;
    const bool other_heard = other.works == Works::yes && other.misses == 0;
    if (one.misses >= kWireMissesMax && other_heard) one.works = Works::no;
}

upstream::Reach ProtocolsKnown::reach() const noexcept {
    const bool udp = udp_.works == Works::yes;
    const bool tcp = tcp_.works == Works::yes;
    const auto silent = [](const One& one) {
        return one.works != Works::yes || one.misses >= kWireMissesMax;
    };
    if (silent(udp_) && silent(tcp_)) return upstream::Reach::unknown;
    if (udp && tcp) return upstream::Reach::udp_and_tcp;
    if (udp) return tcp_.works == Works::no ? upstream::Reach::udp_only : upstream::Reach::udp;
    if (tcp) return udp_.works == Works::no ? upstream::Reach::tcp_only : upstream::Reach::tcp;
    return upstream::Reach::unknown;
}

Duration jittered(Duration interval, std::uint32_t random) noexcept {
    const auto share = static_cast<Duration::rep>(random >> 16);  // of 65,536
    return interval * 4 / 5 + interval / 5 * 2 * share / 65536;
}

}  // namespace peerzone::probe
