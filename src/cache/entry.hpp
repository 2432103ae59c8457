// One kept answer as one block of memory: this head, then without a gap the offsets of its TTLs
// within the body (16 bits each), the folded name of its key, and its body. Half a million names
// make every octet of the head count: the fields are as narrow as what they hold allows, and the
// block is measured as the allocator rounds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "peerzone/cache/cache.hpp"

namespace peerzone::cache {

/// Heap addresses are multiples of 16 below 2^48 (x86-64 and AArch64), so 44 bits tell one, and 20
/// are left in a word.
inline constexpr unsigned kAddressBits = 44;
inline constexpr unsigned kTagBits = 20;
inline constexpr std::uint64_t kAddressMask = (std::uint64_t{1} << kAddressBits) - 1;
static_assert(sizeof(void*) == 8 && alignof(std::max_align_t) >= 16);

inline std::uint64_t pack_address(const void* block) noexcept {
    return reinterpret_cast<std::uintptr_t>(block) >> 4;
}
template <class T>
T* unpack_address(std::uint64_t packed) noexcept {
    const auto address = static_cast<std::uintptr_t>(packed << 4);
    return reinterpret_cast<T*>(address);  // NOLINT(performance-no-int-to-ptr): saves memory
}

/// What the allocator takes for a block: its size and one word of its own, in steps of 16, at
/// least 32.
constexpr std::size_t block_cost(std::size_t size) noexcept {
    return size <= 24 ? 32 : (size + 8 + 15) / 16 * 16;
}

/// Milliseconds since the steady clock's start. 42 bits hold 139 years of them; times outside are
/// moved to the nearer end.
using Moment = std::uint64_t;
inline constexpr unsigned kMomentBits = 42;
inline constexpr Moment kMomentMax = (Moment{1} << kMomentBits) - 1;
/// A message of 65,535 octets has fewer than 2^13 records of at least 11.
inline constexpr unsigned kCountBits = 13;
/// The RCODEs of a header; those beyond belong to an OPT, which is not kept.
inline constexpr unsigned kRcodeBits = 4;
Moment moment_of(Time now) noexcept;

struct Entry {
    Entry* newer;  ///< neighbour in its queue; a plain pointer, so that leak checkers can follow
                   ///< the queue
    std::uint64_t older_packed : kAddressBits;
    std::uint64_t tag : kTagBits;
    std::uint64_t stored : kMomentBits;  ///< a Moment
    std::uint64_t kind : 2;
    std::uint64_t dnssec_ok : 1;
    std::uint64_t checking_disabled : 1;
    std::uint64_t authentic_data : 1;
    std::uint64_t in_main : 1;
    std::uint64_t frequency : 2;  ///< 0 … 3, what the queues judge by
    std::uint64_t rcode : kRcodeBits;
    std::uint64_t refresh_claimed : 1;  ///< a worker asks for it again
    std::uint64_t used_expired : 1;     ///< a client was answered with it past its TTL
    std::uint64_t name_size : 8;
    std::uint32_t lifetime_ms;
    std::uint32_t scope;
    std::uint16_t type;
    std::uint16_t source;
    std::uint16_t uses;
    std::uint16_t body_size;
    std::uint64_t answers : kCountBits;
    std::uint64_t authorities : kCountBits;
    std::uint64_t additionals : kCountBits;
    std::uint64_t truncated : 1;

    Entry* older() const noexcept { return unpack_address<Entry>(older_packed); }
    void set_older(const Entry* entry) noexcept {
        older_packed = pack_address(entry) & kAddressMask;
    }
    bool is_failure() const noexcept { return kind == static_cast<std::uint64_t>(Kind::failure); }
    bool is_negative() const noexcept {
        return answers == 0 || rcode == static_cast<std::uint64_t>(dns::Rcode::nxdomain);
    }

    std::size_t ttl_count() const noexcept {
        return std::size_t{answers} + authorities + additionals;
    }
    std::uint8_t* ttl_offsets() noexcept;
    std::uint8_t* name() noexcept { return ttl_offsets() + 2 * ttl_count(); }
    std::uint8_t* body() noexcept { return name() + name_size; }
    std::size_t cost() const noexcept;

    /// Since it was stored; a `now` from before (workers read the clock once per batch) counts as
    /// the same moment.
    std::uint64_t age_ms(Moment now) const noexcept { return now > stored ? now - stored : 0; }
    bool expired(Moment now) const noexcept { return age_ms(now) >= lifetime_ms; }
    /// Expired, but not longer ago than `max_age_ms`.
    bool usable(Moment now, std::uint64_t max_age_ms) const noexcept {
        return age_ms(now) < lifetime_ms + max_age_ms;
    }

    bool matches(const Key& key) noexcept;
    bool is_selected(const Selection& selection) noexcept;
    /// Copies the body, as much as fits, with the TTLs that were copied whole lowered by the age in
    /// whole seconds.
    void copy_to(Moment now, MutableBytes out, Hit& hit) noexcept;
    /// The same of an expired entry: every TTL becomes `ttl`.
    void copy_stale_to(Moment now, std::uint32_t ttl, MutableBytes out, Hit& hit) noexcept;
    void count_use() noexcept;

private:
    std::size_t copy_body(MutableBytes out) noexcept;
    void describe(Moment now, std::size_t size, Hit& hit) const noexcept;
    template <class Change>
    void change_ttls(MutableBytes copied, Change change) noexcept;
};

/// The octets of the head before what follows it: its last word is not padded. What stands in
/// that word is written before anything follows.
inline constexpr std::size_t kEntryHead =
    offsetof(Entry, body_size) + sizeof(Entry::body_size) + (3 * kCountBits + 1) / 8;
static_assert((3 * kCountBits + 1) % 8 == 0);
static_assert(kEntryHead == 45 && sizeof(Entry) == 48);
/// A name of 41 octets with one A record (one TTL offset, 16 octets of body) fills a block of 112
/// to the last octet.
static_assert(block_cost(kEntryHead + 2 + 41 + 16) == 112);

struct FreeEntry {
    void operator()(Entry* entry) const noexcept { std::free(entry); }
};
using EntryPtr = std::unique_ptr<Entry, FreeEntry>;

/// An entry outside any queue. Nothing when the key or the value is not what it says (see
/// Cache::store) or memory is short.
EntryPtr make_entry(const Key& key, std::uint32_t tag, const Value& value,
                    std::uint32_t lifetime_ms, Moment now) noexcept;
/// An entry of kind failure, the body of which is a text; its lifetime and how many in a row it is
/// (uses) are for the shard to set.
EntryPtr make_failure(const Key& key, std::uint32_t tag, std::string_view text, dns::Rcode rcode,
                      std::uint16_t source, Moment now) noexcept;

}  // namespace peerzone::cache
