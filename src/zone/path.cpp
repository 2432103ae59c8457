#include "zone/path.hpp"

#include <cstring>
#include <random>

namespace peerzone::zone {
namespace {

// Names in a zone may be chosen by others (Services of a cluster), who must not be able to choose
// their hashes.
const std::uint64_t kSeed = [] {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}();

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Eight octets to lower case at once: bit 7 of each octet of `upper` says that it is a letter from
// A to Z.
std::uint64_t fold_word(std::uint64_t word) noexcept {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    const std::uint64_t low = word & 0x7f * kOnes;
    const std::uint64_t from_a = low + (0x80 - 'A') * kOnes;
    const std::uint64_t above_z = low + (0x7f - 'Z') * kOnes;
    const std::uint64_t upper = (from_a ^ above_z) & ~word & 0x80 * kOnes;
    return word | upper >> 2;
}

// Extends the hash of a parent by one label, its length octet included. Reads up to 7 octets behind
// it.
std::uint64_t extend(std::uint64_t hash, const std::uint8_t* label) noexcept {
    constexpr std::uint64_t kFactor = 0xa0761d6478bd642f;
    std::size_t left = label[0] + 1u;
    for (; left > 8; left -= 8, label += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, label, 8);
        hash = mix(hash ^ word, kFactor ^ left);
    }
    std::uint64_t word = 0;
    std::memcpy(&word, label, 8);
    word &=
        ~std::uint64_t{0} >> (64 - 8 * left);  // little-endian: the first octets are the low ones
    return mix(hash ^ word, kFactor);
}

}  // namespace

Path::Path(const dns::Name& name, const dns::Name& origin) noexcept
    : size_(name.size() - origin.size()) {
    std::memcpy(octets_.data(), name.wire().data(), size_);
    std::memset(&octets_[size_], 0, kPadding);
    for (std::size_t at = 0; at < size_; at += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, &octets_[at], sizeof word);
        word = fold_word(word);
        std::memcpy(&octets_[at], &word, sizeof word);
    }
    for (std::size_t at = 0; at < size_; at += octets_[at] + 1u)
        starts_[labels_++] = static_cast<std::uint8_t>(at);
    starts_[labels_] = static_cast<std::uint8_t>(size_);
    hashes_[0] = kSeed;
    for (unsigned depth = 1; depth <= labels_; ++depth)
        hashes_[depth] = extend(hashes_[depth - 1], &octets_[start(depth)]);
}

}  // namespace peerzone::zone
