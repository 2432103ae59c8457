// What all TLS sessions of a time share: certificate, key, session ticket keys, rules. Never
// changed after it was made, so every worker may use it; sessions keep it alive.
#pragma once

#include <memory>

#include "peerzone/server/tls.hpp"

struct bio_st;
struct ssl_ctx_st;
struct ssl_st;

namespace peerzone::server {

struct SslFree {
    void operator()(ssl_st* session) const noexcept;
};
using SslSession = std::unique_ptr<ssl_st, SslFree>;

class TlsContext {
public:
    /// Takes `context`.
    explicit TlsContext(ssl_ctx_st* context) noexcept : context_(context) {}
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    /// The server's end of a connection; empty without memory.
    /// Takes `bio`, also then.
    SslSession new_session(bio_st* bio) const noexcept;

private:
    ssl_ctx_st* const context_;
};

}  // namespace peerzone::server
