#include "peerzone/upstream/passed_error.hpp"

#include <algorithm>
#include <array>

namespace peerzone::upstream {
namespace {

// How the texts begin that tell of an upstream (Upstream::label), in front of whatever it is.
bool is_of_a_peerzone(std::string_view text) noexcept {
    constexpr std::array<std::string_view, 5> kBeginnings{"peer=", "local ",
                                                          "forward=", "loop via ", "retry in "};
    return std::any_of(kBeginnings.begin(), kBeginnings.end(),
                       [&](std::string_view beginning) { return text.starts_with(beginning); });
}

}  // namespace

std::string pass_error(std::string_view via, std::string_view text) {
    const bool cause_first = is_of_a_peerzone(text);
    std::string passed(cause_first ? text : via);
    if (!text.empty()) passed.append(cause_first ? "; " : ": ").append(cause_first ? via : text);
    return passed;
}

}  // namespace peerzone::upstream
