// DNS over TLS towards upstreams (RFC 7858, RFC 8310): who a peer must be, who we are, and what is
// kept between connections. Nothing here is made, and OpenSSL stays untouched, unless a
// configuration asks for TLS.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peerzone/base/log.hpp"
#include "peerzone/base/result.hpp"

namespace peerzone::exchange {

/// peers.<name>.tls, local.forward.tls and forward.<suffix>.tls. Files are PEM; an empty path means
/// that there is none.
struct TlsOptions {
    std::string server_name;  ///< what the peer's certificate must be for, and the name we ask for
                              ///< (SNI); unset: the endpoint's host name, or else its address
    std::string ca;           ///< who may vouch for the peer; unset: the system's store
    std::string certificate;  ///< our own with its chain, for peers that want to know who asks
    std::string key;          ///< of `certificate`; not encrypted

    friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

inline constexpr std::size_t kTlsFileBytesMax = 4u << 20;

struct TlsProblem {
    std::string_view key;  ///< which option: "ca", "certificate" or "key"
    std::string message;
};

/// Everything that is wrong with the files. Reads them; does not look at the system's store.
std::vector<TlsProblem> check_tls(const TlsOptions& options);

/// One upstream's side of TLS: verification, our certificate, the last session of each endpoint.
/// Shared by the workers; safe in any thread (exchange/tls_identity.hpp).
class TlsIdentity;
struct TlsContext;

/// Makes identities and keeps them over reloads as long as options and the contents of the files
/// stay, so that sessions survive. One per program; control thread only.
class TlsIdentities {
public:
    TlsIdentities();
    ~TlsIdentities();

    /// Reads the files of `wanted`, for the identities that are made from now on. All or none: an
    /// error leaves what was there.
    Result<void> load(const std::vector<TlsOptions>& wanted);

    struct Names {
        std::string label;        ///< for people: "peer=westus"
        std::string path;         ///< of the options in the configuration: "peers.westus.tls"
        std::string server_name;  ///< host name or address; empty: the endpoint's address
    };
    /// An identity with options that the last load() was given.
    std::shared_ptr<TlsIdentity> get(const TlsOptions& options, const Names& names);
    /// Forgets the identities that nobody asked for since the last call.
    void drop_unused();

private:
    using Files = std::vector<std::string>;  // paths of ca, certificate and key
    using Key = std::vector<std::string>;    // label, server name and the paths

    static Files files_of(const TlsOptions& options);

    std::map<Files, std::shared_ptr<TlsContext>> contexts_;
    std::map<Key, std::shared_ptr<TlsIdentity>> identities_;
    std::map<Key, std::shared_ptr<TlsIdentity>> used_;
    std::map<std::string, std::shared_ptr<log::LogLimit>> log_limits_;  // by label
};

}  // namespace peerzone::exchange
