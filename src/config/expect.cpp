// peers.*.expect: by what the endpoints of a peer are known to be of the right cluster.
#include <algorithm>
#include <string>
#include <string_view>

#include "config/sections.hpp"
#include "peerzone/upstream/expectation.hpp"

namespace peerzone::config {
namespace {

using upstream::Expectation;
using upstream::Expected;

constexpr std::string_view kText = "txt:";
constexpr std::size_t kTextMax = 255;  // octets

Wrong no_answer(std::string_view text, std::string hint) {
    return {in_quotes(text) + " is no answer that can be expected", std::move(hint)};
}

Parsed<Expected> parse_expected_text(std::string_view text) {
    const std::string_view expected = text.substr(kText.size());
    if (expected.empty() || expected.size() > kTextMax)
        return no_answer(text, "1 to " + std::to_string(kTextMax) + " octets behind txt:");
    return Expected(std::string(expected));
}

Parsed<Expected> parse_target(std::string_view text) {
    const std::string_view bare = text.substr(0, text.size() - 1);
    if (IpAddress::parse(bare)) return no_answer(text, "did you mean '" + std::string(bare) + "'?");
    const auto name = parse_zone_name(text);
    if (!name) return name.error();
    if (name->is_root()) return no_answer(text, "the target of an alias, such as westus.");
    return Expected(*name);
}

// Each kind of answer has a form of its own, so that a slip of the pen is none of the others.
Parsed<Expected> parse_expected(std::string_view text) {
    if (text.starts_with(kText)) return parse_expected_text(text);
    if (text.ends_with('.')) return parse_target(text);
    const auto prefix = parse_prefix(text);
    if (prefix) return Expected(*prefix);
    const bool numeric = text.find_first_not_of("0123456789.:") == std::string_view::npos;
    const bool meant =
        numeric || text.find('/') != std::string_view::npos || std::ranges::count(text, ':') > 1;
    if (meant && !text.empty()) return prefix.error();
    if (text.empty() || !parse_zone_name(text))
        return no_answer(text,
                         "an address, a prefix, the target of an alias with a final dot, or txt: "
                         "and a text");
    const std::string given(text);
    return no_answer(text, "write '" + given + ".' for the target of an alias, or 'txt:" + given +
                               "' for a text");
}

// The whole name, if there is one that can be asked for.
std::optional<dns::Name> read_name(const std::string& text, const Value& item,
                                   const upstream::Options& options,
                                   const dns::Name& cluster_zone) {
    const auto name = parse_zone_name(text);
    if (!name) {
        item.problem_at_key(name.error().message, name.error().hint);
        return std::nullopt;
    }
    if (name->is_root()) {
        item.problem_at_key("the root tells no cluster from another",
                            "a name such as cluster-id.kube-system.svc");
        return std::nullopt;
    }
    auto whole = upstream::expected_name(options, cluster_zone, text);
    if (!whole)
        item.problem_at_key(in_quotes(text) + " below the peer's own zone is too long for a name",
                            "253 octets in all");
    return whole;
}

// What is true of an answer as `narrow` has it is true of `wide`, too.
bool covers(const Expectation& wide, const Expectation& narrow) {
    if (wide.name != narrow.name) return false;
    const auto* block = std::get_if<IpPrefix>(&wide.answer);
    const auto* part = std::get_if<IpPrefix>(&narrow.answer);
    if (block == nullptr || part == nullptr) return wide.answer == narrow.answer;
    return block->is_v4() == part->is_v4() && block->length <= part->length &&
           block->contains(part->address);
}

// Whether an endpoint of the other peer gives all that this one expects.
bool takes(const ExpectingPeer& peer, const ExpectingPeer& other) {
    return std::ranges::all_of(peer.expect, [&](const Expectation& wide) {
        return std::ranges::any_of(other.expect,
                                   [&](const Expectation& narrow) { return covers(wide, narrow); });
    });
}

}  // namespace

void read_expect(const Value& value, upstream::Options& options, ConfigBuilder& builder) {
    const auto entries = value.entries();
    const TreeNode::Kind kind = value.node().kind;
    if (kind == TreeNode::Kind::null ||
        (kind == TreeNode::Kind::map && value.node().keys.empty())) {
        value.problem("nothing is expected",
                      "such as {cluster-id.kube-system.svc: westus.}, or remove the key");
        return;
    }
    if (entries.size() > upstream::kExpectationsMax) {
        value.problem("more than " + std::to_string(upstream::kExpectationsMax) + " names");
        return;
    }
    for (const auto& [text, item] : entries) {
        Expectation expectation;
        const auto name = read_name(text, item, options, builder.config.cluster_zone);
        if (!item.read(expectation.answer, parse_expected) || !name) continue;
        expectation.name = *name;
        const auto is_same = [&](const Expectation& earlier) {
            return earlier.name == *name && earlier.type() == expectation.type();
        };
        if (std::ranges::any_of(options.expect, is_same)) {
            item.problem_at_key(in_quotes(name->to_text()) + " is expected twice");
            continue;
        }
        options.expect.push_back(std::move(expectation));
    }
    if (!options.expect.empty())
        builder.expecting.push_back({options.expect, value.key_mark(), value.path()});
}

void check_expectations(ConfigBuilder& builder) {
    const auto& peers = builder.expecting;
    for (auto later = peers.begin(); later != peers.end(); ++later) {
        const auto alike = std::find_if(peers.begin(), later, [&](const ExpectingPeer& earlier) {
            return takes(*later, earlier) || takes(earlier, *later);
        });
        if (alike == later) continue;
        builder.problems.add(later->mark, later->path,
                             "endpoints of this peer cannot be told from those of " + alike->path +
                                 " (line " + std::to_string(alike->mark.line) + ")",
                             "expect an answer that no other cluster gives",
                             Problem::Kind::warning);
    }
}

}  // namespace peerzone::config
