#include "discovery/lookup_reply.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/upstream_message.hpp"

namespace peerzone::discovery {
namespace {

using namespace peerzone::test;
using testing::ElementsAre;
using Kind = LookupReply::Kind;

constexpr unsigned A = 1, CNAME = 5, AAAA = 28, SRV = 33;
constexpr char kName[] = "dns.example.com";

IpAddress ip(std::string_view text) {
    return *IpAddress::parse(text);
}

MessageBuilder reply_to(unsigned type, std::string_view name = kName) {
    MessageBuilder builder(1, 0x8180);
    builder.question(name, type);
    return builder;
}

LookupReply read(const MessageBuilder& message, LookupType type = LookupType::a,
                 const std::string& name = kName) {
    return read_lookup_reply(message.octets(), name, type);
}

Octets srv(unsigned priority, unsigned weight, unsigned port, std::string_view target) {
    Octets data;
    for (const unsigned number : {priority, weight, port}) append_u16(data, number);
    append(data, wire(target));
    return data;
}

TEST(LookupReply, TakesTheRecordsOfTheNameOnly) {
    const auto reply = read(reply_to(A)
                                .answer("DNS.Example.com", A, 60, address("10.0.0.2"))
                                .answer(kName, A, 50, address("10.0.0.1"))
                                .answer("other.example.com", A, 1, address("10.9.9.9"))
                                .answer(kName, AAAA, 1, address("fd00::9"))
                                .answer(kName, A, 1, address("10.9.9.8"), 3)
                                .additional(kName, A, 1, address("10.9.9.7")));
    ASSERT_EQ(reply.kind, Kind::found) << reply.why;
    EXPECT_THAT(reply.addresses, ElementsAre(ip("10.0.0.1"), ip("10.0.0.2")));
    EXPECT_EQ(reply.ttl, Seconds(50)) << "the shortest of those that count";
}

TEST(LookupReply, AnOptAmongTheAnswersIsNoAnswer) {
    const auto in_front = reply_to(A)
                              .record(1, {0}, 41, 1232, 0, {})
                              .record(3, {0xc0, 12}, A, 1, 60, address("10.0.0.1"));
    EXPECT_THAT(read(in_front).addresses, ElementsAre(ip("10.0.0.1")));
    const auto behind =
        reply_to(A).answer(kName, A, 60, address("10.0.0.1")).record(1, {0}, 41, 1232, 0, {});
    EXPECT_THAT(read(behind).addresses, ElementsAre(ip("10.0.0.1")));
}

TEST(LookupReply, FollowsAliasesInWhateverOrder) {
    const auto reply = read(reply_to(A)
                                .answer("b.example.net", A, 60, address("10.0.0.7"))
                                .answer("a.example.net", CNAME, 5, wire("b.example.net"))
                                .answer(kName, CNAME, 30, wire("A.example.net")));
    ASSERT_EQ(reply.kind, Kind::found) << reply.why;
    EXPECT_THAT(reply.addresses, ElementsAre(ip("10.0.0.7")));
    EXPECT_EQ(reply.ttl, Seconds(5)) << "an alias that changes is seen in its time";
}

TEST(LookupReply, AnAliasWithoutAnEndIsEmpty) {
    const auto bare = read(reply_to(A).answer(kName, CNAME, 30, wire("a.example.net")));
    EXPECT_EQ(bare.kind, Kind::empty);
    EXPECT_EQ(bare.why, "an alias of a.example.net, which has none");
    const auto circle = read(reply_to(A)
                                 .answer(kName, CNAME, 30, wire("a.example.net"))
                                 .answer("a.example.net", CNAME, 30, wire(kName)));
    EXPECT_EQ(circle.kind, Kind::failed);
    EXPECT_EQ(circle.why, "its aliases lead nowhere");
}

TEST(LookupReply, ReadsTtlsAsTheyAreMeant) {
    EXPECT_EQ(read(reply_to(A).answer(kName, A, 0, address("10.0.0.1"))).ttl, Seconds(0));
    EXPECT_EQ(read(reply_to(A).answer(kName, A, 0x80000000u, address("10.0.0.1"))).ttl, Seconds(0))
        << "RFC 2181 8";
    EXPECT_EQ(read(reply_to(A).answer(kName, A, 0x7fffffffu, address("10.0.0.1"))).ttl,
              Seconds(0x7fffffff));
}

TEST(LookupReply, ReadsTargets) {
    constexpr char kService[] = "_dns._udp.example.com";
    const auto reply = read(reply_to(SRV, kService)
                                .answer(kService, SRV, 60, srv(20, 0, 53, "c.example.com"))
                                .answer(kService, SRV, 60, srv(10, 9, 5353, "B.example.com"))
                                .answer(kService, SRV, 60, srv(10, 1, 53, "a.example.com"))
                                .answer(kService, SRV, 60, srv(10, 2, 0, "noport.example.com"))
                                .answer(kService, SRV, 60, srv(10, 7, 5353, "b.example.com")),
                            LookupType::srv, kService);
    ASSERT_EQ(reply.kind, Kind::found) << reply.why;
    EXPECT_THAT(reply.targets, ElementsAre(SrvTarget{10, 53, "a.example.com"},
                                           SrvTarget{10, 5353, "b.example.com"},
                                           SrvTarget{20, 53, "c.example.com"}));
}

TEST(LookupReply, AServiceThatIsNotThereIsEmpty) {
    const auto reply =
        read(reply_to(SRV).answer(kName, SRV, 60, srv(0, 0, 0, ".")), LookupType::srv);
    EXPECT_EQ(reply.kind, Kind::empty);
    EXPECT_EQ(reply.why, "the service is not there (target \".\")");
}

TEST(LookupReply, DamagedRecordsAreAFailureNotHalfAnAnswer) {
    const auto is_refused = [](const MessageBuilder& message, LookupType type) {
        return read(message, type).kind == Kind::failed;
    };
    const Octets good = address("10.0.0.1");
    EXPECT_TRUE(is_refused(reply_to(A).answer(kName, A, 60, good).answer(kName, A, 60, {1, 2, 3}),
                           LookupType::a));
    EXPECT_TRUE(is_refused(reply_to(AAAA).answer(kName, AAAA, 60, good), LookupType::aaaa));
    EXPECT_TRUE(is_refused(reply_to(A).answer(kName, A, 60, good).count(1), LookupType::a));
    EXPECT_TRUE(
        is_refused(reply_to(SRV).answer(kName, SRV, 60, {0, 1, 0, 1, 0, 53}), LookupType::srv));
    Octets longer = srv(1, 1, 53, "a.example.com");
    longer.push_back(0);
    EXPECT_TRUE(is_refused(reply_to(SRV).answer(kName, SRV, 60, longer), LookupType::srv));
    EXPECT_TRUE(is_refused(reply_to(A).answer(kName, CNAME, 60, {3, 'a'}), LookupType::a));
}

// Each octet changed and each length cut: a reply or none, never a read outside.
TEST(LookupReply, DamageIsHarmless) {
    const Octets whole = reply_to(SRV)
                             .answer(kName, CNAME, 30, wire("a.example.net"))
                             .answer("a.example.net", SRV, 60, srv(1, 1, 53, "b.example.net"))
                             .octets();
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (const int value : {0, 1, 0x3f, 0xc0, 0xff}) {
            Octets damaged = whole;
            damaged[i] = static_cast<std::uint8_t>(value);
            read_lookup_reply(damaged, kName, LookupType::srv);
        }
        const Octets shorter(whole.begin(), whole.begin() + static_cast<long>(i));
        EXPECT_NE(read_lookup_reply(shorter, kName, LookupType::srv).kind, Kind::found);
    }
}

}  // namespace
}  // namespace peerzone::discovery
