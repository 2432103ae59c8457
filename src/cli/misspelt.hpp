// A word of the command line that nothing knows. CLI11 complains about what is missing first:
// of `serve --confg x` it says that --config is required.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace peerzone::cli {

struct KnownOption {
    std::string name;  ///< "--config" or "-c"
    bool takes_value = false;
};

struct KnownCommand {
    std::string name;  ///< empty: what stands before a command
    std::vector<KnownOption> options;
    bool takes_words = false;  ///< besides options
};

/// The first word that is no command or option, in words for people; empty when all are known.
/// `words` without the program's name; the first of `commands` is the one without a name.
std::string find_misspelt(const std::vector<std::string>& words,
                          const std::vector<KnownCommand>& commands);

}  // namespace peerzone::cli
