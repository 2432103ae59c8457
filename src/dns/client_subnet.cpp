#include "peerzone/dns/client_subnet.hpp"

#include <algorithm>

#include "peerzone/dns/types.hpp"

namespace peerzone::dns {
namespace {

constexpr std::size_t kHeadSize = 4;  // family, source and scope prefix length
constexpr std::uint8_t kV4 = 1;
constexpr std::uint8_t kV6 = 2;
constexpr std::uint8_t kV4Front = 96;  // bits in front of an IPv4 address in IpPrefix::length

// Family 0 is none: it goes with no address at all, as `dig +subnet=0` and BIND have it.
unsigned bits_of(std::uint16_t family) noexcept {
    return family == kV4 ? 32 : family == kV6 ? 128 : 0;
}

}  // namespace

IpAddress ClientSubnet::address() const noexcept {
    return family == kV4 ? IpAddress::v4(load_u32(octets.data())) : IpAddress::v6(octets);
}

IpPrefix ClientSubnet::prefix() const noexcept {
    const unsigned front = family == kV4 ? kV4Front : 0;
    return {address(), static_cast<std::uint8_t>(front + source_length)};
}

std::uint8_t ClientSubnet::length_in_family(std::uint8_t prefix_length) const noexcept {
    return static_cast<std::uint8_t>(family == kV4 ? prefix_length - kV4Front : prefix_length);
}

bool parse_client_subnet(Bytes data, ClientSubnet& subnet) noexcept {
    if (data.size() < kHeadSize) return false;
    const std::uint16_t family = load_u16(&data[0]);
    const std::uint8_t source = data[2];
    if (family > kV6 || source > bits_of(family)) return false;  // 7.2.1: "an unknown FAMILY"
    if (data[3] != 0) return false;  // 6: the scope "MUST be set to 0" in queries
    const Bytes address = data.subspan(kHeadSize);
    if (address.size() != (source + 7u) / 8) return false;
    // 6: padded "with 0 bits to pad to the end of the last octet needed".
    if (source % 8 != 0 && (address.back() & 0xff >> source % 8) != 0) return false;
    subnet.family = static_cast<std::uint8_t>(family);
    subnet.source_length = source;
    subnet.scope_length = 0;
    subnet.octets.fill(0);
    std::copy(address.begin(), address.end(), subnet.octets.begin());
    return true;
}

void write_client_subnet(std::uint8_t* out, const ClientSubnet& subnet) noexcept {
    store_u16(out, option::client_subnet);
    store_u16(out + 2, kHeadSize + subnet.address_size());
    store_u16(out + 4, subnet.family);
    out[6] = subnet.source_length;
    out[7] = subnet.scope_length;
    std::copy_n(subnet.octets.begin(), subnet.address_size(), out + 8);
}

}  // namespace peerzone::dns
