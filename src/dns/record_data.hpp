// The data of a record, as text and as octets, by the fields of its type. ldns is not asked to read
// it: it takes odd hexadecimal digits, ports above 65535 and unknown types in a bitmap without a
// word, and then something else is served than what was written.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/record_tokens.hpp"
#include "peerzone/base/bytes.hpp"
#include "peerzone/base/result.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::dns {

/// One field of a type's data. Those from `bitmap` on take all tokens that are left.
enum class Field : std::uint8_t {
    none,
    number8,
    number16,
    number32,
    period,  ///< 32 bits: seconds, or with units
    time,    ///< 32 bits: YYYYMMDDHHmmSS, or seconds (RFC 4034 3.2)
    name,
    string,
    optional_string,
    digits,  ///< a string of decimal digits
    ipv4,
    ipv6,
    locator,  ///< 64 bits as four groups of hexadecimal digits (RFC 6742)
    eui48,
    eui64,
    type,
    algorithm,    ///< of DNSSEC
    certificate,  ///< type of a CERT
    usage,        ///< of a TLSA, and the next two
    selector,
    matching,
    tag,   ///< of a CAA
    salt,  ///< hexadecimal, "-" for none, behind a length octet
    hash,  ///< base32hex behind a length octet
    text,  ///< the value of a CAA, the target of a URI
    nsap,
    bitmap,
    strings,
    hex,
    base64,
    svcb,  ///< SvcParams
    apl,
    loc,
    ipseckey,  ///< gateway type, algorithm, gateway and key
    hip,
    wks
};

using Shape = std::array<Field, 9>;  ///< ends with Field::none

/// The fields of a type, or null when its data is read and printed as octets only (RFC 3597 5).
const Shape* shape_of(std::uint16_t type) noexcept;

/// The data may have so many octets: with a question and its owner it must fit into a message.
inline constexpr std::size_t kDataMax = 65000;

/// Data as it stands behind the type; `origin` completes names.
Result<std::vector<std::uint8_t>> parse_rdata(std::uint16_t type, std::span<const Token> tokens,
                                              const Name& origin);

/// Is data that came as plain octets what its type says, field by field?
Result<void> check_rdata(std::uint16_t type, Bytes rdata);

// For the parts of the reader.

/// "@", a relative or an absolute name.
Result<Name> absolute_name(const Token& token, const Name& origin);
/// The octets of a string, its quotes and escapes taken away.
Result<std::vector<std::uint8_t>> unescaped(std::string_view text);
/// A decimal number of at most `most`.
Result<std::uint32_t> parse_number(std::string_view word, std::uint32_t most);
/// YYYYMMDDHHmmSS or seconds, as seconds since 1970 (RFC 4034 3.2).
Result<std::uint32_t> parse_time(std::string_view word);
/// Decodes hexadecimal digits or base64 and appends the octets.
Result<void> append_hex(std::string_view digits, std::vector<std::uint8_t>& out);
Result<void> append_base64(std::string_view digits, std::vector<std::uint8_t>& out);
bool equal_word(std::string_view a, std::string_view b) noexcept;

/// SvcParams (RFC 9460 2.1) as octets, in the order of their keys; check_rdata judges them.
Result<std::vector<std::uint8_t>> parse_svc_params(std::span<const Token> tokens);
/// Keys in order and once each, mandatory ones present, values of the known keys well-formed.
Result<void> check_svc_params(Bytes params);
/// Latitude, longitude, altitude, size and precisions (RFC 1876 3).
Result<std::vector<std::uint8_t>> parse_location(std::span<const Token> tokens);

}  // namespace peerzone::dns
