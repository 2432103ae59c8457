// SvcParams of SVCB and HTTPS (RFC 9460 2.1, 2.4.3, 7, appendix A; dohpath: RFC 9461).
#include <algorithm>
#include <map>
#include <optional>

#include "dns/escape.hpp"
#include "dns/record_data.hpp"
#include "peerzone/base/ip.hpp"

namespace peerzone::dns {
namespace {

using Octets = std::vector<std::uint8_t>;

enum Key : std::uint16_t {
    mandatory = 0,
    alpn = 1,
    no_default_alpn = 2,
    port = 3,
    ipv4hint = 4,
    ech = 5,
    ipv6hint = 6,
    dohpath = 7
};
constexpr const char* kKeys[] = {"mandatory", "alpn", "no-default-alpn", "port",
                                 "ipv4hint",  "ech",  "ipv6hint",        "dohpath"};

std::string key_text(unsigned key) {
    return key < std::size(kKeys) ? kKeys[key] : "key" + std::to_string(key);
}

// "alpn", "key667"; numbers have no leading zeros.
Result<std::uint16_t> parse_key(std::string_view word) {
    for (std::uint16_t key = 0; key < std::size(kKeys); ++key)
        if (equal_word(word, kKeys[key])) return key;
    const auto wrong = [&] { return fail("'" + std::string(word) + "' is not a SvcParamKey"); };
    if (word.size() < 4 || !equal_word(word.substr(0, 3), "key")) return wrong();
    if (word[3] == '0' && word.size() > 4) return wrong();
    const auto number = parse_number(word.substr(3), 0xffff);
    if (!number) return wrong();
    return static_cast<std::uint16_t>(*number);
}

// A value as a list: commas part the items, "\," and "\\" stand for themselves (RFC 9460 A.1).
Result<std::vector<Octets>> split_list(const Octets& value) {
    std::vector<Octets> items(1);
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == ',') {
            items.emplace_back();
            continue;
        }
        if (value[i] == '\\' && ++i == value.size()) return fail("a broken escape in a list");
        items.back().push_back(value[i]);
    }
    for (const Octets& item : items)
        if (item.empty()) return fail("an empty item in a list");
    return items;
}

std::string_view text_of(const Octets& octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

void put_u16(Octets& out, std::size_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}

Result<Octets> mandatory_value(const std::vector<Octets>& items) {
    std::vector<std::uint16_t> keys;
    for (const Octets& item : items) {
        const auto key = parse_key(text_of(item));
        if (!key) return key.error();
        keys.push_back(*key);
    }
    std::ranges::sort(keys);
    Octets out;
    for (const std::uint16_t key : keys) put_u16(out, key);
    return out;
}

Result<Octets> alpn_value(const std::vector<Octets>& items) {
    Octets out;
    for (const Octets& item : items) {
        if (item.size() > 255) return fail("a protocol is longer than 255 octets");
        out.push_back(static_cast<std::uint8_t>(item.size()));
        out.insert(out.end(), item.begin(), item.end());
    }
    return out;
}

Result<Octets> hint_value(const std::vector<Octets>& items, bool v4) {
    Octets out;
    for (const Octets& item : items) {
        const Result<IpAddress> address = IpAddress::parse(text_of(item));
        if (!address || (text_of(item).find(':') == std::string_view::npos) != v4)
            return fail("'" + std::string(text_of(item)) + "' is not an " + (v4 ? "IPv4" : "IPv6") +
                        " address");
        const Bytes octets = Bytes(address->bytes()).subspan(v4 ? 12 : 0);
        out.insert(out.end(), octets.begin(), octets.end());
    }
    return out;
}

// The octets of a value whose key is written by its name.
Result<Octets> named_value(std::uint16_t key, const Octets& value) {
    if (key == port) {
        const auto number = parse_number(text_of(value), 0xffff);
        if (!number) return number.error();
        Octets out;
        put_u16(out, *number);
        return out;
    }
    if (key == ech) {
        Octets out;
        if (const Result<void> done = append_base64(text_of(value), out); !done)
            return done.error();
        return out;
    }
    if (key == no_default_alpn || key == dohpath) return value;
    const auto items = split_list(value);
    if (!items) return items.error();
    if (key == mandatory) return mandatory_value(*items);
    if (key == alpn) return alpn_value(*items);
    return hint_value(*items, key == ipv4hint);
}

// A value in quotes may hold blanks, at which it was split: put together again, as it stands in the
// text.
std::string_view take_param(std::span<const Token>& tokens) {
    const std::string_view first = tokens.front().text;
    tokens = tokens.subspan(1);
    const std::size_t quote = first.find("=\"");
    if (quote == first.npos) return first;
    const auto is_closed = [&](std::string_view param) {
        for (std::size_t at = quote + 2; at < param.size(); ++at) {
            if (param[at] == '"') return at + 1 == param.size();
            if (param[at] == '\\') ++at;
        }
        return false;
    };
    std::string_view whole = first;
    while (!is_closed(whole) && !tokens.empty()) {
        const std::string_view next = tokens.front().text;
        whole = {first.data(), static_cast<std::size_t>(next.data() + next.size() - first.data())};
        tokens = tokens.subspan(1);
    }
    return is_closed(whole) ? whole : std::string_view{};
}

Result<void> check_value(unsigned key, Bytes value) {
    const auto wrong = [&](const char* why) { return fail(key_text(key) + ": " + why); };
    switch (key) {
        case mandatory:
            if (value.empty() || value.size() % 2 != 0) return wrong("it lists no keys");
            for (std::size_t i = 0; i < value.size(); i += 2) {
                if (load_u16(&value[i]) == mandatory) return wrong("it does not list itself");
                if (i > 0 && load_u16(&value[i]) <= load_u16(&value[i - 2]))
                    return wrong("it lists a key twice");
            }
            return {};
        case alpn: {
            if (value.empty()) return wrong("it lists no protocols");
            for (Bytes rest = value; !rest.empty(); rest = rest.subspan(rest[0] + 1u))
                if (rest[0] == 0 || rest[0] >= rest.size()) return wrong("not a list of protocols");
            return {};
        }
        case no_default_alpn:
            if (!value.empty()) return wrong("it has no value");
            return {};
        case port:
            if (value.size() != 2) return wrong("not a port");
            return {};
        case ipv4hint:
        case ipv6hint:
            if (value.empty() || value.size() % (key == ipv4hint ? 4 : 16) != 0)
                return wrong("not a list of addresses");
            return {};
        case ech:
            if (value.empty()) return wrong("no data");
            return {};
        default: return {};
    }
}

}  // namespace

Result<Octets> parse_svc_params(std::span<const Token> tokens) {
    std::map<std::uint16_t, Octets> params;
    while (!tokens.empty()) {
        const std::string_view param = take_param(tokens);
        if (param.empty()) return fail("the quotes of a SvcParam are not closed");
        const std::size_t equals = std::min(param.find('='), param.size());
        const auto key = parse_key(param.substr(0, equals));
        if (!key) return key.error();
        if (params.contains(*key)) return fail("the key " + key_text(*key) + " stands twice");
        const auto text = unescaped(param.substr(std::min(equals + 1, param.size())));
        if (!text) return text.error();
        const bool is_number = equal_word(param.substr(0, 3), "key");
        auto value = is_number ? text : named_value(*key, *text);
        if (!value) return fail(key_text(*key) + ": " + value.error().message);
        params.emplace(*key, *std::move(value));
    }
    Octets out;
    for (const auto& [key, value] : params) {
        if (value.size() > 0xffff) return fail(key_text(key) + ": longer than 65535 octets");
        put_u16(out, key);
        put_u16(out, value.size());
        out.insert(out.end(), value.begin(), value.end());
    }
    return out;
}

Result<void> check_svc_params(Bytes params) {
    const auto broken = [] { return fail("this is not a list of SvcParams"); };
    std::map<unsigned, Bytes> values;
    int last = -1;
    while (!params.empty()) {
        if (params.size() < 4) return broken();
        const std::uint16_t key = load_u16(&params[0]);
        const std::size_t size = load_u16(&params[2]);
        if (key <= last || size > params.size() - 4) return broken();
        const Bytes value = params.subspan(4, size);
        if (const Result<void> fine = check_value(key, value); !fine) return fine;
        values.emplace(key, value);
        params = params.subspan(4 + size);
        last = key;
    }
    // A record that contradicts itself is no use to a client (RFC 9460 2.4.3, 7.1.1, 8).
    if (values.contains(no_default_alpn) && !values.contains(alpn))
        return fail("no-default-alpn needs alpn beside it (RFC 9460 7.1.1)");
    const Bytes needed = values.contains(mandatory) ? values[mandatory] : Bytes{};
    for (std::size_t i = 0; i < needed.size(); i += 2)
        if (!values.contains(load_u16(&needed[i])))
            return fail("mandatory lists " + key_text(load_u16(&needed[i])) +
                        ", which the record does not have (RFC 9460 8)");
    return {};
}

}  // namespace peerzone::dns
