// Our side of DNS over TLS (RFC 7858): certificate, key and the clients' authority as one immutable
// value that all workers share. Control thread only, except that a TlsContext may be used and
// dropped anywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "peerzone/base/clock.hpp"
#include "peerzone/server/options.hpp"

namespace peerzone::server {

class TlsContext;

/// What came of reading the files. `context` is empty exactly when there is a `problem`, which is
/// about the file of `part`.
struct TlsLoad {
    enum class Part : std::uint8_t { certificate, key, client_ca };
    std::shared_ptr<const TlsContext> context;
    Part part = Part::certificate;
    std::string problem;     ///< "'tls.key' is not the key of the certificate 'tls.crt'"
    std::string warning;     ///< it serves, but strict clients refuse it, or will soon: expired
    std::string subject;     ///< subject of the certificate: "CN=dns.westus.example.com"
    std::string expires_at;  ///< "Jan 31 10:00:00 2027 GMT"
};

/// Needs a certificate and a key. Takes milliseconds: OpenSSL starts up with the first call.
TlsLoad load_tls(const TlsOptions& options);

/// Keeps the context up to date with its files. A ConfigMap or Secret is swapped by its symbolic
/// link, an editor writes in place: both show in what stat() says. New files that do not work
/// change nothing but the log.
class TlsFiles {
public:
    /// Session tickets are encrypted with keys of the context; a context that is as old as this is
    /// made anew, and what was recorded before cannot be decrypted with them for ever.
    static constexpr std::chrono::hours kAgeMax{12};

    /// True when context() is a new one. Little more than a stat() a file when nothing has changed.
    bool look(const TlsOptions& options, Time now);
    const std::shared_ptr<const TlsContext>& context() const noexcept { return context_; }
    const TlsOptions& options() const noexcept { return options_; }

private:
    struct Stamp {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t size = -1;  // no such file
        std::int64_t changed_ns = 0;
        bool operator==(const Stamp&) const = default;
    };
    static Stamp stamp_of(const std::string& file);
    // It is time to make a new context though no file has changed.
    bool is_old(Time now) const { return context_ != nullptr && now - made_at_ >= kAgeMax; }

    TlsOptions options_;
    std::vector<Stamp> stamps_;  // of the last try, right or wrong
    std::shared_ptr<const TlsContext> context_;
    Time made_at_{};
};

}  // namespace peerzone::server
