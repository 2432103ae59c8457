#include "peerzone/upstream/case_doubt.hpp"

#include "peerzone/base/log.hpp"

namespace peerzone::upstream {

CaseDoubt doubt_of(const exchange::CheckedReply& mixed) noexcept {
    if (mixed.links != 0) return CaseDoubt::none;
    switch (mixed.kind) {
        case exchange::ReplyKind::nodata: return CaseDoubt::empty;
        case exchange::ReplyKind::nxdomain: return CaseDoubt::denied;
        case exchange::ReplyKind::lame:
        case exchange::ReplyKind::no_edns:
        case exchange::ReplyKind::failure:
            return mixed.rcode == dns::Rcode::servfail ? CaseDoubt::failed : CaseDoubt::refused;
        case exchange::ReplyKind::data:
        case exchange::ReplyKind::truncated:
        case exchange::ReplyKind::invalid: break;
    }
    return CaseDoubt::none;
}

bool confirms(CaseDoubt doubt, const exchange::CheckedReply& plain) noexcept {
    switch (doubt) {
        case CaseDoubt::none: return false;
        case CaseDoubt::empty: return plain.kind == exchange::ReplyKind::data;
        case CaseDoubt::denied:
            return plain.kind == exchange::ReplyKind::data ||
                   plain.kind == exchange::ReplyKind::nodata;
        case CaseDoubt::failed:
        case CaseDoubt::refused:
            return plain.kind == exchange::ReplyKind::data ||
                   plain.kind == exchange::ReplyKind::nodata ||
                   plain.kind == exchange::ReplyKind::nxdomain;
    }
    return false;
}

bool learn_case(LetterCase& letter_case, CaseDoubt doubt, const exchange::CheckedReply& plain,
                Time now) noexcept {
    // Where mixed case has been taken, a SERVFAIL that is gone the next time was none of its doing.
    const bool passing = doubt == CaseDoubt::failed && letter_case.is_taken();
    return !passing && confirms(doubt, plain) && letter_case.note_compared(now);
}

void report_case(const Endpoint& endpoint, const std::string& label, metrics::Counters& counters) {
    counters.add(metrics::Count::upstream_case_off);
    log::warning(
        "plain letter case",
        {{"upstream", label},
         {"endpoint", endpoint.address().to_text()},
         {"what", "it does not take names in mixed letter case: none of these for an hour"}});
}

}  // namespace peerzone::upstream
