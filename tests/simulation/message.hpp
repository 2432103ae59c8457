// Messages written and read without the program's code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/base/bytes.hpp"

namespace peerzone::simulation {

using Octets = std::vector<std::uint8_t>;

namespace rr {
inline constexpr unsigned a = 1, ns = 2, cname = 5, soa = 6, txt = 16, aaaa = 28, dname = 39,
                          opt = 41;
}

/// "a.test" in wire form; "." is the root.
Octets wire_of(std::string_view name);
/// A name of wire form as folded text without the last dot.
std::string text_of(Bytes name);

struct ReadRecord {
    unsigned section = 0;  ///< 1 answer, 2 authority
    std::string owner;     ///< folded
    unsigned type = 0;
    std::uint32_t ttl = 0;
    std::string target;  ///< of CNAME and DNAME, folded
    Octets data;         ///< as it stands there
};

struct ReadMessage {
    unsigned id = 0;
    unsigned flags = 0;
    unsigned rcode = 0;
    Octets question;  ///< name, type and class as they stand there
    std::vector<ReadRecord> records;
    bool has_opt = false;
    std::optional<unsigned> error_code;  ///< extended error
    std::string error_text;
};

/// Nothing when an octet of it is wrong or left over.
std::optional<ReadMessage> read_message(Bytes message);

/// Writes a message octet by octet.
class MessageWriter {
public:
    MessageWriter(unsigned id, unsigned flags);
    void question(Bytes name, unsigned type);
    void record(unsigned section, Bytes owner, unsigned type, std::uint32_t ttl, Bytes data);
    void opt(unsigned size, bool dnssec_ok);
    Octets& octets() { return octets_; }

private:
    void u16(unsigned value);
    void u32(std::uint32_t value);
    void count(std::size_t section);
    Octets octets_;
};

}  // namespace peerzone::simulation
