// ldns is lenient where a zone must not be: it wraps numbers that are too large, lets names grow
// past 255 octets and takes any class. So owner, TTL, class and type are read here, each field of
// the data is checked against ldns's own table of types, and ldns turns the data that is left into
// wire form.
#include "peerzone/dns/record.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>

#include "dns/record_tokens.hpp"
#include "peerzone/base/ip.hpp"
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
constexpr std::size_t kTextMax =
    65000;  // characters of a record; ldns drops what lies behind 65535 without a word

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

bool equal_word(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return kFold[static_cast<unsigned char>(x)] == kFold[static_cast<unsigned char>(y)];
    });
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

std::uint16_t type_number(std::string_view text) {
    if (const auto number = numbered(text, "TYPE")) return *number;
    if (text.size() > 4 && equal_word(text.substr(0, 4), "TYPE"))
        return 0;  // ldns would wrap the number
    return static_cast<std::uint16_t>(ldns_get_rr_type_by_name(std::string(text).c_str()));
}

Result<Name> absolute_name(const Token& token, const Name& origin) {
    if (token.text == "@") return origin;
    if (token.is_quoted()) return fail(std::string(token.text) + " is in quotes, a name is not");
    Result<Name> name = Name::from_text(token.text);
    if (!name) return name;
    std::size_t slashes = 0;
    while (slashes + 1 < token.text.size() && token.text[token.text.size() - 2 - slashes] == '\\')
        ++slashes;
    if (token.text.back() == '.' && slashes % 2 == 0) return name;
    const std::optional<Name> whole = name->with_suffix(Name{}, origin);
    if (!whole)
        return fail("'" + std::string(token.text) + "' is longer than 255 octets with its origin");
    return *whole;
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
    front.type = type_number(word);
    if (front.type == 0 && !equal_word(word, "TYPE0")) return fail("unknown type '" + word + "'");
    if (is_meta_type(front.type)) return fail("a zone cannot hold type " + word);
    return front;
}

// The data as ldns is to read it, with "." for each name: ldns's own reading of names is not used,
// for it lets them grow too long and takes some escaped characters for their plain meaning.
struct Data {
    std::string text;
    std::vector<Name> names;
};

// Checks one field of the data and appends it.
Result<void> append_field(Data& data, ldns_rdf_type field, const Token& token, const Name& origin) {
    const std::string word{token.text};
    const auto number = [&](std::uint64_t most) -> Result<void> {
        if (!std::all_of(word.begin(), word.end(), is_digit))
            return fail("'" + word + "' is not a number");
        std::uint64_t value = 0;
        const auto status = std::from_chars(word.data(), word.data() + word.size(), value).ec;
        if (status != std::errc{} || value > most)
            return fail("'" + word + "' is above " + std::to_string(most));
        data.text += word;
        return {};
    };
    data.text += ' ';
    switch (field) {
        case LDNS_RDF_TYPE_INT8: return number(0xff);
        case LDNS_RDF_TYPE_INT16: return number(0xffff);
        case LDNS_RDF_TYPE_INT32: return number(0xffffffff);
        case LDNS_RDF_TYPE_PERIOD:
            if (const auto period = parse_ttl(word)) {
                data.text += std::to_string(*period);
                return {};
            } else {
                return period.error();
            }
        case LDNS_RDF_TYPE_DNAME:
            if (const auto name = absolute_name(token, origin)) {
                data.names.push_back(*name);
                data.text += '.';
                return {};
            } else {
                return name.error();
            }
        case LDNS_RDF_TYPE_A:
        case LDNS_RDF_TYPE_AAAA: {
            const bool v4 = field == LDNS_RDF_TYPE_A;
            const Result<IpAddress> address = IpAddress::parse(word);
            if (!address || (v4 ? word.find(':') != word.npos : word.find(':') == word.npos))
                return fail("'" + word + "' is not an " + (v4 ? "IPv4" : "IPv6") + " address");
            data.text += word;
            return {};
        }
        default: data.text += word; return {};
    }
}

// Data of the form "\# 4 0a000005" (RFC 3597 5) goes through as it is.
Result<Data> data_of(const Front& front, const Tokens& tokens, const Name& origin) {
    const std::size_t count = tokens.items.size() - front.used;
    Data data;
    data.text = ". " + std::to_string(front.ttl) + " IN TYPE" + std::to_string(front.type);
    const ldns_rr_descriptor* fields = ldns_rr_descript(front.type);
    const bool is_generic = count != 0 && tokens.items[front.used].text == "\\#";
    if (!is_generic) {
        const std::size_t least = ldns_rr_descriptor_minimum(fields);
        if (count < least)
            return fail("data missing: " + std::to_string(count) + " of " + std::to_string(least) +
                        " fields");
    }
    for (std::size_t i = 0; i < count; ++i) {
        const Token& token = tokens.items[front.used + i];
        // Past the last field there may be more of it: hexadecimal and base64 may be written in
        // pieces.
        const bool is_plain = is_generic || i >= ldns_rr_descriptor_maximum(fields);
        const auto field = is_plain ? LDNS_RDF_TYPE_NONE : ldns_rr_descriptor_field_type(fields, i);
        if (const Result<void> done = append_field(data, field, token, origin); !done)
            return done.error();
    }
    if (data.text.size() > kTextMax)
        return fail("the record is longer than " + std::to_string(kTextMax) + " characters");
    return data;
}

Result<ResourceRecord> parse(std::string_view text, const Name& origin, std::uint32_t default_ttl,
                             const Name* previous_owner) {
    const Result<Tokens> tokens = split_tokens(text);
    if (!tokens) return tokens.error();
    if (tokens->items.empty()) return fail("no record");
    const Result<Front> front = parse_front(*tokens, origin, default_ttl, previous_owner);
    if (!front) return front.error();
    const Result<Data> data = data_of(*front, *tokens, origin);
    if (!data) return data.error();

    ldns_rr* parsed = nullptr;
    const ldns_status status =
        ldns_rr_new_frm_str(&parsed, data->text.c_str(), front->ttl, nullptr, nullptr);
    const LdnsRecord owned{parsed};
    if (status == LDNS_STATUS_SYNTAX_SUPERFLUOUS_TEXT_ERR) return fail("text behind the data");
    if (status != LDNS_STATUS_OK)
        return fail("this is not the data of type " + type_text(front->type));

    ResourceRecord record{
        .owner = front->owner, .type = front->type, .ttl = front->ttl, .rdata = {}};
    std::size_t names = 0;
    for (std::size_t i = 0; i < ldns_rr_rd_count(parsed); ++i) {
        const ldns_rdf* field = ldns_rr_rdf(parsed, i);
        const bool is_name =
            ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME && names < data->names.size();
        const Bytes octets = is_name ? data->names[names++].wire()
                                     : Bytes{ldns_rdf_data(field), ldns_rdf_size(field)};
        record.rdata.insert(record.rdata.end(), octets.begin(), octets.end());
    }
    if (!is_sound_rdata(record.type, record.rdata))
        return fail("this is not the data of type " + type_text(front->type));
    return record;
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
