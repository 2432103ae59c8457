#pragma once

#include "peerzone/base/ip.hpp"

namespace peerzone::exchange {

class TlsIdentity;

/// Whom a connection is to. Clear text and each identity have connections of their own.
struct StreamKey {
    SocketAddress to;
    TlsIdentity* tls = nullptr;  ///< null: clear text
    friend bool operator==(const StreamKey&, const StreamKey&) = default;
};

}  // namespace peerzone::exchange
