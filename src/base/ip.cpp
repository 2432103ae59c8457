#include "peerzone/base/ip.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

#include "peerzone/base/bytes.hpp"

namespace peerzone {
namespace {

constexpr std::uint8_t kV4Bits = 96;  // bits in front of an IPv4 address in its mapped form

Result<std::uint16_t> parse_number(std::string_view text, unsigned max) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max)
        return fail("'" + std::string(text) + "' is not a number from 0 to " + std::to_string(max));
    return static_cast<std::uint16_t>(value);
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) noexcept {
    IpAddress a;
    a.bytes_[10] = a.bytes_[11] = 0xff;
    store_u32(&a.bytes_[12], host_order);
    return a;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string copy(text);
    if (copy.find('\0') != std::string::npos)
        return fail("an IP address holds a NUL octet");  // C would stop there
    in_addr four{};
    if (inet_pton(AF_INET, copy.c_str(), &four) == 1) return v4(ntohl(four.s_addr));
    std::array<std::uint8_t, 16> six{};
    if (inet_pton(AF_INET6, copy.c_str(), six.data()) == 1) return v6(six);
    return fail("'" + copy + "' is not an IP address");
}

bool IpAddress::is_v4() const noexcept {
    static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes_.data(), kMapped, sizeof kMapped) == 0;
}

bool IpAddress::is_unspecified() const noexcept {
    return *this == IpAddress{} || *this == v4(0);
}

std::uint32_t IpAddress::v4_value() const noexcept {
    return load_u32(&bytes_[12]);
}

std::string IpAddress::to_text() const {
    char text[INET6_ADDRSTRLEN] = {};
    if (is_v4()) {
        inet_ntop(AF_INET, &bytes_[12], text, sizeof text);
    } else {
        inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
    }
    return text;
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return address.error();
    const std::uint8_t front = address->is_v4() ? kV4Bits : 0;
    IpPrefix prefix{*address, 128};
    if (slash != std::string_view::npos) {
        const auto length = parse_number(text.substr(slash + 1), 128u - front);
        if (!length) return fail("prefix length " + length.error().message);
        prefix.length = static_cast<std::uint8_t>(front + *length);
    }
    for (unsigned bit = prefix.length; bit < 128; ++bit)
        if (address->bytes()[bit / 8] & (0x80 >> bit % 8))
            return fail("'" + std::string(text) + "' has bits set behind its prefix length");
    return prefix;
}

bool IpPrefix::contains(const IpAddress& other) const noexcept {
    const std::size_t whole = length / 8;
    if (std::memcmp(address.bytes().data(), other.bytes().data(), whole) != 0) return false;
    const unsigned rest = length % 8;
    if (rest != 0 &&
        ((address.bytes()[whole] ^ other.bytes()[whole]) & (0xff00 >> rest) & 0xff) != 0)
        return false;
    // The mapped form puts all of IPv4 inside ::/0; a rule for IPv6 clients must not let IPv4
    // clients in.
    return length >= kV4Bits || !other.is_v4();
}

std::uint8_t IpPrefix::family_length() const noexcept {
    return static_cast<std::uint8_t>(is_v4() ? length - kV4Bits : length);
}

std::string IpPrefix::to_text() const {
    return address.to_text() + "/" + std::to_string(family_length());
}

Result<SocketAddress> SocketAddress::parse(std::string_view text, std::uint16_t default_port) {
    std::string_view host = text;
    std::string_view port;
    bool has_port = false;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos)
            return fail("'" + std::string(text) + "' lacks the ']'");
        host = text.substr(1, close - 1);
        const std::string_view rest = text.substr(close + 1);
        if (!rest.empty() && rest[0] != ':')
            return fail("'" + std::string(text) + "' has text behind the ']' that is no port");
        has_port = !rest.empty();
        if (has_port) port = rest.substr(1);
    } else if (const std::size_t colon = text.find(':');
               colon != std::string_view::npos &&
               text.find(':', colon + 1) == std::string_view::npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        has_port = true;
    }
    SocketAddress result;
    const auto ip = IpAddress::parse(host);
    if (!ip) return ip.error();
    result.ip = *ip;
    result.port = default_port;
    if (has_port) {
        const auto number = parse_number(port, 65535);
        if (!number) return fail("port " + number.error().message);
        result.port = *number;
    }
    if (result.port == 0) return fail("'" + std::string(text) + "' has port 0");
    return result;
}

SocketAddress SocketAddress::from_native(const sockaddr_storage& native) noexcept {
    SocketAddress result;
    if (native.ss_family == AF_INET) {
        sockaddr_in four{};
        std::memcpy(&four, &native, sizeof four);
        result.ip = IpAddress::v4(ntohl(four.sin_addr.s_addr));
        result.port = ntohs(four.sin_port);
    } else {
        sockaddr_in6 six{};
        std::memcpy(&six, &native, sizeof six);
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
        result.ip = IpAddress::v6(bytes);
        result.port = ntohs(six.sin6_port);
        result.scope = six.sin6_scope_id;
    }
    return result;
}

socklen_t SocketAddress::to_native(sockaddr_storage& native) const noexcept {
    native = {};
    if (ip.is_v4()) {
        sockaddr_in four{};
        four.sin_family = AF_INET;
        four.sin_port = htons(port);
        four.sin_addr.s_addr = htonl(ip.v4_value());
        std::memcpy(&native, &four, sizeof four);
        return sizeof four;
    }
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    six.sin6_scope_id = scope;
    std::memcpy(&six.sin6_addr, ip.bytes().data(), 16);
    std::memcpy(&native, &six, sizeof six);
    return sizeof six;
}

std::string SocketAddress::to_text() const {
    const std::string host = ip.is_v4() ? ip.to_text() : "[" + ip.to_text() + "]";
    return host + ":" + std::to_string(port);
}

}  // namespace peerzone
