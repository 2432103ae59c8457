// Invariants: a ProbedUpstream lives from one follow() to the next that leaves it out; a Target
// lives as long as a probe of it is on its way. States change in look() only, which runs from the
// timers or the wakeup, never within a probe.
#include "peerzone/probe/prober.hpp"

#include <algorithm>
#include <string>

#include "probe/prober_impl.hpp"

namespace peerzone::probe {
namespace {

using metrics::Count;

constexpr std::size_t kSpread = 16;  // more endpoints than that do not begin at once
constexpr Millis kSpreadOver{200};

}  // namespace

Prober::Prober(boost::asio::io_context& io, const upstream::ClientOptions& options)
    : impl_(std::make_unique<Impl>(io, options)) {}

Prober::~Prober() {
    shut_down();
}

void Prober::follow(const std::vector<std::shared_ptr<const upstream::Upstream>>& upstreams) {
    if (!impl_->stopped) impl_->follow(upstreams);
}

void Prober::shut_down() {
    if (impl_->stopped) return;
    impl_->stopped = true;
    impl_->follow({});
    impl_->udp.shut_down();
    impl_->stream.shut_down();
    impl_->timers.stop();
    boost::system::error_code ignored;
    impl_->wakeup_descriptor.close(ignored);
}

const metrics::Counters& Prober::counters() const noexcept {
    return impl_->counters;
}

void Prober::Impl::follow(const std::vector<std::shared_ptr<const upstream::Upstream>>& upstreams) {
    const Time now = Clock::now();
    std::vector<std::unique_ptr<ProbedUpstream>> before = std::move(probed_upstreams);
    probed_upstreams.clear();
    for (const auto& upstream : upstreams) {
        if (!upstream->health->is_connected()) upstream->health->connect(wakeup);
        const auto known = std::find_if(before.begin(), before.end(), [&](const auto& probed) {
            return probed != nullptr && probed->upstream->health == upstream->health;
        });
        if (known != before.end()) {
            probed_upstreams.push_back(std::move(*known));
        } else {
            probed_upstreams.push_back(new_probed(*upstream, now));
        }
        adopt(*probed_upstreams.back(), upstream, now);
    }
    for (const auto& gone : before) {
        if (gone == nullptr) continue;
        for (const auto& target : gone->targets) {
            target->probed = nullptr;
            target->cancel();
        }
    }
    if (!stopped && !wakeup_descriptor.is_open() && wakeup->fd() >= 0) wait_for_wakeup();
}

std::unique_ptr<ProbedUpstream> Prober::Impl::new_probed(const upstream::Upstream& upstream, Time now) {
    auto probed = std::make_unique<ProbedUpstream>(
        [](TimerNode& node) {
            auto& self = static_cast<ProbedUpstream&>(node);
            static_cast<Impl*>(self.owner)->look(self, Clock::now());
        },
        this);
    // It may have been here before, in whatever state.
    const upstream::UpstreamState begins = probed->partition.state();
    if (upstream.health->state() != begins)
        upstream.health->enter(begins, now, std::chrono::system_clock::now());
    return probed;
}

/// The endpoints of `upstream` are those to watch now; what is known of one that stays is kept.
void Prober::Impl::adopt(ProbedUpstream& probed, const std::shared_ptr<const upstream::Upstream>& upstream,
                         Time now) {
    const Cork::Scope scope(cork);
    std::vector<std::shared_ptr<Target>> before = std::move(probed.targets);
    probed.targets.clear();
    const bool expects_as_before =
        probed.upstream != nullptr && probed.upstream->options.expect == upstream->options.expect;
    probed.upstream = upstream;
    probed.set = upstream->set();
    const auto& endpoints = probed.set->endpoints;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        const auto& endpoint = endpoints[i];
        const auto known = std::find_if(before.begin(), before.end(), [&](const auto& target) {
            return target != nullptr && target->endpoint == endpoint;
        });
        const bool is_new = known == before.end();
        probed.targets.push_back(
            is_new ? std::make_shared<Target>(
                         [](TimerNode& node) {
                             auto& target = static_cast<Target&>(node);
                             static_cast<Impl*>(target.owner)->on_due(target, Clock::now());
                         },
                         this, endpoint)
                   : std::move(*known));
        Target& target = *probed.targets.back();
        target.probed = &probed;
        target.index = i;
        if (is_new || !expects_as_before) expect(target);
        if (!is_new && !expects_as_before) identify(target, now);
        if (!is_new) continue;
        target.due = now;
        if (endpoints.size() > kSpread)
            target.due += Millis(random.below(static_cast<std::uint32_t>(kSpreadOver.count())));
        timers.add(target, now, target.due);
    }
    for (const auto& gone : before) {
        if (gone == nullptr) continue;
        gone->probed = nullptr;
        gone->cancel();
    }
    look_soon(probed, now);
}

void Prober::Impl::wait_for_wakeup() {
    if (!wakeup_descriptor.is_open()) {
        const int own = ::dup(wakeup->fd());
        if (own < 0) return;  // states change a little later then
        wakeup_descriptor.assign(own);
    }
    wakeup_descriptor.async_wait(
        boost::asio::posix::descriptor_base::wait_read,
        [this, here = std::weak_ptr<int>(alive)](const boost::system::error_code& error) {
            if (error || here.expired() || stopped) return;
            on_wakeup();
            wait_for_wakeup();
        });
}

void Prober::Impl::on_wakeup() {
    wakeup->clear();
    const Time now = Clock::now();
    for (const auto& probed : probed_upstreams) {
        look(*probed, now);
        for (const auto& target : probed->targets) hasten(*target, now);
    }
}

void Prober::Impl::look(ProbedUpstream& probed, Time now) {
    const Cork::Scope scope(cork);
    const upstream::UpstreamState before = probed.partition.state();
    const Time since = probed.partition.since();
    if (probed.partition.look(probed.facts(), now)) {
        probed.upstream->health->enter(probed.partition.state(), now,
                                       std::chrono::system_clock::now());
        tell(probed, before, since, now);
        if (probed.partition.state() == upstream::UpstreamState::suspect) probe_all(probed, now);
        if (probed.partition.state() == upstream::UpstreamState::recovering)
            for (const auto& target : probed.targets) identify(*target, now);
        for (const auto& target : probed.targets) hasten(*target, now);
        look_soon(probed, now);  // what is known may be enough for the next one
        return;
    }
    if (const auto due = probed.partition.due()) timers.add(probed, now, *due);
}

void Prober::Impl::tell(ProbedUpstream& probed, upstream::UpstreamState before, Time since, Time now) {
    const upstream::UpstreamState state = probed.partition.state();
    const Partition::Facts facts = probed.facts();
    std::uint64_t suppressed = 0;
    // That it is gone is always told; the rest, within a limit.
    const bool always = state == upstream::UpstreamState::partitioned;
    const bool warns = always || state == upstream::UpstreamState::unusable;
    if (always) counters.add(Count::upstream_partitions);
    if (before == upstream::UpstreamState::unknown && state == upstream::UpstreamState::healthy) return;
    if (!probed.log_limit.allow(now, suppressed) && !always) return;
    const auto lasted = std::chrono::duration_cast<Millis>(now - since).count();
    log::write(warns ? log::Level::warning : log::Level::info,
               "upstream " + std::string(upstream::state_text(state)),
               {{"upstream", probed.upstream->label},
                {"was", std::string(upstream::state_text(before))},
                {"for_ms", since == Time{} ? "" : std::to_string(lasted)},
                {"endpoints_up",
                 std::to_string(facts.up - facts.unusable) + "/" + std::to_string(facts.endpoints)},
                {"suppressed", std::to_string(suppressed)}});
}

/// Every endpoint is asked at once whether it is there.
void Prober::Impl::probe_all(ProbedUpstream& probed, Time now) {
    ++probed.round;
    for (const auto& target : probed.targets) {
        begin(*target, now);
        begin_other(*target, now);
    }
}

}  // namespace peerzone::probe
