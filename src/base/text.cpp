#include "peerzone/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace peerzone {

std::size_t character_size(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = octet(0);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
    if (size > text.size()) return 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((octet(i) & 0xc0) != 0x80) return 0;
    if (size < 3) return size;
    const bool overlong = (lead == 0xe0 && octet(1) < 0xa0) || (lead == 0xf0 && octet(1) < 0x90);
    const bool no_character =
        (lead == 0xed && octet(1) > 0x9f) || (lead == 0xf4 && octet(1) > 0x8f);
    return overlong || no_character ? 0 : size;
}

std::string printable(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        const auto first = static_cast<unsigned char>(text[0]);
        const bool control = size == 1 ? first < 0x20 || first == 0x7f
                             : size == 2
                                 ? first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0
                                 : size == 0;
        if (control) {
            shown += '?';
        } else {
            shown += text.substr(0, size);
        }
        text.remove_prefix(size == 0 ? 1 : size);
    }
    return shown;
}

std::string iso_time(std::chrono::system_clock::time_point time) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string age_text(Duration age) {
    const auto seconds =
        std::max<std::int64_t>(std::chrono::duration_cast<Seconds>(age).count(), 0);
    const auto pair = [](std::int64_t large, char large_unit, std::int64_t small, char small_unit) {
        std::string text = std::to_string(large) + large_unit;
        if (small != 0) text += " " + std::to_string(small) + small_unit;
        return text;
    };
    if (seconds >= 86'400) return pair(seconds / 86'400, 'd', seconds % 86'400 / 3'600, 'h');
    if (seconds >= 3'600) return pair(seconds / 3'600, 'h', seconds % 3'600 / 60, 'm');
    if (seconds >= 60) return pair(seconds / 60, 'm', seconds % 60, 's');
    return std::to_string(seconds) + "s";
}

std::string rtt_text(Duration rtt) {
    if (rtt == Duration::zero()) return "-";
    std::array<char, 32> text{};
    const double ms = std::chrono::duration<double, std::milli>(rtt).count();
    const int size = std::snprintf(text.data(), text.size(), "%.1f ms", ms);
    return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace peerzone
