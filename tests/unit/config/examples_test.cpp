// The files in config/ are documentation, so they are tested: each loads, and the large one shows
// every option at its default.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "config/keys.hpp"
#include "config/reader.hpp"
#include "config/tree.hpp"
#include "unit/config/config_support.hpp"

namespace peerzone::config {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(PEERZONE_SOURCE_DIR) / "config";

std::string contents(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

// All mappings that a section's path means: "peers.*" is every peer, "views[]" every view.
std::vector<const TreeNode*> mappings(const TreeNode& root, std::string_view path) {
    std::vector<const TreeNode*> found = {&root};
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

bool shows(const TreeNode& root, const Section& section, std::string_view key) {
    for (const TreeNode* mapping : mappings(root, section.path))
        for (const auto& known : mapping->keys)
            if (known->text == key) return true;
    return false;
}

TEST(Examples, EachLoads) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
        if (entry.path().extension() != ".yaml") continue;
        ++count;
        EXPECT_THAT(problem_lines(load(entry.path().string())), testing::IsEmpty());
    }
    EXPECT_GE(count, 3u);
}

TEST(Examples, EveryOptionIsInTheLargeExample) {
    Problems problems("example");
    const auto root = parse_tree(contents(kFolder / "peerzone.example.yaml"), problems);
    ASSERT_NE(root, nullptr);
    for (const Section* section : all_sections()) {
        EXPECT_THAT(section->keys, testing::Not(testing::IsEmpty()));
        for (const std::string_view key : section->keys)
            EXPECT_TRUE(shows(*root, *section, key))
                << "not in the example: " << section->path << " " << key;
    }
}

TEST(Examples, EveryOptionOfTheLargeExampleSaysItsDefaultOrThatItIsRequired) {
    std::ifstream stream(kFolder / "peerzone.example.yaml");
    std::string line;
    std::size_t count = 0;
    while (std::getline(stream, line)) {
        const std::size_t comment = line.find(" # ");
        if (comment == std::string::npos || line.starts_with("#")) continue;
        count += line.find("Default: ", comment) != std::string::npos ||
                         line.find("the default", comment) != std::string::npos ||
                         line.find("Required", comment) != std::string::npos
                     ? 1
                     : 0;
    }
    EXPECT_GE(count, 30u);
}

TEST(Examples, TheLargeExamplesLimitsAreTheDefaults) {
    const Loaded example = load((kFolder / "peerzone.example.yaml").string());
    const Loaded plain = load_text("{}", "plain.yaml");
    ASSERT_TRUE(example.config && plain.config);
    const Config& a = *example.config;
    const Config& b = *plain.config;
    EXPECT_EQ(a.workers, b.workers);
    EXPECT_EQ(a.cluster_zone, b.cluster_zone);
    EXPECT_EQ(a.listen.dns, b.listen.dns);
    EXPECT_EQ(a.listen.admin, b.listen.admin);
    EXPECT_EQ(a.bootstrap.at(0).resolv_conf, b.bootstrap.at(0).resolv_conf);
    EXPECT_EQ(a.cache.size_bytes, b.cache.size_bytes);
    EXPECT_EQ(a.cache.max_ttl, b.cache.max_ttl);
    EXPECT_EQ(a.cache.negative_max_ttl, b.cache.negative_max_ttl);
    EXPECT_EQ(a.resolver_limits.in_flight_per_upstream_max,
              b.resolver_limits.in_flight_per_upstream_max);
    EXPECT_EQ(a.resolver_limits.waiters_per_question_max,
              b.resolver_limits.waiters_per_question_max);
    EXPECT_EQ(a.resolver_limits.waiters_per_upstream_max,
              b.resolver_limits.waiters_per_upstream_max);
    EXPECT_EQ(a.server_limits.tcp_connections_max, b.server_limits.tcp_connections_max);
    EXPECT_EQ(a.server_limits.tcp_connections_per_client_max,
              b.server_limits.tcp_connections_per_client_max);
    EXPECT_EQ(a.server_limits.tcp_in_flight_per_connection_max,
              b.server_limits.tcp_in_flight_per_connection_max);
    EXPECT_EQ(a.server_limits.tcp_idle, b.server_limits.tcp_idle);
    EXPECT_EQ(a.server_limits.tcp_write_stall, b.server_limits.tcp_write_stall);
    EXPECT_EQ(a.server_limits.tcp_write_queue_bytes_max, b.server_limits.tcp_write_queue_bytes_max);
    EXPECT_EQ(a.log.level, b.log.level);
    EXPECT_EQ(a.log.queries, b.log.queries);
    EXPECT_EQ(a.peers.at(0).deadline, upstream::Options{}.deadline);
    EXPECT_EQ(a.peers.at(0).transport, upstream::Options{}.transport);
    EXPECT_EQ(a.peers.at(0).order, upstream::Options{}.order);
    EXPECT_EQ(a.peers.at(0).hedge, upstream::Options{}.hedge);
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

TEST(Examples, WhatIsDesignedButNotSupportedIsNoKeyYet) {
    for (const Section* section : all_sections())
        for (const std::string_view key : section->planned)
            EXPECT_THAT(section->keys, testing::Not(testing::Contains(key))) << section->path;
}

}  // namespace
}  // namespace peerzone::config
