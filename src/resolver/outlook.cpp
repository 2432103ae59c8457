#include "resolver/outlook.hpp"

#include <algorithm>
#include <array>

#include "resolver/impl.hpp"
#include "resolver/last_known.hpp"

namespace peerzone::resolver {
namespace {

/// Keeps the reply of a dry run, and what its writer says of it.
class Recorder final : public ReplyObserver, public ReplySink {
public:
    void on_reply(const Request&, const ReplyNote& note) noexcept override {
        note_ = note;
        if (note.error == nullptr) return;
        error_code_ = note.error->code;
        error_text_ = note.error->text;
    }
    void deliver(const ReplyTo&, Bytes reply) noexcept override {
        reply_.assign(reply.begin(), reply.end());
    }
    void fill(Outlook& outlook) const {
        outlook.rcode = note_.rcode;
        outlook.source = note_.source;
        outlook.upstream = note_.upstream;
        outlook.error_code = error_code_;
        outlook.error_text = error_text_;
        read_records(outlook);
    }

private:
    void read_records(Outlook& outlook) const {
        dns::Reader reader(reply_);
        dns::Header header;
        dns::Name name;
        std::uint16_t type = 0;
        std::uint16_t klass = 0;
        if (!reader.read_header(header) || !reader.read_question(name, type, klass)) return;
        outlook.answers = header.counts[1];
        dns::Record record;
        for (unsigned i = 0; i < header.counts[1] && reader.read_record(record); ++i) {
            outlook.ttl = std::min(outlook.ttl.value_or(record.ttl), record.ttl);
            dns::Name target;
            if (record.type == dns::type::cname &&
                dns::Reader(reply_, record.rdata_offset).read_name(target))
                outlook.aliases.emplace_back(record.owner, target);
        }
        for (unsigned i = 0; i < header.counts[2] && reader.read_record(record); ++i) {
            if (record.type == dns::type::soa) outlook.has_soa = true;
            if (record.type == dns::type::ns && outlook.answers == 0) outlook.is_referral = true;
        }
    }

    ReplyNote note_;
    std::optional<std::uint16_t> error_code_;
    std::string error_text_;
    std::vector<std::uint8_t> reply_;
};

std::vector<std::uint8_t> message_of(const Asker& asker, const dns::Name& name,
                                     std::uint16_t type) {
    std::vector<std::uint8_t> message(dns::kHeaderSize + dns::kNameMax + 4 + dns::kOptSize);
    message.resize(dns::write_question(message, 0,
                                       {.name = name.wire(),
                                        .type = type,
                                        .dnssec_ok = asker.dnssec_ok,
                                        .checking_disabled = asker.checking_disabled,
                                        .recursion_desired = asker.recursion_desired},
                                       true));
    return message;
}

// The same question is in flight, and its reply serves this client, too.
void join(const PendingQuery& same, const Request& request, Outlook& outlook) {
    const auto& all = same.snapshot->upstreams;
    const auto found = std::ranges::find_if(
        all, [&](const auto& upstream) { return upstream->id == same.upstream; });
    outlook.asks = found->get();
    outlook.joins = true;
    outlook.has_last_known = request.last_known;
}

// What becomes of a query that answer_now has deferred, as Impl::admit and Impl::run have it. The
// bounds of what may wait are left out: whoever asks for an explanation is not shed.
void look_further(Resolver::Impl& dry, Resolver::Impl& worker, const Request& request,
                  Recorder& recorder, Time now, Outlook& outlook) {
    PendingQuery alone;
    alone.snapshot = dry.snapshot;
    alone.waiters.push_back(
        {.to = {.sink = &recorder, .client = {}, .local = {}}, .request = request, .since = now});
    const upstream::Upstream* first = dry.first_upstream(request);
    if (first == nullptr) return dry.fail_moved(alone.waiters.front(), now);
    if (worker.admission.is_crowded(request, *first, now) &&
        dry.answer_from_memory(alone, describe_return(*first), now))
        return;
    if (const PendingQuery* same = worker.admission.table().find(request, dry.snapshot)) {
        if (!same->overdue || !dry.answer_from_memory(alone, describe_overdue(*first), now))
            join(*same, request, outlook);
        return;
    }
    AliasChase chase(dry.chase_context(), alone, now);
    while (const upstream::Upstream* owner = chase.next(now)) {
        if (const auto failed = upstream::Client::fails_at_once(*owner, *owner->set(), now)) {
            chase.on_reply(*owner, *failed, now);
            continue;
        }
        outlook.asks = owner;
        outlook.asked_name = chase.question().name;
        outlook.aliases = chase.aliases();
        outlook.has_last_known =
            chase.has_last_known() && owner->options.stale.max_age > Duration::zero();
        return;
    }
    dry.reply_to_all(alone, chase, now);
}

}  // namespace

Outlook look_ahead(Resolver::Impl& worker, std::shared_ptr<const Snapshot> snapshot,
                   const Asker& asker, const dns::Name& name, std::uint16_t type, Time now) {
    const auto counters = std::make_unique<metrics::Counters>();
    const auto dry =
        std::make_unique<Resolver::Impl>(worker.cache, worker.client, *counters, Run::dry);
    Recorder recorder;
    dry->snapshot = snapshot;
    dry->writer.observe(&recorder);
    Request request;
    request.client = asker.client;
    request.listener = asker.listener;
    request.udp = false;
    const std::vector<std::uint8_t> message = message_of(asker, name, type);
    std::vector<std::uint8_t> reply(dns::kMessageMax);
    std::size_t size = 0;
    Outlook outlook;
    const Disposition done = dry->answer_now(message, now, request, {reply, size});
    const Decision decision = decide(*snapshot, asker.listener, asker.client, name.wire(), type);
    outlook.view = decision.view;
    outlook.route = decision.route;
    if (done == Disposition::replied) {
        dry->writer.told(request, size);
        recorder.deliver({}, Bytes(reply).first(size));
    } else if (done == Disposition::deferred) {
        look_further(*dry, worker, request, recorder, now, outlook);
    }
    if (outlook.asks == nullptr) recorder.fill(outlook);
    outlook.snapshot = std::move(snapshot);
    return outlook;
}

std::shared_ptr<const Snapshot> seen_from(const Snapshot& snapshot, view::ViewId view) {
    auto seen = std::make_shared<Snapshot>(snapshot);
    seen->clients = view::ClientTable();
    for (const char* everyone : {"0.0.0.0/0", "::/0"})
        seen->clients.add(IpPrefix::parse(everyone).value(), view);
    return seen;
}

}  // namespace peerzone::resolver
