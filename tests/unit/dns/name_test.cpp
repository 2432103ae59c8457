#include "peerzone/dns/name.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "support/dns_wire.hpp"

namespace peerzone::dns {
namespace {

using testing::name;
using testing::Octets;

TEST(MixedCase, IsToldFromWhatPeopleWrite) {
    for (const char* text : {"db.westus.svc.cluster.local", "DB.WESTUS", "Kubernetes.Default", "x",
                             "1.2.3.4", "kubernetes.DEFAULT.svc", "."})
        EXPECT_FALSE(has_mixed_case(name(text).wire())) << text;
    for (const char* text : {"dB.wEsTUs.sVC.cLUsteR.LocAl", "aB"})
        EXPECT_TRUE(has_mixed_case(name(text).wire())) << text;
}

std::string dots(std::size_t labels, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < labels; ++i) text += (i == 0 ? "" : ".") + std::string(size, 'x');
    return text;
}

Name deepest() {  // 127 labels of one octet: 255 octets
    return name(dots(127, 1));
}

TEST(NameText, ReadsWithAndWithoutTheFinalDot) {
    EXPECT_EQ(name("a.example.com"), name("a.example.com."));
    EXPECT_EQ(testing::exact(name("ab.c").wire()), (Octets{2, 'a', 'b', 1, 'c', 0}));
    EXPECT_TRUE(name(".").is_root());
    EXPECT_EQ(name(".").size(), 1u);
}

TEST(NameText, PrintsWhatItRead) {
    for (const char* text : {".", "a", "a.example.com", "*.x", "_grpc._tcp.Svc", "a\\.b.c",
                             "\\\\.x", "\\032.x", "\\255\\000.x", "\\@.x", "\\\"\\;\\(\\)\\$"})
        EXPECT_EQ(name(text).to_text(), text);
}

TEST(NameText, ReadsEscapes) {
    EXPECT_EQ(testing::exact(name("\\065\\.\\\\\\000").wire()), (Octets{4, 'A', '.', '\\', 0, 0}));
    EXPECT_EQ(testing::exact(name("a\\.").wire()), (Octets{2, 'a', '.', 0}))
        << "an escaped dot ends no label";
    EXPECT_EQ(testing::exact(name("a\\..").wire()), (Octets{2, 'a', '.', 0}));
    EXPECT_EQ(testing::exact(name("\\a").wire()), (Octets{1, 'a', 0}));
}

TEST(NameText, RefusesBrokenText) {
    for (const char* text : {"", "..", ".a", "a..b", "a..", "\\", "a\\", "\\1", "\\12", "\\12x",
                             "\\256", "\\999", "a.\\"})
        EXPECT_FALSE(Name::from_text(text).has_value()) << text;
    EXPECT_EQ(Name::from_text("a..b").error().message,
              "'a..b' is not a domain name: it has an empty label");
    EXPECT_EQ(Name::from_text("\\256").error().message,
              "'\\256' is not a domain name: it has a broken escape");
}

TEST(NameText, LabelsHaveAtMost63Octets) {
    EXPECT_EQ(name(std::string(63, 'x')).size(), 65u);
    EXPECT_EQ(name(std::string(63, 'x') + ".").size(), 65u);
    EXPECT_FALSE(Name::from_text(std::string(64, 'x')).has_value());
    EXPECT_FALSE(Name::from_text(std::string(64, 'x') + ".y").has_value());
    EXPECT_FALSE(Name::from_text(std::string(5000, 'x')).has_value());
    std::string escaped;
    for (int i = 0; i < 63; ++i) escaped += "\\120";
    EXPECT_EQ(name(escaped), name(std::string(63, 'x'))) << "octets count, not characters";
}

TEST(NameText, NamesHaveAtMost255Octets) {
    const std::string three = dots(3, 63);  // 192 octets
    EXPECT_EQ(name(three + "." + std::string(61, 'y')).size(), 255u);
    EXPECT_EQ(name(three + "." + std::string(61, 'y') + ".").size(), 255u);
    EXPECT_FALSE(Name::from_text(three + "." + std::string(62, 'y')).has_value());
    EXPECT_FALSE(Name::from_text(three + "." + std::string(62, 'y') + ".").has_value());
    EXPECT_FALSE(Name::from_text(three + "." + std::string(61, 'y') + ".z").has_value());
    EXPECT_FALSE(Name::from_text(three + "." + std::string(60, 'y') + ".z").has_value());
    EXPECT_EQ(name(three + "." + std::string(59, 'y') + ".z").size(), 255u);
    EXPECT_EQ(deepest().size(), 255u);
    EXPECT_FALSE(Name::from_text(dots(128, 1)).has_value());
}

TEST(NameText, AnyOctetsSurviveText) {
    std::mt19937 random(1);
    for (int round = 0; round < 2000; ++round) {
        Name any;
        for (auto labels = random() % 5; labels > 0; --labels) {
            Octets label(1 + random() % 20);
            for (auto& octet : label) octet = static_cast<std::uint8_t>(random());
            any = *any.child(label);
        }
        const auto again = Name::from_text(any.to_text());
        ASSERT_TRUE(again.has_value()) << any.to_text();
        EXPECT_EQ(testing::exact(again->wire()), testing::exact(any.wire()));
    }
}

TEST(NameWire, TakesOnlyOneWholeName) {
    EXPECT_EQ(Name::from_wire(Octets{1, 'a', 0}), name("a"));
    EXPECT_EQ(Name::from_wire(Octets{0}), Name());
    for (const Octets& wire : {Octets{}, Octets{1}, Octets{1, 'a'}, Octets{2, 'a', 0}, Octets{0, 0},
                               Octets{1, 'a', 0, 0}, Octets{64, 'a', 0}, Octets{0xc0, 12},
                               Octets{1, 'a', 0xc0, 12}, Octets{0x80, 0}, Octets{255}})
        EXPECT_FALSE(Name::from_wire(wire).has_value());
    EXPECT_TRUE(Name::from_wire(deepest().wire()).has_value());
    Octets longer = testing::exact(deepest().wire());
    longer.insert(longer.begin(), {1, 'x'});
    EXPECT_FALSE(Name::from_wire(longer).has_value());
}

TEST(Name, CountsLabels) {
    EXPECT_EQ(Name().label_count(), 0u);
    EXPECT_EQ(name("a").label_count(), 1u);
    EXPECT_EQ(name("a\\.b.c").label_count(), 2u);
    EXPECT_EQ(deepest().label_count(), 127u);
}

TEST(Name, KnowsWildcards) {
    EXPECT_TRUE(name("*").is_wildcard());
    EXPECT_TRUE(name("*.a").is_wildcard());
    EXPECT_FALSE(name("**.a").is_wildcard());
    EXPECT_FALSE(name("a.*").is_wildcard());
    EXPECT_FALSE(Name().is_wildcard());
}

TEST(Name, ComparesFoldedAndKeepsCase) {
    EXPECT_EQ(name("WWW.Example.COM"), name("www.eXAMPLE.com"));
    EXPECT_EQ(name("WWW.Example.COM").to_text(), "WWW.Example.COM");
    EXPECT_EQ(name("WWW.Example.COM").folded().to_text(), "www.example.com");
    EXPECT_NE(name("a.b"), name("a\\.b"));
    EXPECT_NE(name("a"), name("a.b"));
    // Only A–Z fold: their neighbours and the octets beyond ASCII stay (RFC 4343 3).
    EXPECT_NE(name("\\@"), name("`"));
    EXPECT_NE(name("["), name("{"));
    EXPECT_NE(name("\\193"), name("\\225"));
}

TEST(Name, LengthOctetsAreNeverFolded) {
    // A label of 63 octets has a length below 'A'.
    const Name longest = name(std::string(63, 'A'));
    EXPECT_EQ(longest.folded().wire()[0], 63);
    EXPECT_EQ(longest.folded(), longest);
}

TEST(Name, ParentTakesOneLabelOff) {
    EXPECT_EQ(name("a.b.c").parent(), name("b.c"));
    EXPECT_TRUE(name("a").parent().is_root());
    EXPECT_TRUE(Name().parent().is_root());
}

TEST(Name, IsUnderLooksAtWholeLabels) {
    EXPECT_TRUE(name("x.westus.local").is_under(name("WESTUS.local")));
    EXPECT_TRUE(name("westus.local").is_under(name("westus.local")));
    EXPECT_TRUE(name("a").is_under(Name()));
    EXPECT_TRUE(Name().is_under(Name()));
    EXPECT_FALSE(Name().is_under(name("a")));
    EXPECT_FALSE(name("notwestus.local").is_under(name("westus.local")));
    EXPECT_FALSE(name("local").is_under(name("westus.local")));
    EXPECT_FALSE(name("x\\001b.c").is_under(name("b.c")))
        << "the octets fit, but not at the start of a label";
    EXPECT_TRUE(deepest().is_under(name("x.x")));
}

TEST(Name, ChildStopsAtTheLimits) {
    const Octets one{'x'};
    EXPECT_EQ(name("b").child(one), name("x.b"));
    EXPECT_EQ(Name().child(one), name("x"));
    EXPECT_FALSE(name("b").child(Octets{}).has_value());
    EXPECT_TRUE(name("b").child(Octets(63, 'x')).has_value());
    EXPECT_FALSE(name("b").child(Octets(64, 'x')).has_value());
    EXPECT_FALSE(deepest().child(one).has_value());
    const Name almost = deepest().parent();  // 253 octets
    EXPECT_EQ(almost.child(one)->size(), 255u);
    EXPECT_FALSE(almost.child(Octets(2, 'x')).has_value());
}

TEST(Name, WithSuffixSwapsTheEnd) {
    EXPECT_EQ(name("X.svc.westus.local")
                  .with_suffix(name("westus.local"), name("cluster.local"))
                  ->to_text(),
              "X.svc.cluster.local");
    EXPECT_EQ(name("westus.local").with_suffix(name("westus.local"), name("b")), name("b"));
    EXPECT_EQ(name("a.b").with_suffix(name("b"), Name()), name("a"));
    EXPECT_EQ(name("a.b").with_suffix(Name(), name("c")), name("a.b.c"));
    const Name longest = name(dots(3, 63) + "." + std::string(59, 'y') + ".z");  // 255 octets
    EXPECT_TRUE(longest.with_suffix(name("z"), name("a")).has_value());
    EXPECT_FALSE(longest.with_suffix(name("z"), name("ab")).has_value());
}

TEST(NameHash, FoldedEqualsHashEqually) {
    EXPECT_EQ(hash_folded(name("WWW.Example").folded().wire()),
              hash_folded(name("www.example").wire()));
    EXPECT_NE(hash_folded(name("www.example").wire()), hash_folded(name("wwx.example").wire()));
}

TEST(NameHash, EveryLengthAndEveryOctetCounts) {
    std::set<std::uint64_t> seen;
    std::size_t count = 0;
    for (std::size_t size = 1; size <= 60; ++size) {
        for (std::size_t at = 0; at <= size; ++at) {
            Octets label(size, 'x');
            if (at < size) label[at] = 'y';
            seen.insert(hash_folded(Name().child(label)->wire()));
            ++count;
        }
    }
    EXPECT_EQ(seen.size(), count);
}

TEST(NameHash, NoOctetsOfANameCanHideTheRest) {
    // The constants of the mixer it is built like: standing where a factor is read, a known one
    // would make the product zero.
    for (const std::uint64_t key :
         {0xe7037ed1a0b428dbu, 0xa0761d6478bd642fu, 0x8ebc6af09c88c6e3u, 0x589965cc75374cc3u}) {
        std::set<std::uint64_t> seen;
        for (unsigned i = 0; i < 200; ++i) {
            Octets label(60, 'x');
            std::memcpy(&label[15], &key, sizeof key);
            std::memcpy(&label[31], &key, sizeof key);
            label[0] = static_cast<std::uint8_t>('a' + i % 20);
            label[1] = static_cast<std::uint8_t>('a' + i / 20);
            seen.insert(hash_folded(Name().child(label)->wire()));
        }
        EXPECT_EQ(seen.size(), 200u);
    }
}

TEST(NameHash, SpreadsOverLowAndHighBits) {
    std::array<int, 16> low{};
    std::array<int, 16> high{};
    for (int i = 0; i < 16000; ++i) {
        const std::uint64_t hash =
            hash_folded(name("host" + std::to_string(i) + ".svc.cluster.local").wire());
        ++low[hash & 15];
        ++high[hash >> 60];
    }
    for (std::size_t i = 0; i < 16; ++i) {
        EXPECT_NEAR(low[i], 1000, 250);
        EXPECT_NEAR(high[i], 1000, 250);
    }
}

}  // namespace
}  // namespace peerzone::dns
