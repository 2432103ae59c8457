// yaml-cpp's events build the tree (not its Node class, which hides duplicate keys and walks
// aliases without end). The handler throws Refused at a bound; parse_tree turns that and every
// exception of yaml-cpp into one problem.
#include "config/tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "config/reader.hpp"
#include "config/syntax.hpp"

namespace peerzone::config {
namespace {

using NodePtr = std::shared_ptr<const TreeNode>;

Mark mark_of(const YAML::Mark& mark) {
    if (mark.is_null()) return {1, 1};
    return {static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1};
}

struct Refused : std::runtime_error {
    Refused(const YAML::Mark& at, const std::string& message, std::string advice = {})
        : std::runtime_error(message), mark(mark_of(at)), hint(std::move(advice)) {}
    Mark mark;
    std::string hint;
};

struct SecondDocument {
    Mark mark;
};

class TreeBuilder final : public YAML::EventHandler {
public:
    explicit TreeBuilder(std::string_view text) : text_(text) {}

    NodePtr root() const { return root_; }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (started_) throw SecondDocument{mark_of(mark)};
        started_ = true;
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        auto node = make(TreeNode::Kind::null, mark);
        node->mark = mark_of_missing(mark);
        add(mark, std::move(node), anchor);
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) throw Refused(mark, "an alias stands inside its own anchor");
        add(mark, found->second, YAML::NullAnchor);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_tag(mark, tag);
        auto node = make(TreeNode::Kind::text, mark);
        node->text = value;
        add(mark, std::move(node), anchor);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        open(TreeNode::Kind::list, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        open(TreeNode::Kind::map, mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

private:
    struct Open {
        std::shared_ptr<TreeNode> node;
        YAML::anchor_t anchor = YAML::NullAnchor;
        YAML::Mark mark;
    };

    static std::shared_ptr<TreeNode> make(TreeNode::Kind kind, const YAML::Mark& mark) {
        auto node = std::make_shared<TreeNode>();
        node->kind = kind;
        node->mark = mark_of(mark);
        return node;
    }

    // yaml-cpp places a list item without a value at whatever comes next; its dash is where people
    // look.
    Mark mark_of_missing(const YAML::Mark& next) const {
        if (next.is_null() || next.pos <= 0 || static_cast<std::size_t>(next.pos) > text_.size())
            return mark_of(next);
        const std::string_view before = text_.substr(0, static_cast<std::size_t>(next.pos));
        const std::size_t at = before.find_last_not_of(" \t\r\n");
        if (at == std::string_view::npos || before[at] != '-') return mark_of(next);
        const auto crossed =
            std::count(before.begin() + static_cast<std::ptrdiff_t>(at), before.end(), '\n');
        const std::size_t line_start = before.rfind('\n', at) + 1;  // npos + 1 is the first line's
        return {mark_of(next).line - static_cast<std::size_t>(crossed), at - line_start + 1};
    }

    // "?" is a plain scalar or untagged collection, "!" a quoted one.
    static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        if (tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:"))
            return;
        throw Refused(mark, "the YAML tag " + in_quotes(tag) + " has no meaning here");
    }

    void open(TreeNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
              YAML::anchor_t anchor) {
        refuse_tag(mark, tag);
        if (open_.size() >= kDepthMax)
            throw Refused(mark, "nested deeper than " + std::to_string(kDepthMax) + " levels");
        open_.push_back({make(kind, mark), anchor, mark});
    }

    void close() {
        Open done = std::move(open_.back());
        open_.pop_back();
        add(done.mark, std::move(done.node), done.anchor);
    }

    // Keys and values of a map arrive in turn.
    void add(const YAML::Mark& mark, NodePtr node, YAML::anchor_t anchor) {
        if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        TreeNode& parent = *open_.back().node;
        parent.weight += node->weight;
        if (parent.weight > kNodesMax)
            throw Refused(mark,
                          "more than " + std::to_string(kNodesMax) + " values, aliases included");
        const bool is_key =
            parent.kind == TreeNode::Kind::map && parent.keys.size() == parent.items.size();
        (is_key ? parent.keys : parent.items).push_back(std::move(node));
    }

    std::string_view text_;
    NodePtr root_;
    std::vector<Open> open_;
    std::unordered_map<YAML::anchor_t, NodePtr> anchors_;
    bool started_ = false;
};

}  // namespace

const char* kind_name(TreeNode::Kind kind) noexcept {
    switch (kind) {
        case TreeNode::Kind::null: return "nothing";
        case TreeNode::Kind::text: return "a text";
        case TreeNode::Kind::list: return "a list";
        case TreeNode::Kind::map: return "a mapping";
    }
    return "";
}

std::shared_ptr<const TreeNode> parse_tree(const std::string& text, Problems& problems) {
    if (text.size() > kFileBytesMax) {
        problems.add({}, "", "the file is larger than 1MiB",
                     "put long lists of records into zone files");
        return nullptr;
    }
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    const bool marked = text.starts_with(kByteOrderMark);
    std::string body = marked ? text.substr(kByteOrderMark.size()) : text;
    if (!check_encoding(body, problems)) return nullptr;
    replace_odd_spaces(body, problems);
    TreeBuilder builder(body);
    const auto add = [&](const SyntaxProblem& problem) {
        problems.add(problem.mark, "", problem.message, problem.hint);
        return nullptr;
    };
    try {
        std::istringstream stream(body);
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const SecondDocument& second) {
        return add(explain_second_document(body, second.mark));
    } catch (const Refused& refused) {
        return add({refused.mark, refused.what(), refused.hint});
    } catch (const YAML::Exception& error) {
        return add(explain_syntax(body, mark_of(error.mark), error.msg));
    }
    if (builder.root() == nullptr || builder.root()->kind == TreeNode::Kind::null)
        return add({{1, 1}, "the file is empty", "start from config/peerzone.example.yaml"});
    if (builder.root()->kind == TreeNode::Kind::text && is_corefile(body))
        return add(corefile_problem());
    return builder.root();
}

}  // namespace peerzone::config
