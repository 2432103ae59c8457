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

/// What others call a choice: for hints only.
struct OtherWord {
    std::string_view word;
    std::string_view meant;
};

template <class T>
Parsed<T> parse_choice(std::string_view text, std::span<const Choice<T>> choices,
                       std::span<const OtherWord> others = {}) {
    std::vector<std::string_view> words;
    for (const Choice<T>& choice : choices) {
        if (choice.word == text) return choice.value;
        words.push_back(choice.word);
    }
    std::string_view near = nearest(text, words);
    for (const OtherWord& other : others)  // "no" is not "on"
        if (other.word == text) near = other.meant;
    return Wrong{in_quotes(text) + " is not one of " + listed(words), did_you_mean(near)};
}

}  // namespace peerzone::config
