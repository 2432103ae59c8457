// The names of all options: what the parser knows, what is unknown, and what was probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "peerzone/base/nearest.hpp"

namespace peerzone::config {

/// The names of the keys of one mapping; how they are read is in its KeyTable. `path` has "*" for a
/// name that the user chooses and "[]" for an item of a list: "peers.*", "views[]".
struct Section {
    std::string_view path;
    std::vector<std::string_view> keys;
    std::vector<std::string_view> planned;  ///< unknown keys with the hint "not supported yet"
};

/// Every mapping with fixed keys, in the order in which hints look for a key. Tests hold each key
/// against config/peerzone.example.yaml and against the values it sets.
std::span<const Section* const> all_sections();

/// "a, b and c".
std::string listed(std::span<const std::string_view> words);

}  // namespace peerzone::config
