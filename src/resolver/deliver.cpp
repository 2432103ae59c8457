// The end of a walk: its parts put together, kept, and sent to everyone who waits.
#include <algorithm>
#include <cstring>

#include "resolver/impl.hpp"

namespace peerzone::resolver {

using dns::Rcode;
using metrics::Count;

void Resolver::Impl::fail(AliasChase& chase, std::uint16_t code, std::string text) {
    const Source source = chase.answer.source;
    const upstream::Upstream* upstream = chase.answer.upstream;
    chase.answer = {};
    chase.answer.source = source;
    chase.answer.upstream = upstream;
    chase.answer.failed = true;
    chase.answer.rcode = Rcode::servfail;
    chase.answer.error_code = code;
    chase.answer.error_text = std::move(text);
    chase.stale = false;
}

void Resolver::Impl::fail_away(AliasChase& chase, const upstream::Upstream& upstream) {
    const dns::ExtendedError why = describe_unknown(ede_text.begin(), upstream);
    fail(chase, why.code, std::string(why.text));
    chase.answer.source = Source::none;
    counters.add(Count::failed_partitioned);
    upstream.health->stats().note_failed_at_once();
}

void Resolver::Impl::fail_chain(AliasChase& chase, upstream::ChainFault fault) {
    counters.add(Count::chain_too_long);
    fail(chase, dns::ede::other, upstream::chain_text(fault, chase.name));
}

bool ends_in_loop(MutableBytes message, Bytes name, const dns::BodyInfo& info) noexcept {
    const std::size_t start = body_offset(name);
    std::memcpy(&message[dns::kHeaderSize], name.data(), name.size());
    const Bytes whole = message.first(start + info.size);
    const auto each_alias = [&](const auto& visit) {
        dns::Reader reader(whole, start);
        dns::Record record;
        for (unsigned i = 0; i < info.counts[0] && reader.read_record(record); ++i)
            if (record.type == dns::type::cname) visit(record);
    };
    dns::Name last;
    each_alias([&](const dns::Record& record) {
        dns::Reader(whole, record.rdata_offset).read_name(last);
    });
    bool found = false;
    each_alias([&](const dns::Record& record) { found = found || record.owner == last; });
    return found;
}

// Copies records of the current stop out of the scratch, before a wait or before the parts are put
// together.
void Resolver::Impl::pass(AliasChase& chase, const dns::BodyInfo& info, bool answers_only) {
    const std::size_t start = body_offset(chase.name.wire());
    const Bytes message = Bytes(scratch).first(start + info.size);
    dns::Reader reader(message, start);
    std::vector<std::uint8_t> rdata(dns::kRdataMax);
    for (std::size_t section = 0; section < (answers_only ? 1u : 3u); ++section) {
        for (unsigned i = 0; i < info.counts[section]; ++i) {
            dns::Record record;
            bool ok = reader.read_record(record);
            const std::size_t size = ok ? dns::expand_rdata(message, record, rdata, ok) : 0;
            if (!ok) return;
            chase.passed.push_back(
                {static_cast<dns::Section>(section),
                 {.owner = record.owner,
                  .type = record.type,
                  .ttl = record.ttl,
                  .rdata = {rdata.begin(), rdata.begin() + static_cast<std::ptrdiff_t>(size)}}});
        }
    }
}

// The end of a walk: the body in the scratch becomes that of the first question, with the aliases
// passed in front.
void Resolver::Impl::assemble(AliasChase& chase) {
    if (chase.stops == 0) return;
    pass(chase, chase.answer.info, false);
    const auto aliases = std::ranges::count_if(chase.passed, [](const PassedRecord& p) {
        return p.section == dns::Section::answer && p.record.type == dns::type::cname;
    });
    if (aliases > static_cast<std::ptrdiff_t>(kLinksMax) && !chase.answer.failed) {
        fail_chain(chase, upstream::ChainFault::too_long);
        return;
    }
    dns::BodyWriter writer(scratch, scratch.size(), chase.pending->question().query.name());
    for (const auto& [section, record] : chase.passed)
        writer.add(section, record.owner.wire(), record.type, record.ttl, record.rdata);
    chase.answer.info = writer.info();
}

void Resolver::Impl::deliver(const PendingQuery& pending, AliasChase& chase, Time now) {
    const Request& request = pending.question();
    const Answer& answer = chase.answer;
    if (!answer.failed && chase.stops != 0 && chase.first_is_upstream && chase.cacheable) {
        const cache::Value value{
            .body = Bytes(scratch).subspan(body_offset(request.query.name()), answer.info.size),
            .info = answer.info,
            .rcode = answer.rcode,
            .authentic_data = answer.authentic_data,
            .source = chase.first_source,
            .lifetime = chase.lifetime};
        cache.store(
            key_of(request.query.name(), request.query.name_hash, request, cache::Kind::answer),
            value, now);
    }
    reply_to_all(pending, chase, now);
    std::uint64_t suppressed = 0;
    if (answer.failed && failure_log.allow(now, suppressed))
        log::warning("question failed", {{"name", dns::name_text(request.query.name())},
                                         {"type", dns::type_text(request.query.type)},
                                         {"why", answer.error_text},
                                         {"suppressed", std::to_string(suppressed)}});
}

void Resolver::Impl::reply_to_all(const PendingQuery& pending, AliasChase& chase, Time now) {
    Answer& answer = chase.answer;
    if (chase.stale) answer.source = Source::stale;
    for (const Waiter& waiter : pending.waiters) {
        if (waiter.is_background()) continue;
        if (chase.stale && answer.upstream != nullptr)
            answer.upstream->health->stats().note_stale_answer();
        counters.add(answer.failed ? Count::servfail
                     : chase.stale ? Count::answered_stale
                                   : Count::answered_upstream);
        reply_to(waiter, *chase.view, answer, now);
    }
}

// The one way out for who has waited.
void Resolver::Impl::reply_to(const Waiter& waiter, const view::View& view, const Answer& answer,
                              Time now) {
    guard.release(waiter.place);
    const dns::Query& query = waiter.request.query;
    dns::ReplyHead head;
    head.rcode = answer.rcode;
    head.flags = static_cast<std::uint16_t>(
        (view.recursion_available ? dns::kFlagRa : 0) | (answer.authoritative ? dns::kFlagAa : 0) |
        (answer.authentic_data && wants_ad(query) ? dns::kFlagAd : 0));
    if (query.tcp_keepalive) head.keepalive_100ms = waiter.request.keepalive_100ms;
    extended = {answer.error_code, answer.error_text};
    if (!answer.error_text.empty()) head.error = &extended;
    const std::size_t limit = dns::size_limit(query, waiter.request.udp);
    std::size_t size = 0;
    if (answer.failed) {
        size = dns::write_empty_reply(out, query, head, limit);
    } else {
        const std::size_t start = body_offset(query.name());
        std::memcpy(&out[start], &scratch[start], answer.info.size);
        dns::rotate_addresses(out, start, answer.info, rotation++);
        size = dns::finish_reply(out, query, answer.info, head, limit);
    }
    const bool truncated = out[2] & dns::kFlagTc >> 8;
    if (truncated) counters.add(Count::truncated);
    if (observer != nullptr)
        observer->on_reply(waiter.request, {.source = answer.source,
                                            .rcode = answer.rcode,
                                            .truncated = truncated,
                                            .error = head.error,
                                            .view = &view,
                                            .upstream = answer.upstream,
                                            .size = size,
                                            .duration = now - waiter.since});
    waiter.to.sink->deliver(waiter.to, Bytes(out).first(size));
}

}  // namespace peerzone::resolver
