// Options that are one of a few words.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "config/keys.hpp"
#include "config/reader.hpp"

namespace peerzone::config {

template <class T>
struct Choice {
    std::string_view word;
    T value;
};

template <class T>
Parsed<T> parse_choice(std::string_view text, std::span<const Choice<T>> choices) {
    std::vector<std::string_view> words;
    for (const Choice<T>& choice : choices) {
        if (choice.word == text) return choice.value;
        words.push_back(choice.word);
    }
    const std::string_view near = nearest(text, words);
    return Wrong{in_quotes(text) + " is not one of " + listed(words),
                 near.empty() ? "" : "did you mean '" + std::string(near) + "'?"};
}

}  // namespace peerzone::config
