// Asks a zone and reads what it wrote back out of the message, as text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "peerzone/dns/message.hpp"
#include "peerzone/zone/zone.hpp"

namespace peerzone::zone::test {

using Lines = std::vector<std::string>;

struct Reply {
    Outcome outcome = Outcome::broken;
    std::string target;
    unsigned links = 0;
    Lines answer, authority, additional;
    bool truncated = false;
};

inline dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).value();
}

inline Options options(std::string_view origin, Lines records) {
    return {.origin = name(origin), .records = std::move(records), .file = {}};
}

/// "line: message" of each.
inline Lines lines_of(const std::vector<Problem>& problems) {
    Lines lines;
    for (const Problem& problem : problems)
        lines.push_back(std::to_string(problem.line) + ": " + problem.message);
    return lines;
}

/// A zone that must load.
inline Zone make_zone(std::string_view origin, Lines records) {
    LoadResult loaded = load(options(origin, std::move(records)));
    for (const Problem& problem : loaded.problems)
        ADD_FAILURE() << problem.line << ": " << problem.message;
    if (!loaded.zone) throw std::runtime_error("the zone did not load");
    return std::move(*loaded.zone);
}

inline std::uint16_t type_of(std::string_view text) {
    for (std::uint32_t type = 1; type < 300; ++type)
        if (dns::type_text(static_cast<std::uint16_t>(type)) == text)
            return static_cast<std::uint16_t>(type);
    throw std::runtime_error("no such type: " + std::string(text));
}

inline Reply ask(const Zone& zone, const dns::Name& qname, std::uint16_t type,
                 std::size_t limit = 65535, std::uint32_t rotation = 0) {
    std::vector<std::uint8_t> message(65535);
    dns::BodyWriter writer(message, limit, qname.wire());
    const LookupResult result = zone.lookup(qname, type, rotation, writer);
    const dns::BodyInfo& info = writer.info();
    Reply reply{.outcome = result.outcome,
                .target = result.target.to_text(),
                .links = result.links,
                .answer = {},
                .authority = {},
                .additional = {},
                .truncated = info.truncated};
    const std::size_t start = dns::kHeaderSize + qname.size() + 4;
    EXPECT_LE(start + info.size, limit);
    const Bytes written = Bytes(message).first(start + info.size);
    dns::Reader reader(written, start);
    std::vector<std::uint8_t> data(dns::kRdataMax);
    Lines* const sections[] = {&reply.answer, &reply.authority, &reply.additional};
    for (std::size_t section = 0; section < 3; ++section) {
        for (unsigned i = 0; i < info.counts[section]; ++i) {
            dns::Record record;
            bool ok = false;
            if (!reader.read_record(record))
                throw std::runtime_error("a broken record was written");
            EXPECT_EQ(record.klass, dns::klass::in);
            const std::size_t size = dns::expand_rdata(written, record, data, ok);
            EXPECT_TRUE(ok);
            sections[section]->push_back(dns::record_text(
                {.owner = record.owner,
                 .type = record.type,
                 .ttl = record.ttl,
                 .rdata = {data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size)}}));
        }
    }
    EXPECT_TRUE(reader.at_end());
    return reply;
}

inline Reply ask(const Zone& zone, std::string_view qname, std::string_view type,
                 std::size_t limit = 65535, std::uint32_t rotation = 0) {
    return ask(zone, name(qname), type_of(type), limit, rotation);
}

}  // namespace peerzone::zone::test
