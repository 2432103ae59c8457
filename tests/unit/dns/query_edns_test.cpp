#include <gtest/gtest.h>

#include <algorithm>

#include "peerzone/dns/query.hpp"
#include "support/dns_wire.hpp"

namespace peerzone::dns {
namespace {

using testing::exact;
using testing::Octets;
using testing::question;
using testing::Wire;

struct Parsed {
    Verdict verdict;
    Query query;
};

Parsed parse(const Wire& wire) {
    Parsed result{};
    const Octets message = wire.octets();
    result.verdict = parse_query(message, result.query);
    return result;
}

Parsed with_options(const Octets& options, std::uint32_t ttl = 0) {
    return parse(question("a.b", type::a, 1).opt(1232, ttl, options));
}

TEST(ParseEdns, ReadsSizeAndDo) {
    const Parsed plain = parse(question("a", type::a, 1).opt(4096, 0));
    EXPECT_EQ(plain.verdict, Verdict::ok);
    EXPECT_TRUE(plain.query.has_edns);
    EXPECT_FALSE(plain.query.dnssec_ok);
    EXPECT_EQ(plain.query.edns_size, 4096);
    EXPECT_TRUE(parse(question("a", type::a, 1).opt(0, kEdnsFlagDo)).query.dnssec_ok);
    EXPECT_EQ(parse(question("a", type::a, 1).opt(0, 0)).query.edns_size, 0);
    EXPECT_TRUE(parse(question("a", type::a, 1).opt(0, 0)).query.has_edns);
}

TEST(ParseEdns, UnknownFlagsAndExtendedRcodeDoNotMatter) {
    const Parsed parsed = parse(question("a", type::a, 1).opt(1232, 0xff007fff));
    EXPECT_EQ(parsed.verdict, Verdict::ok);
    EXPECT_FALSE(parsed.query.dnssec_ok);
}

TEST(ParseEdns, HigherVersionsAreBadversWithTheQuestion) {
    for (const std::uint32_t version : {1u, 2u, 255u}) {
        const Parsed parsed =
            parse(question("a.b", type::a, 1).opt(1232, version << 16 | kEdnsFlagDo));
        EXPECT_EQ(parsed.verdict, Verdict::badvers);
        EXPECT_EQ(name_text(parsed.query.asked_name()), "a.b");
        EXPECT_TRUE(parsed.query.has_edns);
        EXPECT_TRUE(parsed.query.dnssec_ok);
    }
}

TEST(ParseEdns, OptionsOfAHigherVersionAreNotJudged) {
    EXPECT_EQ(with_options(Octets{1, 2, 3}, 1u << 16).verdict, Verdict::badvers);
    EXPECT_FALSE(with_options(Octets{0, 11, 0, 0}, 1u << 16).query.wants(kWantsKeepalive));
    // But what is no message at all stays none.
    EXPECT_EQ(parse(question("a", type::a, 1).opt(1232, 1u << 16).u8(0)).verdict, Verdict::formerr);
}

TEST(ParseEdns, AtMostOneOpt) {
    const Parsed parsed = parse(question("a.b", type::a, 2).opt(1232, 0).opt(1232, 0));
    EXPECT_EQ(parsed.verdict, Verdict::formerr);
    EXPECT_EQ(name_text(parsed.query.asked_name()), "a.b");
    EXPECT_EQ(
        parse(question("a", type::a, 3).opt(1232, 0).name("x").record(1, 1, Octets(4)).opt(1, 0))
            .verdict,
        Verdict::formerr);
}

TEST(ParseEdns, OptStandsInTheAdditionalSectionOnly) {
    EXPECT_EQ(parse(Wire().header(1, 0, 1, 1).name("a").u16(1).u16(1).opt(1232, 0)).verdict,
              Verdict::formerr);
    EXPECT_EQ(parse(Wire().header(1, 0, 1, 0, 1).name("a").u16(1).u16(1).opt(1232, 0)).verdict,
              Verdict::formerr);
}

TEST(ParseEdns, OptBelongsToTheRoot) {
    const auto opt_of = [](const Wire& owner) {
        return parse(question("a", type::a, 1)
                         .raw(owner.octets())
                         .u16(type::opt)
                         .u16(1232)
                         .u32(0)
                         .u16(0))
            .verdict;
    };
    EXPECT_EQ(opt_of(Wire().u8(0)), Verdict::ok);
    EXPECT_EQ(opt_of(Wire().name("a")), Verdict::formerr);
    EXPECT_EQ(opt_of(Wire().pointer(12)), Verdict::formerr);
    EXPECT_EQ(opt_of(Wire().pointer(14)), Verdict::formerr)
        << "a pointer to the root is not the root label";
}

TEST(ParseEdns, OptMayStandBeforeOtherRecords) {
    EXPECT_EQ(
        parse(question("a", type::a, 2).opt(1232, 0).name("x").record(1, 1, Octets(4))).verdict,
        Verdict::ok);
}

TEST(ParseEdns, OptionsMustFillTheirRecord) {
    EXPECT_EQ(with_options({}).verdict, Verdict::ok);
    EXPECT_EQ(with_options({0, 100, 0, 0}).verdict, Verdict::ok);
    EXPECT_EQ(with_options({0, 100, 0, 2, 7, 7, 0, 101, 0, 0}).verdict, Verdict::ok);
    for (const Octets& options :
         {Octets{0}, Octets{0, 100}, Octets{0, 100, 0}, Octets{0, 100, 0, 1},
          Octets{0, 100, 0, 2, 7}, Octets{0, 100, 0xff, 0xff}, Octets{0, 100, 0, 1, 7, 0},
          Octets{0, 100, 0, 0, 0, 0, 0}}) {
        const Parsed parsed = with_options(options);
        EXPECT_EQ(parsed.verdict, Verdict::formerr);
        EXPECT_TRUE(parsed.query.has_edns);
    }
}

TEST(ParseEdns, KnownOptionsOfOthersAreIgnored) {
    // NSID (which replies answer), COOKIE, EXPIRE, ECS, padding, a key tag (RFC 8906 8.2.10).
    const Octets options{0, 3, 0, 0, 0, 10, 0, 8, 1, 2, 3, 4, 5,  6, 7, 8, 0,
                         9, 0, 0, 0, 8, 0,  4, 0, 1, 0, 0, 0, 12, 0, 1, 0};
    const Parsed parsed = with_options(options);
    EXPECT_EQ(parsed.verdict, Verdict::ok);
    EXPECT_FALSE(parsed.query.wants(kWantsKeepalive));
}

TEST(ParseEdns, NsidIsSeenAnywhereAmongTheOptions) {
    EXPECT_TRUE(with_options({0, 3, 0, 0}).query.wants(kWantsNsid));
    EXPECT_FALSE(with_options({0, 3, 0, 0}).query.wants(kWantsKeepalive));
    EXPECT_TRUE(with_options({0, 11, 0, 0, 0, 3, 0, 0}).query.wants(kWantsNsid));
    EXPECT_TRUE(with_options({0, 3, 0, 1, 7}).query.wants(kWantsNsid)) << "data are ignored";
    EXPECT_FALSE(with_options({0, 12, 0, 4, 0, 3, 0, 0}).query.wants(kWantsNsid))
        << "data of another option";
    EXPECT_FALSE(with_options({}).query.wants(kWantsNsid));
}

TEST(ParseEdns, KeepaliveIsSeenAnywhereAmongTheOptions) {
    EXPECT_TRUE(with_options({0, 11, 0, 0}).query.wants(kWantsKeepalive));
    EXPECT_FALSE(with_options({0, 11, 0, 0}).query.padding);
    EXPECT_TRUE(with_options({0, 11, 0, 0, 0, 12, 0, 2, 0, 0}).query.padding);
    EXPECT_TRUE(with_options({0, 3, 0, 0, 0, 11, 0, 0}).query.wants(kWantsKeepalive));
    EXPECT_TRUE(with_options({0, 11, 0, 2, 0, 100, 0, 3, 0, 0}).query.wants(kWantsKeepalive));
    EXPECT_FALSE(with_options({0, 3, 0, 4, 0, 11, 0, 0}).query.wants(kWantsKeepalive))
        << "data of another option";
}

TEST(ParseEdns, EveryPrefixIsJudgedWithoutReadingOutside) {
    const Octets whole = question("www.westus.local", type::a, 1)
                             .opt(1232, 0, Octets{0, 10, 0, 4, 1, 2, 3, 4})
                             .octets();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Octets part = exact(Bytes(whole).first(size));
        Query query;
        EXPECT_EQ(parse_query(part, query), size < kHeaderSize ? Verdict::drop : Verdict::formerr)
            << size;
    }
}

Octets hop_mark(std::uint64_t node, std::uint8_t hops, std::size_t size = 9) {
    Octets option(4 + size);
    store_u16(&option[0], option::hop_mark);
    store_u16(&option[2], size);
    Octets mark(9);
    store_u32(&mark[0], static_cast<std::uint32_t>(node >> 32));
    store_u32(&mark[4], static_cast<std::uint32_t>(node));
    mark[8] = hops;
    std::copy_n(mark.begin(), std::min(size, mark.size()), option.begin() + 4);
    return option;
}

TEST(ParseEdns, ReadsTheHopMark) {
    const Parsed marked = with_options(hop_mark(0x0123456789abcdef, 3));
    EXPECT_EQ(marked.verdict, Verdict::ok);
    EXPECT_EQ(marked.query.hops, 3);
    EXPECT_EQ(marked.query.hop_node, 0x0123456789abcdefu);
    const Query copy = marked.query;
    EXPECT_EQ(copy.hops, 3);
    EXPECT_EQ(copy.hop_node, 0x0123456789abcdefu);
    EXPECT_EQ(with_options({}).query.hops, 0);
    EXPECT_EQ(with_options({}).query.hop_node, 0u);
}

// The number is for local use: another size is another program's option, and no reason to refuse.
TEST(ParseEdns, AHopMarkOfAnotherSizeIsIgnored) {
    for (const std::size_t size : {0u, 1u, 8u, 10u, 40u}) {
        const Parsed parsed = with_options(hop_mark(7, 3, size));
        EXPECT_EQ(parsed.verdict, Verdict::ok) << size;
        EXPECT_EQ(parsed.query.hops, 0) << size;
        EXPECT_EQ(parsed.query.hop_node, 0u) << size;
    }
}

TEST(ParseEdns, OfSeveralHopMarksTheFurthestCounts) {
    Octets both = hop_mark(1, 3);
    const Octets other = hop_mark(2, 2);
    both.insert(both.end(), other.begin(), other.end());
    EXPECT_EQ(with_options(both).query.hops, 3);
    EXPECT_EQ(with_options(both).query.hop_node, 1u);
}

TEST(ParseEdns, AQueryThatIsUsedAgainForgetsTheHopMark) {
    Query query;
    const Octets marked = question("a.b", type::a, 1).opt(1232, 0, hop_mark(7, 3)).octets();
    EXPECT_EQ(parse_query(marked, query), Verdict::ok);
    EXPECT_EQ(parse_query(question("a.b", type::a).octets(), query), Verdict::ok);
    EXPECT_EQ(query.hops, 0);
    EXPECT_EQ(query.hop_node, 0u);
}

}  // namespace
}  // namespace peerzone::dns
