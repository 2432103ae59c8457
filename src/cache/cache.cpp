// How the cache keeps its promises.
//
// A key's hash, mixed with a secret of this process, picks the shard (low bits) and the tag (top
// bits) under which the shard's index knows the entry. Nothing is shared between shards; a thread
// holds one lock at a time, and none while it makes or frees the block of an entry. Only a shard's
// tables (index, ghosts) are made and freed under its lock.
//
// Invariants of a shard, whenever its lock is free:
//  1. Every entry is in the index once, under its tag, and in exactly one queue: `in_main` says
//     which. No two entries have equal keys.
//  2. Octets of all entries as the allocator rounds them, of the index, the ghosts and the shard
//     itself are at most its part of cache.size; a growing index reserves room for the old table
//     and the new one. On top of cache.size comes only the one block that each storing thread has
//     made and not yet handed over.
//  3. A new entry enters the probation queue. When it comes out at the old end it moves to main if
//     it was asked for since (frequency above 0), else it goes. An entry at the old end of main
//     that was asked for goes round again with its frequency lowered by one. The main queue is
//     judged only while probation holds no more than a tenth: that tenth is all that a flood of
//     names that come once can turn over (S3-FIFO, SOSP 2023).
//  4. Failures get no second chance and are never in main. Nor do expired entries, but for those
//     that clients were answered with since they were judged last: while a peer is away, a flood of
//     names must not push out what is known of it. An expired entry stays until it comes out or is
//     replaced: it is what was known last, a row of failures is counted by it, and a replacement
//     takes over its position in the queue and its frequency.
//  5. At most 16 entries have one tag, and one store lets at most 128 entries pass, so the time
//     under the lock is bounded whatever names are chosen.
#include "peerzone/cache/cache.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <random>

#include "cache/entry.hpp"
#include "cache/shard.hpp"

namespace peerzone::cache {
namespace {

constexpr std::size_t kShardMin = 256u << 10;
constexpr std::size_t kShardMax = 16u << 20;
constexpr std::size_t kShardsUsual = 64;
constexpr std::size_t kShardsMax = 1024;
constexpr std::size_t kFailureTextMax = 200;

/// 64 shards, fewer when one would be below 256 KiB, more when one would be above 16 MiB.
std::size_t shards_for(std::size_t size_bytes) noexcept {
    const std::size_t fit = std::bit_floor(std::max(size_bytes / kShardMin, std::size_t{1}));
    const std::size_t needed = std::bit_ceil(std::max(size_bytes / kShardMax, std::size_t{1}));
    return std::min({fit, std::max(needed, kShardsUsual), kShardsMax});
}

std::uint64_t mix(std::uint64_t x) noexcept {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

std::uint64_t random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

/// `text` without what is beyond 200 octets, and without half a UTF-8 character at its end.
std::string_view shortened(std::string_view text) noexcept {
    if (text.size() <= kFailureTextMax) return text;
    std::size_t size = kFailureTextMax;
    while (size != 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    return text.substr(0, size);
}

Key failure_key(const Key& key) noexcept {
    Key result = key;
    result.kind = Kind::failure;
    return result;
}

}  // namespace

Cache::Cache(const Options& options)
    : shard_count_(shards_for(options.size_bytes)),
      seed_(random_seed()),
      max_ttl_(0),
      negative_max_ttl_(0) {
    shards_ = std::make_unique<Shard[]>(shard_count_);
    configure(options);
}

Cache::~Cache() = default;

void Cache::configure(const Options& options) {
    max_ttl_.store(options.max_ttl.count(), std::memory_order_relaxed);
    negative_max_ttl_.store(options.negative_max_ttl.count(), std::memory_order_relaxed);
    const std::size_t limit = std::max(options.size_bytes, kShardMin) / shard_count_;
    for (std::size_t i = 0; i < shard_count_; ++i) shards_[i].set_limit(limit);
}

Cache::Place Cache::place_of(const Key& key) const noexcept {
    // The kinds that go by name and type share a place, so that a probe for one tells of all.
    const std::uint64_t rest = std::uint64_t{key.type} | std::uint64_t{key.scope} << 16 |
                               std::uint64_t{key.kind == Kind::nxdomain} << 48 |
                               std::uint64_t{key.dnssec_ok} << 49 |
                               std::uint64_t{key.checking_disabled} << 50;
    const std::uint64_t hash = mix((key.name_hash ^ seed_) + rest * 0x9e3779b97f4a7c15u);
    return {shards_[hash & (shard_count_ - 1)],
            static_cast<std::uint32_t>(hash >> (64 - kTagBits))};
}

bool Cache::find(const Key& key, Time now, MutableBytes out, Hit& hit) noexcept {
    const Place place = place_of(key);
    return place.shard.find(key, place.tag, moment_of(now), out, hit);
}

bool Cache::find_last_known(const Key& key, Time now, const Stale& stale, MutableBytes out,
                            Hit& hit) noexcept {
    const Place place = place_of(key);
    return place.shard.find_last_known(key, place.tag, moment_of(now), stale, out, hit);
}

bool Cache::peek(const Key& key, Time now, MutableBytes out, Hit& hit) const noexcept {
    const Place place = place_of(key);
    return place.shard.peek(key, place.tag, moment_of(now), out, hit);
}

bool Cache::peek_last_known(const Key& key, Time now, const Stale& stale, MutableBytes out,
                            Hit& hit) const noexcept {
    const Place place = place_of(key);
    return place.shard.peek_last_known(key, place.tag, moment_of(now), stale, out, hit);
}

std::optional<Kept> Cache::examine(const Key& key, Time now) const noexcept {
    const Place place = place_of(key);
    return place.shard.examine(key, place.tag, moment_of(now));
}

Held Cache::holds(const Key& key, Time now, Duration max_age) const noexcept {
    Key data = key;
    data.kind = Kind::answer;
    const Place place = place_of(data);
    return place.shard.holds(data, place.tag, moment_of(now), max_age);
}

bool Cache::claim_refresh(const Key& key, Time now) noexcept {
    const Place place = place_of(key);
    return place.shard.claim_refresh(key, place.tag, moment_of(now));
}

bool Cache::store(const Key& key, const Value& value, Time now) {
    constexpr Millis longest(std::numeric_limits<std::uint32_t>::max());  // 49 days
    const Duration cap =
        std::min<Duration>(longest, std::min(max_ttl(), Seconds(longest.count() / 1000)));
    const auto lifetime = std::chrono::floor<Millis>(std::min(value.lifetime, cap));
    if (cap <= Duration::zero() || lifetime < Millis(0)) return false;
    const Place place = place_of(key);
    const Moment moment = moment_of(now);
    EntryPtr entry =
        make_entry(key, place.tag, value, static_cast<std::uint32_t>(lifetime.count()), moment);
    if (!entry) return false;
    place.shard.store(key, std::move(entry), moment);
    return true;
}

Duration Cache::store_failure(const Key& key, std::string_view text, dns::Rcode rcode,
                              std::uint16_t source, Time now) {
    const Key failure = failure_key(key);
    const Place place = place_of(failure);
    const Moment moment = moment_of(now);
    EntryPtr entry = make_failure(failure, place.tag, shortened(text), rcode, source, moment);
    if (!entry) return Duration::zero();
    return Millis(place.shard.store_failure(failure, std::move(entry), moment));
}

void Cache::forget_failure(const Key& key) noexcept {
    erase(failure_key(key));
}

void Cache::erase(const Key& key) noexcept {
    const Place place = place_of(key);
    place.shard.erase(key, place.tag);
}

bool Cache::sweep(const Selection& selection, Sweep& progress) noexcept {
    constexpr std::size_t kLooksPerCall = 4096;
    for (std::size_t looks = 0; looks < kLooksPerCall && progress.shard < shard_count_;) {
        looks += shards_[progress.shard].sweep(selection, progress);
        if (progress.tag < 1u << kTagBits) continue;
        ++progress.shard;
        progress.tag = 0;
        ++looks;
    }
    return progress.shard == shard_count_;
}

void Cache::clear() noexcept {
    for (std::size_t i = 0; i < shard_count_; ++i) shards_[i].clear();
}

Stats Cache::stats() const {
    Stats sum;
    for (std::size_t i = 0; i < shard_count_; ++i) shards_[i].add_to(sum);
    return sum;
}

}  // namespace peerzone::cache
