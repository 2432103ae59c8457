// One shard: entries found by tag and key, kept in two queues, bounded in octets. Every function
// takes the shard's lock for a probe, a copy of one body or a bounded number of list steps; blocks
// are made before the lock is taken and freed after it was given back.
#pragma once

#include <mutex>

#include "cache/entry.hpp"
#include "cache/ghosts.hpp"
#include "cache/index.hpp"
#include "peerzone/cache/cache.hpp"

namespace peerzone::cache {

class alignas(64) Shard {
public:
    Shard() = default;
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    bool find(const Key& key, std::uint32_t tag, Moment now, MutableBytes out, Hit& hit) noexcept;
    bool find_last_known(const Key& key, std::uint32_t tag, Moment now, const Stale& stale,
                         MutableBytes out, Hit& hit) noexcept;
    bool peek(const Key& key, std::uint32_t tag, Moment now, MutableBytes out,
              Hit& hit) const noexcept;
    bool peek_last_known(const Key& key, std::uint32_t tag, Moment now, const Stale& stale,
                         MutableBytes out, Hit& hit) const noexcept;
    std::optional<Kept> examine(const Key& key, std::uint32_t tag, Moment now) const noexcept;
    Held holds(Key key, std::uint32_t tag, Moment now, Duration max_age) const noexcept;
    bool claim_refresh(const Key& key, std::uint32_t tag, Moment now) noexcept;
    void store(const Key& key, EntryPtr fresh, Moment now) noexcept;
    /// Decides how long this failure lives from the row it continues; returns that time in
    /// milliseconds.
    std::uint64_t store_failure(const Key& key, EntryPtr fresh, Moment now) noexcept;
    void erase(const Key& key, std::uint32_t tag) noexcept;
    /// One step of Cache::sweep, over about 256 entries from `progress.tag` on. Returns how many it
    /// looked at.
    std::size_t sweep(const Selection& selection, Sweep& progress) noexcept;
    void clear() noexcept;
    /// The bound on everything, this object included; evicts down to it.
    void set_limit(std::size_t limit_bytes) noexcept;
    void add_to(Stats& sum) const noexcept;

private:
    /// First in, first out: entries enter as the newest and are judged as the oldest.
    struct Queue {
        Entry* newest = nullptr;
        Entry* oldest = nullptr;
        std::size_t bytes = 0;
    };
    /// Entries taken out of everything; freed with this object, which outlives the lock.
    struct Removed {
        Entry* first = nullptr;
        Removed() = default;
        Removed(const Removed&) = delete;
        Removed& operator=(const Removed&) = delete;
        ~Removed();
        void add(Entry* entry) noexcept;
    };

    /// Whether an entry that is found counts as used.
    enum class Use : bool { none, counted };
    template <Use use>
    bool find_fresh(const Key& key, std::uint32_t tag, Moment now, MutableBytes out,
                    Hit& hit) const noexcept;
    template <Use use>
    bool find_any(const Key& key, std::uint32_t tag, Moment now, const Stale& stale,
                  MutableBytes out, Hit& hit) const noexcept;
    Entry* lookup(const Key& key, std::uint32_t tag, bool* others = nullptr) const noexcept;
    Queue& queue_of(const Entry& entry) noexcept { return entry.in_main ? main_ : probation_; }
    void enqueue(Entry* entry) noexcept;
    void unlink(Entry* entry) noexcept;
    void remove(Entry* entry, Removed& removed) noexcept;
    void put(EntryPtr fresh, Entry* old, Moment now, Removed& removed) noexcept;
    void take_place_of(Entry* old, Entry* fresh, Removed& removed) noexcept;

    std::size_t used_bytes() const noexcept {
        return sizeof(Shard) + probation_.bytes + main_.bytes + index_.cost() + ghosts_.cost();
    }
    bool evict_one(Moment now, std::size_t& chances, Removed& removed) noexcept;
    void make_room(std::size_t bytes, Moment now, Removed& removed) noexcept;
    void make_slot(std::size_t bytes, Moment now, Removed& removed) noexcept;
    void thin_out(std::uint32_t tag, Removed& removed) noexcept;
    void evict(Entry* entry, Removed& removed) noexcept;

    mutable std::mutex mutex_;
    Index index_;
    Ghosts ghosts_;
    Queue probation_;
    Queue main_;
    std::size_t limit_bytes_ = 0;
    Stats stats_;  // entries and bytes are not counted here but read off
};

}  // namespace peerzone::cache
