#include "peerzone/base/text.hpp"

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

}  // namespace peerzone
