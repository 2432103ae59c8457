// How a table stays right while prefixes are added in any order: each range remembers the rank of
// the prefix that gave it its view, and a prefix takes over only what has a lower rank. A range is
// cut where a prefix begins and behind its end, so a prefix is always a run of whole ranges.
#include <algorithm>
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

template <class Number>
std::optional<ViewId> ClientTable::Ranges<Number>::find(Number address) const noexcept {
    if (starts.empty()) return std::nullopt;
    // The first range begins at 0. The loop halves without a branch to be guessed wrong.
    const Number* base = starts.data();
    for (std::size_t count = starts.size(); count > 1;) {
        const std::size_t half = count / 2;
        base += base[half] <= address ? half : 0;
        count -= half;
    }
    const Value& value = values[static_cast<std::size_t>(base - starts.data())];
    if (value.rank == 0) return std::nullopt;
    return value.view;
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

}  // namespace peerzone::view
