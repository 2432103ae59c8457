// EDNS Client Subnet (RFC 7871): the block of addresses that a forwarder's own client is in, told
// in its query, and in the reply the block that the answer is for. Here is only the option's form;
// whose option counts is the resolver's to decide. Pure, allocates nothing; any thread.
#pragma once

#include <array>
#include <cstdint>

#include "peerzone/base/bytes.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone::dns {

/// Of a query: what it says of Client Subnet, and whether its reply says something, too.
enum class SubnetState : std::uint8_t {
    none,
    malformed,  ///< not of the form of RFC 7871 6, or there several times
    asked,      ///< the query has it
    answered    ///< the reply echoes it, with the scope that the resolver has set
};

/// The option's contents; of no use unless SubnetState is `asked` or `answered`.
struct ClientSubnet {
    std::uint8_t family = 0;         ///< 1 IPv4, 2 IPv6; 0 only where no address is given
    std::uint8_t source_length = 0;  ///< bits of the address that are given; 0: "do not use mine"
    std::uint8_t scope_length = 0;   ///< of the reply: how many bits of it the answer depends on
    std::array<std::uint8_t, 16> octets;  ///< of the address, in front; zero behind source_length

    bool gives_address() const noexcept { return source_length != 0; }
    std::size_t address_size() const noexcept { return (source_length + 7u) / 8; }
    /// Code and length included.
    std::size_t option_size() const noexcept { return 8 + address_size(); }
    /// The lowest address of the block that is given.
    IpAddress address() const noexcept;
    IpPrefix prefix() const noexcept;
    /// A length of IpPrefix (of 128 bits) as the option counts it: IPv4 has 32.
    std::uint8_t length_in_family(std::uint8_t prefix_length) const noexcept;
};

/// Reads the option's data as a query has it: false where anything in it is not as RFC 7871 6 and
/// 7.1.2 say, which is to be refused with FORMERR (7.2.1).
bool parse_client_subnet(Bytes data, ClientSubnet& subnet) noexcept;
/// Writes the option, code and length included: option_size() octets.
void write_client_subnet(std::uint8_t* out, const ClientSubnet& subnet) noexcept;

}  // namespace peerzone::dns
