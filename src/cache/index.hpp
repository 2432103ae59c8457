// Where a shard's entries are: open addressing with slots of 8 octets, an entry's address and its
// tag (the top bits of its key's hash). The slots are kept in the order of their tags: an entry's
// home is tag × slots / 2^20, so a tag alone says where it belongs. So a search for something
// absent ends early, removal closes its gap at once (no tombstones), and growing moves slots
// without looking at a single entry. Not thread-safe; the shard's lock guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "cache/entry.hpp"

namespace peerzone::cache {

class Index {
public:
    std::size_t count() const noexcept { return count_; }
    std::size_t cost() const noexcept { return cost_of(slots_); }

    /// The entries of one tag: `for (i = first(tag); Entry* e = at(i, tag); ++i)`.
    std::size_t first(std::uint32_t tag) const noexcept;
    Entry* at(std::size_t slot, std::uint32_t tag) const noexcept;
    /// The entry in `slot` or in the first used one behind it, where `slot` is then; null at the
    /// end. Tags ascend.
    Entry* next(std::size_t& slot) const noexcept;

    /// False when it is full, or (rarely) when its end is.
    bool insert(std::uint32_t tag, Entry* entry) noexcept;
    void replace(std::uint32_t tag, const Entry* old, Entry* entry) noexcept;
    void erase(std::uint32_t tag, const Entry* entry) noexcept;
    void clear() noexcept;

    /// One more entry would fill it beyond 85 %, from where searches get longer.
    bool growth_due() const noexcept { return (count_ + 1) * 20 > slots_ * 17; }
    /// It takes no further entry (from 15 in 16 on).
    bool full() const noexcept { return (count_ + 1) * 16 > slots_ * 15; }
    /// What the next larger table costs, beside this one while both exist.
    std::size_t grown_cost() const noexcept { return cost_of(grown_slots()); }
    bool grow() noexcept { return rebuild(grown_slots()); }
    /// Gives memory back after many entries went.
    void shrink() noexcept;

private:
    static constexpr std::size_t kSlotsMin = 64;
    static constexpr std::size_t kTail =
        64;  // slots behind the last home, so that nothing wraps around

    static std::size_t cost_of(std::size_t slots) noexcept {
        return slots == 0 ? 0 : block_cost((slots + kTail + 1) * sizeof(std::uint64_t));
    }
    std::size_t grown_slots() const noexcept;
    std::size_t home(std::uint64_t tag) const noexcept { return tag * slots_ >> kTagBits; }
    std::size_t slot_of(std::uint32_t tag, const Entry* entry) const noexcept;
    bool rebuild(std::size_t slots) noexcept;

    struct Free {
        void operator()(std::uint64_t* table) const noexcept { std::free(table); }
    };
    std::unique_ptr<std::uint64_t[], Free>
        table_;  // slots, tail, and one slot that stays empty and ends every search
    std::size_t slots_ = 0;
    std::size_t count_ = 0;
};

}  // namespace peerzone::cache
