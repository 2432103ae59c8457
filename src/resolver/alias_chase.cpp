// From name to name, as far as no upstream must be asked.
#include "resolver/alias_chase.hpp"

#include <algorithm>
#include <cstring>

#include "resolver/last_known.hpp"
#include "resolver/refresh.hpp"

namespace peerzone::resolver {
namespace {

using dns::Rcode;
using exchange::ChainFault;

/// An RRSIG of a CNAME or DNAME (RFC 4034 3.1.1: the type covered comes first).
bool signs_alias(const dns::ResourceRecord& record) noexcept {
    if (record.rdata.size() < 2) return false;
    const std::uint16_t covered = load_u16(record.rdata.data());
    return covered == dns::type::cname || covered == dns::type::dname;
}

}  // namespace

upstream::Question question_of(const dns::Query& query, const dns::Name& name) noexcept {
    return {.name = name,
            .type = query.type,
            .dnssec_ok = query.dnssec_ok,
            .checking_disabled = query.checking_disabled(),
            .hops = static_cast<std::uint8_t>(query.hops + 1u)};
}

upstream::Question copy_of(const dns::Query& query, const dns::Name& name) noexcept {
    upstream::Question question = question_of(query, name);
    question.hops = 1;
    return question;
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

AliasChase::AliasChase(const Context& context, const PendingQuery& pending, Time now,
                       std::optional<std::string_view> memory_only)
    : context_(context),
      pending_(pending),
      memory_only_(memory_only),
      at_{.name = dns::Name::from_checked(pending.question().query.name())},
      deadline_{.began = now},
      aged_at_(now),
      last_known_(pending.question().last_known) {}

Subject AliasChase::here() const noexcept {
    return at_.stops == 0 ? subject_of(snapshot(), request())
                          : subject_of(snapshot(), request(), at_.name, *at_.route);
}

OtherOwners AliasChase::other_owners() const noexcept {
    return {snapshot(), view(), *at_.route};
}

bool AliasChase::comes_back() const {
    return std::ranges::any_of(passed_, [&](const PassedRecord& passed) {
        return passed.record.type == dns::type::cname && passed.record.owner == at_.name;
    });
}

std::vector<std::pair<dns::Name, dns::Name>> AliasChase::aliases() const {
    std::vector<std::pair<dns::Name, dns::Name>> aliases;
    for (const auto& [section, record] : passed_)
        if (record.type == dns::type::cname)
            aliases.emplace_back(record.owner, dns::Name::from_checked(record.rdata));
    return aliases;
}

void AliasChase::stand_at(const dns::Name& name) {
    at_.name = name;
    ++at_.stops;
}

// What was learned before a wait is older by it.
void AliasChase::age(Time now) noexcept {
    const auto waited = std::chrono::floor<Seconds>(now - aged_at_);
    if (waited <= Seconds(0)) return;
    aged_at_ += waited;
    for (PassedRecord& passed : passed_)
        passed.record.ttl -=
            static_cast<std::uint32_t>(std::min<Seconds::rep>(passed.record.ttl, waited.count()));
    keep_.lifetime -= std::min<Duration>(keep_.lifetime, waited);
}

upstream::Question AliasChase::question() const {
    return question_of(request().query, name_at_owner(*at_.route, at_.name).value_or(at_.name));
}

Time AliasChase::deadline(const upstream::Upstream& owner, Time now) noexcept {
    const Duration whole = owner.options.deadline;
    deadline_.until = std::max<Time>(deadline_.until, deadline_.began + whole);
    deadline_.is_cut = deadline_.until < now + whole;
    return deadline_.until;
}

const upstream::Upstream* AliasChase::next(Time now) {
    while (!over_) {
        const bool loops = comes_back();
        if (loops || at_.links > exchange::kLinksMax) {
            fail_chain(loops ? ChainFault::loop : ChainFault::too_long, at_.name);
            break;
        }
        const view::Route* route = at_.stops == 0
                                       ? request().route
                                       : find_route(snapshot(), view(), at_.name.wire(), type());
        at_.route = route;
        if (route == nullptr) {
            end_without_owner();
        } else if (!is_upstream(*route)) {
            visit_zone(*route);
        } else {
            const upstream::Upstream& owner = upstream_of(snapshot(), *route);
            const Visit led = visit_upstream(owner, now);
            if (led == Visit::ask && name_at_owner(*route, at_.name)) {
                answer_.source = Source::upstream;
                return &owner;
            }
            if (led == Visit::ask) fail_overlong(owner, at_.name);
            over_ = over_ || led == Visit::over;
        }
    }
    return nullptr;
}

// The client gets the chain.
void AliasChase::end_without_owner() {
    keep_.allowed = false;
    if (!stale_) {  // else it says of the aliases that they are past their TTL
        answer_.error_code = dns::ede::not_authoritative;
        answer_.error_text = "no zone, peer or forward for " + at_.name.to_text();
    }
    answer_.info = {};
    assemble();
    over_ = true;
}

void AliasChase::visit_zone(const view::Route& route) {
    dns::BodyWriter writer(context_.scratch, context_.scratch.size(), at_.name.wire());
    ZoneWalk walk(snapshot(), view(), route, at_.name);
    const ZoneWalk::End end = walk.run(type(), at_.links, context_.rotation, writer);
    answer_.source = Source::zone;
    answer_.upstream = nullptr;
    if (at_.stops == 0 && walk.is_authoritative()) answer_.authoritative = true;
    at_.links += walk.links();
    // What rests on our own zone must change with it, so it is put together anew each time.
    keep_.allowed = false;
    if (end == ZoneWalk::End::broken) {
        const bool loops = ends_in_loop(context_.scratch, at_.name.wire(), writer.info());
        fail_chain(loops ? ChainFault::loop : ChainFault::too_long, walk.name());
    } else if (end == ZoneWalk::End::not_ready) {
        fail(dns::ede::not_ready, "the zone of " + walk.name().to_text() + " is not synced yet");
    } else if (end == ZoneWalk::End::answered) {
        if (walk.rcode() != Rcode::noerror) answer_.rcode = walk.rcode();
        answer_.info = writer.info();
        assemble();
        over_ = true;
    } else {
        pass(writer.info(), true);
        stand_at(walk.name());
    }
}

AliasChase::Visit AliasChase::visit_upstream(const upstream::Upstream& owner, Time now) {
    answer_.upstream = &owner;
    if (at_.stops == 0) keep_.source = owner.id;
    // For what is still fresh the upstream itself is asked, not what it said before.
    if (at_.stops == 0 && pending_.is_refresh && !memory_only_) return Visit::ask;
    const bool away = owner.health->is_away();
    if (away)
        if (const auto asked = name_at_owner(*at_.route, at_.name))
            canaries_.push_back({&owner, *asked});
    if (memory_only_ || away) {
        EdeText text;
        const std::string why(away ? describe_away(text, owner, *owner.set()) : *memory_only_);
        if (const Visit led = visit_last_known(owner, why, now); led != Visit::ask) return led;
        if (!away) return Visit::ask;
        fail_away(owner);
        return Visit::over;
    }
    if (at_.stops != 0)
        if (const Visit led = visit_memory(owner, now); led != Visit::ask) return led;
    return follow_chain(owner, nullptr, ChainEnd::any, now) ? Visit::on : Visit::ask;
}

// The end of a chain that is known already. What is kept is always the whole way to an end.
AliasChase::Visit AliasChase::visit_memory(const upstream::Upstream& owner, Time now) {
    const Subject subject = here();
    cache::Hit hit;
    const auto found = [&](cache::Kind kind) {
        const bool fresh = context_.memory.find_fresh(subject, kind, now, context_.scratch, hit);
        if (hit.expired) last_known_ = true;
        return fresh;
    };
    answer_.source = Source::cache;
    last_known_ = false;
    if (found(cache::Kind::answer) || (!last_known_ && found(cache::Kind::nxdomain))) {
        // A refresh that ended with what is due itself would be none.
        if (pending_.is_refresh && hit.remaining <= refresh_window(hit.age + hit.remaining))
            return Visit::ask;
        end_with(hit);
        return Visit::over;
    }
    if (!context_.memory.find_failure(subject, now, context_.scratch, hit)) return Visit::ask;
    const Rcode rcode = hit.rcode;
    EdeText text;
    const std::string retry(describe_cached_failure(
        text, hit.remaining,
        Bytes(context_.scratch).subspan(body_offset(subject.name), hit.info.size)));
    // Aliases past their TTL, too: who asked first was answered by them.
    if (const Visit led = visit_last_known(owner, retry, now); led != Visit::ask) return led;
    fail(dns::ede::cached_error, retry);
    answer_.rcode = rcode;
    return Visit::over;
}

// It ends with what the cache has copied behind the current name.
void AliasChase::end_with(const cache::Hit& hit) {
    std::memcpy(&context_.scratch[dns::kHeaderSize], at_.name.wire().data(), at_.name.size());
    answer_.rcode = hit.rcode;
    answer_.authentic_data = answer_.authentic_data && hit.authentic_data && !hit.stale;
    answer_.info = hit.info;
    keep_.lifetime = std::min(keep_.lifetime, hit.remaining);
    assemble();
}

// The same for what is known at all, past its TTL too, with the reason why nothing is asked or what
// asking came to. Visit::ask: nothing is known.
AliasChase::Visit AliasChase::visit_last_known(const upstream::Upstream& owner,
                                               const std::string& why, Time now) {
    // Aliases first: the owner of their end may be there, and know newer data.
    if (follow_chain(owner, &why, ChainEnd::known, now)) return Visit::on;
    cache::Hit hit;
    if (!context_.memory.find_last_known(here(), now, context_.scratch, hit))
        return follow_chain(owner, &why, ChainEnd::any, now) ? Visit::on : Visit::ask;
    // Slow is not gone: a denial is believed no longer than negative_ttl while the upstream may
    // still answer, for the name may exist by now.
    if (hit.stale && is_denial(hit) && memory_only_ && !owner.health->is_away()) return Visit::ask;
    answer_.source = Source::cache;
    if (hit.stale) rest_on_stale(owner, hit, why);
    end_with(hit);
    return Visit::over;
}

// The answer will rest on something past its TTL.
void AliasChase::rest_on_stale(const upstream::Upstream& owner, const cache::Hit& hit,
                               std::string_view why) {
    EdeText text;
    keep_.allowed = false;
    stale_ = true;
    answer_.upstream = &owner;
    answer_.error_code = stale_code(hit);
    answer_.error_text = describe_stale(text.add(why), hit.age);
}

// Aliases that an upstream told before, whose end lies elsewhere; past their TTL only with a reason
// (`stale_why`), and with ChainEnd::known only where that end is known or can be asked for. True
// when it stands there now.
bool AliasChase::follow_chain(const upstream::Upstream& owner, const std::string* stale_why,
                              ChainEnd end, Time now) {
    if (at_.stops == 0 && !request().other_kinds_possible) return false;
    const Subject subject = here();
    cache::Hit hit;
    Memory& memory = context_.memory;
    if (!(stale_why == nullptr ? memory.find_chain(subject, now, context_.scratch, hit)
                               : memory.find_last_known_chain(subject, now, context_.scratch, hit)))
        return false;
    std::memcpy(&context_.scratch[dns::kHeaderSize], subject.name.data(), subject.name.size());
    const std::size_t first = passed_.size();
    const Position before = at_;
    pass(hit.info, true);
    follow_passed(first);
    // Without an alias in it, it leads nowhere.
    if (at_.links == before.links || (end == ChainEnd::known && !may_end_at(at_.name, now))) {
        passed_.resize(first);
        at_ = before;
        return false;
    }
    if (hit.stale) rest_on_stale(owner, hit, *stale_why);
    keep_.lifetime = std::min(keep_.lifetime, hit.remaining);
    ++at_.stops;
    return true;
}

// Moves along the aliases passed from `first` on, up to the first name that belongs to another
// owner in this view. What lies behind the last alias followed, the data of its end say, is not
// kept: its owner is asked.
void AliasChase::follow_passed(std::size_t first) {
    const OtherOwners others = other_owners();
    std::size_t end = first;
    bool away = false;
    for (std::size_t i = first; i < passed_.size(); ++i) {
        const dns::ResourceRecord& record = passed_[i].record;
        if (record.type == dns::type::rrsig && i == end && signs_alias(record)) ++end;
        if (away || record.type != dns::type::cname) continue;
        at_.name = dns::Name::from_checked(record.rdata).folded();
        ++at_.links;
        away = others.owns(at_.name);
        end = i + 1;
    }
    passed_.resize(end);
}

// Whether a chase that comes to this name will get further: it may be asked for, or is known.
bool AliasChase::may_end_at(const dns::Name& target, Time now) const noexcept {
    const view::Route* route = find_route(snapshot(), view(), target.wire(), type());
    if (route == nullptr || !is_upstream(*route)) return true;
    const upstream::Upstream& owner = upstream_of(snapshot(), *route);
    if (!memory_only_ && !owner.health->is_away()) return true;
    return context_.memory.has_answer(subject_of(snapshot(), request(), target, *route), now);
}

}  // namespace peerzone::resolver
