#include "cache/shard.hpp"

#include <algorithm>
#include <utility>

namespace peerzone::cache {
namespace {

// Entries one store lets pass (promoted, or once more around) before it must evict.
constexpr std::size_t kChancesPerStore = 128;
// Entries of one tag, so that a probe is bounded whatever names clients choose.
constexpr std::size_t kSameTagMax = 16;
// One ghost for about every two entries.
constexpr std::size_t kBytesPerGhost = 256;
// Entries that a sweep looks at under one hold of the lock.
constexpr std::size_t kSweepStep = 256;
// After this long without a failure the next one is a first one.
constexpr std::uint64_t kRowGapMs = 10'000;
// RFC 9520 3.2 allows 5 minutes; a peer that is back should be asked soon.
constexpr std::uint64_t kFailureMaxMs = 5'000;

/// 1 s, 2 s, 4 s, 5 s, 5 s …
std::uint32_t failure_lifetime(std::uint32_t row) noexcept {
    const std::uint64_t doubled = std::uint64_t{1000} << std::min(row - 1, 10u);
    return static_cast<std::uint32_t>(std::min(doubled, kFailureMaxMs));
}

std::uint64_t milliseconds(Duration duration) noexcept {
    const auto count = std::chrono::floor<Millis>(duration).count();
    return static_cast<std::uint64_t>(std::max<Millis::rep>(count, 0));
}

}  // namespace

Shard::Removed::~Removed() {
    while (first != nullptr) std::free(std::exchange(first, first->newer));
}

void Shard::Removed::add(Entry* entry) noexcept {
    entry->newer = first;
    first = entry;
}

Shard::~Shard() {
    clear();
}

// `others` is set when entries that do not match have this tag.
Entry* Shard::lookup(const Key& key, std::uint32_t tag, bool* others) const noexcept {
    std::size_t slot = index_.first(tag);
    while (Entry* entry = index_.at(slot, tag)) {
        if (entry->matches(key)) return entry;
        if (others != nullptr) *others = true;
        ++slot;
    }
    return nullptr;
}

template <Shard::Use use>
inline bool Shard::find_fresh(const Key& key, std::uint32_t tag, Moment now, MutableBytes out,
                              Hit& hit) const noexcept {
    const std::lock_guard lock(mutex_);
    hit.other_kinds_possible = hit.expired = false;
    Entry* entry = lookup(key, tag, &hit.other_kinds_possible);
    if (entry == nullptr) return false;
    if (entry->expired(now)) {
        // It was asked for again all the same, which is what the queues want to know of a record
        // with a short TTL.
        if (use == Use::counted && entry->frequency == 0) entry->frequency = 1;
        hit.other_kinds_possible = hit.expired = true;
        return false;
    }
    entry->copy_to(now, out, hit);
    if constexpr (use == Use::counted) entry->count_use();
    return true;
}

template <Shard::Use use>
inline bool Shard::find_any(const Key& key, std::uint32_t tag, Moment now, const Stale& stale,
                            MutableBytes out, Hit& hit) const noexcept {
    const std::uint64_t max_age_ms = milliseconds(stale.max_age);
    const std::lock_guard lock(mutex_);
    hit.stale = false;
    Entry* entry = lookup(key, tag);
    if (entry == nullptr) return false;
    if (!entry->expired(now)) {
        entry->copy_to(now, out, hit);
    } else if (entry->usable(now, max_age_ms)) {
        const Seconds ttl = entry->is_negative() ? stale.negative_ttl : stale.answer_ttl;
        entry->copy_stale_to(now, static_cast<std::uint32_t>(ttl.count()), out, hit);
        if constexpr (use == Use::counted) entry->used_expired = 1;
    } else {
        return false;
    }
    if constexpr (use == Use::counted) entry->count_use();
    return true;
}

bool Shard::find(const Key& key, std::uint32_t tag, Moment now, MutableBytes out,
                 Hit& hit) noexcept {
    return find_fresh<Use::counted>(key, tag, now, out, hit);
}

bool Shard::find_last_known(const Key& key, std::uint32_t tag, Moment now, const Stale& stale,
                            MutableBytes out, Hit& hit) noexcept {
    return find_any<Use::counted>(key, tag, now, stale, out, hit);
}

bool Shard::peek(const Key& key, std::uint32_t tag, Moment now, MutableBytes out,
                 Hit& hit) const noexcept {
    return find_fresh<Use::none>(key, tag, now, out, hit);
}

bool Shard::peek_last_known(const Key& key, std::uint32_t tag, Moment now, const Stale& stale,
                            MutableBytes out, Hit& hit) const noexcept {
    return find_any<Use::none>(key, tag, now, stale, out, hit);
}

std::optional<Kept> Shard::examine(const Key& key, std::uint32_t tag, Moment now) const noexcept {
    const std::lock_guard lock(mutex_);
    const Entry* entry = lookup(key, tag);
    if (entry == nullptr) return std::nullopt;
    return Kept{.rcode = static_cast<dns::Rcode>(entry->rcode),
                .answers = entry->answers,
                .age = Millis(entry->age_ms(now)),
                .lifetime = Millis(entry->lifetime_ms),
                .uses = entry->uses};
}

Held Shard::holds(Key key, std::uint32_t tag, Moment now, Duration max_age) const noexcept {
    Held best = Held::nothing;
    const std::lock_guard lock(mutex_);
    for (const Kind kind : {Kind::answer, Kind::chain}) {
        key.kind = kind;
        const Entry* entry = lookup(key, tag);
        if (entry == nullptr || entry->is_negative()) continue;
        if (!entry->expired(now)) return Held::fresh;
        if (entry->usable(now, milliseconds(max_age))) best = Held::last_known;
    }
    return best;
}

bool Shard::claim_refresh(const Key& key, std::uint32_t tag, Moment now) noexcept {
    const std::lock_guard lock(mutex_);
    Entry* entry = lookup(key, tag);
    if (entry == nullptr || entry->expired(now) || entry->refresh_claimed) return false;
    entry->refresh_claimed = 1;
    return true;
}

void Shard::enqueue(Entry* entry) noexcept {
    Queue& queue = queue_of(*entry);
    entry->newer = nullptr;
    entry->set_older(queue.newest);
    (queue.newest != nullptr ? queue.newest->newer : queue.oldest) = entry;
    queue.newest = entry;
    queue.bytes += entry->cost();
}

void Shard::unlink(Entry* entry) noexcept {
    Queue& queue = queue_of(*entry);
    Entry* older = entry->older();
    (older != nullptr ? older->newer : queue.oldest) = entry->newer;
    if (entry->newer != nullptr) {
        entry->newer->set_older(older);
    } else {
        queue.newest = older;
    }
    queue.bytes -= entry->cost();
}

void Shard::remove(Entry* entry, Removed& removed) noexcept {
    index_.erase(static_cast<std::uint32_t>(entry->tag), entry);
    unlink(entry);
    removed.add(entry);
}

void Shard::take_place_of(Entry* old, Entry* fresh, Removed& removed) noexcept {
    Queue& queue = queue_of(*old);
    fresh->in_main = old->in_main;
    fresh->frequency = old->frequency;
    fresh->newer = old->newer;
    fresh->older_packed = old->older_packed;
    if (fresh->newer != nullptr) {
        fresh->newer->set_older(fresh);
    } else {
        queue.newest = fresh;
    }
    Entry* older = fresh->older();
    (older != nullptr ? older->newer : queue.oldest) = fresh;
    queue.bytes += fresh->cost();
    queue.bytes -= old->cost();
    index_.replace(static_cast<std::uint32_t>(old->tag), old, fresh);
    removed.add(old);
}

void Shard::evict(Entry* entry, Removed& removed) noexcept {
    ++(entry->in_main ? stats_.evicted_main : stats_.evicted_probation);
    remove(entry, removed);
}

bool Shard::evict_one(Moment now, std::size_t& chances, Removed& removed) noexcept {
    const bool probation = main_.oldest == nullptr ||
                           (probation_.oldest != nullptr && probation_.bytes > limit_bytes_ / 10);
    Entry* entry = probation ? probation_.oldest : main_.oldest;
    if (entry == nullptr) return false;
    const bool is_of_use = !entry->expired(now) || entry->used_expired;
    const bool stays = entry->frequency != 0 && is_of_use && !entry->is_failure();
    if (stays && chances != 0) {
        --chances;
        unlink(entry);
        entry->used_expired = 0;
        entry->frequency = probation ? 0 : (entry->frequency - 1u) & 3;
        entry->in_main = 1;
        enqueue(entry);
        return true;
    }
    if (probation && !entry->expired(now) && !entry->is_failure()) {
        if (!ghosts_.ready()) ghosts_.make(limit_bytes_ / kBytesPerGhost);
        ghosts_.remember(*entry);
    }
    evict(entry, removed);
    return true;
}

void Shard::make_room(std::size_t bytes, Moment now, Removed& removed) noexcept {
    std::size_t chances = kChancesPerStore;
    while (used_bytes() + bytes > limit_bytes_)
        if (!evict_one(now, chances, removed)) return;
}

void Shard::make_slot(std::size_t bytes, Moment now, Removed& removed) noexcept {
    // Growing needs room for both tables. Where there is none, this one fills up further; when it
    // is full, one goes for each that comes.
    std::size_t chances = kChancesPerStore;
    if (index_.growth_due() && used_bytes() + bytes + index_.grown_cost() <= limit_bytes_)
        index_.grow();
    while (index_.full() || used_bytes() + bytes > limit_bytes_)
        if (!evict_one(now, chances, removed)) return;
}

void Shard::thin_out(std::uint32_t tag, Removed& removed) noexcept {
    std::size_t count = 0;
    Entry* least = nullptr;
    const auto rank = [](const Entry& entry) { return entry.in_main * 4 + entry.frequency; };
    for (std::size_t slot = index_.first(tag); Entry* entry = index_.at(slot, tag); ++slot) {
        ++count;
        if (least == nullptr || rank(*entry) < rank(*least)) least = entry;
    }
    if (count >= kSameTagMax) evict(least, removed);
}

void Shard::put(EntryPtr fresh, Entry* old, Moment now, Removed& removed) noexcept {
    const auto tag = static_cast<std::uint32_t>(fresh->tag);
    const std::size_t cost = fresh->cost();
    if (cost > limit_bytes_ / 16) {
        ++stats_.refused_too_large;
        if (old != nullptr) remove(old, removed);  // what it would have replaced is no longer true
        return;
    }
    ++stats_.stored;
    if (old != nullptr) {
        take_place_of(old, fresh.release(), removed);
        make_room(0, now, removed);
        return;
    }
    thin_out(tag, removed);
    make_room(cost, now, removed);
    make_slot(cost, now, removed);
    if (!index_.insert(tag, fresh.get())) {
        ++stats_.evicted_probation;
        return;
    }
    fresh->in_main = !fresh->is_failure() && ghosts_.take(*fresh);
    enqueue(fresh.release());
}

void Shard::store(const Key& key, EntryPtr fresh, Moment now) noexcept {
    Removed removed;
    const std::lock_guard lock(mutex_);
    const auto tag = static_cast<std::uint32_t>(fresh->tag);
    bool others = false;
    Entry* old = lookup(key, tag, &others);
    put(std::move(fresh), old, now, removed);
    if (key.kind != Kind::answer || !(others || old != nullptr)) return;
    Key failure = key;
    failure.kind = Kind::failure;
    if (Entry* entry = lookup(failure, tag)) remove(entry, removed);
}

std::uint64_t Shard::store_failure(const Key& key, EntryPtr fresh, Moment now) noexcept {
    Removed removed;
    const std::lock_guard lock(mutex_);
    Entry* old = lookup(key, static_cast<std::uint32_t>(fresh->tag));
    std::uint32_t row = 1;
    if (old != nullptr) {
        if (!old->expired(now)) return old->lifetime_ms - old->age_ms(now);
        if (old->age_ms(now) <= old->lifetime_ms + kRowGapMs)
            row = std::min(old->uses + 1u, 0xffffu);
    }
    fresh->uses = static_cast<std::uint16_t>(row);
    fresh->lifetime_ms = failure_lifetime(row);
    const std::uint64_t lifetime_ms = fresh->lifetime_ms;
    put(std::move(fresh), old, now, removed);
    return lifetime_ms;
}

void Shard::erase(const Key& key, std::uint32_t tag) noexcept {
    Removed removed;
    const std::lock_guard lock(mutex_);
    if (Entry* entry = lookup(key, tag)) remove(entry, removed);
}

std::size_t Shard::sweep(const Selection& selection, Sweep& progress) noexcept {
    Removed removed;
    const std::lock_guard lock(mutex_);
    std::size_t looked = 0;
    std::size_t slot = index_.first(progress.tag);
    progress.tag = 1u << kTagBits;
    while (Entry* entry = index_.next(slot)) {
        // An entry keeps its tag whatever becomes of the table in between: the next step begins
        // there. Of one tag there are at most 16.
        const auto tag = static_cast<std::uint32_t>(entry->tag);
        if (looked >= kSweepStep && index_.first(tag) == slot) {
            progress.tag = tag;
            break;
        }
        ++looked;
        if (!entry->is_selected(selection)) {
            ++slot;
            continue;
        }
        ++progress.dropped;
        remove(entry, removed);  // what stood behind it may have moved to its slot
    }
    return looked;
}

void Shard::clear() noexcept {
    Removed probation;
    Removed main;
    const std::lock_guard lock(mutex_);
    probation.first = std::exchange(probation_, {}).oldest;
    main.first = std::exchange(main_, {}).oldest;
    index_.clear();
    ghosts_.reset();
}

void Shard::set_limit(std::size_t limit_bytes) noexcept {
    Removed removed;
    const std::lock_guard lock(mutex_);
    if (limit_bytes != limit_bytes_) ghosts_.reset();
    limit_bytes_ = limit_bytes;
    std::size_t chances = 4 * index_.count();
    const Moment now = 0;  // the time is not known here, so nothing counts as expired
    // The index is fitted to what is left; until then an eighth is set aside for it.
    const std::size_t entries_max = (limit_bytes_ - std::min(limit_bytes_, sizeof(Shard))) / 8 * 7;
    while (used_bytes() > limit_bytes_ && probation_.bytes + main_.bytes > entries_max)
        if (!evict_one(now, chances, removed)) break;
    index_.shrink();
    while (used_bytes() > limit_bytes_)
        if (!evict_one(now, chances, removed)) break;
}

void Shard::add_to(Stats& sum) const noexcept {
    const std::lock_guard lock(mutex_);
    sum.entries += index_.count();
    sum.bytes += used_bytes();
    sum.stored += stats_.stored;
    sum.evicted_probation += stats_.evicted_probation;
    sum.evicted_main += stats_.evicted_main;
    sum.refused_too_large += stats_.refused_too_large;
}

}  // namespace peerzone::cache
