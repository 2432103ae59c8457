// A checked walk over a message from the network. Never reads outside the span it was given; every
// step says whether it could be taken. Compressed names are followed only backwards, so a walk
// always ends (RFC 1035 4.1.4). Pure, allocates nothing; any thread.
#pragma once

#include <cstdint>

#include "peerzone/base/bytes.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::dns {

struct Header {
    std::uint16_t id = 0;
    std::uint16_t flags = 0;                 ///< kFlag… bits, opcode and the low RCODE bits
    std::uint16_t counts[4] = {0, 0, 0, 0};  ///< questions, answers, authorities, additionals

    std::uint8_t opcode() const noexcept { return static_cast<std::uint8_t>(flags >> 11 & 15); }
    Rcode rcode() const noexcept { return static_cast<Rcode>(flags & 15); }
};

struct Record {
    Name owner;
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    std::uint32_t ttl = 0;
    std::size_t ttl_offset = 0;    ///< of the TTL within the message
    std::size_t rdata_offset = 0;  ///< of the data within the message
    std::uint16_t rdata_size = 0;
};

/// Reads forward through `message`, which must outlive it.
class Reader {
public:
    explicit Reader(Bytes message, std::size_t at = 0) noexcept : message_(message), at_(at) {}

    std::size_t offset() const noexcept { return at_; }
    bool at_end() const noexcept { return at_ == message_.size(); }
    Bytes message() const noexcept { return message_; }

    bool read_header(Header& header) noexcept;
    bool read_u16(std::uint16_t& value) noexcept;
    bool read_u32(std::uint32_t& value) noexcept;
    bool read_name(Name& name) noexcept;  ///< decompresses
    bool skip_name() noexcept;            ///< checks labels and bounds, does not follow pointers
    bool read_question(Name& name, std::uint16_t& type, std::uint16_t& klass) noexcept;
    bool read_record(Record& record) noexcept;

private:
    Bytes message_;
    std::size_t at_;
};

/// What a type's data may hold besides plain octets: names at known places, which are compressed in
/// messages and must be decompressed when a record moves to another (RFC 1035, RFC 3597 4).
struct RdataLayout {
    std::uint8_t octets_before = 0;
    std::uint8_t strings_before =
        0;  ///< character-strings between those octets and the first name (NAPTR)
    std::uint8_t name_count = 0;
    std::uint8_t octets_after = 0;  ///< exactly, behind the last name
    bool compress =
        false;  ///< we may compress these names when writing (RFC 3597: the types of RFC 1035 only)
};
RdataLayout rdata_layout(std::uint16_t type) noexcept;

/// The data of `record` with its names decompressed, in `out` (at least kRdataMax octets). Returns
/// the size, or 0 with ok = false when the data does not fit its type (a bad name, a wrong size for
/// A, AAAA or SOA).
std::size_t expand_rdata(Bytes message, const Record& record, MutableBytes out, bool& ok) noexcept;
inline constexpr std::size_t kRdataMax = 65535 + 2 * kNameMax;

}  // namespace peerzone::dns
