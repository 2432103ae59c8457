// A client's query, parsed once. Everything later (route, cache key, waiters) works on this value;
// it owns its octets, so it can outlive the datagram. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>

#include "peerzone/base/bytes.hpp"
#include "peerzone/dns/client_subnet.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::dns {

/// Options that a client asks to find in the reply, as bits of Query::wanted.
inline constexpr std::uint8_t kWantsKeepalive = 1;  ///< edns-tcp-keepalive (RFC 7828)
inline constexpr std::uint8_t kWantsNsid = 2;       ///< which server answers (RFC 5001)

struct Query {
    std::uint16_t id = 0;
    std::uint16_t flags = 0;  ///< as received
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    std::uint16_t edns_size = 0;  ///< the client's UDP payload size; 0 without EDNS
    std::uint8_t name_size = 0;   ///< octets of the name; 0 when there is no question to echo
    bool has_edns = false;
    bool dnssec_ok = false;
    std::uint8_t wanted = 0;  ///< kWants… of what the client sent
    bool padding = false;     ///< the client sent padding (RFC 7830)
    std::uint8_t hops = 0;    ///< of the hop mark, an EDNS option of ours; 0 without it
    SubnetState subnet_state = SubnetState::none;  ///< of Client Subnet (RFC 7871)
    std::uint64_t hop_node = 0;                    ///< node id of the server that set it
    std::uint64_t name_hash = 0;                   ///< hash_folded of the name
    std::array<std::uint8_t, kNameMax> asked;      ///< the name as the client wrote it
    std::array<std::uint8_t, kNameMax> folded;     ///< the same in lower case
    ClientSubnet subnet;  ///< as far as subnet_state says; last, since few queries have it

    // Copies only the octets in use: waiters hold queries by the thousand.
    Query() noexcept {}  // NOLINT: the arrays stay as they are until parse_query fills them
    Query(const Query& other) noexcept { *this = other; }
    Query& operator=(const Query& other) noexcept;

    Bytes asked_name() const noexcept { return {asked.data(), name_size}; }
    Bytes name() const noexcept { return {folded.data(), name_size}; }
    bool wants(std::uint8_t option) const noexcept { return wanted & option; }
    bool recursion_desired() const noexcept { return flags & kFlagRd; }
    bool checking_disabled() const noexcept { return flags & kFlagCd; }
    std::size_t question_size() const noexcept { return name_size ? name_size + 4u : 0; }
};

/// What to do with a message from a client.
enum class Verdict : std::uint8_t {
    ok,    ///< answer it
    drop,  ///< shorter than a header, or itself a response: silence (RFC 8906 says nothing else is
           ///< safe)
    formerr,  ///< the question may be empty
    notimp,   ///< another opcode (RFC 8906 3.1.4)
    badvers   ///< EDNS version above 0 (RFC 6891 6.1.3)
};

/// Judges and parses. On ok every field is set; on formerr, notimp and badvers `id`, `flags` and
/// whatever of question and EDNS could be read, so that the error can echo it. Allocates nothing.
Verdict parse_query(Bytes message, Query& query) noexcept;

}  // namespace peerzone::dns
