#include "app/host_lookups.hpp"

#include <algorithm>

#include "peerzone/base/log.hpp"
#include "peerzone/upstream/lookup.hpp"

namespace peerzone::app {
namespace {

constexpr Seconds kLookupDeadline{2};
constexpr Duration kBackOffMin = Seconds(1);
constexpr Duration kBackOffMax = Seconds(30);

}  // namespace

HostLookups::HostLookups(Found found) : found_(std::move(found)) {}

HostLookups::~HostLookups() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void HostLookups::want(const std::set<std::string>& hosts,
                       const std::vector<SocketAddress>& servers) {
    const std::lock_guard lock(mutex_);
    servers_ = servers;
    due_.clear();
    for (const std::string& host : hosts)
        if (!known_.contains(host)) due_[host] = {Clock::now(), kBackOffMin};
    if (!due_.empty() && !thread_.joinable()) thread_ = std::thread([this] { run(); });
    changed_.notify_all();
}

void HostLookups::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (due_.empty()) {
            changed_.wait(lock);
            continue;
        }
        const auto next = std::min_element(
            due_.begin(), due_.end(),
            [](const auto& a, const auto& b) { return a.second.at < b.second.at; });
        if (const Time at = next->second.at; at > Clock::now()) {
            changed_.wait_until(lock, at);
            continue;
        }
        const std::string host = next->first;
        const std::vector<SocketAddress> servers = servers_;
        lock.unlock();
        auto addresses = upstream::lookup_host(host, servers, kLookupDeadline);
        lock.lock();
        const auto wanted = due_.find(host);
        if (wanted == due_.end()) continue;  // a reload does not want it any more
        if (addresses) {
            due_.erase(wanted);
            known_.insert(host);
            lock.unlock();
            found_(host, std::move(*addresses));
            lock.lock();
        } else {
            log::warning("endpoint host not resolved",
                         {{"host", host}, {"why", addresses.error().message}});
            Due& due = wanted->second;
            due = {Clock::now() + due.back_off, std::min(due.back_off * 2, kBackOffMax)};
        }
    }
}

}  // namespace peerzone::app
