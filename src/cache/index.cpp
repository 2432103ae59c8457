// Invariants. (1) An empty slot is 0. (2) Between the home of an entry and its slot no slot is
// empty. (3) Within a run of used slots tags do not descend. (4) The last slot of the table is
// empty.
#include "cache/index.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace peerzone::cache {
namespace {

constexpr std::uint64_t make_slot(std::uint64_t tag, std::uint64_t address) noexcept {
    return tag << kAddressBits | address;
}
constexpr std::uint64_t tag_of(std::uint64_t slot) noexcept {
    return slot >> kAddressBits;
}

}  // namespace

std::size_t Index::first(std::uint32_t tag) const noexcept {
    if (slots_ == 0) return 0;
    std::size_t i = home(tag);
    while (table_[i] != 0 && tag_of(table_[i]) < tag) ++i;
    return i;
}

Entry* Index::at(std::size_t slot, std::uint32_t tag) const noexcept {
    if (slots_ == 0 || table_[slot] == 0 || tag_of(table_[slot]) != tag) return nullptr;
    return unpack_address<Entry>(table_[slot] & kAddressMask);
}

Entry* Index::next(std::size_t& slot) const noexcept {
    if (slots_ == 0) return nullptr;
    while (slot < slots_ + kTail && table_[slot] == 0) ++slot;
    return slot < slots_ + kTail ? unpack_address<Entry>(table_[slot] & kAddressMask) : nullptr;
}

bool Index::insert(std::uint32_t tag, Entry* entry) noexcept {
    if (full()) return false;
    std::size_t i = home(tag);
    while (table_[i] != 0 && tag_of(table_[i]) <= tag) ++i;
    std::size_t end = i;
    while (table_[end] != 0) ++end;
    if (end == slots_ + kTail) return false;
    std::memmove(&table_[i + 1], &table_[i], (end - i) * sizeof(std::uint64_t));
    table_[i] = make_slot(tag, pack_address(entry));
    ++count_;
    return true;
}

std::size_t Index::slot_of(std::uint32_t tag, const Entry* entry) const noexcept {
    std::size_t i = first(tag);
    while (at(i, tag) != entry) ++i;
    return i;
}

void Index::replace(std::uint32_t tag, const Entry* old, Entry* entry) noexcept {
    table_[slot_of(tag, old)] = make_slot(tag, pack_address(entry));
}

void Index::erase(std::uint32_t tag, const Entry* entry) noexcept {
    const std::size_t i = slot_of(tag, entry);
    std::size_t end = i + 1;  // the first slot that must not move: empty, or at home
    while (table_[end] != 0 && home(tag_of(table_[end])) < end) ++end;
    std::memmove(&table_[i], &table_[i + 1], (end - i - 1) * sizeof(std::uint64_t));
    table_[end - 1] = 0;
    --count_;
}

void Index::clear() noexcept {
    table_.reset();
    slots_ = 0;
    count_ = 0;
}

std::size_t Index::grown_slots() const noexcept {
    // Small tables double; where the memory counts, a fifth more keeps the load between 71 % and 85
    // %.
    return std::max(kSlotsMin, slots_ < 512 ? slots_ * 2 : slots_ + slots_ / 5);
}

void Index::shrink() noexcept {
    const std::size_t wanted = std::max(kSlotsMin, count_ + count_ / 3);
    if (count_ == 0) {
        clear();
    } else if (wanted + wanted / 5 < slots_) {
        rebuild(wanted);
    }
}

bool Index::rebuild(std::size_t slots) noexcept {
    const std::size_t size = slots + kTail + 1;
    auto* table = static_cast<std::uint64_t*>(std::calloc(size, sizeof(std::uint64_t)));
    if (table == nullptr) return false;
    std::unique_ptr<std::uint64_t[], Free> old(table);
    old.swap(table_);
    const std::size_t old_slots = std::exchange(slots_, slots);
    std::size_t next = 0;
    for (std::size_t i = 0; old_slots != 0 && i < old_slots + kTail; ++i) {
        if (old[i] == 0) continue;
        next = std::max(next, home(tag_of(old[i])));
        if (next >=
            slots + kTail) {  // the tail is too short for this crowd of tags: stay as it was
            old.swap(table_);
            slots_ = old_slots;
            return false;
        }
        table_[next++] = old[i];
    }
    return true;
}

}  // namespace peerzone::cache
