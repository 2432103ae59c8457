// What a plan that gave up has to say.
#include <algorithm>

#include "peerzone/upstream/passed_error.hpp"
#include "upstream/attempt_plan.hpp"

namespace peerzone::upstream {
namespace {

std::string millis_text(Duration d) {
    return std::to_string(std::chrono::round<Millis>(d).count()) + "ms";
}

}  // namespace

const char* fault_text(Fault fault) noexcept {
    switch (fault) {
        case Fault::timeout: return "timeout";
        case Fault::refused: return "connection refused";
        case Fault::unreachable: return "network unreachable";
        case Fault::closed: return "connection closed";
        case Fault::untrusted: return "failed";
        case Fault::dropped: return "connection closed each time";
        case Fault::busy: return "no socket free";
    }
    return "failed";
}

const char* wire_text(Wire wire) noexcept {
    switch (wire) {
        case Wire::udp: return "udp";
        case Wire::tcp: return "tcp";
        case Wire::tls: return "tls";
    }
    return "";
}

std::string AttemptPlan::place(bool with_wire) const {
    std::string text = upstream_.endpoints[told_.endpoint]->address().to_text();
    if (with_wire) text.append(" ").append(wire_text(told_.wire));
    return text;
}

Failure AttemptPlan::fault_failure(Time now) const {
    std::string last = place(true) + " " + fault_text(fault_);
    if (fault_ == Fault::timeout) last += " " + millis_text(now - told_.asked_at);
    const bool all_tried =
        std::all_of(states_.begin(), states_.begin() + static_cast<std::ptrdiff_t>(count_),
                    [](const State& s) { return s.udp_tries + s.stream_tries > 0; });
    const bool ours = fault_ == Fault::busy;
    if (heard_ || !all_tried || ours)
        return {dns::ede::network_error, upstream_.label + " " + last, ours};
    return {dns::ede::no_reachable_authority, upstream_.label + " no endpoint answered (0/" +
                                                  std::to_string(count_) + "), last " + last};
}

Failure AttemptPlan::reply_failure() const {
    const bool wrong_zone = rcode_ == dns::Rcode::refused;
    std::string text =
        upstream_.label + " " + place(false) + " " + std::string(dns::rcode_text(rcode_));
    if (telling_ != Telling::explained)
        return {wrong_zone ? dns::ede::not_authoritative : dns::ede::other, std::move(text)};
    return {explained_.code, pass_error(text, explained_.text)};
}

Failure AttemptPlan::failure(Time now) const {
    switch (telling_) {
        case Telling::nothing:
            if (count_ == 0)
                return {dns::ede::no_reachable_authority,
                        upstream_.label + " " +
                            (upstream_.pending.empty() ? "has no endpoints" : upstream_.pending)};
            return {dns::ede::network_error, upstream_.label + " deadline passed before a reply"};
        case Telling::fault: return fault_failure(now);
        case Telling::untrusted:
            return {dns::ede::network_error,
                    upstream_.label + " " + place(false) + " tls: " + untrusted_};
        case Telling::invalid:
            return {dns::ede::invalid_data, upstream_.label + " " + place(true) + " invalid reply"};
        case Telling::cut: {
            std::string text = upstream_.label + " " + place(false) + " reply cut (TC), tcp ";
            text += fault_known_ ? fault_text(fault_) : "not tried before the deadline";
            return {dns::ede::network_error, std::move(text)};
        }
        case Telling::lame:
            return {dns::ede::not_authoritative,
                    upstream_.label + " " + place(false) + " lame reply: " + explained_.text};
        case Telling::chain:
            return {dns::ede::other, upstream_.label + " " + place(false) + " " + explained_.text};
        case Telling::failure:
        case Telling::explained: return reply_failure();
    }
    return {};
}

}  // namespace peerzone::upstream
