// Records as text and back (RFC 1035 5, RFC 3597). Pure, but it allocates: control plane and tests,
// never on the path of a hit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/base/bytes.hpp"
#include "peerzone/base/result.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::dns {

/// RFC 2181 8: a TTL has 31 bits.
inline constexpr std::uint32_t kTtlMax = 0x7fffffff;

/// One resource record with uncompressed data.
struct ResourceRecord {
    Name owner;
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;
    std::vector<std::uint8_t> rdata;
};

/// "db 300 IN A 10.0.0.5" with names relative to `origin` ("@" is the origin). Class IN only; TTL
/// and class in either order, both may be left out (`default_ttl`). Comments, and parentheses over
/// several lines, are as RFC 1035 5.1 has them; a second record behind the first is an error. With
/// `previous_owner`, text that begins with a blank names no owner and gets that one. Error messages
/// begin with the text in quotes, shortened.
Result<ResourceRecord> parse_record(std::string_view text, const Name& origin,
                                    std::uint32_t default_ttl,
                                    const Name* previous_owner = nullptr);

/// The length of the first entry of a zone file: a line with its line feed, or several when
/// parentheses hold them together.
std::size_t entry_size(std::string_view text) noexcept;

/// A TTL in a zone file: seconds, or with units as in "1h30m" (s, m, h, d, w). At most kTtlMax.
Result<std::uint32_t> parse_ttl(std::string_view text);

/// "db.extra.internal. 300 IN A 10.0.0.5"
std::string record_text(const ResourceRecord& record);

/// The number of a type: "A", "aaaa", "TYPE65".
Result<std::uint16_t> parse_type(std::string_view word);

/// What no zone may hold: questions' types and those of a message's machinery (OPT, TKEY, TSIG,
/// AXFR, ANY; RFC 6895 3.1).
bool is_meta_type(std::uint16_t type) noexcept;

/// Is `rdata` (uncompressed) what its type says: names well-formed and at their places, addresses
/// of their size?
bool is_sound_rdata(std::uint16_t type, Bytes rdata) noexcept;

}  // namespace peerzone::dns
