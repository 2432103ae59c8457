#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "support/upstream_reply.hpp"

namespace peerzone::exchange {
namespace {

using namespace peerzone::test;

// Whatever comes, nothing outside is read (the sanitizers look) and what is kept can be written and
// read again.
TEST(CheckReply, SurvivesDamagedReplies) {
    const std::vector<MessageBuilder> seeds = {
        reply("www.example", A)
            .record(1, {0xc0, 12}, CNAME, 1, 60, {2, 'd', 'b', 0xc0, 16})
            .record(1, {2, 'd', 'b', 0xc0, 16}, A, 1, 50, address("10.0.0.1"))
            .answer("db.example", RRSIG, 50, rrsig(A, "example"))
            .opt(0, extended_error(3, "stale")),
        reply("www.example", A)
            .answer("example", DNAME, 60, wire("t"))
            .answer("www.t", DNAME, 60, wire("u"))
            .answer("www.t", A, 60, address("10.0.0.1"))
            .additional("t", SRV, 9, {0, 1, 0, 1, 0, 53, 0xc0, 12}),
        reply("www.example", A, kReply | 3)
            .record(2, {0xc0, 16}, SOA, 1, 60, soa("example", 20))
            .record(2, {0xc0, 16}, RRSIG, 1, 60, rrsig(SOA, "example"))
            .opt(),
        reply("www.example", ANY)
            .answer("www.example", TXT, 1, {1, 'x'})
            .record(1, {0xc0, 12}, 15, 1, 9, {0, 1, 0xc0, 16})};
    const Octets name = wire("www.example");
    std::mt19937 random(20240117);
    std::array<unsigned, static_cast<std::size_t>(ReplyKind::invalid) + 1> seen{};
    Octets out(65535);
    for (unsigned round = 0; round < 200'000; ++round) {
        Octets message = seeds[round % seeds.size()].octets();
        const auto type = static_cast<std::uint16_t>(round % seeds.size() == 3 ? ANY
                                                     : round % 16 < 4          ? CNAME
                                                                               : A);
        for (unsigned changes = random() % 4; changes > 0; --changes) {
            std::uint8_t& octet = message[random() % message.size()];
            const auto noise = static_cast<std::uint8_t>(random());
            const auto bit = static_cast<std::uint8_t>(1u << random() % 8);
            octet = static_cast<std::uint8_t>(random() % 2 ? noise : octet ^ bit);
        }
        if (random() % 8 == 0) message.resize(random() % (message.size() + 1));
        const Octets exact(message);  // no room behind the last octet
        match_reply(exact, 77, name, type);
        ReplyIndex index;
        const CheckedReply checked = check_reply(exact, name, type, random() % 2, index);
        ++seen[static_cast<std::size_t>(checked.kind)];
        dns::BodyWriter writer(out, out.size(), name);
        const bool written =
            write_kept(index, name, type, checked, {}, writer) == exchange::KeptResult::written;
        if (checked.kind > ReplyKind::nxdomain) continue;
        ASSERT_TRUE(written) << round;
        dns::Reader reader(
            Bytes(out).first(dns::kHeaderSize + name.size() + 4 + writer.info().size),
            dns::kHeaderSize + name.size() + 4);
        dns::Record record;
        while (!reader.at_end()) ASSERT_TRUE(reader.read_record(record)) << round;
    }
    for (std::size_t kind = 0; kind < seen.size(); ++kind) EXPECT_GT(seen[kind], 0u) << kind;
}

}  // namespace
}  // namespace peerzone::exchange
