// A question, a writer and a finished reply in one place.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/query.hpp"
#include "support/dns_wire.hpp"

namespace peerzone::testing {

inline dns::Query query_of(const Wire& wire) {
    const Octets message = wire.octets();
    dns::Query query;
    dns::parse_query(message, query);
    return query;
}
inline dns::Query plain_query(std::string_view qname, unsigned type = dns::type::a) {
    return query_of(question(qname, type));
}
inline dns::Query edns_query(std::string_view qname, unsigned type = dns::type::a,
                             unsigned size = 1232, Bytes options = {}) {
    return query_of(question(qname, type, 1).opt(size, 0, options));
}

/// Builds one reply in a block of exactly `room` octets.
class Replier {
public:
    explicit Replier(const dns::Query& query, std::size_t room = dns::kMessageMax)
        : query_(query), message_(room, 0xee), writer_(message_, room, query.name()) {}
    /// A writer that stops earlier than the block ends.
    Replier(const dns::Query& query, std::size_t room, std::size_t limit)
        : query_(query), message_(room, 0xee), writer_(message_, limit, query.name()) {}
    Replier(const Replier&) = delete;
    Replier& operator=(const Replier&) = delete;

    bool add(dns::Section section, std::string_view owner, unsigned type, Bytes rdata,
             std::uint32_t ttl = 5) {
        return writer_.add(section, name(owner).wire(), static_cast<std::uint16_t>(type), ttl,
                           rdata);
    }
    bool a(dns::Section section, std::string_view owner, unsigned last_octet) {
        return add(section, owner, dns::type::a,
                   Octets{10, 0, 0, static_cast<std::uint8_t>(last_octet)});
    }
    bool cname(std::string_view owner, std::string_view target) {
        return add(dns::Section::answer, owner, dns::type::cname, name(target).wire());
    }

    dns::BodyWriter& writer() { return writer_; }
    Octets& message() { return message_; }
    std::size_t body_offset() const { return dns::kHeaderSize + query_.question_size(); }

    /// The finished reply, exactly sized. The block is not changed, so that it can be finished
    /// again at another limit.
    Octets finish(std::size_t limit = dns::kMessageMax, const dns::ReplyHead& head = {}) const {
        Octets copy = exact(message_);
        const std::size_t size = dns::finish_reply(copy, query_, writer_.info(), head, limit);
        return exact(Bytes(copy).first(size));
    }

private:
    dns::Query query_;
    Octets message_;
    dns::BodyWriter writer_;
};

inline std::string owner_text(const ReadRecord& record) {
    return record.record.owner.to_text();
}

/// True when each pointer of the message leads to before the name it stands in (checked without the
/// library's reader).
inline bool points_backwards_only(Bytes message) {
    const auto scan_name = [&](std::size_t at) -> std::size_t {
        const std::size_t start = at;
        for (;;) {
            if (at >= message.size()) return 0;
            if (message[at] >= 0xc0) {
                const std::size_t target =
                    static_cast<std::size_t>(message[at] & 63) << 8 | message[at + 1];
                return target >= dns::kHeaderSize && target < start ? at + 2 : 0;
            }
            if (message[at] == 0) return at + 1;
            at += message[at] + 1u;
        }
    };
    std::size_t at = dns::kHeaderSize;
    if (load_u16(&message[4]) != 0) {
        at = scan_name(at);
        if (at == 0) return false;
        at += 4;
    }
    const int records = load_u16(&message[6]) + load_u16(&message[8]) + load_u16(&message[10]);
    for (int i = 0; i < records; ++i) {
        at = scan_name(at);
        if (at == 0) return false;
        const dns::RdataLayout layout = dns::rdata_layout(load_u16(&message[at]));
        const std::size_t end = at + 10 + load_u16(&message[at + 8]);
        std::size_t inside = at + 10 + layout.octets_before;
        for (unsigned n = 0; layout.strings_before == 0 && n < layout.name_count; ++n) {
            inside = scan_name(inside);
            if (inside == 0 || inside > end) return false;
        }
        at = end;
    }
    return at == message.size();
}

}  // namespace peerzone::testing
