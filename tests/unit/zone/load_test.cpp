#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "zone_support.hpp"

namespace peerzone::zone::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ZoneFile : public testing::Test {
protected:
    ZoneFile() {
        std::string pattern = testing::TempDir() + "peerzone-zone-XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
    }
    ~ZoneFile() override { std::filesystem::remove_all(directory_); }

    std::string path() const { return directory_ + "/test.zone"; }

    LoadResult load_text(std::string_view text) {
        std::ofstream(path(), std::ios::binary) << text;
        return load({.origin = name("ex.internal"), .records = {}, .file = path()});
    }

    // "line: message" of each problem.
    Lines problems(std::string_view text) {
        const LoadResult loaded = load_text(text);
        EXPECT_EQ(loaded.zone == nullptr, !loaded.problems.empty());
        return lines_of(loaded.problems);
    }

    std::string directory_;
};

TEST_F(ZoneFile, ReadsWhatRfc1035Has) {
    const LoadResult loaded = load_text(
        "; a comment\n"
        "$TTL 1h\n"
        "@ IN SOA ns hostmaster ( 2024010101 ; serial\n"
        "                         1h 15m\n"
        "                         1w 45 )\n"
        "      NS ns\n"
        "\n"
        "ns    A  10.0.0.1 ; its address\n"
        "      AAAA fd00::1\n"
        "$ORIGIN sub\n"
        "host 60 IN A 10.0.0.2\n"
        "     IN 70 TXT \"semi;colon\" (\n"
        "       \"(paren)\" ) plain\n"
        "@ A 10.0.0.3\r\n"
        "$ORIGIN other.ex.internal.\n"
        "$TTL 5\n"
        "x MX 10 @\n"
        "last CNAME ns.ex.internal.");
    ASSERT_THAT(loaded.problems, IsEmpty());
    const Zone& zone = *loaded.zone;
    EXPECT_EQ(zone.record_count(), 9u);
    EXPECT_THAT(ask(zone, "ex.internal", "SOA").answer,
                ElementsAre("ex.internal. 3600 IN SOA ns.ex.internal. hostmaster.ex.internal. "
                            "2024010101 3600 900 604800 45"));
    EXPECT_THAT(ask(zone, "ex.internal", "NS").answer,
                ElementsAre("ex.internal. 3600 IN NS ns.ex.internal."));
    EXPECT_THAT(ask(zone, "ns.ex.internal", "AAAA").answer,
                ElementsAre("ns.ex.internal. 3600 IN AAAA fd00::1"));
    EXPECT_THAT(ask(zone, "host.sub.ex.internal", "A").answer,
                ElementsAre("host.sub.ex.internal. 60 IN A 10.0.0.2"));
    EXPECT_THAT(
        ask(zone, "host.sub.ex.internal", "TXT").answer,
        ElementsAre("host.sub.ex.internal. 70 IN TXT \"semi;colon\" \"(paren)\" \"plain\""));
    EXPECT_THAT(ask(zone, "sub.ex.internal", "A").answer,
                ElementsAre("sub.ex.internal. 3600 IN A 10.0.0.3"));
    EXPECT_THAT(ask(zone, "x.other.ex.internal", "MX").answer,
                ElementsAre("x.other.ex.internal. 5 IN MX 10 other.ex.internal."));
    EXPECT_THAT(ask(zone, "last.other.ex.internal", "A").answer, SizeIs(2));
}

TEST_F(ZoneFile, AByteOrderMarkIsSkippedAndRecordsWithoutTtlGetTheDefault) {
    const LoadResult loaded = load_text(
        "\xef\xbb\xbf"
        "db A 10.0.0.1\n");
    ASSERT_THAT(loaded.problems, IsEmpty());
    EXPECT_THAT(ask(*loaded.zone, "db.ex.internal", "A").answer,
                ElementsAre("db.ex.internal. 30 IN A 10.0.0.1"));
    EXPECT_EQ(ask(*loaded.zone, "ex.internal", "NS").outcome, Outcome::answered);
}

TEST_F(ZoneFile, NamesEveryProblemWithTheLineWhereTheRecordBegins) {
    EXPECT_THAT(
        problems("$TTL soon\n"
                 "db A 10.0.0\n"
                 "   A 10.0.0.1\n"
                 "txt TXT (\n"
                 "   \"a\"\n"
                 "   \"b )\n"
                 "ok A 10.0.0.1\n"
                 "$INCLUDE more.zone\n"
                 "$GENERATE 1-3 a A 10.0.0.$\n"
                 "mx MX ( 70000\n"
                 "  host )\n"
                 "far.example.com. A 10.0.0.1\n"
                 "ok CNAME db\n"
                 "$ORIGIN a..b\n"
                 "$TTL\n"),
        ElementsAre(
            "1: $TTL: 'soon' is not a TTL", "2: 'db A 10.0.0': '10.0.0' is not an IPv4 address",
            "4: 'txt TXT (    \"a\"    \"b )': a quoted string is not closed",
            "8: $INCLUDE is not supported: a zone is one file",
            "9: $GENERATE is not supported: write its records one by one",
            "10: 'mx MX ( 70000   host )': '70000' is above 65535",
            "12: 'far.example.com. 30 IN A 10.0.0.1': the name is not in zone ex.internal",
            "13: 'ok.ex.internal. 30 IN CNAME db.ex.internal.': a CNAME stands alone, and this "
            "name has other records",
            "14: $ORIGIN: 'a..b' is not a domain name: it has an empty label",
            "15: $TTL takes one value"));
}

TEST_F(ZoneFile, AParenthesisThatIsNeverClosedIsOneProblem) {
    EXPECT_THAT(problems("a A 10.0.0.1\nb TXT ( x\nc A 10.0.0.2\nd A nonsense\n"),
                ElementsAre(testing::StartsWith("2: 'b TXT ( x c A 10.0.0.2")));
    EXPECT_THAT(problems("b TXT ( x\n"), ElementsAre("1: 'b TXT ( x': '(' without ')'"));
}

TEST_F(ZoneFile, ABlankAtTheBeginningNeedsANameBeforeIt) {
    EXPECT_THAT(
        problems("\n  A 10.0.0.1\n"),
        ElementsAre(
            "2: the line begins with a blank, and there is no name before it to go on with"));
}

TEST_F(ZoneFile, WhatLiesBelowACutOrADnameIsLeftOutAndNamedWithItsLine) {
    const LoadResult loaded = load_text(
        "www.sub TXT early\n"
        "ns.sub A 10.0.0.1\n"
        "sub NS ns.sub\n"
        "sub TXT beside\n"
        "sub DNAME other\n"
        "dn DNAME other\n"
        "x.dn A 10.0.0.1\n"
        "ns.dn NS ns.sub\n"
        "dn TXT beside\n"
        "other TXT there\n");
    ASSERT_THAT(loaded.problems, IsEmpty());
    const std::string below =
        "ignored, it lies below the delegation of sub.ex.internal, where only addresses of name "
        "servers are used";
    const std::string beside =
        "ignored, beside the delegation of sub.ex.internal only DS and addresses are used";
    const std::string below_dname =
        "ignored, it lies below the DNAME of dn.ex.internal (RFC 6672 2.4)";
    EXPECT_THAT(
        lines_of(loaded.warnings),
        ElementsAre("1: 'www.sub.ex.internal. 30 IN TXT \"early\"': " + below,
                    "4: 'sub.ex.internal. 30 IN TXT \"beside\"': " + beside,
                    "5: 'sub.ex.internal. 30 IN DNAME other.ex.internal.': " + beside,
                    "7: 'x.dn.ex.internal. 30 IN A 10.0.0.1': " + below_dname,
                    "8: 'ns.dn.ex.internal. 30 IN NS ns.sub.ex.internal.': " + below_dname));
    const Zone& zone = *loaded.zone;
    EXPECT_EQ(ask(zone, "www.sub.ex.internal", "TXT").outcome, Outcome::delegation);
    EXPECT_EQ(ask(zone, "x.sub.ex.internal", "A").outcome, Outcome::delegation);
    EXPECT_THAT(ask(zone, "sub.ex.internal", "ANY").additional,
                ElementsAre("ns.sub.ex.internal. 30 IN A 10.0.0.1"));
    EXPECT_EQ(ask(zone, "x.dn.ex.internal", "A").outcome, Outcome::nxdomain);
    EXPECT_THAT(ask(zone, "x.dn.ex.internal", "A").answer, SizeIs(2)) << "DNAME and CNAME";
    EXPECT_EQ(ask(zone, "dn.ex.internal", "TXT").outcome, Outcome::answered);
    EXPECT_EQ(zone.record_count(), 7u) << "SOA, NS, and five of ten";
}

// The zone's own NS do not make a delegation of it.
TEST_F(ZoneFile, DataBelowTheDnameOfTheApexIsNotSpokenOfAsDelegated) {
    const LoadResult loaded = load_text("@ NS ns.example.\n@ DNAME example.\nx A 10.0.0.1\n");
    ASSERT_THAT(loaded.problems, IsEmpty());
    EXPECT_THAT(lines_of(loaded.warnings),
                ElementsAre("3: 'x.ex.internal. 30 IN A 10.0.0.1': ignored, it lies below the "
                            "DNAME of ex.internal (RFC 6672 2.4)"));
}

TEST_F(ZoneFile, ATtlLeftOutIsTheLastOneStatedUntilThereIsATtlDirective) {
    const LoadResult loaded = load_text(
        "a A 10.0.0.1\n"
        "b 7 A 10.0.0.1\n"
        "c A 10.0.0.1\n"
        "  TXT still\n"
        "$TTL 90\n"
        "d A 10.0.0.1\n"
        "e 8 A 10.0.0.1\n"
        "f A 10.0.0.1\n");
    ASSERT_THAT(loaded.problems, IsEmpty());
    const auto ttl = [&](std::string_view owner, std::string_view type) {
        const std::string line =
            ask(*loaded.zone, std::string(owner) + ".ex.internal", type).answer.at(0);
        return line.substr(owner.size() + 14, line.find(" IN") - owner.size() - 14);
    };
    EXPECT_EQ(ttl("a", "A"), "30") << "none was stated yet";
    EXPECT_EQ(ttl("b", "A"), "7");
    EXPECT_EQ(ttl("c", "A"), "7");
    EXPECT_EQ(ttl("c", "TXT"), "7");
    EXPECT_EQ(ttl("d", "A"), "90");
    EXPECT_EQ(ttl("e", "A"), "8");
    EXPECT_EQ(ttl("f", "A"), "90");
}

TEST_F(ZoneFile, ASignedZoneWarnsOnce) {
    const std::string signature =
        " RRSIG A 13 2 300 20300101000000 20200101000000 1 ex.internal. AAAA\n";
    const LoadResult loaded =
        load_text("a A 10.0.0.1\na" + signature + "b A 10.0.0.1\nb" + signature);
    ASSERT_THAT(loaded.problems, IsEmpty());
    EXPECT_THAT(lines_of(loaded.warnings),
                ElementsAre(testing::StartsWith(
                    "2: the zone is signed, but signatures are not served: where its parent")));
}

TEST_F(ZoneFile, WarningsAreBounded) {
    std::string text = "sub NS ns\n";
    for (std::size_t i = 0; i < kWarningsMax + 5; ++i)
        text += "x.sub TXT \"" + std::to_string(i) + "\"\n";
    const Lines lines = lines_of(load_text(text).warnings);
    ASSERT_EQ(lines.size(), kWarningsMax);
    EXPECT_EQ(lines.back(), "0: and 6 more warnings");
}

TEST_F(ZoneFile, DirectivesMayBeInLowerCase) {
    const LoadResult loaded = load_text("$ttl 1h30m ; comment\n$Origin\tsub\nt A 10.0.0.1\n");
    ASSERT_THAT(loaded.problems, IsEmpty());
    EXPECT_THAT(ask(*loaded.zone, "t.sub.ex.internal", "A").answer,
                ElementsAre("t.sub.ex.internal. 5400 IN A 10.0.0.1"));
}

TEST_F(ZoneFile, UnreadableFilesSayWhy) {
    const auto problem = [&](const std::string& file) {
        const LoadResult loaded = load({.origin = name("ex"), .records = {}, .file = file});
        EXPECT_EQ(loaded.zone, nullptr);
        EXPECT_THAT(loaded.problems, SizeIs(1));
        EXPECT_EQ(loaded.problems.at(0).line, 0u);
        return loaded.problems.at(0).message;
    };
    EXPECT_EQ(problem(path()), "cannot read " + path() + ": No such file or directory");
    EXPECT_EQ(problem(directory_), "cannot read " + directory_ + ": Is a directory");
    EXPECT_EQ(problem("/dev/zero"), "cannot read /dev/zero: not a regular file");
    ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
    EXPECT_EQ(problem(path()), "cannot read " + path() + ": not a regular file");
}

TEST_F(ZoneFile, AFileThatIsTooLargeIsRefused) {
    std::ofstream(path()) << "a A 10.0.0.1\n";
    std::filesystem::resize_file(path(), kFileBytesMax + 1);
    const LoadResult loaded = load({.origin = name("ex"), .records = {}, .file = path()});
    ASSERT_THAT(loaded.problems, SizeIs(1));
    EXPECT_EQ(loaded.problems[0].message, "cannot read " + path() + ": larger than 64 MiB");
}

TEST_F(ZoneFile, AnEmptyFileIsAProblem) {
    EXPECT_THAT(problems(""), ElementsAre("0: " + path() + " has no records"));
    EXPECT_THAT(problems("; nothing\n\n$TTL 5\n"), ElementsAre("0: " + path() + " has no records"));
}

TEST_F(ZoneFile, BinaryRubbishIsReportedAndBounded) {
    std::string rubbish;
    for (unsigned i = 0; i < 200000; ++i) rubbish += static_cast<char>(i * 2654435761u >> 13);
    const LoadResult loaded = load_text(rubbish);
    EXPECT_EQ(loaded.zone, nullptr);
    EXPECT_THAT(loaded.problems, testing::Not(IsEmpty()));
    std::string many;
    for (std::size_t i = 0; i < kProblemsMax + 500; ++i) many += "x\n";
    const Lines lines = problems(many);
    ASSERT_EQ(lines.size(), kProblemsMax);
    EXPECT_EQ(lines.front(), "1: 'x': no type");
    EXPECT_EQ(lines.back(), "0: and 501 more problems");
}

TEST(Records, NameEveryProblemWithItsPlace) {
    const LoadResult loaded =
        load(options("extra.internal", {"db 300 IN A 10.0.0.5", "db A 10.0.0", "x CH A 1.2.3.4",
                                        "db CNAME y", "", "a A 1.2.3.4\nb A 1.2.3.4"}));
    Lines lines;
    for (const Problem& problem : loaded.problems)
        lines.push_back(std::to_string(problem.line) + ": " + problem.message);
    EXPECT_EQ(loaded.zone, nullptr);
    EXPECT_THAT(
        lines,
        ElementsAre(
            "2: 'db A 10.0.0': '10.0.0' is not an IPv4 address",
            "3: 'x CH A 1.2.3.4': class CH is not served, only IN",
            HasSubstr(
                "4: 'db.extra.internal. 30 IN CNAME y.extra.internal.': a CNAME stands alone"),
            "5: '': no record", "6: 'a A 1.2.3.4 b A 1.2.3.4': more than one record"));
}

TEST(Records, AndAFileExcludeEachOther) {
    const LoadResult loaded =
        load({.origin = name("ex"), .records = {"a A 10.0.0.1"}, .file = "ex.zone"});
    ASSERT_THAT(loaded.problems, SizeIs(1));
    EXPECT_EQ(loaded.problems[0].message, "a zone has records or a file, not both");
}

TEST(Records, NoneMakeAZoneOfSoaAndNs) {
    const Zone zone = make_zone("ex.internal", {});
    EXPECT_EQ(zone.record_count(), 2u);
    EXPECT_EQ(zone.origin().to_text(), "ex.internal");
    EXPECT_EQ(ask(zone, "x.ex.internal", "A").outcome, Outcome::nxdomain);
}

}  // namespace
}  // namespace peerzone::zone::test
