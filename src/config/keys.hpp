// The names of all options: what the parser knows, what is unknown, and what was probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/base/nearest.hpp"

namespace peerzone::config {

/// The keys of one mapping. `path` has "*" for a name that the user chooses and "[]" for an item of
/// a list: "peers.*", "views[]".
struct Section {
    std::string_view path;
    std::vector<std::string_view> keys;
    std::vector<std::string_view>
        later;  ///< designed, but not supported yet: unknown keys with a better hint
};

/// Every mapping with fixed keys. A key that works is here, and therefore (a test says so) in
/// config/peerzone.example.yaml.
std::span<const Section> all_sections();
/// The section with this path, which must exist.
const Section& section(std::string_view path);

/// "a, b and c".
std::string listed(std::span<const std::string_view> words);

}  // namespace peerzone::config
