#include "config/reader.hpp"

#include <algorithm>
#include <cassert>
#include <map>

#include "config/keys.hpp"

namespace peerzone::config {
namespace {

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

std::string unknown_key_hint(const Section& known, std::string_view key) {
    if (std::find(known.later.begin(), known.later.end(), key) != known.later.end())
        return "not supported yet";
    const std::string_view near = nearest(key, known.keys);
    if (!near.empty()) return "did you mean '" + std::string(near) + "'?";
    for (const Section& other : all_sections())
        if (std::find(other.keys.begin(), other.keys.end(), key) != other.keys.end())
            return other.path.empty()
                       ? "'" + std::string(key) + "' belongs to the top level"
                       : "'" + std::string(key) + "' belongs to " + std::string(other.path);
    return "known here: " + listed(known.keys);
}

}  // namespace

void Problems::add(const Mark& mark, std::string path, std::string message, std::string hint) {
    found_.emplace_back(mark, Problem{file_, mark.line, mark.column, std::move(path),
                                      std::move(message), std::move(hint)});
}

void Problems::add_foreign(const Mark& mark, Problem problem) {
    found_.emplace_back(mark, std::move(problem));
}

std::vector<Problem> Problems::take_sorted() && {
    std::stable_sort(found_.begin(), found_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Problem> sorted;
    sorted.reserve(found_.size());
    for (auto& [mark, problem] : found_) sorted.push_back(std::move(problem));
    return sorted;
}

Mark Value::mark() const noexcept {
    return node_->kind == TreeNode::Kind::null ? key_mark_ : node_->mark;
}

void Value::problem(std::string message, std::string hint) const {
    problems_->add(mark(), path_, std::move(message), std::move(hint));
}

void Value::problem_at_key(std::string message, std::string hint) const {
    problems_->add(key_mark_, path_, std::move(message), std::move(hint));
}

void Value::wrong_kind(const char* expected, std::string hint) const {
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

Map::Map(const Value& value, std::string_view section_path) : value_(value) {
    const Section& known = section(section_path);
    for (auto& [key, found] : value.entries()) {
        if (std::find(known.keys.begin(), known.keys.end(), key) == known.keys.end()) {
            found.problem_at_key("unknown key " + in_quotes(key), unknown_key_hint(known, key));
            continue;
        }
        values_.emplace(key, found);
    }
}

const Value* Map::get(std::string_view key) const {
    const auto found = values_.find(std::string(key));
    return found == values_.end() ? nullptr : &found->second;
}

void Map::missing(std::string_view key, std::string hint) const {
    value_.problem_at_key("'" + std::string(key) + "' is missing", std::move(hint));
}

}  // namespace peerzone::config
