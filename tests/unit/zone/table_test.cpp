// records.table: what is refused with its line, what is odd but taken, and why where others differ.
#include <gmock/gmock.h>

#include <fstream>

#include "zone_support.hpp"

namespace peerzone::zone::test {
namespace {

using testing::HasSubstr;

constexpr const char* kTable = PEERZONE_SOURCE_DIR "/tests/unit/zone/records.table";
constexpr std::string_view kHead =
    "$TTL 300\n"
    "@ IN SOA ns hostmaster 1 7200 1800 86400 30\n"
    "@ IN NS ns\n"
    "ns IN A 192.0.2.53\n";
constexpr std::size_t kLinesOfHead = 4;

std::vector<std::string> split(std::string_view text, std::string_view by) {
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = text.find(by);
        parts.emplace_back(text.substr(0, end));
        if (end == text.npos) return parts;
        text.remove_prefix(end + by.size());
    }
}

struct Case {
    bool is_bad = false;
    std::size_t accepted_by = 0;  // of three others
    std::string record, message, why;
};

std::vector<Case> read_table() {
    std::vector<Case> cases;
    std::ifstream table(kTable);
    for (std::string line; std::getline(table, line);) {
        if (line.empty() || line[0] == '#') continue;
        const std::vector<std::string> fields = split(line, " | ");
        Case one;
        one.is_bad = fields.at(0).starts_with("bad");
        one.accepted_by = static_cast<std::size_t>(std::ranges::count(fields[0], '+'));
        one.record = fields.at(1);
        for (std::size_t at; (at = one.record.find(" // ")) != std::string::npos;)
            one.record.replace(at, 4, "\n");
        std::size_t next = 2;
        if (one.is_bad) one.message = fields.at(next++);
        if (next < fields.size()) one.why = fields[next];
        cases.push_back(std::move(one));
    }
    return cases;
}

class Table : public testing::Test {
protected:
    Table()
        : path_(testing::TempDir() + "peerzone-table-" + std::to_string(::getpid()) + ".zone") {}
    ~Table() override { std::remove(path_.c_str()); }

    LoadResult load_record(const std::string& record) {
        std::ofstream(path_, std::ios::binary) << kHead << record << '\n';
        return load({.origin = name("example"), .records = {}, .file = path_});
    }

    std::string path_;
    const std::vector<Case> cases = read_table();
};

TEST_F(Table, BadRecordsAreRefusedWithTheirLine) {
    std::size_t count = 0;
    for (const Case& one : cases) {
        if (!one.is_bad) continue;
        ++count;
        const LoadResult loaded = load_record(one.record);
        ASSERT_EQ(loaded.zone, nullptr) << one.record;
        ASSERT_EQ(loaded.problems.size(), 1u) << one.record;
        const auto last =
            kLinesOfHead + 1 + static_cast<std::size_t>(std::ranges::count(one.record, '\n'));
        EXPECT_EQ(loaded.problems[0].line, last) << one.record;
        EXPECT_THAT(loaded.problems[0].message, HasSubstr(one.message)) << one.record;
    }
    EXPECT_GE(count, 40u);
}

TEST_F(Table, OddRecordsThatAreGoodAreTaken) {
    std::size_t count = 0;
    for (const Case& one : cases) {
        if (one.is_bad) continue;
        ++count;
        const LoadResult loaded = load_record(one.record);
        EXPECT_NE(loaded.zone, nullptr) << one.record;
        for (const Problem& problem : loaded.problems)
            ADD_FAILURE() << one.record << ": " << problem.message;
    }
    EXPECT_GE(count, 40u);
}

TEST_F(Table, SaysWhyWhereOthersDiffer) {
    for (const Case& one : cases) {
        const bool differs = one.accepted_by != (one.is_bad ? 0u : 3u);
        EXPECT_EQ(differs, !one.why.empty()) << one.record;
    }
}

}  // namespace
}  // namespace peerzone::zone::test
