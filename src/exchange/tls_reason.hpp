// Why TLS failed, in words that name the option to look at. What a peer sent is shown without
// control characters and cut.
#pragma once

#include <openssl/types.h>

#include <string>

namespace peerzone::exchange {

/// What the words need to know about our side.
struct TlsExpectation {
    std::string name;       ///< what the certificate must be for
    std::string path;       ///< of the options: "peers.westus.tls"
    bool has_certificate;   ///< we have one of our own …
    bool was_asked_for_it;  ///< … and the peer wanted one that we do not have
};

/// `error` is one of X509_V_ERR_…, `depth` that of `certificate` in the chain (0: the peer's own).
std::string certificate_reason(int error, int depth, const X509* certificate,
                               const TlsExpectation& expected);
/// `error` is one of OpenSSL's error queue.
std::string protocol_reason(unsigned long error, const TlsExpectation& expected);
std::string missing_certificate_reason(const TlsExpectation& expected);

}  // namespace peerzone::exchange
