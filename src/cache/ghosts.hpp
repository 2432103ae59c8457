// What a shard remembers of entries that it evicted before they were asked for again: 16 bits each,
// in a table where newer ones overwrite older ones. A name that is asked for a second time while it
// is remembered goes straight to the main queue, so a working set that is larger than the probation
// queue gets in too, while names that come once still do not. The shard's lock guards it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cache/entry.hpp"

namespace peerzone::cache {

class Ghosts {
public:
    std::size_t cost() const noexcept { return count_ == 0 ? 0 : cost_for(count_); }
    /// What a table of `count` takes.
    static std::size_t cost_for(std::size_t count) noexcept {
        return block_cost(count * sizeof(std::uint16_t));
    }

    /// Forgets everything; the memory comes when it is first needed.
    void reset() noexcept {
        table_.reset();
        count_ = 0;
    }
    bool ready() const noexcept { return count_ != 0; }
    void make(std::size_t count) noexcept {
        table_.reset(static_cast<std::uint16_t*>(std::calloc(count, sizeof(std::uint16_t))));
        count_ = table_ ? count : 0;
    }

    void remember(Entry& entry) noexcept {
        if (count_ != 0) table_[slot_of(entry)] = mark_of(entry);
    }
    /// True when one with this key was remembered; it is not any more. Wrong for one in 65,000
    /// others.
    bool take(Entry& entry) noexcept {
        if (count_ == 0 || table_[slot_of(entry)] != mark_of(entry)) return false;
        table_[slot_of(entry)] = 0;
        return true;
    }

private:
    std::size_t slot_of(const Entry& entry) const noexcept {
        return entry.tag * count_ >> kTagBits;
    }
    /// Of what the slot does not say: the rest of the tag, the start of the name, the type. Never
    /// 0.
    static std::uint16_t mark_of(Entry& entry) noexcept {
        std::uint64_t x = 0;
        std::memcpy(&x, entry.name(), std::min<std::size_t>(sizeof(x), entry.name_size));
        x = (x ^ x >> 32 ^ entry.tag << 20 ^ entry.type) * 0x9e3779b97f4a7c15u;
        return static_cast<std::uint16_t>(x >> 48 | 1);
    }

    struct Free {
        void operator()(std::uint16_t* table) const noexcept { std::free(table); }
    };
    std::unique_ptr<std::uint16_t[], Free> table_;
    std::size_t count_ = 0;
};

}  // namespace peerzone::cache
