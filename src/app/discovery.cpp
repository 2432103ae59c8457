#include "app/discovery.hpp"

#include <algorithm>
#include <set>

#include "app/file_stamps.hpp"
#include "app/snapshot_builder.hpp"
#include "peerzone/base/log.hpp"
#include "peerzone/discovery/resolv_conf.hpp"

namespace peerzone::app {
namespace {

constexpr Seconds kLookupDeadline{2};
constexpr Seconds kLook{1};           // how often files and upstreams are looked at
constexpr Millis kTellInterval{200};  // many may change together, and new endpoints are probed
constexpr std::size_t kListedMax = 16;

std::string listed(const std::vector<SocketAddress>& addresses) {
    std::string text;
    for (std::size_t i = 0; i < std::min(addresses.size(), kListedMax); ++i)
        text += (text.empty() ? "" : ",") + addresses[i].to_text();
    if (addresses.size() > kListedMax) text += ",… (" + std::to_string(addresses.size()) + ")";
    return text;
}

std::string age_text(const std::optional<Time>& since, Time now) {
    if (!since) return "never";
    return std::to_string(std::chrono::duration_cast<Seconds>(now - *since).count()) + "s ago";
}

}  // namespace

Discovery::Discovery(boost::asio::io_context& io, std::function<void()> changed)
    : changed_(std::move(changed)), due_(io), look_timer_(io), tell_(io), lookups_(io) {}

void Discovery::want(const config::Config& config) {
    sources_.want(followed_items(config), Clock::now());
    bootstrap_ = config.bootstrap;
    stamps_.clear();
    for (const std::string& path : sources_.files()) static_cast<void>(read_file(path));
    servers_ = bootstrap_servers(config.bootstrap, sources_.table());
    log_events();
    look();
    ask_due();
}

bool Discovery::read_file(const std::string& path) {
    stamps_[path] = stamp_of(path);  // before: a later change is seen at the next look
    return sources_.file_read(path, discovery::read_resolv_conf(path), Clock::now());
}

void Discovery::look() {
    if (sources_.table().empty()) {
        look_timer_.cancel();
        return;
    }
    look_timer_.expires_after(kLook);
    look_timer_.async_wait(
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (error || alive.expired()) return;
            look_at_files();
            look_at_upstreams();
            log_events();
            ask_due();
            look();
        });
}

void Discovery::look_at_files() {
    const std::set<std::string> files = sources_.files();
    for (const std::string& path : files)
        if (stamps_[path].empty() || stamp_of(path) != stamps_[path]) note(read_file(path));
    const auto servers = bootstrap_servers(bootstrap_, sources_.table());
    if (servers == servers_) return;
    servers_ = servers;
    sources_.retry_failed(Clock::now());
}

void Discovery::look_at_upstreams() {
    using upstream::UpstreamState;
    for (const auto& upstream : upstreams_) {
        const UpstreamState state = upstream->health->state();
        if (state != UpstreamState::suspect && state != UpstreamState::partitioned &&
            state != UpstreamState::unusable)
            continue;
        for (const upstream::EndpointSpec& spec : upstream->options.endpoints)
            if (!spec.address) sources_.recheck(upstream::source_text(spec), Clock::now());
    }
}

void Discovery::ask_due() {
    while (const auto due = sources_.take(Clock::now())) {
        std::vector<SocketAddress> servers = servers_;
        if (!servers.empty())
            std::rotate(servers.begin(),
                        servers.begin() + static_cast<long>(due->failures % servers.size()),
                        servers.end());
        const auto done = [this, question = due->question](const discovery::LookupReply& reply) {
            note(sources_.done(question, reply, Clock::now(),
                               static_cast<std::uint32_t>(random_())));
            log_events();
            ask_due();
        };
        lookups_.ask(due->question.name, due->question.type, servers, kLookupDeadline, done);
    }
    if (sources_.next() == Time::max()) return;
    due_.expires_at(sources_.next());
    due_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
        if (!error && !alive.expired()) ask_due();
    });
}

// Several changes in a row are told once.
void Discovery::note(bool changed) {
    if (!changed || telling_) return;
    telling_ = true;
    tell_.expires_at(std::max(Clock::now(), told_ + kTellInterval));
    tell_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
        if (error || alive.expired()) return;
        telling_ = false;
        told_ = Clock::now();
        changed_();
    });
}

void Discovery::log_events() {
    using Kind = discovery::SourceEvent::Kind;
    for (const discovery::SourceEvent& event : sources_.take_events()) {
        switch (event.kind) {
            case Kind::changed:
                log::info("endpoints changed", {{"source", event.source},
                                                {"added", listed(event.added)},
                                                {"removed", listed(event.removed)}});
                break;
            case Kind::failing:
                log::warning("endpoints not found",
                             {{"source", event.source},
                              {"why", event.why},
                              {"kept", std::to_string(event.kept)},
                              {"confirmed", age_text(event.good_at, Clock::now())}});
                break;
            case Kind::recovered:
                log::info("endpoints found again", {{"source", event.source}});
                break;
            case Kind::cut:
                log::warning("too many endpoints",
                             {{"source", event.source},
                              {"found", event.why},
                              {"used", std::to_string(discovery::kSourceAddressesMax)}});
                break;
        }
    }
}

}  // namespace peerzone::app
