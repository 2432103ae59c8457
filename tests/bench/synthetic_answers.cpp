#include "synthetic_answers.hpp"

#include <string_view>

namespace peerzone::bench {
namespace {

std::uint8_t fold(std::uint8_t c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + 32) : c;
}

bool label_is(const std::uint8_t* label, std::string_view text) noexcept {
    if (label[0] != text.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (fold(label[1 + i]) != static_cast<std::uint8_t>(text[i])) return false;
    return true;
}

// cluster.local followed by anything but the root.
bool goes_on_behind_cluster(Octets name) noexcept {
    for (std::size_t at = 0; name[at] != 0; at += name[at] + 1u) {
        if (!label_is(&name[at], "cluster")) continue;
        const std::size_t next = at + name[at] + 1u;
        if (label_is(&name[next], "local") && name[next + 6] != 0) return true;
    }
    return false;
}

}  // namespace

SyntheticAnswer synthetic_answer(Octets name, std::uint16_t type) noexcept {
    if (goes_on_behind_cluster(name)) return SyntheticAnswer::no_such_name;
    if (label_is(name.data(), "count")) return SyntheticAnswer::count;
    if (type == kTypeSrv && label_is(name.data(), "_sql")) return SyntheticAnswer::services;
    if (type != kTypeA) return SyntheticAnswer::no_such_type;
    return label_is(name.data(), "big") ? SyntheticAnswer::addresses : SyntheticAnswer::address;
}

std::uint32_t address_of(Octets name) noexcept {
    std::uint32_t hash = 2166136261u;
    for (const std::uint8_t c : name) hash = (hash ^ fold(c)) * 16777619u;
    return 0x0a000000u | (hash >> 8 & 0x00ffff00u);  // the last octet counts the further ones
}

Octets question_name(Octets message) noexcept {
    std::size_t at = kHeader;
    while (at < message.size() && message[at] != 0) {
        if (message[at] > 63) return {};
        at += message[at] + 1u;
    }
    if (at - kHeader > 254 || at + 5 > message.size()) return {};
    return message.subspan(kHeader, at + 1 - kHeader);
}

}  // namespace peerzone::bench
