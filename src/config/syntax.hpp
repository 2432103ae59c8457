// The text of a configuration before it is YAML, and what was probably meant when it is none.
#pragma once

#include <string>
#include <string_view>

#include "config/tree.hpp"

namespace peerzone::config {

class Problems;

/// UTF-8 without control characters? Complains and gives false otherwise.
bool check_encoding(std::string_view text, Problems& problems);

/// Complains about spaces that YAML takes for letters, as they come with copying from web pages,
/// and puts ordinary ones into their place, so that the rest can be read.
void replace_odd_spaces(std::string& text, Problems& problems);

/// A problem of the whole text.
struct SyntaxProblem {
    Mark mark;
    std::string message;
    std::string hint;
};

/// What is wrong with a text that the parser gave up at `mark` with `message`.
SyntaxProblem explain_syntax(std::string_view text, const Mark& mark, const std::string& message);

/// What to say of a text that is YAML, but more than one document.
SyntaxProblem explain_second_document(std::string_view text, const Mark& mark);

/// A CoreDNS Corefile: `zone:53 {` with plugins below it.
bool is_corefile(std::string_view text);
SyntaxProblem corefile_problem();

}  // namespace peerzone::config
