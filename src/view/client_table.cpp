// How a table stays right while prefixes are added in any order: each range remembers the rank of
// the prefix that gave it its view, and a prefix takes over only what has a lower rank. A range is
// cut where a prefix begins and behind its end, so a prefix is always a run of whole ranges.
#include <algorithm>
#include <bit>
#include <limits>

#include "peerzone/base/bytes.hpp"
#include "peerzone/view/view.hpp"

namespace peerzone::view {
namespace {

// Above every prefix of the views that a listening address shares with the others.
constexpr std::uint16_t kOwnRank = 256;

std::uint16_t rank_of(const IpPrefix& prefix) noexcept {
    return static_cast<std::uint16_t>(prefix.length + 1);
}

// The highest address below a prefix: the bits behind its length set.
template <class Number>
Number last_of(Number first, unsigned length) noexcept {
    constexpr unsigned kBits = sizeof(Number) * 8;
    const Number all = static_cast<Number>(~Number{0});
    return length >= kBits ? first : static_cast<Number>(first | all >> length);
}

// How many bits in front are equal.
unsigned common_bits(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<unsigned>(std::countl_zero(a ^ b));
}
template <class Wide>
unsigned common_bits(Wide a, Wide b) noexcept {
    const auto high = static_cast<std::uint64_t>((a ^ b) >> 64);
    const auto low = static_cast<std::uint64_t>(a ^ b);
    return static_cast<unsigned>(high != 0 ? std::countl_zero(high) : 64 + std::countl_zero(low));
}

}  // namespace

template <class Number>
std::size_t ClientTable::Ranges<Number>::cut(Number at) {
    const auto found = std::ranges::lower_bound(starts, at);
    const auto index = static_cast<std::size_t>(found - starts.begin());
    if (found != starts.end() && *found == at) return index;
    starts.insert(found, at);
    values.insert(values.begin() + static_cast<std::ptrdiff_t>(index),
                  index == 0 ? Value{} : values[index - 1]);
    return index;
}

template <class Number>
void ClientTable::Ranges<Number>::add(Number first, Number last, Value value) {
    if (starts.empty()) cut(0);
    const std::size_t begin = cut(first);
    const Number behind = static_cast<Number>(last + 1);  // 0: there is nothing behind
    const std::size_t end = behind == 0 ? starts.size() : cut(behind);
    for (std::size_t i = begin; i < end; ++i)
        if (values[i].rank < value.rank) values[i] = value;
}

// Which range has the address; not of an empty table.
template <class Number>
std::size_t ClientTable::Ranges<Number>::index_of(Number address) const noexcept {
    // The first range begins at 0. The loop halves without a branch to be guessed wrong.
    const Number* base = starts.data();
    for (std::size_t count = starts.size(); count > 1;) {
        const std::size_t half = count / 2;
        base += base[half] <= address ? half : 0;
        count -= half;
    }
    return static_cast<std::size_t>(base - starts.data());
}

template <class Number>
std::optional<ViewId> ClientTable::Ranges<Number>::find(Number address) const noexcept {
    if (starts.empty()) return std::nullopt;
    const Value& value = values[index_of(address)];
    if (value.rank == 0) return std::nullopt;
    return value.view;
}

// A prefix around the address lies in its range when the next addresses outside, before and behind
// it, differ from this one within the prefix.
template <class Number>
ClientTable::Match ClientTable::Ranges<Number>::find_with_scope(Number address) const noexcept {
    if (starts.empty()) return {};
    const std::size_t index = index_of(address);
    Match match;
    if (values[index].rank != 0) match.view = values[index].view;
    unsigned length = 0;
    if (index != 0) length = common_bits(address, static_cast<Number>(starts[index] - 1)) + 1;
    if (index + 1 < starts.size())
        length = std::max(length, common_bits(address, starts[index + 1]) + 1);
    match.scope_length = static_cast<std::uint8_t>(length);
    return match;
}

namespace {

template <class Wide>
Wide wide_of(const IpAddress& address) noexcept {
    Wide value = 0;
    for (std::size_t at = 0; at < 16; at += 4) value = value << 32 | load_u32(&address.bytes()[at]);
    return value;
}

}  // namespace

void ClientTable::Table::add(const IpPrefix& prefix, ViewId view, std::uint16_t rank) {
    if (prefix.is_v4()) {
        const std::uint32_t first = prefix.address.v4_value();
        v4.add(first, last_of(first, prefix.family_length()), {view, rank});
    } else {
        const Wide first = wide_of<Wide>(prefix.address);
        v6.add(first, last_of(first, prefix.length), {view, rank});
    }
}

void ClientTable::add(ListenerId listener, const IpPrefix& prefix, ViewId view) {
    const std::uint16_t rank = rank_of(prefix);
    if (listener == 0) {
        for (Table& table : tables_) table.add(prefix, view, rank);
        return;
    }
    if (listener >= tables_.size()) {
        // A listening address begins with what all share.
        std::vector<Table> tables(listener + std::size_t{1}, tables_.front());
        std::ranges::move(tables_, tables.begin());
        tables_ = std::move(tables);
    }
    tables_[listener].add(prefix, view, static_cast<std::uint16_t>(rank + kOwnRank));
}

std::optional<ViewId> ClientTable::find(ListenerId listener,
                                        const IpAddress& client) const noexcept {
    const Table& table = tables_[listener < tables_.size() ? listener : 0];
    return client.is_v4() ? table.v4.find(client.v4_value()) : table.v6.find(wide_of<Wide>(client));
}

ClientTable::Match ClientTable::find_with_scope(ListenerId listener,
                                                const IpAddress& client) const noexcept {
    const Table& table = tables_[listener < tables_.size() ? listener : 0];
    constexpr unsigned kV4Front = 96;
    if (client.is_v4()) {
        Match match = table.v4.find_with_scope(client.v4_value());
        match.scope_length = static_cast<std::uint8_t>(match.scope_length + kV4Front);
        return match;
    }
    // IPv4 in its mapped form is a hole in IPv6, for it is looked up elsewhere.
    const Wide address = wide_of<Wide>(client);
    Match match = table.v6.find_with_scope(address);
    const unsigned before_v4 = common_bits(address, wide_of<Wide>(IpAddress::v4(0))) + 1;
    match.scope_length =
        static_cast<std::uint8_t>(std::max<unsigned>(match.scope_length, before_v4));
    return match;
}

}  // namespace peerzone::view
