// What upstreams told us, as bodies of wire format (dns/answer.hpp) that can be put behind any
// client's question. Shared by all workers: sharded by the name's hash, each shard behind a lock
// that is held for one probe and one copy. Bounded in octets, everything included (entries, index,
// lists). Eviction is scan-resistant: a new entry lives in a small probation queue and moves to the
// main queue only when it was asked for again, so a flood of random names evicts itself. An entry
// past its TTL stays as what was known last, until it is replaced or evicted. The time is handed
// in. One per program; any thread may call it, and several at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "peerzone/base/bytes.hpp"
#include "peerzone/base/clock.hpp"
#include "peerzone/dns/answer.hpp"
#include "peerzone/dns/types.hpp"

namespace peerzone::cache {

class Shard;

struct Options {
    /// cache.size: all memory of the cache; 1MiB at least
    std::size_t size_bytes = 64u << 20;
    /// cache.max_ttl: longer TTLs are cut to this (0 = cache nothing but failures)
    Seconds max_ttl = Seconds(3600);
    /// cache.negative_max_ttl: cap for NXDOMAIN and NODATA
    Seconds negative_max_ttl = Seconds(30);
};

/// The kinds of entries a name can have at once; each has a key of its own, so none hides another
/// (RFC 2308 5, RFC 9520 3.2).
enum class Kind : std::uint8_t {
    answer = 0,    ///< positive, or NODATA: by name and type
    nxdomain = 1,  ///< by name alone; `type` of the key is 0
    failure = 2,   ///< by name and type
    chain = 3      ///< aliases to a name of another owner: by name and type; no answer by itself
};

/// The whole key: folded name, type, scope, DO, CD, kind. The class is always IN. The scope says
/// which upstream said it and under which renaming (view::Route::scope, View::chain_scope); it is
/// compared whole, so what belongs to another scope is never found.
struct Key {
    Bytes name;               ///< folded, uncompressed; must outlive the call only
    std::uint64_t name_hash;  ///< dns::hash_folded(name)
    std::uint16_t type;
    std::uint32_t scope;
    bool dnssec_ok;
    bool checking_disabled;
    Kind kind;
};

/// A value to keep. `body` is a finished body whose message has `name` as question.
struct Value {
    Bytes body;
    dns::BodyInfo info;
    dns::Rcode rcode;
    bool authentic_data = false;  ///< AD as the forwarder set it
    std::uint16_t source = 0;     ///< which upstream said it (Upstream::id); opaque here
    Duration lifetime{};          ///< until it expires; the caller took the least TTL and its caps
};

/// How long past its expiry an entry may be used, and the TTL it is then given.
struct Stale {
    Duration max_age{};
    Seconds answer_ttl{30};
    Seconds negative_ttl{30};  ///< of NXDOMAIN, and of what holds no answer
};

/// What a lookup found. The body has been copied into the caller's buffer, with every TTL lowered
/// by the entry's age.
struct Hit {
    /// info.truncated when the buffer was smaller than the body; info.size is then what was copied
    dns::BodyInfo info;
    dns::Rcode rcode;
    bool authentic_data;
    std::uint16_t source;
    Duration age;
    Duration remaining;  ///< until it expires
    bool stale = false;  ///< it has expired, and find_last_known was asked
    /// How often this value was found before (stops at 65535); for failures: how many in a row.
    std::uint32_t uses;
    /// Set when nothing was found: there may be another kind under this name and type (answer,
    /// failure, chain). False means that there is none.
    bool other_kinds_possible = true;
    /// Set when nothing was found: an entry is there, but it has expired.
    bool expired = false;
};

/// Whether a name has data of a type: an answer with records, or aliases to its end.
enum class Held : std::uint8_t { nothing, last_known, fresh };

/// What is kept under one key, fresh or not, for people.
struct Kept {
    dns::Rcode rcode = dns::Rcode::noerror;
    std::size_t answers = 0;  ///< records of the answer section; aliases included
    Duration age{};
    Duration lifetime{};     ///< it is fresh while it is younger
    std::uint32_t uses = 0;  ///< as Hit::uses
};

/// Entries that an operator wants gone, of all types, scopes and kinds. What is not set matches
/// all.
struct Selection {
    Bytes name{};                           ///< folded; empty: every name
    bool below = false;                     ///< the names below it too
    std::optional<std::uint16_t> source{};  ///< what this upstream said (Value::source)
};

/// How far a sweep has come.
struct Sweep {
    std::size_t shard = 0;
    std::uint32_t tag = 0;  ///< of that shard, those below are done
    std::size_t dropped = 0;
};

/// Sums over all shards, for metrics. Hits and misses are in the workers' counters: here they would
/// be one more line of memory that all workers write for each query.
struct Stats {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::uint64_t stored = 0;
    std::uint64_t evicted_probation = 0;  ///< evicted before they were asked for again
    std::uint64_t evicted_main = 0;
    std::uint64_t refused_too_large = 0;  ///< larger than a sixteenth of a shard
};

class Cache {
public:
    explicit Cache(const Options& options);
    ~Cache();
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;

    /// Looks one key up and copies its body to `out`, patched to `now`. False: nothing fresh under
    /// this key. Allocates nothing. Copies whole octets up to out.size(); finish_reply cuts at a
    /// record.
    bool find(const Key& key, Time now, MutableBytes out, Hit& hit) noexcept;
    /// The same, but an entry that expired up to `stale.max_age` ago is found too, with
    /// `stale.answer_ttl` as every TTL (RFC 8767 4). Allocates nothing.
    bool find_last_known(const Key& key, Time now, const Stale& stale, MutableBytes out,
                         Hit& hit) noexcept;

    /// The same two for those who only want to know: they find what find and find_last_known would,
    /// but the entry does not count as used.
    bool peek(const Key& key, Time now, MutableBytes out, Hit& hit) const noexcept;
    bool peek_last_known(const Key& key, Time now, const Stale& stale, MutableBytes out,
                         Hit& hit) const noexcept;
    /// What is kept under this key, however old. Leaves no trace, copies nothing.
    std::optional<Kept> examine(const Key& key, Time now) const noexcept;

    /// What is held of the key's name and type, denials and failures aside; `key.kind` is not
    /// looked at. `max_age`: how far past its TTL it counts as known. Leaves no trace, copies
    /// nothing.
    Held holds(const Key& key, Time now, Duration max_age) const noexcept;

    /// True for one caller in the life of a fresh entry: that one asks for it again (an entry that
    /// is replaced can be claimed again).
    bool claim_refresh(const Key& key, Time now) noexcept;

    /// Keeps (or replaces) a value. One without lifetime (times are kept in whole milliseconds) is
    /// never fresh: it is kept as what was known last. Nothing is kept when max_ttl is 0, nor is a
    /// body that does not walk as `info` says or that holds an OPT, nor an RCODE that needs one
    /// (RFC 6891 6.1.3). A value too large is refused and counted. False: it was no value to keep.
    bool store(const Key& key, const Value& value, Time now);

    /// Keeps a failure: `body` is the text of its extended error (for people, at most 200 octets),
    /// `rcode` what clients get. The first failure lives 1 s, each further one in a row twice as
    /// long, at most 5 s (RFC 9520 3.2); a row ends when 10 s passed since the last failure
    /// expired, or with forget_failure. One that comes while the last is still fresh belongs to the
    /// same attempt (another worker asked at the same time): it changes nothing. Failures never
    /// leave the probation queue, and are kept whatever max_ttl says. Returns how long the failure
    /// will be remembered. `key.kind` is taken as failure.
    Duration store_failure(const Key& key, std::string_view text, dns::Rcode rcode,
                           std::uint16_t source, Time now);
    void forget_failure(const Key& key) noexcept;  ///< storing an answer does it, too

    /// Drops one key, e.g. an NXDOMAIN when a positive answer came.
    void erase(const Key& key) noexcept;
    /// Drops what is selected, some thousand entries looked at per call, at most 256 of them under
    /// one hold of a lock: workers hardly notice. True when it is done; what was there when it
    /// began is gone then.
    bool sweep(const Selection& selection, Sweep& progress) noexcept;
    /// Drops everything.
    void clear() noexcept;
    /// Changes the size bound and the caps on reload; evicts down to the new size at once. The
    /// number of shards stays as it was made.
    void configure(const Options& options);

    Stats stats() const;
    /// The TTL caps in force.
    Seconds max_ttl() const noexcept { return Seconds(max_ttl_.load(std::memory_order_relaxed)); }
    Seconds negative_max_ttl() const noexcept {
        return Seconds(negative_max_ttl_.load(std::memory_order_relaxed));
    }

private:
    struct Place {
        Shard& shard;
        std::uint32_t tag;
    };
    Place place_of(const Key& key) const noexcept;

    std::unique_ptr<Shard[]> shards_;
    std::size_t shard_count_;  // a power of two
    std::uint64_t seed_;       // so that names that share a shard or a tag cannot be chosen
    std::atomic<std::int64_t> max_ttl_;
    std::atomic<std::int64_t> negative_max_ttl_;
};

}  // namespace peerzone::cache
