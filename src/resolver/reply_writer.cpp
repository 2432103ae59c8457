#include "resolver/reply_writer.hpp"

#include <cstring>

namespace peerzone::resolver {

using metrics::Count;

dns::ReplyHead ReplyWriter::head_of(const Request& request, bool recursion) noexcept {
    dns::ReplyHead head;
    head.flags = recursion ? dns::kFlagRa : 0;
    if (request.query.wanted != 0) head.options = &options_for(request);
    return head;
}

// Who we are is told to clients that have a view.
const dns::ReplyOptions& ReplyWriter::options_for(const Request& request) noexcept {
    const dns::Query& query = request.query;
    options_ = {};
    if (query.wants(dns::kWantsKeepalive)) options_.keepalive_100ms = request.keepalive_100ms;
    if (query.wants(dns::kWantsNsid) && note_.view != nullptr)
        options_.nsid = {reinterpret_cast<const std::uint8_t*>(id_.data()), id_.size()};
    return options_;
}

Disposition ReplyWriter::error(const Request& request, dns::Rcode rcode, Out out,
                               const dns::ExtendedError* why, bool recursion) noexcept {
    dns::ReplyHead head = head_of(request, recursion);
    head.rcode = note_.rcode = rcode;
    head.error = note_.error = why;
    out.size = dns::write_empty_reply(out.buffer, request.query, head,
                                      dns::size_limit(request.query, request.udp));
    return Disposition::replied;
}

Disposition ReplyWriter::from_zone(const Request& request, const view::View& view,
                                   const dns::BodyWriter& writer, dns::Rcode rcode,
                                   bool authoritative, const dns::ExtendedError* why,
                                   Out out) noexcept {
    dns::ReplyHead head = head_of(request, view.recursion_available);
    if (authoritative) head.flags |= dns::kFlagAa;
    head.rcode = note_.rcode = rcode;
    head.error = note_.error = why;
    counters_.add(Count::answered_zone);
    out.size = dns::finish_reply(out.buffer, request.query, writer.info(), head,
                                 dns::size_limit(request.query, request.udp));
    note_.truncated = out.buffer[2] & dns::kFlagTc >> 8;
    if (note_.truncated) counters_.add(Count::truncated);
    return Disposition::replied;
}

Disposition ReplyWriter::from_cache(const Request& request, const view::View& view,
                                    const cache::Hit& hit, const dns::ExtendedError* why,
                                    Out out) noexcept {
    const dns::Query& query = request.query;
    dns::ReplyHead head = head_of(request, view.recursion_available);
    // Signatures may have expired as well: what is past its TTL is not said to be authentic.
    if (hit.authentic_data && !hit.stale && wants_ad(query)) head.flags |= dns::kFlagAd;
    head.rcode = note_.rcode = hit.rcode;
    head.error = note_.error = why;
    counters_.add(hit.stale ? Count::answered_stale : Count::answered_cache);
    dns::rotate_addresses(out.buffer, dns::kHeaderSize + query.question_size(), hit.info,
                          rotation_++);
    out.size =
        dns::finish_reply(out.buffer, query, hit.info, head, dns::size_limit(query, request.udp));
    note_.truncated = out.buffer[2] & dns::kFlagTc >> 8;
    if (note_.truncated) counters_.add(Count::truncated);
    return Disposition::replied;
}

void ReplyWriter::told(const Request& request, std::size_t size) noexcept {
    if (observer_ == nullptr) return;
    note_.size = size;
    observer_->on_reply(request, note_);
}

void ReplyWriter::deliver(const Waiter& waiter, const view::View& view, const Answer& answer,
                          Bytes message, Time now) {
    const dns::Query& query = waiter.request.query;
    note_.view = &view;
    dns::ReplyHead head = head_of(waiter.request, view.recursion_available);
    head.rcode = answer.rcode;
    head.flags =
        static_cast<std::uint16_t>(head.flags | (answer.authoritative ? dns::kFlagAa : 0) |
                                   (answer.authentic_data && wants_ad(query) ? dns::kFlagAd : 0));
    const dns::ExtendedError extended{answer.error_code, answer.error_text};
    if (!answer.error_text.empty()) head.error = &extended;
    const std::size_t limit = dns::size_limit(query, waiter.request.udp);
    std::size_t size = 0;
    if (answer.failed) {
        size = dns::write_empty_reply(out_, query, head, limit);
    } else {
        const std::size_t start = dns::kHeaderSize + query.question_size();
        std::memcpy(&out_[start], &message[start], answer.info.size);
        dns::rotate_addresses(out_, start, answer.info, rotation_++);
        size = dns::finish_reply(out_, query, answer.info, head, limit);
    }
    const bool truncated = out_[2] & dns::kFlagTc >> 8;
    if (truncated) counters_.add(Count::truncated);
    if (observer_ != nullptr)
        observer_->on_reply(waiter.request, {.source = answer.source,
                                             .rcode = answer.rcode,
                                             .truncated = truncated,
                                             .error = head.error,
                                             .view = &view,
                                             .upstream = answer.upstream,
                                             .size = size,
                                             .duration = now - waiter.since});
    waiter.to.sink->deliver(waiter.to, Bytes(out_).first(size));
}

}  // namespace peerzone::resolver
