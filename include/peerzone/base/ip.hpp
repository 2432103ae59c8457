// IP addresses, prefixes and socket addresses as plain values. IPv4 is kept in its mapped form
// (::ffff:a.b.c.d), so that one comparison serves both families; is_v4() tells them apart. Safe in
// any thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "peerzone/base/result.hpp"

namespace peerzone {

class IpAddress {
public:
    constexpr IpAddress() noexcept = default;  ///< ::
    static IpAddress v4(std::uint32_t host_order) noexcept;
    static IpAddress v6(const std::array<std::uint8_t, 16>& bytes) noexcept {
        return IpAddress{bytes};
    }
    /// "10.2.0.10" or "fd00::1"; no brackets, no port, no scope.
    static Result<IpAddress> parse(std::string_view text);

    bool is_v4() const noexcept;
    bool is_unspecified() const noexcept;     ///< 0.0.0.0 or ::
    std::uint32_t v4_value() const noexcept;  ///< host order; only when is_v4()
    const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
    std::string to_text() const;

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

private:
    explicit constexpr IpAddress(const std::array<std::uint8_t, 16>& bytes) noexcept
        : bytes_(bytes) {}
    std::array<std::uint8_t, 16> bytes_{};
};

/// An address block. `length` counts from the front of the 128-bit form: 10.0.0.0/8 has length 104.
struct IpPrefix {
    IpAddress address;
    std::uint8_t length = 0;

    /// "10.1.0.0/16", "fd00::/8", or a bare address (a block of one). Bits set behind the length
    /// are an error.
    static Result<IpPrefix> parse(std::string_view text);
    /// IPv4 addresses are only in IPv4 blocks: ::/0 means all of IPv6, not everything.
    bool contains(const IpAddress& other) const noexcept;
    bool is_v4() const noexcept { return address.is_v4() && length >= 96; }
    std::uint8_t family_length() const noexcept;  ///< as people write it: 8 for 10.0.0.0/8
    std::string to_text() const;
    friend auto operator<=>(const IpPrefix&, const IpPrefix&) = default;
};

struct SocketAddress {
    IpAddress ip;
    std::uint16_t port = 0;
    std::uint32_t scope = 0;  ///< interface index of a link-local IPv6 address, else 0

    /// "10.2.0.10", "10.2.0.10:5353", "fd00::1", "[fd00::1]:53". Port 0 is an error.
    static Result<SocketAddress> parse(std::string_view text, std::uint16_t default_port);
    static SocketAddress from_native(const sockaddr_storage& native) noexcept;
    /// Writes the native form and returns its length. IPv4 becomes AF_INET.
    socklen_t to_native(sockaddr_storage& native) const noexcept;
    std::string to_text() const;  ///< "10.2.0.10:53", "[fd00::1]:53"
    friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

}  // namespace peerzone
