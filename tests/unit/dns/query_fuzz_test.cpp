// Damaged questions by the hundred thousand, the same ones in every run.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <random>

#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/query.hpp"
#include "support/client_subnet.hpp"
#include "support/dns_wire.hpp"

namespace peerzone::dns {
namespace {

using testing::Octets;
using testing::question;
using testing::Wire;

std::vector<Octets> seeds() {
    return {
        question("www.westus.local", type::a).octets(),
        question("cockroachdb-1.cockroachdb.westus.svc.cluster.local", type::srv, 1)
            .opt(1232, kEdnsFlagDo)
            .octets(),
        question("a.b", type::any, 1)
            .opt(512, 0, Octets{0, 10, 0, 4, 1, 2, 3, 4, 0, 11, 0, 0})
            .octets(),
        question("a.b", type::a, 1).opt(1232, 0, testing::subnet_option("10.1.2.0/23")).octets(),
        question("a.b", type::a, 1).opt(512, 1u << 16).octets(),
        question(".", type::ns, 1).opt(65535, 0).octets(),
        Wire()
            .header(1, 0, 1, 1, 1, 1)
            .name("a.b")
            .u16(1)
            .u16(1)
            .pointer(12)
            .record(type::cname, 1, Wire().pointer(14).octets())
            .pointer(14)
            .record(type::soa, 1, Wire().pointer(12).pointer(14).raw(Octets(20)).octets())
            .opt(1232, 0)
            .octets(),
        Wire().header(1, 0x2800, 0, 0, 0, 0).octets()};
}

void damage(Octets& message, std::mt19937& random) {
    static constexpr std::array<std::uint8_t, 12> kTelling = {0,  1,  2,    11,   12,   41,
                                                              63, 64, 0x80, 0xc0, 0xfe, 0xff};
    for (auto times = 1 + random() % 4; times > 0; --times) {
        const std::size_t at = message.empty() ? 0 : random() % message.size();
        const auto place = message.begin() + static_cast<std::ptrdiff_t>(at);
        switch (random() % 6) {
            case 0:
            case 1:
                if (!message.empty()) *place = kTelling[random() % kTelling.size()];
                break;
            case 2:
                if (!message.empty()) *place = static_cast<std::uint8_t>(random());
                break;
            case 3: message.resize(at); break;
            case 4: message.insert(place, kTelling[random() % kTelling.size()]); break;
            default: {
                const Octets copy(message.begin(), place);
                message.insert(message.end(), copy.begin(), copy.end());
            }
        }
        if (message.size() > 600) message.resize(600);
    }
}

// What must hold for whatever parse_query makes of a message.
void expect_sound(Bytes message, Verdict verdict, const Query& query) {
    if (verdict == Verdict::drop) return;
    ASSERT_EQ(query.id, load_u16(&message[0]));
    ASSERT_EQ(query.flags, load_u16(&message[2]));
    if (verdict == Verdict::ok || verdict == Verdict::badvers) {
        ASSERT_NE(query.name_size, 0);
    }
    if (verdict == Verdict::badvers) {
        ASSERT_TRUE(query.has_edns);
    }
    if (query.subnet_state == SubnetState::asked) {
        ASSERT_TRUE(query.has_edns);
        ASSERT_LE(query.subnet.address_size(), query.subnet.octets.size());
    }
    if (query.name_size == 0) return;
    const auto asked = Name::from_wire(query.asked_name());
    ASSERT_TRUE(asked.has_value());
    ASSERT_TRUE(
        std::equal(query.name().begin(), query.name().end(), asked->folded().wire().begin()));
    ASSERT_EQ(query.name_hash, hash_folded(query.name()));
}

// Every verdict but drop is answered, and each answer must be a whole message that echoes what was
// asked.
void expect_answerable(Query query, Verdict verdict, bool udp) {
    if (query.subnet_state == SubnetState::asked) query.subnet_state = SubnetState::answered;
    static constexpr Rcode kRcodes[] = {Rcode::refused, Rcode::noerror, Rcode::formerr,
                                        Rcode::notimp, Rcode::badvers};
    const ExtendedError error{.code = ede::other, .text = "a reason"};
    const ReplyHead head{.rcode = kRcodes[static_cast<std::size_t>(verdict)], .error = &error};
    std::array<std::uint8_t, 512> out;
    const std::size_t limit = size_limit(query, udp);
    const std::size_t size = write_empty_reply(out, query, head, limit);
    ASSERT_LE(size, std::min<std::size_t>(limit, out.size()));
    const auto reply = testing::read_message(Bytes(out).first(size));
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ(reply->header.id, query.id);
    ASSERT_EQ(reply->header.opcode(), query.flags >> 11 & 15);
    ASSERT_EQ(reply->opt.has_value(), query.has_edns);
    ASSERT_EQ(testing::find_option(reply->options, option::client_subnet).has_value(),
              query.subnet_state == SubnetState::answered);
    ASSERT_EQ(reply->qname.has_value(), query.name_size != 0);
    ASSERT_FALSE(reply->truncated());
}

TEST(QueryFuzz, NothingThatAnybodySendsDoesHarm) {
    const std::vector<Octets> all = seeds();
    std::mt19937 random(8906);
    std::array<int, 5> verdicts{};
    for (int round = 0; round < 200000; ++round) {
        Octets message = all[random() % all.size()];
        damage(message, random);
        // A block of exactly the message's size, so that AddressSanitizer sees every step outside.
        const auto block = std::make_unique<std::uint8_t[]>(message.size());
        std::copy(message.begin(), message.end(), block.get());
        const Bytes bytes(block.get(), message.size());
        Query query;
        const Verdict verdict = parse_query(bytes, query);
        ++verdicts[static_cast<std::size_t>(verdict)];
        expect_sound(bytes, verdict, query);
        if (verdict != Verdict::drop && round % 16 == 0)
            expect_answerable(query, verdict, round % 32 == 0);
        if (HasFatalFailure()) FAIL() << "round " << round;
    }
    // The damage must not be so great that only one branch is ever seen.
    for (const int count : verdicts) EXPECT_GT(count, 500);
}

TEST(QueryFuzz, NoiseDoesNoHarmEither) {
    std::mt19937 random(1);
    for (int round = 0; round < 50000; ++round) {
        Octets message(random() % 100);
        for (auto& octet : message) octet = static_cast<std::uint8_t>(random());
        if (message.size() >= kHeaderSize) {
            store_u16(&message[2], random() & 0x0fff);
            store_u16(&message[4], 1);
            for (std::size_t at = 6; at < 12; at += 2) store_u16(&message[at], random() % 3);
        }
        const Octets copy = testing::exact(message);
        Query query;
        const Verdict verdict = parse_query(copy, query);
        expect_sound(copy, verdict, query);
        if (HasFatalFailure()) FAIL() << "round " << round;
    }
}

}  // namespace
}  // namespace peerzone::dns
