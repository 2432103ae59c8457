// Owner, TTL, class and type are read here, the data in record_data.cpp. ldns knows the names of
// the types and prints records; it does not read them, for it is lenient where a zone must not be.
#include "peerzone/dns/record.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>

#include "dns/record_data.hpp"
#include "peerzone/dns/types.hpp"

#include <ldns/ldns.h>
#undef true
#undef false
#undef bool

namespace peerzone::dns {
namespace {

struct FreeRecord {
    void operator()(ldns_rr* record) const noexcept { ldns_rr_free(record); }
};
struct FreeText {
    void operator()(char* text) const noexcept {
        std::free(text);
    }  // NOLINT: ldns allocates with malloc
};
using LdnsRecord = std::unique_ptr<ldns_rr, FreeRecord>;
using LdnsText = std::unique_ptr<char, FreeText>;

constexpr std::size_t kQuotedMax = 80;  // characters of a record that an error message repeats

std::string quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text.substr(0, kQuotedMax))
        result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    while (result.size() > 1 && result.back() == ' ') result.pop_back();
    return result + (text.size() > kQuotedMax ? "…'" : "'");
}

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

// "CLASS3" or "TYPE65": the number behind the word (RFC 3597 5).
std::optional<std::uint16_t> numbered(std::string_view text, std::string_view word) noexcept {
    if (text.size() <= word.size() || !equal_word(text.substr(0, word.size()), word))
        return std::nullopt;
    std::uint16_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + word.size(), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

std::optional<std::uint16_t> class_number(std::string_view text) noexcept {
    constexpr std::pair<const char*, std::uint16_t> kClasses[] = {
        {"IN", klass::in}, {"CH", klass::ch}, {"HS", 4}, {"NONE", klass::none}};
    for (const auto& [name, number] : kClasses)
        if (equal_word(text, name)) return number;
    return numbered(text, "CLASS");
}

// The fields in front of the data.
struct Front {
    Name owner;
    std::uint32_t ttl = 0;
    std::uint16_t type = 0;
    std::size_t used = 0;  // tokens
};

Result<Front> parse_front(const Tokens& tokens, const Name& origin, std::uint32_t default_ttl,
                          const Name* previous_owner) {
    Front front;
    front.ttl = default_ttl;
    if (tokens.starts_blank && previous_owner != nullptr) {
        front.owner = *previous_owner;
    } else {
        const Result<Name> owner = absolute_name(tokens.items[front.used++], origin);
        if (!owner) return owner.error();
        front.owner = *owner;
    }
    bool has_ttl = false;
    bool has_class = false;
    for (; front.used < tokens.items.size(); ++front.used) {
        const std::string_view word = tokens.items[front.used].text;
        if (!has_ttl && is_digit(word.front())) {
            const Result<std::uint32_t> ttl = parse_ttl(word);
            if (!ttl) return ttl.error();
            front.ttl = *ttl;
            has_ttl = true;
        } else if (const auto number = class_number(word); number && !has_class) {
            if (*number != klass::in)
                return fail("class " + std::string(word) + " is not served, only IN");
            has_class = true;
        } else {
            break;
        }
    }
    if (front.used == tokens.items.size()) return fail("no type");
    const std::string word{tokens.items[front.used++].text};
    const Result<std::uint16_t> type = parse_type(word);
    if (!type) return type.error();
    front.type = *type;
    if (is_meta_type(front.type)) return fail("a zone cannot hold type " + word);
    return front;
}

Result<ResourceRecord> parse(std::string_view text, const Name& origin, std::uint32_t default_ttl,
                             const Name* previous_owner) {
    const Result<Tokens> tokens = split_tokens(text);
    if (!tokens) return tokens.error();
    if (tokens->items.empty()) return fail("no record");
    const Result<Front> front = parse_front(*tokens, origin, default_ttl, previous_owner);
    if (!front) return front.error();
    auto rdata = parse_rdata(front->type, std::span(tokens->items).subspan(front->used), origin);
    if (!rdata) return rdata.error();
    return ResourceRecord{
        .owner = front->owner, .type = front->type, .ttl = front->ttl, .rdata = *std::move(rdata)};
}

std::string generic_data(Bytes rdata) {
    constexpr char kHex[] = "0123456789abcdef";
    std::string text = "\\# " + std::to_string(rdata.size()) + (rdata.empty() ? "" : " ");
    for (const std::uint8_t octet : rdata) {
        text += kHex[octet >> 4];
        text += kHex[octet & 15];
    }
    return text;
}

}  // namespace

Result<std::uint16_t> parse_type(std::string_view word) {
    if (const auto number = numbered(word, "TYPE")) return *number;
    // ldns would wrap a number that is too large, and gives 0 for what it does not know. It reads
    // up to a NUL.
    if (word.find('\0') != word.npos) return fail("a type without letters");
    const bool is_number = word.size() > 4 && equal_word(word.substr(0, 4), "TYPE");
    const auto known = is_number ? 0 : ldns_get_rr_type_by_name(std::string(word).c_str());
    if (known == 0) return fail("unknown type '" + std::string(word) + "'");
    return static_cast<std::uint16_t>(known);
}

Result<ResourceRecord> parse_record(std::string_view text, const Name& origin,
                                    std::uint32_t default_ttl, const Name* previous_owner) {
    Result<ResourceRecord> record = parse(text, origin, default_ttl, previous_owner);
    if (!record) return fail(quoted(text) + ": " + record.error().message);
    return record;
}

Result<std::uint32_t> parse_ttl(std::string_view text) {
    std::uint64_t total = 0;
    std::uint64_t part = 0;
    bool has_digits = false;
    const auto bad = [&] { return fail("'" + std::string(text) + "' is not a TTL"); };
    for (const char c : text) {
        if (is_digit(c)) {
            part = part * 10 + static_cast<unsigned>(c - '0');
            has_digits = true;
        } else {
            constexpr std::string_view kUnits = "smhdw";
            constexpr std::uint64_t kSeconds[] = {1, 60, 3600, 86400, 604800};
            const std::size_t unit =
                kUnits.find(static_cast<char>(kFold[static_cast<unsigned char>(c)]));
            if (unit == kUnits.npos || !has_digits) return bad();
            total += part * kSeconds[unit];
            part = 0;
            has_digits = false;
        }
        if (part > kTtlMax || total + part > kTtlMax)
            return fail("TTL '" + std::string(text) + "' is above " + std::to_string(kTtlMax));
    }
    if (text.empty()) return bad();
    return static_cast<std::uint32_t>(total + part);
}

std::string record_text(const ResourceRecord& record) {
    std::string text = record.owner.to_text();
    if (!record.owner.is_root()) text += '.';
    text += ' ' + std::to_string(record.ttl) + " IN " + type_text(record.type) + ' ';

    // ldns prints the data of a whole record only, so one with the root as its owner is put before
    // it.
    std::vector<std::uint8_t> wire(11);
    store_u16(&wire[1], record.type);
    store_u16(&wire[3], klass::in);
    store_u16(&wire[9], record.rdata.size());
    wire.insert(wire.end(), record.rdata.begin(), record.rdata.end());
    ldns_rr* parsed = nullptr;
    std::size_t at = 0;
    const ldns_status status =
        is_sound_rdata(record.type, record.rdata) && !record.rdata.empty()
            ? ldns_wire2rr(&parsed, wire.data(), wire.size(), &at, LDNS_SECTION_ANSWER)
            : LDNS_STATUS_ERR;
    const LdnsRecord owned{parsed};
    const LdnsText printed{status == LDNS_STATUS_OK && at == wire.size()
                               ? ldns_rr2str_fmt(ldns_output_format_nocomments, parsed)
                               : nullptr};
    if (!printed) return text + generic_data(record.rdata);
    std::string_view data = printed.get();
    for (int tabs = 0; tabs < 4; ++tabs)
        data.remove_prefix(std::min(data.find('\t'), data.size() - 1) + 1);
    while (!data.empty() && (data.back() == '\n' || data.back() == ' ')) data.remove_suffix(1);
    for (const char c : data) text += c == '\t' ? std::string("\\009") : std::string(1, c);
    return text;
}

bool is_meta_type(std::uint16_t type) noexcept {
    return type == 0 || type == type::opt || (type >= 128 && type <= 255);
}

}  // namespace peerzone::dns
