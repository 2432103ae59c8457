// A YAML document as a tree of our own: every value with its place, duplicate keys kept, aliases
// shared. What a hostile or broken file can cost is bounded here, so that the readers behind it
// need not care.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "peerzone/config/config.hpp"

namespace peerzone::config {

class Problems;

inline constexpr std::size_t kNodesMax = 100'000;  ///< aliases counted as often as they are used
inline constexpr std::size_t kDepthMax = 32;

/// A place in the file, 1-based, columns in octets. Zero: no place.
struct Mark {
    std::size_t line = 0;
    std::size_t column = 0;
    friend auto operator<=>(const Mark&, const Mark&) = default;
};

struct TreeNode {
    enum class Kind : unsigned char { null, text, list, map };
    Kind kind = Kind::null;
    Mark mark;
    std::string text;  ///< of a scalar, quotes and escapes resolved
    std::vector<std::shared_ptr<const TreeNode>> keys;  ///< of a map, in the file's order
    std::vector<std::shared_ptr<const TreeNode>>
        items;               ///< of a list; of a map: the value of each key
    std::size_t weight = 1;  ///< nodes below and including this one
};

/// "nothing", "a text", "a list", "a mapping": for messages.
const char* kind_name(TreeNode::Kind kind) noexcept;

/// Parses exactly one document. Null when it cannot be read; every problem has been added. Throws
/// nothing of yaml-cpp's.
std::shared_ptr<const TreeNode> parse_tree(const std::string& text, Problems& problems);

}  // namespace peerzone::config
