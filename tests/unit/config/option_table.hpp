// Every key of a configuration: a value for it that is not the default, and what a configuration
// then says.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "peerzone/config/config.hpp"

namespace peerzone::config {

struct Option {
    std::string section;  ///< Section::path: "peers.*"
    std::string key;      ///< "deadline"
    std::string value;    ///< in YAML, other than the default
    /// What is in force, as a person would write it; "none" for nothing.
    std::function<std::string(const Config&)> in_force;
    std::string expected = {};  ///< in force once `value` is set; empty: the value itself
    std::string beside = {};    ///< other keys that must be given with it, as YAML

    /// "peers.*.deadline".
    std::string path() const;
};

const std::vector<Option>& all_options();

/// A file in config/, so that the files beside the examples can be named.
std::string file_beside_the_examples();

/// The least configuration in which the option could stand, with and without it. The latter has
/// problems when the option is required.
Loaded load_with(const Option& option);
Loaded load_without(const Option& option);

}  // namespace peerzone::config
