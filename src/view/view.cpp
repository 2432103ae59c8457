#include "peerzone/view/view.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace peerzone::view {

std::vector<IpPrefix> default_clients() {
    std::vector<IpPrefix> prefixes;
    for (const char* text : {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                             "100.64.0.0/10", "169.254.0.0/16", "::1", "fc00::/7", "fe80::/10"})
        prefixes.push_back(IpPrefix::parse(text).value());
    return prefixes;
}

namespace {

constexpr std::uint64_t kRootHash = 0x9e3779b97f4a7c15;

// Up to 8 octets of a label as one number. Those of a longer word overlap: no octet is left out.
template <class Word>
std::uint64_t load(const std::uint8_t* at) noexcept {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// The hash of a suffix with one more label in front: folding a name's labels in from the root
// hashes all its suffixes in one pass.
std::uint64_t with_label(std::uint64_t hash, Bytes label) noexcept {
    constexpr std::uint64_t kPrime = 0xa0761d6478bd642f;
    const std::uint8_t* const first = label.data();
    const std::size_t size = label.size();
    const std::uint8_t* const last = first + size;
    hash ^= static_cast<std::uint64_t>(size) << 58;
    std::uint64_t word = 0;
    if (size >= 8) {
        for (const std::uint8_t* at = first; at + 8 < last; at += 8)
            hash = (hash ^ load<std::uint64_t>(at)) * kPrime ^ hash >> 29;
        word = load<std::uint64_t>(last - 8);
    } else if (size >= 4) {
        word = load<std::uint32_t>(first) << 32 | load<std::uint32_t>(last - 4);
    } else {  // one to three: the first, the middle and the last one
        word = std::uint64_t{first[0]} << 16 | std::uint64_t{first[size / 2]} << 8 | last[-1];
    }
    hash = (hash ^ word) * kPrime;
    return hash ^ hash >> 32;
}

// Where each label of `name` begins; returns how many there are.
std::size_t find_labels(Bytes name, std::array<std::uint8_t, dns::kLabelsMax>& starts) noexcept {
    std::size_t count = 0;
    for (std::size_t at = 0; name[at] != 0; at += name[at] + 1u)
        starts[count++] = static_cast<std::uint8_t>(at);
    return count;
}

Bytes label_at(Bytes name, std::size_t start) noexcept {
    return name.subspan(start + 1, name[start]);
}

std::uint64_t hash_of(const dns::Name& suffix) noexcept {
    std::array<std::uint8_t, dns::kLabelsMax> starts;  // filled up to the count
    std::uint64_t hash = kRootHash;
    for (std::size_t i = find_labels(suffix.wire(), starts); i-- > 0;)
        hash = with_label(hash, label_at(suffix.wire(), starts[i]));
    return hash;
}

}  // namespace

const Route* RouteTable::probe(std::uint64_t hash, Bytes suffix) const noexcept {
    for (std::size_t at = hash & (slots_.size() - 1); slots_[at].route != kNone;
         at = (at + 1) & (slots_.size() - 1)) {
        if (slots_[at].hash != hash) continue;
        const std::uint32_t route = slots_[at].route;
        if (std::ranges::equal(folded_[route].wire(), suffix)) return &routes_[route];
    }
    return nullptr;
}

void RouteTable::insert(std::uint64_t hash, std::uint32_t route) noexcept {
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].route != kNone) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {hash, route};
}

void RouteTable::add(const Route& route) {
    if (const Route* there = find_exact(route.suffix)) {
        routes_[static_cast<std::size_t>(there - routes_.data())] = route;
        return;
    }
    routes_.push_back(route);
    folded_.push_back(route.suffix.folded());
    const std::size_t labels = route.suffix.label_count();
    at_depth_.set(labels);
    deepest_ = std::max(deepest_, labels);
    std::size_t first = routes_.size() - 1;
    if (const std::size_t wanted = std::bit_ceil(2 * routes_.size()); slots_.size() != wanted) {
        slots_.assign(wanted, {});
        first = 0;
    }
    for (std::size_t i = first; i < routes_.size(); ++i)
        insert(hash_of(folded_[i]), static_cast<std::uint32_t>(i));
}

// From the root towards the whole name, no further than any route goes: the last suffix that has a
// route is the longest.
const Route* RouteTable::find(Bytes name) const noexcept {
    std::array<std::uint8_t, dns::kLabelsMax> starts;  // filled up to `labels`
    const std::size_t labels = find_labels(name, starts);
    const Route* found = nullptr;
    std::uint64_t hash = kRootHash;
    for (std::size_t depth = 0; depth <= deepest_ && depth <= labels; ++depth) {
        const std::size_t start = depth == 0 ? name.size() - 1 : starts[labels - depth];
        if (depth != 0) hash = with_label(hash, label_at(name, start));
        if (!at_depth_[depth]) continue;
        if (const Route* route = probe(hash, name.subspan(start))) found = route;
    }
    return found;
}

const Route* RouteTable::find_exact(const dns::Name& suffix) const noexcept {
    const dns::Name folded = suffix.folded();
    return slots_.empty() ? nullptr : probe(hash_of(folded), folded.wire());
}

}  // namespace peerzone::view
