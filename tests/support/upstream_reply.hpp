// Replies to judge, and what is kept of them as lines of text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "peerzone/exchange/reply_check.hpp"
#include "peerzone/exchange/reply_index.hpp"
#include "support/upstream_message.hpp"

namespace peerzone::test {

using exchange::CheckedReply;
using exchange::Keeping;

inline constexpr unsigned kReply = 0x8180;  // QR, RD, RA
inline constexpr unsigned kAuthoritative = 0x8400;
inline constexpr unsigned kNotRecursive = 0x8000;
inline constexpr unsigned A = 1, NS = 2, CNAME = 5, SOA = 6, TXT = 16, AAAA = 28, SRV = 33,
                          DNAME = 39, RRSIG = 46, NSEC = 47, ANY = 255;
inline constexpr unsigned kChaos = 3;

inline MessageBuilder reply(std::string_view name, unsigned type, unsigned flags = kReply) {
    return MessageBuilder(77, flags).question(name, type);
}

inline CheckedReply check(const MessageBuilder& message, std::string_view name, unsigned type,
                          bool sent_edns = true) {
    exchange::ReplyIndex index;
    return exchange::check_reply(message.octets(), wire(name), static_cast<std::uint16_t>(type),
                                 sent_edns, index);
}

inline std::string data_text(const dns::Record& record, Bytes data) {
    if (record.type == A) return IpAddress::v4(load_u32(data.data())).to_text();
    if (record.type == CNAME || record.type == DNAME) return dns::name_text(data);
    if (record.type == RRSIG) return dns::type_text(load_u16(data.data()));
    return std::to_string(data.size());
}

// What is kept, one line per record: "owner ttl type data", a '+' in front of those in authority.
// `here`: the question's name as clients know it.
inline std::vector<std::string> kept_of(const exchange::ReplyIndex& index,
                                        const CheckedReply& checked, const Octets& asked,
                                        std::uint16_t number, const Keeping& keeping,
                                        const Octets& here) {
    using exchange::KeptResult;
    Octets out(65535);
    dns::BodyWriter writer(out, out.size(), here);
    switch (exchange::write_kept(index, asked, number, checked, keeping, writer)) {
        case KeptResult::written: break;
        case KeptResult::too_large: return {"did not fit"};
        case KeptResult::overlong_name: return {"a name is too long"};
    }
    std::copy(here.begin(), here.end(), out.begin() + dns::kHeaderSize);
    std::vector<std::string> lines;
    const std::size_t start = dns::kHeaderSize + here.size() + 4;
    const Bytes written = Bytes(out).first(start + writer.info().size);
    dns::Reader reader(written, start);
    Octets scratch(dns::kRdataMax);
    for (std::size_t section = 0; section < 3; ++section)
        for (unsigned i = 0; i < writer.info().counts[section]; ++i) {
            dns::Record record;
            bool fits = reader.read_record(record);
            const std::size_t size = fits ? dns::expand_rdata(written, record, scratch, fits) : 0;
            if (!fits) return {"does not parse"};
            lines.push_back((section == 0 ? "" : "+") + record.owner.to_text() + " " +
                            std::to_string(record.ttl) + " " + dns::type_text(record.type) + " " +
                            data_text(record, Bytes(scratch).first(size)));
        }
    if (!reader.at_end()) lines.push_back("octets left over");
    return lines;
}

inline std::vector<std::string> kept_of(const exchange::ReplyIndex& index,
                                        const CheckedReply& checked, const Octets& asked,
                                        std::uint16_t number, const Keeping& keeping = {}) {
    return kept_of(index, checked, asked, number, keeping, asked);
}

inline std::vector<std::string> kept(const MessageBuilder& message, std::string_view name,
                                     unsigned type, const Keeping& keeping = {},
                                     std::string_view here = {}) {
    const Octets asked = wire(name);
    const auto number = static_cast<std::uint16_t>(type);
    exchange::ReplyIndex index;
    const CheckedReply checked =
        exchange::check_reply(message.octets(), asked, number, true, index);
    return kept_of(index, checked, asked, number, keeping, here.empty() ? asked : wire(here));
}

}  // namespace peerzone::test
