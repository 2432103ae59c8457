// The EDNS Client Subnet option (RFC 7871) in octets, for queries and to compare with replies.
#pragma once

#include <string_view>

#include "peerzone/base/ip.hpp"
#include "support/dns_wire.hpp"

namespace peerzone::testing {

/// The option's data for "10.1.2.0/24" or "fd00::/48".
inline Octets subnet_data(std::string_view text, unsigned scope = 0) {
    const IpPrefix prefix = IpPrefix::parse(text).value();
    const std::size_t size = (prefix.family_length() + 7u) / 8;
    return Wire()
        .u16(prefix.is_v4() ? 1 : 2)
        .u8(prefix.family_length())
        .u8(scope)
        .raw(Bytes(prefix.address.bytes()).subspan(prefix.is_v4() ? 12 : 0, size))
        .octets();
}

/// Code, length and this data.
inline Octets subnet_option(Bytes data) {
    return Wire()
        .u16(dns::option::client_subnet)
        .u16(static_cast<unsigned>(data.size()))
        .raw(data)
        .octets();
}
inline Octets subnet_option(std::string_view text) {
    return subnet_option(Bytes(subnet_data(text)));
}

}  // namespace peerzone::testing
