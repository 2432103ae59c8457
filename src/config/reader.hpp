// Reading the tree: each value knows its path and its place, and every complaint is collected
// instead of ending the reading.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/keys.hpp"
#include "config/tree.hpp"
#include "config/values.hpp"
#include "peerzone/config/config.hpp"

namespace peerzone::config {

/// All problems of one load, given back in the file's order.
class Problems {
public:
    explicit Problems(std::string file) : file_(std::move(file)) {}

    void add(const Mark& mark, std::string path, std::string message, std::string hint = {},
             Problem::Kind kind = Problem::Kind::wrong);
    /// A problem inside another file (a zone file) that `mark` of the configuration names.
    void add_foreign(const Mark& mark, Problem problem);
    /// Warnings do not count.
    bool empty() const noexcept { return size() == 0; }
    std::size_t size() const noexcept;
    void take_sorted(std::vector<Problem>& problems, std::vector<Problem>& warnings) &&;

private:
    std::string file_;
    std::vector<std::pair<Mark, Problem>> found_;
};

/// Of a problem with `file`: one that cannot be read is not the same as one with mistakes in it.
Problem::Kind kind_of_trouble(const std::string& file);

/// One value of the file. References the tree and the problems, which outlive it.
class Value {
public:
    Value(const TreeNode& node, const Mark& key_mark, std::string path, Problems& problems)
        : node_(&node), key_mark_(key_mark), path_(std::move(path)), problems_(&problems) {}

    const TreeNode& node() const noexcept { return *node_; }
    const std::string& path() const noexcept { return path_; }
    /// Where the value starts, or its key when there is no value.
    Mark mark() const noexcept;
    Mark key_mark() const noexcept { return key_mark_; }
    Problems& problems() const noexcept { return *problems_; }

    /// A complaint about the value …
    void problem(std::string message, std::string hint = {},
                 Problem::Kind kind = Problem::Kind::wrong) const;
    /// … or about the mapping as a whole: at its key.
    void problem_at_key(std::string message, std::string hint = {}) const;
    /// Something that is served all the same.
    void warn(std::string message, std::string hint = {}) const;

    /// The text with its ${NAME}s replaced. Complains and gives nothing when it is no text or a
    /// variable is not set.
    std::optional<std::string> text() const;
    /// Complains and gives nothing unless this is a list.
    std::vector<Value> list() const;
    /// Key and value of each entry; null is an empty mapping. Complains about anything else, and
    /// about keys given twice (which are left out).
    std::vector<std::pair<std::string, Value>> entries() const;

    /// entries() of a mapping from names to mappings with the keys of a section (that of "peers.*",
    /// "a peer", a name such as "westus"). Complains once when those keys stand beside the name
    /// that they belong to, and leaves both out.
    std::vector<std::pair<std::string, Value>> named_entries(const Section& known, const char* kind,
                                                             const char* sample) const;
    /// Warns and gives true when there is nothing behind the key, or a mapping without keys.
    bool is_left_out() const;

    /// Replaces `out` by what `parse` makes of the text. Complains and gives false when it makes
    /// nothing of it.
    template <class T, class Parse>
    bool read(T& out, Parse&& parse) const {
        const auto given = text();
        if (!given) return false;
        auto parsed = parse(std::string_view(*given));
        if (!parsed) {
            problem(parsed.error().message, parsed.error().hint);
            return false;
        }
        out = *std::move(parsed);
        return true;
    }

private:
    void wrong_kind(const char* expected, std::string hint) const;

    const TreeNode* node_;
    Mark key_mark_;
    std::string path_;
    Problems* problems_;
};

/// A mapping with fixed keys. Unknown keys are complained about at once. `known` is one of
/// all_sections() and outlives it.
class Map {
public:
    Map(const Value& value, const Section& known);

    /// The value of a key of the section, if the file has it. Another key must not be asked for.
    const Value* get(std::string_view key) const;
    /// Complains at the mapping's key that `key` is missing.
    void missing(std::string_view key, std::string hint) const;

private:
    Value value_;
    const Section* section_;
    std::unordered_map<std::string, Value> values_;
};

}  // namespace peerzone::config
