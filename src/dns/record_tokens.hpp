// Splits one entry of a zone file into its tokens (RFC 1035 5.1): quotes, escapes, comments,
// parentheses.
#pragma once

#include <string_view>
#include <vector>

#include "peerzone/base/result.hpp"

namespace peerzone::dns {

struct Token {
    std::string_view text;  ///< as written: escapes kept, quotes included
    bool is_quoted() const noexcept { return text.front() == '"'; }
};

struct Tokens {
    std::vector<Token> items;
    bool starts_blank = false;  ///< the text begins with a blank: it names no owner
};

/// An error says what is wrong, without the text itself.
Result<Tokens> split_tokens(std::string_view text);

}  // namespace peerzone::dns
