// Invariant: open_ is the sum of by_client_, and no entry of by_client_ is zero.
#include "server/connection_limits.hpp"

namespace peerzone::server {

ConnectionLimits::Ticket& ConnectionLimits::Ticket::operator=(Ticket&& other) noexcept {
    if (this != &other) {
        give_back();
        limits_ = std::exchange(other.limits_, nullptr);
        client_ = other.client_;
    }
    return *this;
}

void ConnectionLimits::Ticket::give_back() noexcept {
    if (ConnectionLimits* limits = std::exchange(limits_, nullptr)) limits->close(client_);
}

void ConnectionLimits::set_limits(const Limits& limits) noexcept {
    total_max_.store(limits.tcp_connections_max, std::memory_order_relaxed);
    per_client_max_.store(limits.tcp_connections_per_client_max, std::memory_order_relaxed);
}

ConnectionLimits::Admission ConnectionLimits::open(const IpAddress& client, Ticket& ticket) {
    ticket.give_back();
    const std::lock_guard lock(mutex_);
    return admit(client, ticket);
}

ConnectionLimits::Admission ConnectionLimits::open_instead(Ticket& of, const IpAddress& client,
                                                           Ticket& ticket) {
    ticket.give_back();
    const std::lock_guard lock(mutex_);
    if (of.limits_ == nullptr) return admit(client, ticket);
    // No connection gives way for a client that is refused all the same.
    const auto found = by_client_.find(client);
    const std::size_t of_client = found == by_client_.end() ? 0 : found->second;
    if (of_client - (of.client_ == client ? 1 : 0) >=
        per_client_max_.load(std::memory_order_relaxed))
        return Admission::client_reached;
    if (open_.load(std::memory_order_relaxed) > total_max_.load(std::memory_order_relaxed))
        return Admission::total_reached;
    of.limits_ = nullptr;
    forget(of.client_);
    return admit(client, ticket);
}

ConnectionLimits::Admission ConnectionLimits::admit(const IpAddress& client, Ticket& ticket) {
    const auto found = by_client_.find(client);
    const std::size_t of_client = found == by_client_.end() ? 0 : found->second;
    if (of_client >= per_client_max_.load(std::memory_order_relaxed))
        return Admission::client_reached;
    const std::size_t open = open_.load(std::memory_order_relaxed);
    if (open >= total_max_.load(std::memory_order_relaxed)) return Admission::total_reached;
    if (found == by_client_.end())
        by_client_.emplace(client, 1);
    else
        ++found->second;
    open_.store(open + 1, std::memory_order_relaxed);
    ticket.limits_ = this;
    ticket.client_ = client;
    return Admission::admitted;
}

bool ConnectionLimits::crowded() const noexcept {
    return open_count() * 4 > total_max_.load(std::memory_order_relaxed) * 3;
}

void ConnectionLimits::close(const IpAddress& client) noexcept {
    const std::lock_guard lock(mutex_);
    forget(client);
}

void ConnectionLimits::forget(const IpAddress& client) noexcept {
    const auto found = by_client_.find(client);
    if (found == by_client_.end()) return;
    if (--found->second == 0) by_client_.erase(found);
    open_.store(open_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

}  // namespace peerzone::server
