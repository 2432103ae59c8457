// A name as a zone sees it: folded, relative to the origin, with the hash of every ancestor down
// from the origin.
#pragma once

#include <array>
#include <cstdint>

#include "peerzone/base/bytes.hpp"
#include "peerzone/dns/name.hpp"

namespace peerzone::zone {

/// Depth counts labels below the origin: 0 is the origin itself, depth() the whole name.
class Path {
public:
    /// `name` is `origin` or below it.
    Path(const dns::Name& name, const dns::Name& origin) noexcept;

    unsigned depth() const noexcept { return labels_; }
    /// The last `depth` labels above the origin, folded, without the origin.
    Bytes relative(unsigned depth) const noexcept {
        return {octets_.data() + start(depth), size_ - start(depth)};
    }
    std::uint64_t hash(unsigned depth) const noexcept { return hashes_[depth]; }
    /// Where the ancestor of that depth begins within the name's wire form.
    std::size_t start(unsigned depth) const noexcept { return starts_[labels_ - depth]; }

private:
    static constexpr std::size_t kLabelsMax = 128;
    static constexpr std::size_t kPadding = 8;  // hashing reads whole words
    unsigned labels_ = 0;
    std::size_t size_;
    std::array<std::uint8_t, kLabelsMax> starts_;
    std::array<std::uint64_t, kLabelsMax> hashes_;
    std::array<std::uint8_t, dns::kNameMax + kPadding> octets_;
};

}  // namespace peerzone::zone
