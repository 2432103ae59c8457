#include "peerzone/dns/record.hpp"

#include <gmock/gmock.h>

#include "peerzone/dns/types.hpp"

namespace peerzone::dns {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

Name origin() {
    return Name::from_text("ex.internal").value();
}

ResourceRecord parsed(std::string_view text) {
    return parse_record(text, origin(), 77).value();
}

std::string round_trip(std::string_view text) {
    return record_text(parsed(text));
}

std::string problem(std::string_view text) {
    const auto record = parse_record(text, origin(), 77);
    return record ? "accepted: " + record_text(*record) : record.error().message;
}

TEST(ParseRecord, ReadsOwnerTtlClassTypeAndData) {
    const ResourceRecord record = parsed("db 300 IN A 10.0.0.5");
    EXPECT_EQ(record.owner.to_text(), "db.ex.internal");
    EXPECT_EQ(record.ttl, 300u);
    EXPECT_EQ(record.type, type::a);
    EXPECT_THAT(record.rdata, ElementsAre(10, 0, 0, 5));
}

TEST(ParseRecord, TtlAndClassMayBeLeftOutOrSwapped) {
    for (const char* text :
         {"db 300 IN A 10.0.0.5", "db IN 300 A 10.0.0.5", "db 300 A 10.0.0.5", "db 5m a 10.0.0.5",
          "db in 300 a 10.0.0.5", "db 300 CLASS1 TYPE1 \\# 4 0a000005",
          "\tdb  300\tA 10.0.0.5 ; note\n"})
        EXPECT_EQ(round_trip(text), "db.ex.internal. 300 IN A 10.0.0.5") << text;
    EXPECT_EQ(round_trip("db A 10.0.0.5"), "db.ex.internal. 77 IN A 10.0.0.5");
    EXPECT_EQ(round_trip("db 0 A 10.0.0.5"), "db.ex.internal. 0 IN A 10.0.0.5");
}

TEST(ParseRecord, NamesAreRelativeToTheOriginUntilTheyEndInADot) {
    EXPECT_EQ(round_trip("@ MX 10 mail"), "ex.internal. 77 IN MX 10 mail.ex.internal.");
    EXPECT_EQ(round_trip("db.example.com. CNAME @"), "db.example.com. 77 IN CNAME ex.internal.");
    EXPECT_EQ(round_trip("a NS b.example.com."), "a.ex.internal. 77 IN NS b.example.com.");
    EXPECT_EQ(round_trip("a SVCB 1 . alpn=h2"), "a.ex.internal. 77 IN SVCB 1 . alpn=h2");
    EXPECT_EQ(parse_record("a CNAME b", Name{}, 1)->owner.to_text(), "a");
    EXPECT_EQ(parsed("a\\. A 10.0.0.1").owner.size(), origin().size() + 3);
}

TEST(ParseRecord, KeepsCaseAndEscapes) {
    EXPECT_EQ(round_trip("DB CNAME Web"), "DB.ex.internal. 77 IN CNAME Web.ex.internal.");
    EXPECT_EQ(round_trip("x\\.y CNAME a\\;b"), "x\\.y.ex.internal. 77 IN CNAME a\\;b.ex.internal.");
    EXPECT_THAT(parsed("x CNAME \\@").rdata, SizeIs(2 + origin().size()));
    EXPECT_EQ(parsed("x\\046\\000y A 10.0.0.1").owner.wire()[0], 4);
}

TEST(ParseRecord, CommonTypesRoundTrip) {
    for (const char* text :
         {"a. 1 IN AAAA fd00::1", "a. 1 IN SRV 0 50 26257 db.", "a. 1 IN TXT \"a b\" \"c\"",
          "a. 1 IN PTR b.", "a. 1 IN SOA ns. host. 1 2 3 4 5",
          "a. 1 IN NAPTR 1 2 \"S\" \"x\" \"\" b.", "a. 1 IN CAA 0 issue \"x\"",
          "a. 1 IN DS 1 8 99 aabb", "a. 1 IN DNAME b.", "a. 1 IN HTTPS 1 . alpn=h2",
          "a. 1 IN TYPE1000 \\# 3 010203", "a. 1 IN TYPE1000 \\# 0", ". 1 IN NS a.",
          "*.a. 1 IN A 10.0.0.1", "a. 1 IN TXT \"\\009\\200\\\"\\\\\""})
        EXPECT_EQ(round_trip(text), text);
}

TEST(ParseRecord, StringsKeepBlanksCommentsAndParentheses) {
    EXPECT_EQ(round_trip("t TXT \"a;b\" \"(c\" d\\;e ( f\n \"g\" ; note )\n )"),
              "t.ex.internal. 77 IN TXT \"a;b\" \"(c\" \"d;e\" \"f\" \"g\"");
    EXPECT_EQ(round_trip("t TXT \"\""), "t.ex.internal. 77 IN TXT \"\"");
}

TEST(ParseRecord, SaysWhatIsWrong) {
    EXPECT_EQ(problem("db A 10.0.0"), "'db A 10.0.0': '10.0.0' is not an IPv4 address");
    EXPECT_EQ(problem("db A fd00::1"), "'db A fd00::1': 'fd00::1' is not an IPv4 address");
    EXPECT_EQ(problem("db AAAA 10.0.0.1"), "'db AAAA 10.0.0.1': '10.0.0.1' is not an IPv6 address");
    EXPECT_EQ(problem("db A"), "'db A': data missing: 0 of 1 fields");
    EXPECT_EQ(problem("db MX 10"), "'db MX 10': data missing: 1 of 2 fields");
    EXPECT_EQ(problem("db A 10.0.0.1 x"), "'db A 10.0.0.1 x': text behind the data");
    EXPECT_EQ(problem("db AA 10.0.0.1"), "'db AA 10.0.0.1': unknown type 'AA'");
    EXPECT_EQ(problem("db"), "'db': no type");
    EXPECT_EQ(problem("db 300"), "'db 300': no type");
    EXPECT_EQ(problem(" \t; nothing"), "'  ; nothing': no record");
    EXPECT_EQ(problem(""), "'': no record");
    EXPECT_EQ(problem("a..b A 10.0.0.1"),
              "'a..b A 10.0.0.1': 'a..b' is not a domain name: it has an empty label");
    EXPECT_EQ(problem("db CNAME a..b"),
              "'db CNAME a..b': 'a..b' is not a domain name: it has an empty label");
    EXPECT_EQ(problem("db CNAME \"b\""), "'db CNAME \"b\"': \"b\" is in quotes, a name is not");
    EXPECT_EQ(problem("db SRV 1 2 x t"), "'db SRV 1 2 x t': 'x' is not a number");
    EXPECT_EQ(problem("db TXT \"open"), "'db TXT \"open': a quoted string is not closed");
    EXPECT_EQ(problem("db TXT \"open\\\""), "'db TXT \"open\\\"': a quoted string is not closed");
    EXPECT_EQ(problem("db TXT ( a"), "'db TXT ( a': '(' without ')'");
    EXPECT_EQ(problem("db TXT a )"), "'db TXT a )': ')' without '('");
    EXPECT_EQ(problem("db TXT \\300"), "'db TXT \\300': '\\300' has a broken escape");
    EXPECT_EQ(problem("db A \\# 3 010203"), "'db A \\# 3 010203': this is not the data of type A");
    EXPECT_THAT(problem("a A 10.0.0.1\nb A 10.0.0.2"), EndsWith(": more than one record"));
    EXPECT_THAT(problem(std::string_view("a A 10.0.0.1\0", 13)),
                EndsWith(": it holds a NUL octet"));
}

TEST(ParseRecord, ClassInOnly) {
    EXPECT_EQ(problem("db CH TXT x"), "'db CH TXT x': class CH is not served, only IN");
    EXPECT_EQ(problem("db 30 HS TXT x"), "'db 30 HS TXT x': class HS is not served, only IN");
    EXPECT_EQ(problem("db CLASS7 TXT x"), "'db CLASS7 TXT x': class CLASS7 is not served, only IN");
}

TEST(ParseRecord, MetaTypesAreNotData) {
    for (const char* meta :
         {"ANY", "AXFR", "IXFR", "TSIG", "OPT", "MAILB", "TYPE0", "TYPE255", "TYPE41"})
        EXPECT_THAT(problem("db " + std::string(meta) + " \\# 0"),
                    EndsWith(std::string("a zone cannot hold type ") + meta));
    EXPECT_THAT(problem("db TYPE65537 \\# 0"), EndsWith("unknown type 'TYPE65537'"));
}

TEST(ParseRecord, NumbersThatDoNotFitAreNotWrapped) {
    EXPECT_THAT(problem("db SRV 70000 1 1 t"), EndsWith("'70000' is above 65535"));
    EXPECT_THAT(problem("db MX -1 t"), EndsWith("'-1' is not a number"));
    EXPECT_THAT(problem("db MX 99999999999999999999999 t"), EndsWith("is above 65535"));
    EXPECT_THAT(problem("@ SOA a b 4294967296 1 1 1 1"),
                EndsWith("'4294967296' is above 4294967295"));
    EXPECT_THAT(problem("@ SOA a b 1 5000000000 1 1 1"), EndsWith("is above 2147483647"));
    EXPECT_THAT(problem("db 2147483648 A 10.0.0.1"),
                EndsWith("TTL '2147483648' is above 2147483647"));
    EXPECT_THAT(problem("db 1x A 10.0.0.1"), EndsWith("'1x' is not a TTL"));
}

TEST(ParseRecord, NamesEndAt255Octets) {
    const std::string label(60, 'a');
    const std::string four =
        label + "." + label + "." + label + "." + label;  // 244 octets and the root
    EXPECT_THAT(problem(four + ".bbbbbbbbbb A 10.0.0.1"), EndsWith("is longer than 255 octets"));
    EXPECT_THAT(problem(four + " A 10.0.0.1"),
                EndsWith("is longer than 255 octets with its origin"));
    EXPECT_THAT(problem("db CNAME " + four), EndsWith("is longer than 255 octets with its origin"));
    EXPECT_THAT(problem("db MX 1 " + four + ". "), StartsWith("accepted"));
    EXPECT_THAT(problem(std::string(64, 'a') + " A 10.0.0.1"),
                EndsWith("a label is longer than 63 octets"));
}

TEST(ParseRecord, StringsEndAt255OctetsAndDataAt65000) {
    const std::string piece = " \"" + std::string(255, 'x') + "\"";
    EXPECT_EQ(parsed("t TXT" + piece).rdata.size(), 256u);
    EXPECT_THAT(problem("t TXT \"" + std::string(256, 'x') + "\""),
                EndsWith("a string is longer than 255 octets"));
    std::string many = "t TXT";
    for (int i = 0; i < 250; ++i) many += piece;
    EXPECT_EQ(parsed(many).rdata.size(), 250u * 256);
    for (int i = 0; i < 5; ++i) many += piece;
    const std::string message = problem(many);
    EXPECT_THAT(message, EndsWith("the data is longer than 65000 octets"));
    EXPECT_LT(message.size(), 200u) << "a message does not repeat a whole record";
}

TEST(ParseRecord, ABlankAtTheBeginningTakesThePreviousOwner) {
    const Name previous = Name::from_text("before.example").value();
    EXPECT_EQ(record_text(*parse_record("  A 10.0.0.1", origin(), 1, &previous)),
              "before.example. 1 IN A 10.0.0.1");
    EXPECT_EQ(record_text(*parse_record("a A 10.0.0.1", origin(), 1, &previous)),
              "a.ex.internal. 1 IN A 10.0.0.1");
}

TEST(EntrySize, EndsWithTheLineOrTheParentheses) {
    EXPECT_EQ(entry_size("a A 1\nb A 2\n"), 6u);
    EXPECT_EQ(entry_size("a ( 1\n 2 ; )\n )\nb"), 16u);
    EXPECT_EQ(entry_size("a \"(\"\nb"), 6u);
    EXPECT_EQ(entry_size("a \\(\nb"), 5u);
    EXPECT_EQ(entry_size("a ; (\nb"), 6u);
    EXPECT_EQ(entry_size("a \"open (\nb"), 10u);
    EXPECT_EQ(entry_size("a ( \"open )\nb"), 12u)
        << "a string that is not closed ends with its line";
    EXPECT_EQ(entry_size("\n"), 1u);
    EXPECT_EQ(entry_size("last"), 4u);
    EXPECT_EQ(entry_size(""), 0u);
}

TEST(ParseTtl, SecondsOrUnits) {
    EXPECT_EQ(*parse_ttl("0"), 0u);
    EXPECT_EQ(*parse_ttl("2147483647"), 2147483647u);
    EXPECT_EQ(*parse_ttl("1h30m"), 5400u);
    EXPECT_EQ(*parse_ttl("1W2D"), 777600u);
    for (const char* wrong :
         {"", "h", "1x", "-1", "1hm", "2147483648", "99999999w", "18446744073709551617"})
        EXPECT_FALSE(parse_ttl(wrong).has_value()) << wrong;
}

TEST(RecordText, DataThatDoesNotFitItsTypeIsPrintedAsOctets) {
    const Name owner = Name::from_text("a").value();
    EXPECT_EQ(record_text({.owner = owner, .type = type::a, .ttl = 1, .rdata = {1, 2, 3}}),
              "a. 1 IN A \\# 3 010203");
    EXPECT_EQ(record_text({.owner = owner, .type = type::cname, .ttl = 1, .rdata = {0xc0, 0}}),
              "a. 1 IN CNAME \\# 2 c000");
    EXPECT_EQ(record_text({.owner = owner, .type = type::txt, .ttl = 1, .rdata = {9, 'a'}}),
              "a. 1 IN TXT \\# 2 0961");
    EXPECT_EQ(record_text({.owner = owner, .type = type::txt, .ttl = 1, .rdata = {}}),
              "a. 1 IN TXT \\# 0");
}

TEST(SoundRdata, ChecksNamesAndSizes) {
    using Octets = std::vector<std::uint8_t>;
    EXPECT_TRUE(is_sound_rdata(type::a, Octets(4)));
    EXPECT_FALSE(is_sound_rdata(type::a, Octets(5)));
    EXPECT_FALSE(is_sound_rdata(type::aaaa, Octets(4)));
    EXPECT_TRUE(is_sound_rdata(type::cname, Octets{0}));
    EXPECT_FALSE(is_sound_rdata(type::cname, Octets{}));
    EXPECT_FALSE(is_sound_rdata(type::cname, Octets{0, 0}));
    EXPECT_FALSE(is_sound_rdata(type::cname, Octets{64, 0}));
    EXPECT_TRUE(is_sound_rdata(type::soa, Octets(22)));
    EXPECT_FALSE(is_sound_rdata(type::soa, Octets(21)));
    EXPECT_TRUE(is_sound_rdata(35, Octets{0, 1, 0, 1, 1, 'S', 0, 0, 0}));
    EXPECT_FALSE(is_sound_rdata(35, Octets{0, 1, 0, 1, 200, 'S', 0, 0, 0}));
    EXPECT_TRUE(is_sound_rdata(1000, Octets(65535)));
    EXPECT_FALSE(is_sound_rdata(1000, Octets(65536)));
}

}  // namespace
}  // namespace peerzone::dns
