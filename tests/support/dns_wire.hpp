// Messages put together octet by octet, so that a test can also say what no library would write.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "peerzone/base/bytes.hpp"
#include "peerzone/dns/message.hpp"
#include "peerzone/dns/name.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::testing {

using Octets = std::vector<std::uint8_t>;

inline dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).value();
}

/// A copy in a heap block of exactly its size: AddressSanitizer sees the first octet read behind
/// it.
inline Octets exact(Bytes bytes) {
    return Octets(bytes.begin(), bytes.end());
}

class Wire {
public:
    Wire& u8(unsigned value) {
        octets_.push_back(static_cast<std::uint8_t>(value));
        return *this;
    }
    Wire& u16(unsigned value) { return u8(value >> 8 & 255).u8(value & 255); }
    Wire& u32(std::uint32_t value) { return u16(value >> 16).u16(value & 0xffff); }
    Wire& raw(Bytes bytes) {
        octets_.insert(octets_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Wire& raw(std::initializer_list<std::uint8_t> bytes) {
        octets_.insert(octets_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Wire& text(std::string_view text) {
        octets_.insert(octets_.end(), text.begin(), text.end());
        return *this;
    }
    Wire& name(std::string_view text) { return raw(testing::name(text).wire()); }
    Wire& pointer(std::size_t target) { return u16(static_cast<unsigned>(0xc000 | target)); }
    Wire& header(unsigned id, unsigned flags, unsigned qd, unsigned an = 0, unsigned ns = 0,
                 unsigned ar = 0) {
        return u16(id).u16(flags).u16(qd).u16(an).u16(ns).u16(ar);
    }
    /// Type, class IN, TTL, size and data: what stands behind an owner.
    Wire& record(unsigned type, std::uint32_t ttl, Bytes rdata) {
        return u16(type)
            .u16(dns::klass::in)
            .u32(ttl)
            .u16(static_cast<unsigned>(rdata.size()))
            .raw(rdata);
    }
    Wire& opt(unsigned size, std::uint32_t ttl, Bytes options = {}) {
        return u8(0)
            .u16(dns::type::opt)
            .u16(size)
            .u32(ttl)
            .u16(static_cast<unsigned>(options.size()))
            .raw(options);
    }

    std::size_t size() const { return octets_.size(); }
    /// Exactly sized.
    Octets octets() const { return exact(octets_); }

private:
    Octets octets_;
};

/// A question in class IN with RD, ready for more records.
inline Wire question(std::string_view qname, unsigned type, unsigned additional = 0) {
    Wire wire;
    wire.header(0x1234, dns::kFlagRd, 1, 0, 0, additional)
        .name(qname)
        .u16(type)
        .u16(dns::klass::in);
    return wire;
}

/// A record read back, with its data uncompressed.
struct ReadRecord {
    unsigned section = 0;  ///< 1 answer, 2 authority, 3 additional
    dns::Record record;
    Octets rdata;
};

/// A whole message read with the checked reader; nothing when any octet of it is wrong or left
/// over.
struct ReadMessage {
    dns::Header header;
    std::optional<dns::Name> qname;
    std::uint16_t qtype = 0;
    std::uint16_t qclass = 0;
    std::vector<ReadRecord> records;  ///< without OPT
    std::optional<dns::Record> opt;
    Octets options;  ///< OPT's data

    bool truncated() const { return header.flags & dns::kFlagTc; }
    std::size_t count(unsigned section) const {
        return static_cast<std::size_t>(
            std::count_if(records.begin(), records.end(),
                          [&](const ReadRecord& r) { return r.section == section; }));
    }
};

inline std::optional<ReadMessage> read_message(Bytes bytes) {
    const Octets message = exact(bytes);
    dns::Reader reader(message);
    ReadMessage result;
    if (!reader.read_header(result.header) || result.header.counts[0] > 1) return std::nullopt;
    if (result.header.counts[0] == 1) {
        dns::Name qname;
        if (!reader.read_question(qname, result.qtype, result.qclass)) return std::nullopt;
        result.qname = qname;
    }
    Octets out(dns::kRdataMax);
    for (unsigned section = 1; section <= 3; ++section) {
        for (unsigned i = 0; i < result.header.counts[section]; ++i) {
            dns::Record record;
            if (!reader.read_record(record)) return std::nullopt;
            bool ok = false;
            const std::size_t size = dns::expand_rdata(message, record, out, ok);
            if (!ok) return std::nullopt;
            const Octets rdata = exact(Bytes(out).first(size));
            if (record.type == dns::type::opt) {
                if (section != 3 || result.opt) return std::nullopt;
                result.opt = record;
                result.options = rdata;
            } else {
                result.records.push_back({section, record, rdata});
            }
        }
    }
    return reader.at_end() ? std::optional(result) : std::nullopt;
}

/// The data of one option of an OPT record, if it is there.
inline std::optional<Octets> find_option(Bytes options, unsigned code) {
    while (options.size() >= 4) {
        const std::size_t size = load_u16(&options[2]);
        if (options.size() - 4 < size) return std::nullopt;
        if (load_u16(&options[0]) == code) return exact(options.subspan(4, size));
        options = options.subspan(4 + size);
    }
    return std::nullopt;
}

}  // namespace peerzone::testing
