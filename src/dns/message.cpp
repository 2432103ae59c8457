#include "peerzone/dns/message.hpp"

#include <algorithm>

namespace peerzone::dns {
namespace {

// A name has at most 127 labels, so no honest one needs more pointers. Without a limit 64 KiB of
// pointers to pointers would keep a core busy for a good part of a second.
constexpr unsigned kHopsMax = 127;

}  // namespace

bool Reader::read_header(Header& header) noexcept {
    if (message_.size() < kHeaderSize || at_ != 0) return false;
    const std::uint8_t* p = message_.data();
    header.id = load_u16(p);
    header.flags = load_u16(p + 2);
    for (std::size_t i = 0; i < 4; ++i) header.counts[i] = load_u16(p + 4 + 2 * i);
    at_ = kHeaderSize;
    return true;
}

bool Reader::read_u16(std::uint16_t& value) noexcept {
    if (message_.size() - at_ < 2) return false;
    value = load_u16(message_.data() + at_);
    at_ += 2;
    return true;
}

bool Reader::read_u32(std::uint32_t& value) noexcept {
    if (message_.size() - at_ < 4) return false;
    value = load_u32(message_.data() + at_);
    at_ += 4;
    return true;
}

bool Reader::read_name(Name& name) noexcept {
    std::uint8_t octets[kNameMax];
    std::size_t size = 0;
    std::size_t at = at_;
    std::size_t floor =
        at_;                // a pointer must lead to before the labels it ends: so every walk ends
    std::size_t after = 0;  // where reading goes on: behind the first pointer
    unsigned hops = 0;
    for (;;) {
        if (at >= message_.size()) return false;
        const std::uint8_t octet = message_[at];
        if (octet <= kLabelMax) {
            const std::size_t step = octet + 1u;
            if (at + step > message_.size() || size + step > kNameMax) return false;
            std::memcpy(octets + size, &message_[at], step);
            size += step;
            at += step;
            if (octet == 0) break;
        } else {
            if (octet < 0xc0 || at + 2 > message_.size()) return false;
            const std::size_t target = load_u16(&message_[at]) & 0x3fff;
            if (target >= floor || target < kHeaderSize || ++hops > kHopsMax) return false;
            if (after == 0) after = at + 2;
            at = floor = target;
        }
    }
    name = Name::from_checked({octets, size});
    at_ = after != 0 ? after : at;
    return true;
}

bool Reader::skip_name() noexcept {
    std::size_t at = at_;
    while (at < message_.size()) {
        const std::uint8_t octet = message_[at];
        if (octet > kLabelMax && octet < 0xc0) return false;
        const bool last = octet == 0 || octet >= 0xc0;
        at += octet >= 0xc0 ? 2u : octet + 1u;
        if (!last) continue;
        if (at > message_.size()) return false;
        at_ = at;
        return true;
    }
    return false;
}

bool Reader::read_question(Name& name, std::uint16_t& type, std::uint16_t& klass) noexcept {
    return read_name(name) && read_u16(type) && read_u16(klass);
}

bool Reader::read_record(Record& record) noexcept {
    if (!read_name(record.owner) || !read_u16(record.type) || !read_u16(record.klass)) return false;
    record.ttl_offset = at_;
    if (!read_u32(record.ttl) || !read_u16(record.rdata_size)) return false;
    record.rdata_offset = at_;
    if (message_.size() - at_ < record.rdata_size) return false;
    at_ += record.rdata_size;
    return true;
}

RdataLayout rdata_layout(std::uint16_t type) noexcept {
    switch (type) {
        case type::ns:
        case 3:  // MD
        case 4:  // MF
        case type::cname:
        case 7:  // MB
        case 8:  // MG
        case 9:  // MR
        case type::ptr: return {.name_count = 1, .compress = true};
        case type::soa: return {.name_count = 2, .octets_after = 20, .compress = true};
        case 14: return {.name_count = 2, .compress = true};  // MINFO
        case type::mx: return {.octets_before = 2, .name_count = 1, .compress = true};
        case 18:  // AFSDB
        case 21:  // RT
        case 36:  // KX
            return {.octets_before = 2, .name_count = 1};
        case 17: return {.name_count = 2};                      // RP
        case 26: return {.octets_before = 2, .name_count = 2};  // PX
        case type::srv: return {.octets_before = 6, .name_count = 1};
        case 35: return {.octets_before = 4, .strings_before = 3, .name_count = 1};  // NAPTR
        case type::dname: return {.name_count = 1};
        case type::a: return {.octets_before = 4};
        case type::aaaa: return {.octets_before = 16};
        default: return {};
    }
}

std::size_t expand_rdata(Bytes message, const Record& record, MutableBytes out, bool& ok) noexcept {
    ok = false;
    const Bytes rdata = message.subspan(record.rdata_offset, record.rdata_size);
    const RdataLayout layout = rdata_layout(record.type);
    if (layout.name_count == 0) {
        if (layout.octets_before != 0 && rdata.size() != layout.octets_before) return 0;
        std::copy(rdata.begin(), rdata.end(), out.begin());
        ok = true;
        return rdata.size();
    }
    std::size_t before = layout.octets_before;
    for (unsigned i = 0; i < layout.strings_before; ++i) {
        if (before >= rdata.size()) return 0;
        before += rdata[before] + 1u;
    }
    if (before > rdata.size()) return 0;
    std::copy_n(rdata.begin(), before, out.begin());
    std::size_t size = before;
    const std::size_t end = record.rdata_offset + record.rdata_size;
    Reader reader(message.first(end), record.rdata_offset + before);
    for (unsigned i = 0; i < layout.name_count; ++i) {
        Name name;
        if (!reader.read_name(name)) return 0;
        std::copy(name.wire().begin(), name.wire().end(), out.begin() + size);
        size += name.size();
    }
    if (end - reader.offset() != layout.octets_after) return 0;
    std::copy_n(message.begin() + reader.offset(), layout.octets_after, out.begin() + size);
    ok = true;
    return size + layout.octets_after;
}

}  // namespace peerzone::dns
