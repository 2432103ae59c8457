// Sizes that an operator might try, what fits into a reply, and what a lookup costs.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "zone_support.hpp"

namespace {
std::atomic<std::size_t> allocations{0};
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace peerzone::zone::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::string number(unsigned i) {
    return std::to_string(i);
}

TEST(Truncation, AnAddressSetThatDoesNotFitIsCutAndMarked) {
    Lines records;
    for (unsigned i = 0; i < 500; ++i)
        records.push_back("many A 10.1." + number(i / 250) + "." + number(i % 250));
    records.push_back("svc SRV 0 0 80 many");
    const Zone zone = make_zone("ex", records);
    const Reply small = ask(zone, "many.ex", "A", 512);
    EXPECT_EQ(small.outcome, Outcome::answered);
    EXPECT_TRUE(small.truncated);
    EXPECT_THAT(small.answer, SizeIs((512 - 12 - 13) / 16));
    EXPECT_THAT(small.authority, IsEmpty());
    const Reply whole = ask(zone, "many.ex", "A");
    EXPECT_FALSE(whole.truncated);
    EXPECT_THAT(whole.answer, SizeIs(500));
    const Reply turned = ask(zone, "many.ex", "A", 512, 499);
    EXPECT_EQ(turned.answer.at(0), whole.answer.at(499));
    EXPECT_EQ(turned.answer.at(1), whole.answer.at(0));
    // Additional records are left out without a mark (RFC 2181 9).
    const Reply service = ask(zone, "svc.ex", "SRV", 512);
    EXPECT_FALSE(service.truncated);
    EXPECT_THAT(service.answer, SizeIs(1));
    EXPECT_THAT(service.additional, SizeIs(testing::Gt(10u)));
}

TEST(Truncation, AnSrvSetWithManyTargetsBringsWhatFits) {
    Lines records;
    for (unsigned i = 0; i < 500; ++i) {
        records.push_back("pod" + number(i) + " A 10.1." + number(i / 250) + "." + number(i % 250));
        records.push_back("_s._tcp SRV 0 0 80 pod" + number(i));
    }
    const Zone zone = make_zone("ex", records);
    const Reply small = ask(zone, "_s._tcp.ex", "SRV", 1232);
    EXPECT_TRUE(small.truncated);
    EXPECT_THAT(small.additional, IsEmpty());
    const Reply whole = ask(zone, "_s._tcp.ex", "SRV");
    EXPECT_THAT(whole.answer, SizeIs(500));
    EXPECT_THAT(whole.additional, SizeIs(500));
}

TEST(Truncation, NegativeAnswersWithoutRoomForTheSoaAreMarked) {
    const Zone zone = make_zone("ex", {"a A 10.0.0.1"});
    const Reply reply = ask(zone, "missing.ex", "A", 40);
    EXPECT_EQ(reply.outcome, Outcome::nxdomain);
    EXPECT_TRUE(reply.truncated);
    EXPECT_THAT(reply.authority, IsEmpty());
}

TEST(Sizes, ATxtOfManyPiecesComesBackWhole) {
    std::string pieces = "t TXT";
    for (int i = 0; i < 300; ++i) pieces += " p" + number(i);
    const Zone zone = make_zone(
        "ex", {pieces, "big TXT \"" + std::string(255, 'x') + "\" " + std::string(255, 'y')});
    const Reply reply = ask(zone, "t.ex", "TXT");
    ASSERT_THAT(reply.answer, SizeIs(1));
    EXPECT_EQ(std::count(reply.answer[0].begin(), reply.answer[0].end(), '"'), 600);
    EXPECT_TRUE(ask(zone, "t.ex", "TXT", 1232).truncated);
    EXPECT_THAT(ask(zone, "big.ex", "TXT").answer,
                ElementsAre("big.ex. 30 IN TXT \"" + std::string(255, 'x') + "\" \"" +
                            std::string(255, 'y') + "\""));
}

TEST(Sizes, NamesOf255OctetsAreFoundAndMissed) {
    std::string deep;  // 126 labels of one octet below "ex": 126 * 2 + 4 = 256 is one too many
    for (int i = 0; i < 125; ++i) deep += "a.";
    const std::string wide = std::string(63, 'w') + "." + std::string(63, 'x') + "." +
                             std::string(63, 'y') + "." + std::string(58, 'z');
    const Zone zone = make_zone("ex", {deep + "ex. A 10.0.0.1", wide + " A 10.0.0.2"});
    EXPECT_EQ(name(wide + ".ex").size(), 255u);
    EXPECT_EQ(ask(zone, deep + "ex", "A").outcome, Outcome::answered);
    EXPECT_EQ(ask(zone, wide + ".ex", "A").outcome, Outcome::answered);
    EXPECT_EQ(ask(zone, deep.substr(2) + "ex", "A").outcome, Outcome::nodata);
    EXPECT_EQ(ask(zone, "b." + deep.substr(2) + "ex", "A").outcome, Outcome::nxdomain);
    EXPECT_EQ(ask(zone, std::string("x") + wide.substr(1) + ".ex", "A").outcome, Outcome::nxdomain);
}

TEST(Sizes, EveryNameOfALargeZoneIsFound) {
    Builder builder(name("big"));
    constexpr unsigned kNames = 20000;
    const auto owner = [](unsigned i) {
        return name("pod-" + number(i) + ".ns" + number(i % 97) + ".svc.big");
    };
    const auto octet = [](unsigned value) { return static_cast<std::uint8_t>(value); };
    for (unsigned i = 0; i < kNames; ++i)
        ASSERT_TRUE(builder
                        .add({.owner = owner(i),
                              .type = dns::type::a,
                              .ttl = 5,
                              .rdata = {10, octet(i >> 16), octet(i >> 8), octet(i)}})
                        .has_value());
    const Zone zone = std::move(std::move(builder).build().value());
    EXPECT_EQ(zone.record_count(), kNames + 2);
    std::vector<std::uint8_t> message(512);
    for (unsigned i = 0; i < kNames; ++i) {
        const dns::Name qname = owner(i);
        dns::BodyWriter writer(message, 512, qname.wire());
        ASSERT_EQ(zone.lookup(qname, dns::type::a, 0, writer).outcome, Outcome::answered);
        ASSERT_EQ(load_u32(&writer.body().back() - 3), 10u << 24 | i);
    }
    EXPECT_EQ(ask(zone, "pod-1.ns2.svc.big", "A").outcome, Outcome::nxdomain);
}

TEST(Cost, ALookupAllocatesNothing) {
    const Zone zone = make_zone(
        "ex", {"db A 10.0.0.5", "www CNAME db", "out CNAME x.example.com.", "loop CNAME loop",
               "*.wild A 10.0.0.1", "old DNAME new", "host.new A 10.0.0.6", "sub NS ns.sub",
               "ns.sub A 10.0.0.7", "svc SRV 0 0 1 db", "mx MX 1 db"});
    const std::pair<const char*, std::uint16_t> questions[] = {
        {"db.ex", dns::type::a},       {"db.ex", dns::type::txt},     {"no.such.ex", dns::type::a},
        {"www.ex", dns::type::a},      {"out.ex", dns::type::a},      {"loop.ex", dns::type::a},
        {"x.y.wild.ex", dns::type::a}, {"host.old.ex", dns::type::a}, {"a.sub.ex", dns::type::a},
        {"svc.ex", dns::type::srv},    {"mx.ex", dns::type::mx},      {"ex", dns::type::any}};
    std::vector<std::uint8_t> message(1232);
    const std::size_t first = allocations;
    std::vector<dns::Name> names;
    for (const auto& [text, type] : questions) names.push_back(name(text));
    ASSERT_GT(allocations, first) << "the counter does not count";
    std::size_t octets = 0;
    const std::size_t before = allocations;
    for (std::size_t i = 0; i < names.size(); ++i) {
        for (const std::size_t limit : {1232u, 60u}) {
            dns::BodyWriter writer(message, limit, names[i].wire());
            const LookupResult result = zone.lookup(names[i], questions[i].second, 1, writer);
            octets += writer.info().size + result.links;
        }
    }
    EXPECT_EQ(allocations, before);
    EXPECT_GT(octets, 500u);
    static_assert(noexcept(zone.lookup(names[0], 1, 0, std::declval<dns::BodyWriter&>())));
}

}  // namespace
}  // namespace peerzone::zone::test
