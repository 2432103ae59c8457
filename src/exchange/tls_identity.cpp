#include "exchange/tls_identity.hpp"

#include <openssl/ssl.h>

#include <cassert>

namespace peerzone::exchange {

void TlsSessionFree::operator()(SSL_SESSION* session) const noexcept {
    SSL_SESSION_free(session);
}

TlsIdentity::Known& TlsIdentity::known(const SocketAddress& to) {
    const auto found = endpoints_.find(to);
    if (found != endpoints_.end()) return found->second;
    if (endpoints_.size() >= kEndpointsMax) endpoints_.erase(endpoints_.begin());
    return endpoints_[to];
}

// OpenSSL changes the session that a connection uses, so the one that is kept here belongs to no
// connection: copies go in and out.
TlsTicket TlsIdentity::session(const SocketAddress& to) {
    const std::lock_guard guard(lock_);
    const auto found = endpoints_.find(to);
    if (found == endpoints_.end() || found->second.session == nullptr) return nullptr;
    return TlsTicket(SSL_SESSION_dup(found->second.session.get()));
}

void TlsIdentity::keep_session(const SocketAddress& to, const SSL_SESSION& session) {
    TlsTicket copy(SSL_SESSION_dup(&session));
    const std::lock_guard guard(lock_);
    known(to).session = std::move(copy);
}

void TlsIdentity::note_failure(const SocketAddress& to, const TlsReason& why, bool hold, Time now) {
    {
        const std::lock_guard guard(lock_);
        Known& endpoint = known(to);
        endpoint.session.reset();
        if (hold) {
            endpoint.why = why;
            endpoint.held_until = now + kHold;
        }
    }
    std::uint64_t suppressed = 0;
    if (!log_limit_->allow(now, suppressed)) return;
    log::warning("upstream tls failed", {{"upstream", names_.label},
                                         {"endpoint", to.to_text()},
                                         {"why", *why},
                                         {"suppressed", std::to_string(suppressed)}});
}

TlsReason TlsIdentity::held(const SocketAddress& to, Time now) {
    const std::lock_guard guard(lock_);
    const auto found = endpoints_.find(to);
    if (found == endpoints_.end() || now >= found->second.held_until) return nullptr;
    return found->second.why;
}

TlsIdentities::TlsIdentities() = default;
TlsIdentities::~TlsIdentities() = default;

TlsIdentities::Files TlsIdentities::files_of(const TlsOptions& options) {
    return {options.ca, options.certificate, options.key};
}

Result<void> TlsIdentities::load(const std::vector<TlsOptions>& wanted) {
    std::map<Files, std::shared_ptr<TlsContext>> contexts;
    for (const TlsOptions& options : wanted) {
        const Files files = files_of(options);
        if (contexts.contains(files)) continue;
        const auto known = contexts_.find(files);
        std::vector<TlsProblem> problems;
        auto context = make_tls_context(
            options, true, known == contexts_.end() ? nullptr : known->second, problems);
        if (context == nullptr)
            return fail("tls " + std::string(problems.front().key) + ": " +
                        problems.front().message);
        contexts.emplace(files, std::move(context));
    }
    contexts_ = std::move(contexts);
    return {};
}

std::shared_ptr<TlsIdentity> TlsIdentities::get(const TlsOptions& options, const Names& names) {
    const auto context = contexts_.find(files_of(options));
    assert(context != contexts_.end());
    Key key = files_of(options);
    key.push_back(names.label);
    key.push_back(names.server_name);
    auto& identity = used_[key];
    if (identity == nullptr) {
        const auto known = identities_.find(key);
        if (known != identities_.end()) identity = known->second;
    }
    if (identity != nullptr && identity->context() == context->second) return identity;
    auto& limit = log_limits_[names.label];
    if (limit == nullptr) limit = std::make_shared<log::LogLimit>();
    identity = std::make_shared<TlsIdentity>(context->second, names, limit);
    return identity;
}

void TlsIdentities::drop_unused() {
    identities_ = std::exchange(used_, {});
}

}  // namespace peerzone::exchange
