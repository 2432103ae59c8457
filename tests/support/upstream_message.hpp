// Builds messages octet by octet, right or wrong ones, without the code under test.
#pragma once

#include <arpa/inet.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace peerzone::test {

using Octets = std::vector<std::uint8_t>;

inline void append_u16(Octets& octets, unsigned value) {
    octets.push_back(static_cast<std::uint8_t>(value >> 8));
    octets.push_back(static_cast<std::uint8_t>(value));
}

inline void append_u32(Octets& octets, std::uint32_t value) {
    append_u16(octets, value >> 16);
    append_u16(octets, value & 0xffff);
}

inline void append(Octets& octets, const Octets& more) {
    octets.insert(octets.end(), more.begin(), more.end());
}

/// "a.example" in wire form; "." is the root.
inline Octets wire(std::string_view text) {
    Octets octets;
    while (!text.empty() && text != ".") {
        const std::size_t dot = text.find('.');
        const std::string_view label = text.substr(0, dot);
        octets.push_back(static_cast<std::uint8_t>(label.size()));
        octets.insert(octets.end(), label.begin(), label.end());
        text = dot == std::string_view::npos ? std::string_view{} : text.substr(dot + 1);
    }
    octets.push_back(0);
    return octets;
}

inline Octets address(const std::string& text) {
    const bool six = text.find(':') != std::string::npos;
    Octets octets(six ? 16 : 4);
    inet_pton(six ? AF_INET6 : AF_INET, text.c_str(), octets.data());
    return octets;
}

inline Octets soa(std::string_view zone, std::uint32_t minimum) {
    Octets octets = wire("ns." + std::string(zone));
    append(octets, wire("hostmaster." + std::string(zone)));
    for (const std::uint32_t number : {1u, 3600u, 600u, 86400u, minimum})
        append_u32(octets, number);
    return octets;
}

inline Octets rrsig(unsigned covered, std::string_view signer) {
    Octets octets;
    append_u16(octets, covered);
    octets.insert(octets.end(), 16, 7);
    append(octets, wire(signer));
    octets.insert(octets.end(), 8, 0xab);
    return octets;
}

/// An EDNS option: its number, its size, its value.
inline Octets edns_option(unsigned code, const Octets& value) {
    Octets octets;
    append_u16(octets, code);
    append_u16(octets, static_cast<unsigned>(value.size()));
    append(octets, value);
    return octets;
}

inline Octets extended_error(unsigned code, std::string_view text) {
    Octets value;
    append_u16(value, code);
    value.insert(value.end(), text.begin(), text.end());
    return edns_option(15, value);
}

class MessageBuilder {
public:
    MessageBuilder(unsigned id, unsigned flags) {
        append_u16(octets_, id);
        append_u16(octets_, flags);
        octets_.resize(12);
    }
    MessageBuilder& question(std::string_view name, unsigned type, unsigned klass = 1) {
        append(octets_, wire(name));
        append_u16(octets_, type);
        append_u16(octets_, klass);
        return count(0);
    }
    MessageBuilder& answer(std::string_view owner, unsigned type, std::uint32_t ttl,
                           const Octets& data, unsigned klass = 1) {
        return record(1, wire(owner), type, klass, ttl, data);
    }
    MessageBuilder& authority(std::string_view owner, unsigned type, std::uint32_t ttl,
                              const Octets& data, unsigned klass = 1) {
        return record(2, wire(owner), type, klass, ttl, data);
    }
    MessageBuilder& additional(std::string_view owner, unsigned type, std::uint32_t ttl,
                               const Octets& data, unsigned klass = 1) {
        return record(3, wire(owner), type, klass, ttl, data);
    }
    MessageBuilder& opt(unsigned extended_rcode = 0, const Octets& options = {}) {
        return record(3, {0}, 41, 1232, std::uint32_t{extended_rcode} << 24, options);
    }
    /// A record with its owner as it shall stand there, a pointer for instance.
    MessageBuilder& record(std::size_t section, const Octets& owner, unsigned type, unsigned klass,
                           std::uint32_t ttl, const Octets& data) {
        append(octets_, owner);
        append_u16(octets_, type);
        append_u16(octets_, klass);
        append_u32(octets_, ttl);
        append_u16(octets_, static_cast<unsigned>(data.size()));
        append(octets_, data);
        return count(section);
    }
    /// Counts a record of `section` that need not be there.
    MessageBuilder& count(std::size_t section) {
        const std::size_t at = 4 + 2 * section;
        const unsigned value = (octets_[at] * 256u + octets_[at + 1] + 1) & 0xffff;
        octets_[at] = static_cast<std::uint8_t>(value >> 8);
        octets_[at + 1] = static_cast<std::uint8_t>(value);
        return *this;
    }
    MessageBuilder& raw(const Octets& more) {
        append(octets_, more);
        return *this;
    }
    const Octets& octets() const { return octets_; }

private:
    Octets octets_;
};

}  // namespace peerzone::test
