// Loading texts in the tests of config/.
#pragma once

#include <string>
#include <vector>

#include "peerzone/config/config.hpp"

namespace peerzone::config {

inline std::vector<std::string> problem_lines(const Loaded& loaded) {
    std::vector<std::string> lines;
    for (const Problem& problem : loaded.problems) lines.push_back(problem.to_text());
    return lines;
}

inline std::vector<std::string> problem_lines(const std::string& yaml) {
    return problem_lines(load_text(yaml, "pz.yaml"));
}

}  // namespace peerzone::config
