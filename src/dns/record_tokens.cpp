#include "dns/record_tokens.hpp"

#include "peerzone/dns/record.hpp"

namespace peerzone::dns {
namespace {

bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\r';
}

// What the next piece of a zone file is. Both readers below walk by it, so that they agree on where
// an entry ends.
enum class Piece { blank, line_end, open, close, comment, quoted, word };

// The piece at `at`, which is inside `text`, and where it ends. A quoted string that is not closed
// ends before its line's end.
Piece next_piece(std::string_view text, std::size_t at, std::size_t& end) noexcept {
    const char c = text[at];
    end = at + 1;
    if (c == '\n') return Piece::line_end;
    if (is_blank(c)) return Piece::blank;
    if (c == '(') return Piece::open;
    if (c == ')') return Piece::close;
    if (c == ';') {
        while (end < text.size() && text[end] != '\n') ++end;
        return Piece::comment;
    }
    const bool quoted = c == '"';
    for (end = quoted ? at + 1 : at; end < text.size() && text[end] != '\n'; ++end) {
        if (text[end] == '\\' && end + 1 < text.size() && text[end + 1] != '\n') {
            ++end;
        } else if (quoted ? text[end] == '"'
                          : is_blank(text[end]) || text[end] == '(' || text[end] == ')' ||
                                text[end] == ';') {
            if (quoted) ++end;
            break;
        }
    }
    return quoted ? Piece::quoted : Piece::word;
}

bool is_closed(std::string_view quoted) noexcept {
    if (quoted.size() < 2 || quoted.back() != '"') return false;
    std::size_t slashes = 0;
    while (slashes < quoted.size() - 2 && quoted[quoted.size() - 2 - slashes] == '\\') ++slashes;
    return slashes % 2 == 0;
}

}  // namespace

Result<Tokens> split_tokens(std::string_view text) {
    if (text.find('\0') != text.npos) return fail("it holds a NUL octet");
    Tokens tokens;
    tokens.starts_blank = !text.empty() && is_blank(text.front());
    std::size_t depth = 0;
    bool ended = false;
    for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
        const Piece piece = next_piece(text, at, end);
        if (piece == Piece::blank || piece == Piece::comment) continue;
        if (piece == Piece::line_end) {
            ended = ended || (depth == 0 && !tokens.items.empty());
            continue;
        }
        if (ended) return fail("more than one record");
        if (piece == Piece::open) {
            ++depth;
        } else if (piece == Piece::close) {
            if (depth-- == 0) return fail("')' without '('");
        } else {
            const std::string_view word = text.substr(at, end - at);
            if (piece == Piece::quoted && !is_closed(word))
                return fail("a quoted string is not closed");
            tokens.items.push_back({word});
        }
    }
    if (depth != 0) return fail("'(' without ')'");
    return tokens;
}

std::size_t entry_size(std::string_view text) noexcept {
    std::size_t depth = 0;
    for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
        const Piece piece = next_piece(text, at, end);
        // What follows a string that is not closed is read afresh, so that one slip is one problem.
        if (piece == Piece::quoted && !is_closed(text.substr(at, end - at))) depth = 0;
        if (piece == Piece::open) ++depth;
        if (piece == Piece::close && depth != 0) --depth;
        if (piece == Piece::line_end && depth == 0) return end;
    }
    return text.size();
}

}  // namespace peerzone::dns
