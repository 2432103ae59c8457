// One upstream's side of TLS. Shared by the workers: its tables are behind a lock that only
// connecting, a new session and a failure take; questions on a connection do not.
#pragma once

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "exchange/tls_context.hpp"
#include "peerzone/base/clock.hpp"
#include "peerzone/base/ip.hpp"
#include "peerzone/base/log.hpp"

namespace peerzone::exchange {

struct TlsSessionFree {
    void operator()(SSL_SESSION* session) const noexcept;
};
using TlsTicket = std::unique_ptr<SSL_SESSION, TlsSessionFree>;

/// Why TLS failed, for people.
using TlsReason = std::shared_ptr<const std::string>;

class TlsIdentity : public std::enable_shared_from_this<TlsIdentity> {
public:
    static constexpr std::size_t kEndpointsMax = 1024;  // past it one of the others is forgotten
    static constexpr Duration kHold = Seconds(1);

    TlsIdentity(std::shared_ptr<TlsContext> context, TlsIdentities::Names names,
                std::shared_ptr<log::LogLimit> log_limit)
        : context_(std::move(context)),
          names_(std::move(names)),
          log_limit_(std::move(log_limit)) {}

    const std::shared_ptr<TlsContext>& context() const noexcept { return context_; }
    const TlsIdentities::Names& names() const noexcept { return names_; }
    /// What the certificate of the endpoint must be for: a host name or an address.
    std::string expected_name(const SocketAddress& to) const {
        return names_.server_name.empty() ? to.ip.to_text() : names_.server_name;
    }

    /// A copy of the last session with this endpoint, to go on with (RFC 8446 2.2); null without.
    TlsTicket session(const SocketAddress& to);
    void keep_session(const SocketAddress& to, const SSL_SESSION& session);

    /// TLS with this endpoint failed for `why`: its session is forgotten, the operator is told
    /// (once a minute per upstream), and with `hold` nobody tries again for kHold, so that a wrong
    /// certificate does not cost a handshake per question.
    void note_failure(const SocketAddress& to, const TlsReason& why, bool hold, Time now);
    /// The reason while the endpoint is held; null otherwise.
    TlsReason held(const SocketAddress& to, Time now);

private:
    struct Known {
        TlsTicket session;
        TlsReason why;
        Time held_until{};
    };
    Known& known(const SocketAddress& to);  // with the lock held

    std::shared_ptr<TlsContext> context_;
    TlsIdentities::Names names_;
    std::shared_ptr<log::LogLimit> log_limit_;
    std::mutex lock_;
    std::map<SocketAddress, Known> endpoints_;
};

}  // namespace peerzone::exchange
