// Questions about this server and its names, which any client asks with dig: class CH, type TXT;
// and, for what lies behind a forwarder, class IN, type TXT, below `_explain`. Here they are
// recognised and read; resolver/introspect.cpp answers them. Pure; any thread.
//
//   CH TXT NAME                          how NAME would be answered
//   CH or IN TXT [PREFIX…] _explain.NAME          the same
//   CH or IN TXT NAME.[PREFIX….]_explain.peerzone.internal   the same, for forwarders that know
//   NAME PREFIX: _TYPE (such as _aaaa), _view.VIEW CH TXT peers.peerzone, config.peerzone,
//   version.bind, version.server, hostname.bind, id.server
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "peerzone/dns/name.hpp"
#include "peerzone/dns/query.hpp"
#include "peerzone/resolver/explanation.hpp"

namespace peerzone::resolver {

struct Inquiry {
    enum class Of : std::uint8_t { name, peers, config, version, host, id };
    Of of = Of::name;
    dns::Name name;                     ///< Of::name: which one, folded
    std::optional<std::uint16_t> type;  ///< none: the usual one
    std::string view;                   ///< as it is seen there; empty: by the client itself
    Explanation wrong;                  ///< not empty: all there is to say
};

/// Whether the name, folded, is one that is answered for class IN: one of `_explain`. Allocates
/// nothing, throws nothing.
bool is_explain_name(Bytes name) noexcept;

/// `name` is folded wire form; `is_chaos`: of class CH.
Inquiry read_inquiry(Bytes name, bool is_chaos);

/// What people mean who name no type: PTR for addresses, SRV where labels begin with '_', else A.
std::uint16_t usual_type(const dns::Name& name) noexcept;

}  // namespace peerzone::resolver
