// Files in, OpenSSL context out: what connections with the same CA and the same own certificate
// share.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "peerzone/exchange/tls.hpp"

namespace peerzone::exchange {

struct TlsContext {
    using Digest = std::array<std::uint8_t, 32>;

    std::shared_ptr<SSL_CTX> ssl;
    Digest files{};                ///< of the contents that it was made of
    bool has_certificate = false;  ///< our own
};

/// Null when there is a problem. `with_system_store`: load the system's CAs where `ca` is unset (17
/// ms), otherwise nobody would be believed. `known` is returned when it was made of the same
/// contents.
std::shared_ptr<TlsContext> make_tls_context(const TlsOptions& options, bool with_system_store,
                                             const std::shared_ptr<TlsContext>& known,
                                             std::vector<TlsProblem>& problems);

}  // namespace peerzone::exchange
