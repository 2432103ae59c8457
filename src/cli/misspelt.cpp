#include "cli/misspelt.hpp"

#include <algorithm>

#include "peerzone/base/nearest.hpp"

namespace peerzone::cli {
namespace {

std::string told(const std::string& what, const std::string& word,
                 const std::vector<std::string_view>& known, const std::string& help) {
    const std::string hint = did_you_mean(nearest(word, known));
    return what + " '" + word + "' is not known (hint: " + (hint.empty() ? help : hint) + ")";
}

std::string unknown_command(const std::string& word, const std::vector<KnownCommand>& commands) {
    std::vector<std::string_view> names;
    std::string listed;
    for (const KnownCommand& command : commands)
        if (!command.name.empty()) {
            names.push_back(command.name);
            listed += (listed.empty() ? "" : ", ") + command.name;
        }
    return told("the command", word, names, "there are " + listed);
}

std::string unknown_option(const std::string& word, const KnownCommand& command) {
    std::vector<std::string_view> names;
    for (const KnownOption& option : command.options)
        if (option.name.starts_with("--")) names.push_back(option.name);
    const std::string of = command.name.empty() ? "" : " " + command.name;
    return told("the option", word, names, "see peerzone" + of + " --help");
}

std::string unexpected_word(const std::string& word, const KnownCommand& command) {
    const bool has_file =
        std::ranges::find(command.options, "--config", &KnownOption::name) != command.options.end();
    return command.name + " takes no word '" + word + "' (hint: " +
           (has_file && word.find('.') != std::string::npos
                ? "did you mean '--config " + word + "'?"
                : "see peerzone " + command.name + " --help") +
           ")";
}

}  // namespace

std::string find_misspelt(const std::vector<std::string>& words,
                          const std::vector<KnownCommand>& commands) {
    const KnownCommand* command = &commands.front();
    for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
        const std::string& word = words[i];
        if (word.size() < 2 || word[0] != '-') {  // "-" is standard input
            if (command != &commands.front() && !command->takes_words)
                return unexpected_word(word, *command);
            if (command != &commands.front()) continue;
            const auto found = std::ranges::find(commands, word, &KnownCommand::name);
            if (found == commands.end()) return unknown_command(word, commands);
            command = &*found;
            continue;
        }
        const bool is_long = word.starts_with("--");
        const std::string name = is_long ? word.substr(0, word.find('=')) : word.substr(0, 2);
        const auto found = std::ranges::find(command->options, name, &KnownOption::name);
        if (found == command->options.end()) return unknown_option(name, *command);
        if (found->takes_value && word == name) ++i;
    }
    return "";
}

}  // namespace peerzone::cli
