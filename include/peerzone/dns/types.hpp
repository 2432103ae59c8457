// The numbers of the DNS, as IANA's registries name them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "peerzone/base/result.hpp"

namespace peerzone::dns {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMessageMax = 65535;
inline constexpr std::size_t kUdpPlainMax = 512;  ///< RFC 1035 4.2.1: without EDNS
inline constexpr std::size_t kUdpEdnsMax = 1232;  ///< DNS flag day 2020: what we send and offer
inline constexpr std::size_t kOptSize = 11;  ///< an OPT record without options (RFC 6891 6.1.2)
inline constexpr std::uint16_t kQnamePointer = 0xc000 | kHeaderSize;

// Header flags, as the second 16 bits of a message.
inline constexpr std::uint16_t kFlagQr = 0x8000;
inline constexpr std::uint16_t kFlagAa = 0x0400;
inline constexpr std::uint16_t kFlagTc = 0x0200;
inline constexpr std::uint16_t kFlagRd = 0x0100;
inline constexpr std::uint16_t kFlagRa = 0x0080;
inline constexpr std::uint16_t kFlagAd = 0x0020;
inline constexpr std::uint16_t kFlagCd = 0x0010;
inline constexpr std::uint16_t kOpcodeMask = 0x7800;
inline constexpr std::uint16_t kEdnsFlagDo = 0x8000;

enum class Rcode : std::uint8_t {
    noerror = 0,
    formerr = 1,
    servfail = 2,
    nxdomain = 3,
    notimp = 4,
    refused = 5,
    yxdomain = 6,  ///< a DNAME made a name that is too long (RFC 6672 2.2)
    badvers = 16   ///< needs an OPT (RFC 6891 6.1.3)
};

namespace type {
inline constexpr std::uint16_t a = 1, ns = 2, cname = 5, soa = 6, ptr = 12, mx = 15, txt = 16,
                               aaaa = 28, srv = 33, dname = 39, opt = 41, ds = 43, rrsig = 46,
                               nsec = 47, svcb = 64, https = 65, tkey = 249, tsig = 250, ixfr = 251,
                               axfr = 252, mailb = 253, maila = 254, any = 255;
}
namespace klass {
inline constexpr std::uint16_t in = 1, ch = 3, none = 254, any = 255;
}

/// EDNS options (RFC 6891) and extended errors (RFC 8914) that we speak.
namespace option {
inline constexpr std::uint16_t nsid = 3, client_subnet = 8, tcp_keepalive = 11, padding = 12,
                               ede = 15,
                               hop_mark = 65313;  // local use: 8 octets node id, 1 octet hops
}
/// What signs records, or proves that there are none (RFC 4034, RFC 5155).
constexpr bool is_proof(std::uint16_t type) noexcept {
    constexpr std::uint16_t kNsec3 = 50;
    return type == type::rrsig || type == type::nsec || type == kNsec3;
}

namespace ede {
inline constexpr std::uint16_t other = 0, stale = 3, cached_error = 13, not_ready = 14,
                               blocked = 15, prohibited = 18, stale_nxdomain = 19,
                               not_authoritative = 20, not_supported = 21,
                               no_reachable_authority = 22, network_error = 23, invalid_data = 24;
}

/// An extended error to put into a reply; the text is for people.
struct ExtendedError {
    std::uint16_t code = 0;
    std::string_view text;
};

std::string type_text(std::uint16_t type);  ///< "A", "SRV", "TYPE1000"
std::string rcode_text(Rcode rcode);        ///< "NXDOMAIN"

}  // namespace peerzone::dns
