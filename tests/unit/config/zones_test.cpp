// Owned zones in a configuration: their errors are the configuration's errors, with the place where
// the mistake is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// A folder for the files of one test.
class Zones : public testing::Test {
protected:
    Zones()
        : folder_(std::filesystem::temp_directory_path() /
                  ("peerzone-config-" + std::to_string(getpid()) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name())) {
        std::filesystem::create_directories(folder_);
    }
    ~Zones() override { std::filesystem::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = (folder_ / name).string();
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }

    std::filesystem::path folder_;
};

TEST_F(Zones, RecordsAndFilesRelativeToTheConfiguration) {
    write("corp.zone",
          "$TTL 300\n@ IN SOA ns hostmaster 1 3600 600 86400 30\n@ IN NS ns\nns IN A 10.0.0.2\n");
    const std::string file = write("pz.yaml",
                                   "zones:\n"
                                   "  corp.internal: {file: ./corp.zone}\n"
                                   "  extra.internal: {records: [db 300 IN A 10.0.0.5]}\n"
                                   "  empty.internal: {records: []}\n");
    const Loaded loaded = load(file);
    ASSERT_THAT(problem_lines(loaded), IsEmpty());
    ASSERT_EQ(loaded.config->zones.size(), 3u);
    EXPECT_EQ(loaded.config->zones[0].origin.to_text(), "corp.internal");
    EXPECT_EQ(loaded.config->zones[0].file, (folder_ / "corp.zone").string());
    EXPECT_THAT(loaded.config->zones[0].records, IsEmpty());
    EXPECT_EQ(loaded.config->zones[1].origin.to_text(), "extra.internal");
    EXPECT_THAT(loaded.config->zones[1].records, ElementsAre("db 300 IN A 10.0.0.5"));
    EXPECT_EQ(loaded.config->zones[1].file, "");
}

TEST_F(Zones, WhatIsLeftOutOfAZoneIsAWarningWithItsPlace) {
    const std::string zone = write("corp.zone", "sub NS ns\nsub TXT beside\n");
    const Loaded loaded = load(write("pz.yaml",
                                     "zones:\n"
                                     "  corp.internal: {file: corp.zone}\n"
                                     "  extra.internal:\n"
                                     "    records:\n"
                                     "      - dn DNAME other\n"
                                     "      - x.dn A 10.0.0.5\n"));
    ASSERT_TRUE(loaded.config) << "it is served all the same";
    EXPECT_THAT(problem_lines(loaded), IsEmpty());
    ASSERT_EQ(loaded.warnings.size(), 2u);
    EXPECT_THAT(
        loaded.warnings[0].to_text(),
        StartsWith(zone + ":2: warning: zones.\"corp.internal\".file: 'sub.corp.internal. 30 "
                          "IN TXT \"beside\"': ignored, beside the delegation"));
    EXPECT_THAT(loaded.warnings[1].to_text(),
                HasSubstr("pz.yaml:6:9: warning: zones.\"extra.internal\".records[1]: 'x.dn."));
}

TEST_F(Zones, ABadRecordIsReportedAtItsItem) {
    EXPECT_THAT(problem_lines("zones:\n"
                              "  extra.internal:\n"
                              "    records:\n"
                              "      - db 300 IN A 10.0.0.5\n"
                              "      - db 300 IN A 10.0.0.500\n"
                              "      - www IN CNAME db\n"
                              "      - out.of.zone. IN A 10.0.0.5\n"),
                ElementsAre(StartsWith("pz.yaml:5:9: zones.\"extra.internal\".records[1]: "),
                            StartsWith("pz.yaml:7:9: zones.\"extra.internal\".records[3]: ")));
}

TEST_F(Zones, ABadLineOfAZoneFileIsReportedInThatFile) {
    const std::string zone = write("corp.zone", "$TTL 300\n@ IN A 10.0.0.1\nwww IN A ten\n");
    const std::string file =
        write("pz.yaml", "log: {colour: 1}\nzones:\n  corp.internal: {file: corp.zone}\n");
    EXPECT_THAT(problem_lines(load(file)),
                ElementsAre(StartsWith(file + ":1:7: log.colour: "),
                            StartsWith(zone + ":3: zones.\"corp.internal\".file: ")));
}

TEST_F(Zones, AMissingZoneFileIsReportedWhereItIsNamed) {
    const std::string file = write("pz.yaml", "zones:\n  corp.internal: {file: none.zone}\n");
    EXPECT_THAT(problem_lines(load(file)),
                ElementsAre(StartsWith(file + ":2:25: zones.\"corp.internal\".file: ")));
}

TEST_F(Zones, RecordsOrAFileNotBothNotNeither) {
    EXPECT_THAT(
        problem_lines("zones:\n"
                      "  a.test: {records: [], file: a.zone}\n"
                      "  b.test: {}\n"
                      "  c.test:\n"),
        ElementsAre(
            "pz.yaml:2:25: zones.\"a.test\".file: a zone has 'records' or a 'file', not both "
            "(hint: remove one of them)",
            "pz.yaml:3:3: zones.\"b.test\": 'records' is missing (hint: give the zone "
            "'records' or a 'file')",
            "pz.yaml:4:3: zones.\"c.test\": 'records' is missing (hint: give the zone "
            "'records' or a 'file')"));
}

TEST_F(Zones, WhatIsNoListOfTextsIsNotGivenToTheZone) {
    EXPECT_THAT(
        problem_lines("zones:\n"
                      "  a.test: {records: db A 10.0.0.5}\n"
                      "  b.test: {records: [{db: 1}]}\n"
                      "  c.test: {file: \"\"}\n"
                      "  d..test: {records: [nonsense]}\n"),
        ElementsAre("pz.yaml:2:21: zones.\"a.test\".records: a list is expected, not a text (hint: "
                    "write [db A 10.0.0.5])",
                    "pz.yaml:3:22: zones.\"b.test\".records[0]: a text is expected, not a mapping",
                    "pz.yaml:4:18: zones.\"c.test\".file: '' names no file",
                    "pz.yaml:5:3: zones.\"d..test\": 'd..test' is not a domain name (hint: labels "
                    "of 1 to 63 octets between dots, 253 octets in all)"));
}

TEST_F(Zones, OctetsOfAZoneFileThatAreNoTextAreNotRepeated) {
    const std::string zone = write("a.zone", "$\x1b[2J\xff\x7f 1\n");
    EXPECT_THAT(problem_lines(load(write("pz.yaml", "zones: {a.test: {file: a.zone}}\n"))),
                ElementsAre(zone + ":1: zones.\"a.test\".file: unknown directive '$?[2J?\?'"));
}

TEST_F(Zones, FilesThatCannotBeRead) {
    const std::string none = (folder_ / "none.yaml").string();
    EXPECT_THAT(problem_lines(load(none)),
                ElementsAre(none + ": cannot be read: No such file or directory"));
    EXPECT_THAT(problem_lines(load(folder_.string())),
                ElementsAre(folder_.string() + ": cannot be read: it is a directory"));
    const std::string large = write("large.yaml", std::string((1u << 20) + 1, '#'));
    EXPECT_THAT(problem_lines(load(large)),
                ElementsAre(large + ": the file is larger than 1MiB (hint: put long "
                                    "lists of records into zone files)"));
    const std::string full = write("full.yaml", "workers: 1\n" + std::string((1u << 20) - 11, '#'));
    EXPECT_THAT(problem_lines(load(full)), IsEmpty());
}

TEST_F(Zones, APathInAnOddFolderIsStillFound) {
    std::filesystem::create_directories(folder_ / "a b");
    write("a b/x.zone", "@ 300 IN A 10.0.0.1\n");
    const std::string file = write("a b/pz.yaml", "zones: {x.test: {file: x.zone}}\n");
    EXPECT_THAT(problem_lines(load(file)), IsEmpty());
}

}  // namespace
}  // namespace peerzone::config
