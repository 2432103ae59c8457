// Every key is known, read and tested: the key tables, and the table of what the tests know.
#include "unit/config/option_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "config/keys.hpp"
#include "config/reader.hpp"
#include "config/sections.hpp"
#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;

std::string path_of(const Section& section, std::string_view key) {
    const std::string name(key);
    return section.path.empty() ? name : std::string(section.path) + "." + name;
}

// The keys with a value of their own; the others have a section with keys below them.
std::vector<std::string> paths_of_values() {
    std::set<std::string_view> sections;
    for (const Section* section : all_sections()) sections.insert(section->path);
    std::vector<std::string> paths;
    for (const Section* section : all_sections())
        for (const std::string_view key : section->keys)
            if (const std::string path = path_of(*section, key); !sections.contains(path))
                paths.push_back(path);
    return paths;
}

TEST(OptionTable, HasEveryKeyThatIsKnown) {
    std::vector<std::string> tested;
    for (const Option& option : all_options()) tested.push_back(option.path());
    for (const std::string& path : paths_of_values()) EXPECT_THAT(tested, Contains(path));
}

TEST(OptionTable, HasOnlyKeysThatAreKnown) {
    std::vector<std::string> known;
    for (const Section* section : all_sections())
        for (const std::string_view key : section->keys) known.push_back(path_of(*section, key));
    for (const Option& option : all_options()) EXPECT_THAT(known, Contains(option.path()));
}

TEST(OptionTable, EveryKeySetsItsOptionToAnotherValueThanTheDefault) {
    for (const Option& option : all_options()) {
        SCOPED_TRACE(option.path());
        const Loaded with = load_with(option);
        EXPECT_THAT(problem_lines(with), IsEmpty());
        if (!with.config) continue;
        EXPECT_EQ(option.in_force(*with.config),
                  option.expected.empty() ? option.value : option.expected);
        const Loaded without = load_without(option);
        if (!without.config) continue;
        EXPECT_NE(option.in_force(*with.config), option.in_force(*without.config));
    }
}

TEST(OptionTable, AKeyThatIsPlannedIsNotKnownYet) {
    for (const Section* section : all_sections())
        for (const std::string_view key : section->planned)
            EXPECT_THAT(section->keys, Not(Contains(key))) << section->path;
}

#ifndef NDEBUG
TEST(OptionTableDeathTest, AKeyThatIsReadMustBeKnown) {
    Problems problems("pz.yaml");
    const auto root = parse_tree("{size: 1MiB}\n", problems);
    const Map map(Value(*root, root->mark, "cache", problems), cache_section());
    EXPECT_NE(map.get("size"), nullptr);
    EXPECT_DEATH(map.get("sise"), "has_key");
}

TEST(OptionTableDeathTest, AMappingThatIsReadMustBeAmongAllSections) {
    Problems problems("pz.yaml");
    const auto root = parse_tree("{size: 1MiB}\n", problems);
    const Section other{"other", {"size"}, {}};
    EXPECT_DEATH(Map(Value(*root, root->mark, "other", problems), other), "find_section");
}

TEST(OptionTableDeathTest, AKeyThatIsKnownMustHaveAReader) {
    EXPECT_DEATH(KeyTable<Config>("other", {{.name = "size", .read = nullptr}}), "key.read");
}
#endif

}  // namespace
}  // namespace peerzone::config
