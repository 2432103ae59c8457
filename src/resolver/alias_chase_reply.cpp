// What an upstream said: judged, kept, and put together with the aliases before it.
#include <algorithm>

#include "peerzone/upstream/passed_error.hpp"
#include "resolver/alias_chase.hpp"
#include "resolver/denial_text.hpp"
#include "resolver/last_known.hpp"

namespace peerzone::resolver {
namespace {

using dns::Rcode;
using exchange::ReplyKind;
using metrics::Count;

const char* denial_text(const exchange::CheckedReply& checked) noexcept {
    return checked.kind == ReplyKind::nxdomain ? "NXDOMAIN" : "no data";
}

}  // namespace

void AliasChase::on_reply(const upstream::Upstream& owner, const upstream::Asked& asked, Time now) {
    age(now);
    if (!asked.ok) return take_failure(owner, asked, now);
    const exchange::CheckedReply& checked = asked.checked;
    const std::optional<dns::Name> target = name_here(*at_.route, checked.target);
    if (!target) return fail_overlong(owner, checked.target);
    const bool is_renamed = at_.route->renaming != nullptr;
    // Signatures and proofs are of names that clients do not know.
    if (is_renamed && dns::is_proof(type()) && checked.kind == ReplyKind::data) return end_empty();
    const bool on = goes_on(checked, *target);
    const Seconds negative_max = context_.memory.negative_max(here(), checked, now);
    dns::BodyWriter writer(context_.scratch, context_.scratch.size(), at_.name.wire());
    // Of a bare denial without SOA there is nothing to write, and its message may be gone.
    if (!exchange::is_doubtful(checked)) {
        const exchange::Keeping keeping{
            .positive_ttl_max = static_cast<std::uint32_t>(context_.memory.positive_max().count()),
            .negative_ttl_max = static_cast<std::uint32_t>(negative_max.count()),
            .with_soa = !on,
            .renaming = at_.route->renaming.get()};
        using exchange::KeptResult;
        const auto written = exchange::write_kept(*asked.index, question().name.wire(), type(),
                                                  checked, keeping, writer);
        if (written == KeptResult::overlong_name) return fail_overlong(owner, at_.name);
        if (written == KeptResult::too_large)
            return fail(dns::ede::invalid_data, owner.label + " reply too large to be kept");
    }
    if (is_renamed && ends_in_loop(context_.scratch, at_.name.wire(), writer.info()))
        return fail_chain(exchange::ChainFault::loop, *target);
    at_.links += checked.links;
    if (checked.links != 0 || checked.kind == ReplyKind::data)
        keep_.lifetime = std::min<Duration>(keep_.lifetime, Seconds(checked.least_ttl));
    if (on) {
        take_chain(owner, checked, *target, writer, now);
    } else {
        take_end(owner, checked, *target, writer, negative_max, now);
    }
}

bool AliasChase::on_refused(const upstream::Upstream& owner, const std::string& why, Time now) {
    memory_only_ = why;  // who is there may deny no longer what it denied then
    const Visit led = visit_last_known(owner, why, now);
    memory_only_.reset();
    over_ = led != Visit::on;
    if (led != Visit::ask) return true;
    fail(dns::ede::other, why);
    return false;
}

// Whether the chain of a reply goes on at its end: where that has another owner, and where the
// reply does not show that the end has nothing.
bool AliasChase::goes_on(const exchange::CheckedReply& checked, const dns::Name& target) const {
    if (checked.kind == ReplyKind::data || checked.links == 0) return false;
    if (checked.leads_away) return true;
    // A name of the peer's own cluster: ours has one of the same name, which is another one.
    if (other_owners().is_replier_cluster(target)) return false;
    if (checked.has_soa) return false;
    // Without a route: the client gets the chain, or that its end does not exist.
    return checked.kind == ReplyKind::nodata ||
           view().routes.find(target.folded().wire()) != nullptr;
}

// Why it failed. A server that our question went through on its way back to us may keep that to
// itself: CoreDNS's cache does.
std::string AliasChase::failure_text(const upstream::Upstream& owner, const upstream::Asked& asked,
                                     Time now) {
    const bool looped = owner.health->stats().has_looped_since(now - owner.options.deadline);
    // Without endpoints nothing was asked.
    if (!looped || owner.set()->endpoints.empty() ||
        asked.error_text.find("loop via") != std::string::npos)
        return asked.error_text;
    return "loop via " + owner.label + ": " + asked.error_text;
}

void AliasChase::take_failure(const upstream::Upstream& owner, const upstream::Asked& asked,
                              Time now) {
    const std::string why = failure_text(owner, asked, now);
    // Without endpoints nothing was asked: the next question costs nothing and sees at once when
    // there are some. From an upstream that is away meanwhile, failures are told, not remembered.
    // Nor are those of questions that came over other servers: the upstream may have refused the
    // hops, which any client can write into a question, and others ask without them. A question
    // that had only what was left of its chase's deadline says nothing of the name where it stood.
    const bool has_place = !deadline_.is_cut || is_upstream(*request().route);
    if (has_place && asked.cacheable && !owner.set()->endpoints.empty() &&
        !owner.health->is_away() && request().query.hops == 0)
        context_.memory.keep_failure(deadline_.is_cut ? subject_of(snapshot(), request()) : here(),
                                     why, owner.id, now);
    // RFC 8767 5: when the answer cannot be refreshed, the one known last is better than none.
    const Visit led = visit_last_known(owner, why, now);
    if (led == Visit::ask) return fail(asked.error_code, why);
    over_ = led == Visit::over;
}

// An alias whose end has another owner.
void AliasChase::take_chain(const upstream::Upstream& owner, const exchange::CheckedReply& checked,
                            const dns::Name& target, const dns::BodyWriter& writer, Time now) {
    context_.memory.keep_chain(here(),
                               {.body = writer.body(),
                                .info = writer.info(),
                                .rcode = Rcode::noerror,
                                .source = owner.id,
                                .lifetime = Seconds(checked.least_ttl)},
                               !checked.leads_away, now);
    pass(writer.info(), true);
    stand_at(target.folded());
    last_known_ = false;
}

// NODATA that is not kept.
void AliasChase::end_empty() {
    keep_.allowed = false;
    over_ = true;
    answer_.info = {};
    assemble();
}

// Why the upstream denies a name, or that its own answer is old: it said so with its reply.
void AliasChase::pass_on_error(const upstream::Upstream& owner,
                               const exchange::CheckedReply& checked) {
    if (!checked.error.present || !answer_.error_text.empty()) return;
    std::string via = owner.label;
    if (checked.rcode != Rcode::noerror) via.append(" ").append(dns::rcode_text(checked.rcode));
    answer_.error_code = checked.error.code;
    answer_.error_text = upstream::pass_error(via, checked.error.text);
}

void AliasChase::take_end(const upstream::Upstream& owner, const exchange::CheckedReply& checked,
                          const dns::Name& target, const dns::BodyWriter& writer,
                          Seconds negative_max, Time now) {
    const bool negative = checked.kind != ReplyKind::data;
    over_ = true;
    answer_.rcode = checked.rcode;
    answer_.authentic_data = checked.authentic_data && at_.route->renaming == nullptr &&
                             owner.options.kind == upstream::Kind::forward &&
                             (at_.stops == 0 || answer_.authentic_data);
    answer_.info = writer.info();
    pass_on_error(owner, checked);
    if (negative && !checked.has_soa) {
        // RFC 2308 5: not kept. What it denies may be known, and stays.
        keep_.allowed = false;
        if (answer_.error_text.empty()) {
            answer_.error_code = dns::ede::other;
            answer_.error_text = owner.label + " " + denial_text(checked) + " without SOA";
        }
        return assemble();
    }
    Duration lifetime =
        negative ? std::min(Seconds(checked.soa_ttl), negative_max) : Seconds(checked.least_ttl);
    if (negative && checked.links != 0)
        lifetime = std::min<Duration>(lifetime, Seconds(checked.least_ttl));
    keep_.lifetime = std::min(keep_.lifetime, lifetime);
    // The first stop of a client's question found no alias, or would not have been asked.
    const bool may_have_chain =
        pending_.is_refresh || at_.stops != 0 || request().other_kinds_possible;
    context_.memory.keep_end(here(), checked,
                             {.body = writer.body(),
                              .info = writer.info(),
                              .rcode = checked.rcode,
                              .authentic_data = answer_.authentic_data,
                              .source = owner.id,
                              .lifetime = lifetime},
                             may_have_chain, now);
    note_end(owner, checked, target);
    assemble();
}

// Its aliases end at a name that here is another one's: of our own cluster.
void AliasChase::note_end(const upstream::Upstream& owner, const exchange::CheckedReply& checked,
                          const dns::Name& target) {
    if (answer_.error_text.empty() && checked.rcode == Rcode::nxdomain && checked.links == 0) {
        EdeText text;
        answer_.error_code = dns::ede::other;
        answer_.error_text = describe_zone_absent(text, owner, *owner.set());
        return;
    }
    if (!answer_.error_text.empty() || checked.links == 0 ||
        !other_owners().is_replier_cluster(target))
        return;
    answer_.error_code = dns::ede::other;
    answer_.error_text = target.to_text() + " as " + owner.label + " sees it";
}

void AliasChase::fail(std::uint16_t code, std::string text) {
    answer_ = {.rcode = Rcode::servfail,
               .source = answer_.source,
               .upstream = answer_.upstream,
               .failed = true,
               .error_code = code,
               .error_text = std::move(text)};
    stale_ = false;
    over_ = true;
}

void AliasChase::fail_away(const upstream::Upstream& owner) {
    EdeText text;
    const dns::ExtendedError why = describe_unknown(text, owner, *owner.set());
    fail(why.code, std::string(why.text));
    answer_.source = Source::none;
    context_.counters.add(Count::failed_partitioned);
    failed_at_once_ = &owner;
}

void AliasChase::fail_chain(exchange::ChainFault fault, const dns::Name& at) {
    context_.counters.add(Count::chain_too_long);
    fail(dns::ede::other, exchange::chain_text(fault, at));
}

// RFC 6672 2.2: YXDOMAIN, as for a DNAME that makes a name too long.
void AliasChase::fail_overlong(const upstream::Upstream& owner, const dns::Name& name) {
    fail(dns::ede::other,
         owner.label + ": renamed, a name would have more than 255 octets: " + name.to_text());
    answer_.rcode = Rcode::yxdomain;
}

// Copies records of the current stop out of the scratch, before a wait or before the parts are put
// together.
void AliasChase::pass(const dns::BodyInfo& info, bool answers_only) {
    const std::size_t start = body_offset(at_.name.wire());
    const Bytes message = Bytes(context_.scratch).first(start + info.size);
    dns::Reader reader(message, start);
    std::vector<std::uint8_t> rdata(dns::kRdataMax);
    for (std::size_t section = 0; section < (answers_only ? 1u : 3u); ++section) {
        for (unsigned i = 0; i < info.counts[section]; ++i) {
            dns::Record record;
            bool ok = reader.read_record(record);
            const std::size_t size = ok ? dns::expand_rdata(message, record, rdata, ok) : 0;
            if (!ok) return;
            passed_.push_back(
                {static_cast<dns::Section>(section),
                 {.owner = record.owner,
                  .type = record.type,
                  .ttl = record.ttl,
                  .rdata = {rdata.begin(), rdata.begin() + static_cast<std::ptrdiff_t>(size)}}});
        }
    }
}

// At the end: the body in the scratch becomes that of the first question, with the aliases passed
// in front.
void AliasChase::assemble() {
    if (at_.stops == 0) return;
    pass(answer_.info, false);
    const auto aliases = std::ranges::count_if(passed_, [](const PassedRecord& p) {
        return p.section == dns::Section::answer && p.record.type == dns::type::cname;
    });
    if (aliases > static_cast<std::ptrdiff_t>(exchange::kLinksMax) && !answer_.failed)
        return fail_chain(exchange::ChainFault::too_long, at_.name);
    dns::BodyWriter writer(context_.scratch, context_.scratch.size(), request().query.name());
    for (const auto& [section, record] : passed_)
        writer.add(section, record.owner.wire(), record.type, record.ttl, record.rdata);
    answer_.info = writer.info();
}

void AliasChase::keep(Time now) {
    if (answer_.failed || at_.stops == 0 || !keep_.source || !keep_.allowed) return;
    context_.memory.keep_assembled(
        subject_of(snapshot(), request()),
        {.body = Bytes(context_.scratch)
                     .subspan(body_offset(request().query.name()), answer_.info.size),
         .info = answer_.info,
         .rcode = answer_.rcode,
         .authentic_data = answer_.authentic_data,
         .source = *keep_.source,
         .lifetime = keep_.lifetime},
        now);
}

}  // namespace peerzone::resolver
