// What one worker's Resolver is made of. resolver.cpp answers what can be answered at once,
// waiting.cpp asks upstreams for the rest, refresh.cpp asks before answers expire.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "peerzone/base/log.hpp"
#include "peerzone/base/task.hpp"
#include "peerzone/resolver/resolver.hpp"
#include "resolver/admission.hpp"
#include "resolver/alias_chase.hpp"
#include "resolver/inquiry_limit.hpp"
#include "resolver/memory.hpp"
#include "resolver/refresh.hpp"
#include "resolver/reply_writer.hpp"

namespace peerzone::resolver {

/// A dry run takes the same steps on the same memory, and changes nothing outside of its own
/// object: no use is counted, no upstream is asked or told of it (resolver/outlook.hpp).
enum class Run : std::uint8_t { real, dry };

struct Resolver::Impl {
    cache::Cache& cache;
    upstream::Client& client;
    metrics::Counters& counters;
    std::shared_ptr<const Snapshot> snapshot = std::make_shared<Snapshot>();
    Memory memory;
    Admission admission;
    ReplyWriter writer;
    RefreshQueue refreshes;
    RefreshTimer refresh_timer{*this};
    log::LogLimit failure_log;
    log::LogLimit loop_log;
    /// A message whose question is the name where a chase stands (AliasChase::Context::scratch).
    std::array<std::uint8_t, dns::kMessageMax> scratch;
    InquiryLimit inquiries;
    const bool is_dry;

    Impl(cache::Cache& kept, upstream::Client& c, metrics::Counters& m, Run run = Run::real)
        : cache(kept),
          client(c),
          counters(m),
          memory(kept, run == Run::dry ? Memory::Looks::leave_no_trace : Memory::Looks::count),
          writer(m),
          is_dry(run == Run::dry) {}

    // resolver.cpp
    Disposition answer_now(Bytes message, Time now, Request& request,
                           ReplyWriter::Out out) noexcept;
    bool heeds_subnet(const Request& request) noexcept;
    Decision decide_by_subnet(Request& request) noexcept;
    Disposition from_zone(const Decision& decision, Request& request,
                          ReplyWriter::Out out) noexcept;
    const dns::ExtendedError* why_no_owner(const Decision& decision,
                                           const dns::Query& query) noexcept;
    const dns::ExtendedError* why_absent(const upstream::Upstream& owner) noexcept;
    Disposition from_memory(const Decision& decision, Request& request, Time now,
                            ReplyWriter::Out out) noexcept;
    Disposition from_past(const Decision& decision, Request& request,
                          const upstream::Upstream& owner, Time now, ReplyWriter::Out out) noexcept;
    const dns::ExtendedError* note_stale(const upstream::Upstream& owner, const cache::Hit& hit,
                                         EdeText& why) noexcept;
    Disposition fail_at_once(const Decision& decision, const Request& request,
                             ReplyWriter::Out out) noexcept;

    // introspect.cpp
    Disposition introspect(const Decision& decision, Request& request, Time now,
                           ReplyWriter::Out out) noexcept;
    Disposition tell(const std::vector<std::string>& lines, const Request& request,
                     const view::View& view, ReplyWriter::Out out) noexcept;
    std::vector<std::string> answer_inquiry(const Request& request, const view::View& view,
                                            Time now);

    // waiting.cpp
    AliasChase::Context chase_context() noexcept {
        return {memory, counters, writer.rotation(), scratch};
    }
    const upstream::Upstream* first_upstream(const Request& request);
    void admit(const Request& request, const ReplyTo& to, Time now);
    void fail_moved(const Waiter& waiter, Time now);
    bool cut_loop(const Waiter& waiter, const upstream::Upstream& upstream, Time now);
    void start(const Waiter& waiter, const upstream::Upstream& upstream, Time now);
    Detached run(PendingQuery& pending, Time now);
    bool enter_share(PendingQuery& pending, AliasChase& chase, const upstream::Upstream& owner,
                     Time now);
    void tell_upstreams(AliasChase& chase, Time now);
    void finish(PendingQuery& pending, AliasChase& chase, Time now);
    void reply_to_all(const PendingQuery& pending, const AliasChase& chase, Time now);
    void reply_to(const Waiter& waiter, const view::View& view, const Answer& answer, Time now);

    bool answer_from_memory(const Waiter& waiter, const std::shared_ptr<const Snapshot>& its,
                            std::string_view why, Time now);
    bool answer_from_memory(const PendingQuery& pending, std::string_view why, Time now);
    void wait_along(PendingQuery& pending, const upstream::Upstream& upstream, Time now);
    void arm_response_timer(PendingQuery& pending, const upstream::Upstream& upstream, Time now);
    void on_overdue(PendingQuery& pending, const upstream::Upstream& upstream, Time now);
    void shed(const Waiter& waiter, const upstream::Upstream& upstream,
              const Admission::Refusal& refusal, Time now);
    void answer_displaced(const Admission::Displaced& displaced, const upstream::Upstream& upstream,
                          Time now);
    void refuse(const Waiter& waiter, const view::View& view, const upstream::Upstream& upstream,
                std::string text, Time now);

    // refresh.cpp
    std::size_t refreshes_max(const upstream::Upstream& upstream) const noexcept;
    void plan_refresh(const Request& request, const Subject& subject, cache::Kind kind,
                      Memory::Words words, Time now) noexcept;
    void start_refreshes(Time now);
};

}  // namespace peerzone::resolver
