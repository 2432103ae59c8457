// The files in config/ are documentation, so they are tested: each loads, and the large one shows
// every option and says its default.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "config/reader.hpp"
#include "config/tree.hpp"
#include "unit/config/config_support.hpp"
#include "unit/config/option_table.hpp"

namespace peerzone::config {
namespace {

using testing::IsEmpty;
using testing::Not;

const std::filesystem::path kFolder = std::filesystem::path(PEERZONE_SOURCE_DIR) / "config";

std::string contents(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

// A key of the example, and the comment on it: what stands behind it on its line and on lines of
// comment alone that follow, or, for a key without such, the comment above it.
struct Shown {
    std::string value;  // of a text
    std::string comment;
};

class Example {
public:
    Example() : problems_("example") {
        const std::string text = contents(kFolder / "peerzone.example.yaml");
        root_ = parse_tree(text, problems_);
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);) lines_.push_back(line);
    }

    // Wherever the option stands.
    std::vector<Shown> find(const std::string& section, const std::string& key) const {
        std::vector<Shown> found;
        for (const TreeNode* mapping : mappings(section))
            for (std::size_t i = 0; i < mapping->keys.size(); ++i)
                if (mapping->keys[i]->text == key)
                    found.push_back({mapping->items[i]->text, comment_at(mapping->keys[i]->mark)});
        return found;
    }

private:
    // All mappings that a section's path means: "peers.*" is every peer, "views[]" every view.
    std::vector<const TreeNode*> mappings(std::string_view path) const {
        std::vector<const TreeNode*> found = {root_.get()};
        while (!path.empty()) {
            const std::size_t dot = path.find('.');
            std::string_view step = path.substr(0, dot);
            path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
            const bool is_list = step.ends_with("[]");
            if (is_list) step.remove_suffix(2);
            std::vector<const TreeNode*> next;
            for (const TreeNode* node : found)
                for (std::size_t i = 0; i < node->keys.size(); ++i) {
                    if (step != "*" && step != node->keys[i]->text) continue;
                    if (!is_list) next.push_back(node->items[i].get());
                    if (is_list)
                        for (const auto& item : node->items[i]->items) next.push_back(item.get());
                }
            found = std::move(next);
        }
        return found;
    }

    // The comment that is all of a line, with its indentation.
    static std::size_t comment_column(const std::string& line) {
        const std::size_t at = line.find_first_not_of(' ');
        return at != std::string::npos && line[at] == '#' ? at : std::string::npos;
    }

    std::string comment_at(const Mark& key) const {
        std::size_t line = key.line - 1;
        const std::size_t column = key.column - 1;
        std::string text;
        if (const std::size_t at = lines_[line].find(" # "); at != std::string::npos) {
            text = lines_[line].substr(at + 3);
            while (++line < lines_.size() && comment_column(lines_[line]) != std::string::npos &&
                   comment_column(lines_[line]) > column)
                text += " " + text_of_comment(lines_[line]);
            return text;
        }
        while (line > 0 && comment_column(lines_[--line]) == column)
            text = text_of_comment(lines_[line]) + " " + text;
        return text;
    }

    static std::string text_of_comment(const std::string& line) {
        const std::size_t at = line.find_first_not_of("# ");
        return at == std::string::npos ? "" : line.substr(at);
    }

    Problems problems_;
    std::shared_ptr<const TreeNode> root_;
    std::vector<std::string> lines_;
};

// "Default: X" with more words behind a comma, semicolon, bracket or full stop.
bool says_default(const std::string& comment, const std::string& value) {
    const std::string_view kBehind[] = {",", ";", " (", ". "};
    const std::string wanted = "Default: " + value;
    const std::size_t at = comment.find(wanted);
    if (at == std::string::npos) return false;
    const std::string_view rest = std::string_view(comment).substr(at + wanted.size());
    return rest.find_first_not_of(" .") == std::string_view::npos ||
           std::ranges::any_of(kBehind, [&](auto end) { return rest.starts_with(end); });
}

// What the example has to say of an option is true, at each place where it says something.
class Checker {
public:
    void check(const Option& option) const {
        const Loaded without = load_without(option);
        const std::string value = without.config ? option.in_force(*without.config) : "";
        const std::vector<Shown> places = example_.find(option.section, option.key);
        EXPECT_THAT(places, Not(IsEmpty())) << "not in the example";
        std::size_t said = 0;
        for (const Shown& place : places) said += check_place(option, place, without, value);
        EXPECT_GT(said, 0u) << "the example does not say its default, which is " << value;
    }

private:
    // How many statements there were; "See peers." leads to those about the same key of a peer.
    std::size_t check_place(const Option& option, const Shown& place, const Loaded& without,
                            const std::string& value) const {
        std::size_t said = check_statement(place, without, value);
        if (said == 0 && place.comment.find("See peers.") != std::string::npos)
            for (const Shown& peer : example_.find(section_of_peers(option.section), option.key))
                said += check_statement(peer, without, value);
        return said;
    }

    static std::size_t check_statement(const Shown& place, const Loaded& without,
                                       const std::string& value) {
        const std::string& comment = place.comment;
        const auto has = [&](const char* words) {
            return comment.find(words) != std::string::npos;
        };
        if (has("Required")) {
            EXPECT_TRUE(!without.config || value == "none") << "not required: " << comment;
        } else if (has("This is the default.")) {
            EXPECT_EQ(place.value, value);
        } else if (has("Default: ")) {
            EXPECT_TRUE(without.config) << "required, but the example says: " << comment;
            EXPECT_TRUE(says_default(comment, value)) << value << " is not in: " << comment;
        } else {
            return 0;
        }
        return 1;
    }

    static std::string section_of_peers(const std::string& section) {
        for (const std::string_view other : {"local.forward", "forward.*"})
            if (section.starts_with(other)) return "peers.*" + section.substr(other.size());
        return section;
    }

    Example example_;
};

TEST(Examples, EachLoads) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
        if (entry.path().extension() != ".yaml") continue;
        ++count;
        EXPECT_THAT(problem_lines(load(entry.path().string())), IsEmpty());
    }
    EXPECT_GE(count, 3u);
}

TEST(Examples, TheLargeExampleSaysOfEveryOptionItsDefaultOrThatItIsRequired) {
    const Checker checker;
    for (const Option& option : all_options()) {
        SCOPED_TRACE(option.path());
        checker.check(option);
    }
}

// Whatever an editor does to the file: problems or a configuration, never an exception or a report
// of a sanitizer.
TEST(Examples, ManglingTheLargeExampleIsHarmless) {
    constexpr int kRounds = 300;
    const std::string original = contents(kFolder / "peerzone.example.yaml");
    ASSERT_FALSE(original.empty());
    const std::string_view pieces[] = {"[", "]",  "{",   "}", ": ", "\n", "  ", "- ", "\"",
                                       "'", "*a", "&a ", "#", "|",  "${", "\t", "?"};
    std::mt19937 random(1);  // the same mistakes each time
    int broken = 0;
    for (int round = 0; round < kRounds; ++round) {
        std::string text = original;
        const std::size_t at = random() % text.size();
        switch (random() % 3) {
            case 0: text.erase(at, random() % 40 + 1); break;
            case 1: text.insert(at, pieces[random() % std::size(pieces)]); break;
            default: text[at] = static_cast<char>(random() % 256); break;
        }
        const Loaded loaded = load_text(text, (kFolder / "mangled.yaml").string());
        EXPECT_EQ(loaded.config.has_value(), loaded.problems.empty());
        broken += loaded.problems.empty() ? 0 : 1;
    }
    EXPECT_GT(broken, kRounds / 10);
    EXPECT_LT(broken, kRounds);
}

}  // namespace
}  // namespace peerzone::config
