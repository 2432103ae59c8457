#include "config/reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <cassert>

#include "config/keys.hpp"

namespace peerzone::config {
namespace {

constexpr std::size_t kKeyHintsMax = 20;  // of one mapping

// Keys with a dot are quoted in paths: zones."corp.internal".file
std::string child_path(const std::string& parent, const std::string& key) {
    const bool plain = !key.empty() && key.find_first_of(".[]\" ") == std::string::npos &&
                       in_quotes(key) == "'" + key + "'";
    std::string name = key;
    if (!plain) {
        name = in_quotes(key);
        name.front() = name.back() = '"';
    }
    return parent.empty() ? name : parent + "." + name;
}

bool has_key(const Section& section, std::string_view key) {
    return std::find(section.keys.begin(), section.keys.end(), key) != section.keys.end();
}

using Entries = std::vector<std::pair<std::string, Value>>;

// The path of a section below `parent`: "peers.*.stale".
std::string section_below(const Section& parent, std::string_view key) {
    return parent.path.empty() ? std::string(key)
                               : std::string(parent.path) + "." + std::string(key);
}

const Section* find_section(std::string_view path) {
    const auto sections = all_sections();
    const auto found = std::ranges::find(sections, path, &Section::path);
    return found == sections.end() ? nullptr : *found;
}

// A sibling without a value: the keys behind it were probably meant to stand below it, but are not
// indented.
const Value* empty_sibling(const Entries& entries, std::string_view key) {
    for (const auto& [name, value] : entries)
        if (name == key && value.node().kind == TreeNode::Kind::null) return &value;
    return nullptr;
}

// A mapping that has only keys of `section`.
bool fits(const Section& section, const Value& value) {
    const TreeNode& node = value.node();
    return node.kind == TreeNode::Kind::map && !node.keys.empty() &&
           std::ranges::all_of(node.keys,
                               [&](const auto& key) { return has_key(section, key->text); });
}

std::string indent_hint(const std::string& key, const Value& below) {
    return "indent it below '" + key + "' on line " + std::to_string(below.key_mark().line);
}

// Where a key belongs that is one, but not here.
std::string place_hint(const Section& known, const Entries& entries, const std::string& key,
                       const Value& found) {
    for (const auto& [name, sibling] : entries) {
        const Section* below = find_section(section_below(known, name));
        const Section* named = find_section(section_below(known, name) + ".*");
        if (below != nullptr && has_key(*below, key)) {
            if (empty_sibling(entries, name) != nullptr) return indent_hint(name, sibling);
            return "'" + key + "' belongs to " + name;
        }
        if (named != nullptr && fits(*named, found)) return indent_hint(name, sibling);
    }
    const std::string below = section_below(known, "");
    for (const bool nested : {true, false})  // sections of this one before those of others
        for (const Section* other : all_sections())
            if (has_key(*other, key) && (!nested || other->path.starts_with(below)))
                return other->path.empty() ? "'" + key + "' belongs to the top level"
                                           : "'" + key + "' belongs to " + std::string(other->path);
    return "";
}

std::string unknown_key_hint(const Section& known, const Entries& entries, const std::string& key,
                             const Value& found) {
    if (std::ranges::find(known.planned, key) != known.planned.end()) return "not supported yet";
    if (const std::string_view near = nearest(key, known.keys); !near.empty())
        return did_you_mean(near);
    const std::string hint = place_hint(known, entries, key, found);
    return hint.empty() ? "known here: " + listed(known.keys) : hint;
}

}  // namespace

void Problems::add(const Mark& mark, std::string path, std::string message, std::string hint,
                   Problem::Kind kind) {
    found_.emplace_back(mark, Problem{file_, mark.line, mark.column, std::move(path),
                                      std::move(message), std::move(hint), kind});
}

void Problems::add_foreign(const Mark& mark, Problem problem) {
    found_.emplace_back(mark, std::move(problem));
}

std::size_t Problems::size() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        found_.begin(), found_.end(),
        [](const auto& found) { return found.second.kind != Problem::Kind::warning; }));
}

void Problems::take_sorted(std::vector<Problem>& problems, std::vector<Problem>& warnings) && {
    std::stable_sort(found_.begin(), found_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [mark, problem] : found_)
        (problem.kind == Problem::Kind::warning ? warnings : problems)
            .push_back(std::move(problem));
}

Problem::Kind kind_of_trouble(const std::string& file) {
    return ::access(file.c_str(), R_OK) == 0 ? Problem::Kind::wrong : Problem::Kind::unavailable;
}

Mark Value::mark() const noexcept {
    return node_->kind == TreeNode::Kind::null ? key_mark_ : node_->mark;
}

void Value::problem(std::string message, std::string hint, Problem::Kind kind) const {
    problems_->add(mark(), path_, std::move(message), std::move(hint), kind);
}

void Value::warn(std::string message, std::string hint) const {
    problems_->add(mark(), path_, std::move(message), std::move(hint), Problem::Kind::warning);
}

void Value::problem_at_key(std::string message, std::string hint) const {
    problems_->add(key_mark_, path_, std::move(message), std::move(hint));
}

void Value::wrong_kind(const char* expected, std::string hint) const {
    if (node_->kind == TreeNode::Kind::null && hint.empty())
        hint = "write its value behind it, or remove the key";
    problem(std::string(expected) + " is expected, not " + kind_name(node_->kind), std::move(hint));
}

std::optional<std::string> Value::text() const {
    if (node_->kind != TreeNode::Kind::text) {
        wrong_kind("a text", node_->kind == TreeNode::Kind::list
                                 ? "a text that starts with '[' needs quotes, such as \"[::1]:53\""
                                 : "");
        return std::nullopt;
    }
    auto expanded = expand_environment(node_->text);
    if (!expanded) {
        problem(expanded.error().message, expanded.error().hint);
        return std::nullopt;
    }
    return *std::move(expanded);
}

std::vector<Value> Value::list() const {
    std::vector<Value> values;
    if (node_->kind != TreeNode::Kind::list) {
        const std::string sample = in_quotes(node_->text);
        wrong_kind("a list", node_->kind == TreeNode::Kind::text
                                 ? "write [" + sample.substr(1, sample.size() - 2) + "]"
                                 : "");
        return values;
    }
    values.reserve(node_->items.size());
    for (std::size_t i = 0; i < node_->items.size(); ++i)
        values.emplace_back(*node_->items[i], node_->items[i]->mark,
                            path_ + "[" + std::to_string(i) + "]", *problems_);
    return values;
}

std::vector<std::pair<std::string, Value>> Value::entries() const {
    std::vector<std::pair<std::string, Value>> result;
    if (node_->kind == TreeNode::Kind::null) return result;
    if (node_->kind != TreeNode::Kind::map) {
        wrong_kind("a mapping", "write 'key: value' lines below it");
        return result;
    }
    std::unordered_map<std::string_view, Mark> seen;
    for (std::size_t i = 0; i < node_->keys.size(); ++i) {
        const TreeNode& key = *node_->keys[i];
        if (key.kind != TreeNode::Kind::text) {
            problems_->add(key.kind == TreeNode::Kind::null ? mark() : key.mark, path_,
                           std::string("a key must be a text, not ") + kind_name(key.kind));
            continue;
        }
        if (key.text == "<<" && node_->items[i]->kind != TreeNode::Kind::text) {
            problems_->add(key.mark, path_, "merge keys ('<<') are not taken",
                           "write the keys out; an alias may stand for a whole value: tls: *name");
            continue;
        }
        const auto [first, is_new] = seen.emplace(key.text, key.mark);
        std::string path = child_path(path_, key.text);
        if (!is_new) {
            problems_->add(key.mark, std::move(path),
                           "the key " + in_quotes(key.text) + " is given twice",
                           "it is on line " + std::to_string(first->second.line) + " already");
            continue;
        }
        result.emplace_back(key.text,
                            Value(*node_->items[i], key.mark, std::move(path), *problems_));
    }
    return result;
}

bool Value::is_left_out() const {
    const bool empty = node_->kind == TreeNode::Kind::null ||
                       (node_->kind == TreeNode::Kind::map && node_->keys.empty());
    if (empty)
        warn("is empty, as if it were not there",
             "indent below it what belongs to it, or remove the key");
    return empty;
}

std::vector<std::pair<std::string, Value>> Value::named_entries(const Section& known,
                                                                const char* kind,
                                                                const char* sample) const {
    std::vector<std::pair<std::string, Value>> result;
    const std::pair<std::string, Value>* empty = nullptr;
    const Entries all = entries();
    bool told = false;
    for (const auto& entry : all) {
        const auto& [name, value] = entry;
        const bool is_map = value.node().kind == TreeNode::Kind::map;
        if (value.node().kind == TreeNode::Kind::null && !has_key(known, name)) empty = &entry;
        if (!has_key(known, name) || (is_map && (empty == nullptr || fits(known, value)))) {
            result.push_back(entry);
            continue;
        }
        if (!told)
            value.problem_at_key("'" + name + "' is a key of " + kind + ", not the name of one",
                                 empty != nullptr ? indent_hint(empty->first, empty->second)
                                                  : std::string("the name comes first: ") + sample +
                                                        ": {" + name + ": …}");
        told = true;
        if (empty != nullptr)
            std::erase_if(result, [&](const auto& kept) { return kept.first == empty->first; });
    }
    return result;
}

Map::Map(const Value& value, const Section& known) : value_(value), section_(&known) {
    assert(find_section(known.path) == &known);
    const Entries entries = value.entries();
    std::size_t unknown = 0;
    for (const auto& [key, found] : entries) {
        if (!has_key(known, key)) {
            // A hint looks at all entries: in a file that is something else it would be many.
            found.problem_at_key(
                "unknown key " + in_quotes(key),
                ++unknown <= kKeyHintsMax ? unknown_key_hint(known, entries, key, found) : "");
            continue;
        }
        values_.emplace(key, found);
    }
}

const Value* Map::get(std::string_view key) const {
    assert(has_key(*section_, key));
    const auto found = values_.find(std::string(key));
    return found == values_.end() ? nullptr : &found->second;
}

void Map::missing(std::string_view key, std::string hint) const {
    value_.problem_at_key("'" + std::string(key) + "' is missing", std::move(hint));
}

}  // namespace peerzone::config
